"""Laws of all integrations. In the tests of each, its library trains for real and notes its own predictions."""

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

from recorded_runs import run_script

import trajkit as tk


def test_integrations__load_no_library_until_asked() -> None:
    code = "import sys, trajkit as tk, trajkit.recording; tk.integrations.__all__; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in run_script(code).split()}
    assert not {"torch", "dask", "lightning", "transformers", "keras", "sklearn"} & loaded


def test_callbacks__do_nothing_in_processes_that_do_not_record() -> None:
    from trainings import Net

    state = SimpleNamespace(global_step=0, current_epoch=0, epoch=0.0)
    tk.integrations.lightning_callback(None).on_train_start(state, Net())
    tk.integrations.transformers_callback(None).on_train_begin(None, state, None, model=Net())


WITHOUT = """
    import builtins, json, sys
    sys.modules.update(torch=None, sklearn=None)  # importing them fails
    builtins.display = print
    names = {}
    for cell in json.load(open(sys.argv[1]))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
"""


def test_notebook__runs_without_scikit_learn_and_torch_and_says_so() -> None:
    notebook = Path(__file__).parents[1] / "notebooks" / "06_record_your_own.ipynb"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(WITHOUT), notebook], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Skipped: sklearn is not installed" in done.stdout
