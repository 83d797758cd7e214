"""Laws of recording saved weights: as if recorded while training, whatever the order, and again what is missing."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import trajkit as tk
from trajkit.recording.record_checkpoints import step_in_name

PROBE = tk.Probe(np.eye(3), [0, 1, 2])
STEPS = (0, 2, 9, 10, 100)


def weights(step, seed=0):
    return np.random.default_rng(seed).standard_normal((3, 3)) * step


def model(weights, inputs):
    return inputs @ weights


def load(path):
    """Load a model as other processes can, too."""
    return partial(model, np.load(path))


def seed_in_name(path):
    return {"library": "numpy", "seed": int(Path(path).name[4])}


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of two runs, whose names do not sort as their steps do."""
    folder = tmp_path / "saved"
    folder.mkdir()
    for seed in range(2):
        for step in STEPS:
            np.save(folder / f"seed{seed}-step{step}.npy", weights(step, seed))
    return folder


def recorded(folder):
    """Record the same runs while they train."""
    for seed in range(2):
        with tk.Recorder(folder, PROBE, run={"library": "numpy", "seed": seed}) as record:
            for step in STEPS:
                record(partial(model, weights(step, seed)), step)
    return tk.load(folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_record_checkpoints__gives_what_a_recorder_gives(saved, tmp_path, workers):
    table = tk.record_checkpoints(saved, load, PROBE, tmp_path / "store", run=seed_in_name, workers=workers)
    assert tk.load(tmp_path / "store").equals(recorded(tmp_path / "other"))
    assert (table.state == "recorded").all()
    assert table.index.to_list() == [(f"numpy-{seed}", step) for seed in range(2) for step in STEPS]


@pytest.mark.parametrize(
    "form", [list, reversed, lambda paths: f"{paths[0].parent}/*.npy", lambda paths: paths[0].parent]
)
def test_record_checkpoints__order_and_form_of_the_paths_do_not_matter(saved, tmp_path, form):
    paths = sorted(saved.iterdir())
    tk.record_checkpoints(form(paths), load, PROBE, tmp_path / "store", run=seed_in_name)
    assert tk.load(tmp_path / "store").equals(recorded(tmp_path / "other"))


def test_record_checkpoints__goes_on_with_what_is_missing_and_loads_nothing_twice(saved, tmp_path):
    def counted(path):
        loaded.append(path.name)
        if path.name == "seed1-step9.npy" and not healed:
            raise OSError("disk")
        return load(path)

    loaded, healed = [], []
    paths, store = list(saved.iterdir()), tmp_path / "store"
    with pytest.raises(RuntimeError, match=r"seed1-step9\.npy: load failed with OSError: disk"):
        tk.record_checkpoints(paths, counted, PROBE, store, run=seed_in_name)
    assert tk.Store(store).table().checkpoints.sum() == 7
    healed.append(True)
    table = tk.record_checkpoints(paths, counted, PROBE, store, run=seed_in_name)
    assert table.state.value_counts().to_dict() == {"held": 7, "recorded": 3}
    assert len(loaded) == 8 + 3
    assert tk.load(store).equals(recorded(tmp_path / "other"))
    again = tk.record_checkpoints(paths, counted, PROBE, store, run=seed_in_name)
    assert (again.state == "held").all()


def test_record_checkpoints__what_cannot_be_read_is_named_and_left_out_if_asked(saved, tmp_path):
    (saved / "seed0-step10.npy").write_bytes(b"broken")
    table = tk.record_checkpoints(saved, load, PROBE, tmp_path / "store", run=seed_in_name, skip_unreadable=True)
    assert table.state["numpy-0", 10] == "skipped"
    assert "ValueError" in table.reason["numpy-0", 10]
    assert table.path["numpy-0", 10].endswith("seed0-step10.npy")
    assert (tk.load(tmp_path / "store").step.sel(run="numpy-0").values == [0, 2, 9, 100, -1]).all()


@pytest.mark.filterwarnings("ignore:.*diverged:RuntimeWarning")
def test_record_checkpoints__ends_where_a_run_diverged(saved, tmp_path):
    np.save(saved / "seed0-step9.npy", np.full((3, 3), np.nan))
    arguments = (saved, load, PROBE, tmp_path / "store")
    table = tk.record_checkpoints(*arguments, run=seed_in_name)
    assert table.state["numpy-0"].tolist() == ["recorded", "recorded", "diverged", "diverged", "diverged"]
    assert table.reason["numpy-0", 10] == "the run diverged at step 9"
    tk.record_checkpoints(*arguments, run=seed_in_name)
    assert tk.Store(tmp_path / "store").table().diverged_at["numpy-0"] == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": lambda path: 3}, "both have step 3: pass step= or run="),
        ({"step": lambda path: -1}, "step -1: wanted steps from 0 on"),
        ({"run": "one"}, "run 'one': .*both have step 0"),
        ({"paths": ["final.pt"], "run": "one"}, r"final\.pt: no number in the name 'final\.pt': pass step="),
    ],
)
def test_record_checkpoints__what_cannot_be_sorted_is_refused_before_anything_is_loaded(
    saved, tmp_path, change, message
):
    arguments = {"paths": saved, "run": seed_in_name} | change
    with pytest.raises(ValueError, match=message):
        tk.record_checkpoints(load=pytest.fail, probe=PROBE, into=tmp_path / "store", **arguments)


def test_record_checkpoints__steps_cannot_be_put_between_those_of_the_store(saved, tmp_path):
    late = [path for path in saved.iterdir() if step_in_name(path) > 2]
    tk.record_checkpoints(late, load, PROBE, tmp_path / "store", run=seed_in_name)
    with pytest.raises(ValueError, match=r"holds steps up to 100 but not \[0, 2\].*another folder"):
        tk.record_checkpoints(saved, load, PROBE, tmp_path / "store", run=seed_in_name)


def test_record_checkpoints__a_function_of_this_page_is_refused_for_workers(saved, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be sent to other processes.*workers=0"):
        tk.record_checkpoints(saved, lambda path: path, PROBE, tmp_path / "store", run=seed_in_name, workers=1)


@pytest.mark.parametrize("paths", ["nothing/*.pt", "empty"])
def test_record_checkpoints__no_checkpoints_are_an_error(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no checkpoints in"):
        tk.record_checkpoints(paths, load, PROBE, tmp_path / "store", run="one")


def test_record_checkpoints__revisions_are_names_that_the_loader_understands(tmp_path):
    revisions = ["step1000", "step20", "step3"]
    tk.record_checkpoints(revisions, lambda name: partial(model, weights(int(name[4:]))), PROBE, tmp_path, run="hub")
    assert tk.load(tmp_path).step.values.tolist() == [[3, 20, 1000]]


def unreadable_first(path):
    """Fail on the first run, and leave a trace of every other that is begun."""
    if seed_in_name(path)["seed"] == 0:
        raise OSError("disk")
    (Path(path).parent.parent / f"begun-{Path(path).name}").touch()
    time.sleep(0.2)
    return load(path)


def test_record_checkpoints__after_an_error_no_other_run_begins(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for seed in range(8):
        np.save(folder / f"seed{seed}-step0.npy", weights(1, seed))
    with pytest.raises(RuntimeError, match="load failed with OSError: disk"):
        tk.record_checkpoints(folder, unreadable_first, PROBE, tmp_path / "store", run=seed_in_name, workers=1)
    # A pool has one more job at hand than it has processes.
    assert len(list(tmp_path.glob("begun-*"))) <= 3
