"""Laws of a recorder: training is not changed, and the store holds what was predicted."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
import xarray as xr
from recorded_runs import run_script
from torch import nn
from trainings import IMAGES, LABELS, LOGITS, network, probe, state, train

import trajkit as tk
from trajkit.storage.run_file import DIVERGED, read_payload


def careless(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    model.train()
    torch.randn(5)
    return model(images)


@pytest.mark.parametrize("predict", [None, careless])
def test_recorder__leaves_weights_modes_and_random_numbers_as_without_it(tmp_path: Path, predict: Any) -> None:
    alone, watched = network(), network()
    expected = [state(model) for _, model in train(alone)]
    with tk.Recorder(tmp_path, probe(), run="watched", batch_size=16, predict=predict) as record:
        for (step, model), wanted in zip(train(watched), expected, strict=True):
            record(model, step)
            assert state(watched) == wanted
    assert tk.load(tmp_path).sizes["checkpoint"] == 13


def test_recorder__may_come_between_loss_and_backward(tmp_path: Path) -> None:
    model = network()
    loss = nn.functional.cross_entropy(model(IMAGES), LABELS)
    with tk.Recorder(tmp_path, probe(), run="r") as record:
        record(model, 0)
    loss.backward()


def test_recorder__an_error_in_predict_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    def broken(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        raise KeyError("broken")

    model = network()
    before = state(model)
    with pytest.raises(KeyError, match="broken"), tk.Recorder(tmp_path, probe(), "r", predict=broken) as record:
        record(model, 0)
    assert state(model) == before
    assert torch.is_grad_enabled()
    assert tk.Store(tmp_path).table()["state"].tolist() == ["interrupted"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_recorder__a_model_that_diverges_is_marked_and_ends_cleanly(tmp_path: Path, value: float) -> None:
    heard = []
    message = r"run 'wild' diverged: at step 2 the predictions of 1 of 40 samples are NaN"
    for run in ("calm", "wild"):
        with tk.Recorder(tmp_path, probe(), run, listeners=[lambda *given: heard.append(given[:2])]) as record:
            for step in range(5):
                values = LOGITS * step
                values[7, 1] = value if run == "wild" and step >= 2 else 0
                diverges = pytest.warns(RuntimeWarning, match=message) if (run, step) == ("wild", 2) else nullcontext()
                with diverges:
                    record(lambda inputs, values=values: values, step)
        assert record.diverged_at == (2 if run == "wild" else None)
    table = tk.Store(tmp_path).table()
    assert table["state"].tolist() == ["complete", "diverged"]
    assert table["checkpoints"].tolist() == [5, 2]
    assert table.loc["wild", "diverged_at"] == 2
    ds = tk.load(tmp_path).load()
    tk.validate(ds)
    assert ds.step.values.tolist() == [[0, 1, 2, 3, 4], [0, 1, -1, -1, -1]]
    np.testing.assert_array_equal(ds.diverged_at, [np.nan, 2])
    assert heard == [("calm", step) for step in range(5)] + [("wild", step) for step in range(2)]
    # Later analysis names the run, and uses the checkpoints before.
    assert tk.run_table(tk.load(tk.save(ds, tmp_path / "packed.nc"))).loc["wild", "diverged_at"] == 2
    assert tk.select(ds, where="diverged_at >= 0").run.values.tolist() == ["wild"]
    assert tk.loss(ds).sel(run="wild").notnull().values.tolist() == [True, True, False, False, False]
    with pytest.raises(FileExistsError, match=r"run 'wild' in .* diverged at step 2"):
        tk.Recorder(tmp_path, probe(), "wild", resume=True)


def test_recorder__the_predictions_of_a_diverged_model_are_kept(tmp_path: Path) -> None:
    values = LOGITS.copy()
    values[7, 1] = np.nan
    with pytest.warns(RuntimeWarning, match="diverged"), tk.Recorder(tmp_path, probe(), "wild") as record:
        record(lambda inputs: values, 0)
    (run,) = tk.Store(tmp_path).runs()
    at = run.frames["kind"].tolist().index(DIVERGED)
    kept = np.frombuffer(read_payload(tmp_path / run.file, run.offsets[at], run.frames[at]), "<f4").reshape(40, 3)
    assert np.isnan(kept[7]).all()
    np.testing.assert_allclose(np.delete(kept, 7, 0), scipy.special.log_softmax(np.delete(LOGITS, 7, 0), -1), atol=1e-6)
    with (
        pytest.warns(RuntimeWarning, match="run 'wild' diverged before its first complete checkpoint and is left out"),
        pytest.raises(OSError, match=r"no run in .* has a complete checkpoint"),
    ):
        tk.load(tmp_path)


def diverge_on_disk(folder: Path) -> None:
    with tk.Recorder(folder, probe(), "wild") as record:
        record(lambda inputs: LOGITS * np.nan, 1)


def diverge_in_memory(folder: Path) -> None:
    tk.record([(0, lambda inputs: LOGITS), (1, lambda inputs: LOGITS * np.nan)], probe())


@pytest.mark.parametrize("diverge", [diverge_on_disk, diverge_in_memory])
def test_recorder__warns_at_the_line_of_the_caller(tmp_path: Path, diverge: Any) -> None:
    with pytest.warns(RuntimeWarning, match="diverged: at step 1") as caught:
        diverge(tmp_path)
    assert [warning.filename for warning in caught] == [__file__]
    assert "LOGITS * np.nan" in Path(__file__).read_text().splitlines()[caught[0].lineno - 1]


def test_recorder__steps_increase(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path, probe(), "r") as record:
        assert record.step == -1
        record(lambda inputs: LOGITS, 5)
        assert record.step == 5
        for step in (5, 3):
            with pytest.raises(ValueError, match=rf"got step {step} after step 5: wanted steps that increase"):
                record(lambda inputs: LOGITS, step)
        with pytest.raises(TypeError):
            record(lambda inputs: LOGITS, 5.5)
    with pytest.raises(ValueError, match="the recording was closed"):
        record(lambda inputs: LOGITS, 6)
    with tk.Recorder(tmp_path, probe(), "s") as record, pytest.raises(ValueError, match="from 0 on"):
        record(lambda inputs: LOGITS, -1)


def test_recorder__skips_steps_that_are_not_due_without_asking_the_model(tmp_path: Path) -> None:
    asked = []
    at = tk.RecordAt([0, 1, 5], every=10)
    for last, resume in ((30, False), (40, True)):
        with tk.Recorder(tmp_path, probe(), "r", at=at, resume=resume) as record:
            for step in range(last + 1):
                record(lambda inputs, step=step: (asked.append(step), LOGITS)[1], step)
    # A resumed training is asked at the steps that it has in common with the old one: are they the same training?
    due = [0, 1, 5, 10, 20, 30, 40]
    assert asked == [*due[:-1], *due]
    assert tk.load(tmp_path).step.values[0].tolist() == due


def test_recorder__tells_listeners_what_is_on_disk(tmp_path: Path) -> None:
    def listener(run: str, step: int, epoch: float | None, log_prob: np.ndarray) -> None:
        ds = tk.load(tmp_path).sel(run=run)
        heard.append((run, step, epoch))
        assert ds.step.values[-1] == step
        np.testing.assert_array_equal(ds.log_prob[-1], log_prob)

    heard: list[Any] = []
    with tk.Recorder(tmp_path, probe(), dict(width=8, seed=np.int64(3)), listeners=[listener, listener]) as record:
        record(lambda inputs: LOGITS, 0)
        record(lambda inputs: 2 * LOGITS, 10, epoch=0.5)
    assert heard == [("8-3", 0, None)] * 2 + [("8-3", 10, 0.5)] * 2
    assert tk.load(tmp_path).epoch.values.tolist()[0][1] == 0.5


def test_recorder__reports_its_overhead(tmp_path: Path) -> None:
    start = time.perf_counter()
    with tk.Recorder(tmp_path, probe(), "r") as record:
        time.sleep(0.2)
        for step in range(3):
            record(lambda inputs: (time.sleep(0.1), LOGITS)[1], step)
        seconds, share = record.overhead
        elapsed = time.perf_counter() - start
    assert 0.3 <= seconds <= elapsed - 0.2
    assert seconds / elapsed * 0.99 <= share < 1


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"step": 3, "seed": 1}, "run attribute 'step': the name is reserved"),
        ({"state": "x"}, "run attribute 'state': the name is reserved"),
        ({"layers": [1, 2]}, "run attribute 'layers' holds list: wanted text, integers, floats or booleans"),
        ({}, "the run has no name"),
        ("", "the run has no name"),
    ],
)
def test_recorder__attributes_that_no_table_can_hold_are_refused(tmp_path: Path, run: Any, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        tk.Recorder(tmp_path / "store", probe(), run)
    assert not (tmp_path / "store").exists()


WITHOUT = """
    import sys
    for name in ("torch", "dask", "zarr"):
        sys.modules[name] = None  # importing it fails
    import numpy as np
    import pytest
    import trajkit as tk

    probe = tk.Probe(np.eye(3), label=[0, 1, 2])
    with tk.Recorder(sys.argv[1], probe, run="r") as record:
        for step in range(3):
            record(lambda inputs: step * inputs + 1, step)
    ds = tk.load(sys.argv[1])
    assert ds.isel(run=[0]).log_prob.values.shape == (1, 3, 3, 3)
    tk.load(tk.save(tk.Store(sys.argv[1]), sys.argv[1] + ".nc"))
    for action in (lambda: tk.save(ds, sys.argv[1] + ".zarr"), lambda: tk.load("x.zarr")):
        with pytest.raises(ModuleNotFoundError, match='needs zarr: pip install "trajkit.scale."'):
            action()
