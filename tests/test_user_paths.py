"""A path that begins with "~" leads home, wherever trajkit takes a path."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trajkit as tk
from trajkit.zoo.grid import read_grid

DS = tk.simulate(runs=3, samples=6, checkpoints=4)
WRITERS: dict[str, Callable[[str], Any]] = {
    "save": lambda home: tk.save(DS, f"{home}/a.nc"),
    "write_table": lambda home: tk.importers.write_table(DS, f"{home}/a.csv"),
    "write_arrays": lambda home: tk.importers.write_arrays(DS, f"{home}/a"),
    "pairwise": lambda home: tk.pairwise(DS, out=f"{home}/a.zarr"),
    "ManifoldView": lambda home: tk.widgets.ManifoldView(tk.embed(DS)).to_html(f"{home}/view.html"),
    "explore": lambda home: tk.explore(DS).to_html(f"{home}/explorer.html"),
    "report": lambda home: tk.report(DS, f"{home}/report.html", null_draws=2, permutations=9),
    "Recorder": lambda home: tk.Recorder(f"{home}/store", tk.Probe(np.eye(2), [0, 1]), run={"seed": 1}).close(),
}
DYNAMICS = "".join(json.dumps({"guid": g, "logits_epoch_0": [0.5, 2.0], "gold": 1}) + "\n" for g in "ab")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


@pytest.mark.parametrize("name", WRITERS)
def test_writers__write_home(home: Path, name: str) -> None:
    WRITERS[name]("~")
    assert len(list(home.iterdir())) == 1
    assert not os.listdir()


def test_readers__read_home(home: Path) -> None:
    tk.save(DS, home / "a.nc")
    tk.importers.write_table(DS, home / "a.csv")
    tk.importers.write_arrays(DS, home / "arrays")
    (home / "dynamics_epoch_0.jsonl").write_text(DYNAMICS)
    (home / "small.toml").write_text((Path(read_grid.__code__.co_filename).parent / "grids/digits.toml").read_text())
    for ds in (tk.load("~/a.nc"), tk.importers.read_table("~/a.csv"), tk.importers.read_arrays("~/arrays")):
        np.testing.assert_allclose(ds.log_prob, DS.log_prob, atol=1e-6)
    assert tk.importers.read_cartography("~").sizes["sample"] == 2
    assert read_grid("~/small.toml").runs
    log_prob = np.log([[0.7, 0.3], [0.4, 0.6]])
    (home / '{"m":"a"}.p').write_bytes(pickle.dumps([{"t": 0, "yvh": log_prob, "fv": -log_prob[:, 0]}]))
    assert tk.importers.read_deepnets("~", probe={"test": slice(None)}).sizes["sample"] == 2
