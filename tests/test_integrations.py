"""Laws of all integrations: no library is loaded before its function is called; None does not record.

In the tests of each integration, the library trains for real. Its predictions are noted a second time, with the
library's own means, and compared with what was recorded.
"""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.nn import functional
from trainings import INPUTS, LABEL, PROBE, Net, Noted, assert_recorded, by_hand

import trajkit as tk


def test_integrations__load_no_library_until_asked() -> None:
    code = "import sys, trajkit as tk; tk.integrations.__all__; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "lightning", "transformers", "keras", "sklearn"} & set(loaded.stdout.split())


def test_callbacks__do_nothing_in_processes_that_do_not_record() -> None:
    state = SimpleNamespace(global_step=0, current_epoch=0, epoch=0.0)
    tk.integrations.lightning_callback(None).on_train_start(state, Net())
    tk.integrations.transformers_callback(None).on_train_begin(None, state, None, model=Net())


def test_torch__records_in_a_plain_loop(tmp_path: Path) -> None:
    noted: Noted = {}
    torch.manual_seed(0)
    model, label = Net(), torch.from_numpy(LABEL)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    with tk.Recorder(tmp_path, PROBE, run={"seed": 0}) as record:
        for step in range(6):
            record(model, step, epoch=step)
            noted[step] = by_hand(model)
            optimizer.zero_grad()
            functional.cross_entropy(model(torch.from_numpy(INPUTS)), label).backward()
            optimizer.step()
    assert_recorded(tk.load(tmp_path), noted, epochs=list(range(6)))


# --- the notebook that shows them ----------------------------------------------------------------------------------

WITHOUT = """
import builtins, importlib.util, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "sklearn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("torch", "sklearn") else found(name)
builtins.display = print
names = {}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
"""


def test_notebook__runs_without_scikit_learn_and_torch_and_says_so() -> None:
    notebook = Path(__file__).parents[1] / "notebooks" / "06_record_your_own.ipynb"
    done = subprocess.run([sys.executable, "-c", WITHOUT, str(notebook)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Skipped: sklearn is not installed" in done.stdout