"""


def test_recorder__needs_neither_torch_nor_dask_nor_zarr(tmp_path: Path) -> None:
    run_script(WITHOUT, tmp_path / "store")


def test_record__gives_what_a_recorder_keeps(tmp_path: Path) -> None:
    at = tk.RecordAt.log_spaced(5, 12)
    run = {"architecture": "CNN", "seed": 0}
    ds = tk.record(train(network()), probe(), at=at, run=run)
    with tk.Recorder(tmp_path, probe(), run, at=at) as record:
        for step, model in train(network()):
            record(model, step)
    kept = tk.load(tmp_path).load()
    xr.testing.assert_identical(kept.drop_attrs(), ds.drop_attrs())
    np.testing.assert_array_equal(kept.log_prob.values.view(np.uint32), ds.log_prob.values.view(np.uint32))


def test_record__refuses_a_training_without_checkpoints() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        tk.record(train(network()), probe(), at=[1000])


def test_record__a_real_training_that_diverges_ends() -> None:
    with pytest.warns(RuntimeWarning, match="run 'run' diverged") as caught:
        ds = tk.record(train(network(), steps=300, learning_rate=1e6), probe())
    tk.validate(ds)
    assert len(caught) == 1
    assert ds.diverged_at.item() > ds.step.max()


def test_record__in_memory_keeps_the_coordinates_of_the_probe():
    probe = tk.Probe(np.eye(2), [0, 1], coords={"document": ["a", "b"]})
    assert tk.record([(0, lambda inputs: inputs * 2.5)], probe).document.values.tolist() == ["a", "b"]
