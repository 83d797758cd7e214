"""A user's script with the calls of the README runs, and `mypy --strict` accepts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from pathlib import Path

import numpy as np
import xarray as xr

import trajkit as tk

random = np.random.default_rng(0)
inputs, weights = random.normal(size=(40, 5)), np.zeros((5, 3))
label = (inputs @ random.normal(size=(5, 3))).argmax(axis=1)

probe, run = tk.Probe(inputs, label), {"architecture": "linear", "seed": 0}
with tk.Recorder(Path("runs"), probe, run=run, at=tk.RecordAt([0, 1], every=5)) as record:
    for step in range(20):
        record(lambda x: x @ weights, step)
        weights += 0.01 * random.normal(size=weights.shape)
recorded: xr.Dataset = tk.load("runs")

logits = 0.2 * (np.eye(3)[label] + random.normal(size=(4, 6, 40, 3))).cumsum(axis=1)
runs = {"optimizer": ["sgd", "sgd", "adam", "adam"], "seed": [0, 1, 0, 1]}
ds = tk.from_arrays(logits=logits, label=label, runs=runs)
tk.save(ds, "mine.nc", overwrite=True)
digits = tk.select(tk.sample_data("digits"), optimizer="adam", split="test")
chosen = tk.select(tk.load("mine.nc"), optimizer=["adam", "sgd"], seed=(0, 1))

progress: xr.DataArray = tk.progress(chosen)
matrix: xr.DataArray = tk.pairwise(chosen, metric="jeffreys", cap=5.0)
groups: xr.Dataset = tk.compare_groups(chosen, "optimizer", permutations=9)
embedding: xr.Dataset = tk.embed(chosen, n_components=3, progress_bar=False)
for figure in (tk.figures.manifold(embedding, color="optimizer"), tk.figures.compare_groups(groups)):
    figure.write_html("figure.html")
print(len(tk.run_table(recorded)), digits.sizes, progress.isel(checkpoint=-1).mean().item(), dict(matrix.sizes))
"""

# One call each that a type checker should refuse.
WRONG = """
import trajkit as tk

ds = tk.simulate(runs=2)
tk.progres(ds)
tk.embed(ds, progress_bar="yes")
tk.explore(ds, colour="optimizer")
"""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def test_script__runs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run(sys.executable, "script.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 ")


def test_mypy__accepts_the_script_and_finds_what_is_misspelt(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    # Without a cache that is kept, mypy reads numpy and xarray anew each time: a minute instead of seconds.
    cache = pytestconfig.cache.mkdir("mypy_of_users") if pytestconfig.cache else tmp_path / "cache"
    command = ("mypy", "--strict", "--no-error-summary", "--no-color-output", "--cache-dir", str(cache))
    done = run(sys.executable, "-m", *command, "script.py", "wrong.py", cwd=tmp_path)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line for line in errors if not line.startswith("wrong.py")] == [], done.stdout
    assert [line.split(":")[1] for line in errors] == ["5", "6", "7"], done.stdout


def test_types__are_shipped() -> None:
    assert (Path(__file__).parents[1] / "trajkit" / "py.typed").is_file()
