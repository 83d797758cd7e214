"""Laws of recording: what is recorded is what the model predicts, and the training does not notice."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import trajkit as tk

IMAGES = torch.from_numpy(np.random.default_rng(0).standard_normal((40, 1, 6, 6)).astype(np.float32))
LABELS = torch.arange(40) % 3


def probe(**changes: Any) -> tk.Probe:
    return tk.Probe(**({"inputs": IMAGES, "label": LABELS, "classes": 3, "split": ["train", "test"] * 20} | changes))


def network() -> nn.Module:
    """A network with everything that behaves differently in training, and a part that is frozen in eval mode."""
    torch.manual_seed(0)
    frozen = nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(0.5)).eval()
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3), nn.Flatten(),
        nn.Linear(64, 16), frozen, nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)), nn.Dropout(0.5),
        nn.Linear(16, 3),
    )  # fmt: skip


def train(model: nn.Module, steps: int = 12, learning_rate: float = 0.1) -> Iterator[tuple[int, nn.Module]]:
    """Train with dropout, batch normalisation, shuffled data and noise on it, so that every random number counts."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES, LABELS), batch_size=7, shuffle=True)
    step = 0
    yield step, model
    while step < steps:
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images + 0.1 * torch.randn_like(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            yield step, model


def state(model: nn.Module) -> dict[str, bytes]:
    """Everything that the training left behind, bit by bit."""
    held = {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}
    modes = {f"mode of {name}": bytes([layer.training]) for name, layer in model.named_modules()}
    return held | modes | {"random numbers": torch.get_rng_state().numpy().tobytes()}


# --- the training does not notice -----------------------------------------------------------------------------------


def test_recorder__leaves_weights_modes_and_random_numbers_as_without_it(tmp_path: Path) -> None:
    alone = network()
    for _ in train(alone):
        pass
    expected = state(alone)
    watched = network()
    with tk.Recorder(tmp_path, probe(), run="watched", batch_size=16) as record:
        for step, model in train(watched):
            record(model, step)
    assert state(watched) == expected
    assert tk.load(tmp_path).sizes["checkpoint"] == 13


def test_recorder__a_careless_predict_changes_nothing_either(tmp_path: Path) -> None:
    def careless(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        model.train()
        torch.randn(5)
        return model(images)

    alone, watched = network(), network()
    expected = [state(model) for _, model in train(alone)]
    with tk.Recorder(tmp_path, probe(), run="watched", predict=careless) as record:
        for (step, model), wanted in zip(train(watched), expected, strict=True):
            record(model, step)
            assert state(watched) == wanted


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


# --- what is recorded is what the model predicts ----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 16, 40, 1000])
def test_recorder__takes_the_model_in_eval_mode_in_batches(tmp_path: Path, batch_size: int) -> None:
    model = network()
    model.eval()
    with torch.no_grad():
        wanted = model(IMAGES).double().log_softmax(-1).numpy()
    network_in_training = network().train()
    sizes = []

    def predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        sizes.append(len(images))
        return model(images)

    with tk.Recorder(tmp_path, probe(), "r", predict=predict, batch_size=batch_size) as record:
        record(network_in_training, 0)
    np.testing.assert_allclose(tk.load(tmp_path).log_prob[0, 0], wanted, atol=1e-5)
    assert sum(sizes) == 40
    assert max(sizes) == min(batch_size, 40)


INPUTS: dict[str, Any] = {
    "tensor": IMAGES,
    "array": IMAGES.numpy(),
    "float64": IMAGES.numpy().astype(np.float64),
    "list": IMAGES.tolist(),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_recorder__takes_inputs_of_any_kind(tmp_path: Path, kind: str) -> None:
    wanted = tk.record([(0, network())], probe())
    xr.testing.assert_allclose(tk.record([(0, network())], probe(inputs=INPUTS[kind])).log_prob, wanted.log_prob)
    assert (probe(inputs=INPUTS[kind]).identity == probe().identity) == (kind in ("tensor", "array"))


def test_recorder__takes_several_inputs_and_text(tmp_path: Path) -> None:
    def several(model: nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        return model(batch["images"]) + batch["more"][0]

    wanted = tk.record([(0, network())], probe()).log_prob
    shift = np.ones((40, 3))
    pairs = tk.record(
        [(0, network())], probe(inputs={"images": IMAGES, "more": (shift,)}), predict=several, batch_size=9
    )
    xr.testing.assert_allclose(pairs.log_prob, wanted)
    text = [str(n) for n in range(40)]
    read = tk.record(
        [(0, network())], probe(inputs=text), predict=lambda model, batch: model(IMAGES[[int(n) for n in batch]])
    )
    xr.testing.assert_allclose(read.log_prob, wanted, atol=1e-6)


def test_recorder__takes_models_of_low_precision(tmp_path: Path) -> None:
    ds = tk.record([(0, network().bfloat16())], probe())
    xr.testing.assert_allclose(ds.log_prob, tk.record([(0, network())], probe()).log_prob, atol=0.1)


LOGITS = np.random.default_rng(5).standard_normal((40, 3)) * 4


@pytest.mark.parametrize("output", ["logits", "log_prob", "prob"])
def test_recorder__takes_logits_log_probabilities_and_probabilities(tmp_path: Path, output: str) -> None:
    exact = scipy.special.log_softmax(LOGITS, axis=-1)
    given = {"logits": LOGITS + 7, "log_prob": exact, "prob": np.exp(exact)}[output]
    with tk.Recorder(tmp_path, probe(), "r", predict=lambda model, inputs: given, output=output) as record:
        record(None, 0)
    np.testing.assert_allclose(tk.load(tmp_path).log_prob[0, 0], exact, atol=1e-6)


def test_recorder__keeps_probabilities_of_exactly_zero(tmp_path: Path) -> None:
    certain = np.eye(3)[LABELS.numpy()]
    ds = tk.record([(0, lambda inputs: certain)], probe(), output="prob")
    np.testing.assert_array_equal(np.exp(ds.log_prob[0, 0]), certain)
    masked = np.where(certain, LOGITS, -np.inf)
    np.testing.assert_array_equal(tk.record([(0, lambda inputs: masked)], probe()).log_prob, ds.log_prob)


MISTAKES: dict[str, tuple[Any, str]] = {
    "probabilities called logits": (scipy.special.softmax(LOGITS, axis=-1), 'pass output="prob"'),
    "too few samples": (LOGITS[:-1], r"shape \(39, 3\), but the probe has 40 samples and 3 classes"),
    "one output": (LOGITS[:, 0], r"shape \(40,\).* wanted \(40, 3\)"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_recorder__predictions_that_are_none_are_refused_and_nothing_is_written(tmp_path: Path, mistake: str) -> None:
    values, message = MISTAKES[mistake]
    with tk.Recorder(tmp_path, probe(), "r") as record:
        record(lambda inputs: LOGITS, 0)
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                record(lambda inputs: values, 1)
        record(lambda inputs: LOGITS, 1)
    assert tk.load(tmp_path).step.values.tolist() == [[0, 1]]


@pytest.mark.parametrize("output", ["log_prob", "prob"])
def test_recorder__logits_called_something_else_are_refused(output: str) -> None:
    with pytest.raises(ValueError, match='pass output="logits"'):
        tk.record([(0, lambda inputs: LOGITS)], probe(), output=output)
    with pytest.raises(ValueError, match=r"output: wanted one of \['logits', 'log_prob', 'prob'\], got 'softmax'"):
        tk.record([], probe(), output="softmax")


def test_recorder__a_model_that_cannot_be_called_needs_predict(tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model = linear_model.LogisticRegression().fit(IMAGES.reshape(40, -1), LABELS)
    flat = probe(inputs=IMAGES.reshape(40, -1).numpy())
    with tk.Recorder(
        tmp_path, flat, "r", predict=lambda model, inputs: model.predict_proba(inputs), output="prob"
    ) as record:
        record(model, 0)
    np.testing.assert_allclose(tk.load(tmp_path).log_prob[0, 0], model.predict_log_proba(flat.inputs), atol=1e-5)
    with pytest.raises(TypeError, match=r"LogisticRegression cannot be called on the inputs: pass predict="):
        tk.record([(0, model)], flat)


# --- a model that diverges --------------------------------------------------------------------------------------------

DIVERGED = r"run 'wild' diverged: at step 2 the predictions of 1 of 40 samples are NaN"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_recorder__a_model_that_diverges_is_marked_and_ends_cleanly(tmp_path: Path, value: float) -> None:
    heard = []
    for run in ("calm", "wild"):
        with tk.Recorder(tmp_path, probe(), run, listeners=[lambda *given: heard.append(given[:2])]) as record:
            for step in range(5):
                values = LOGITS * step
                values[7, 1] = value if run == "wild" and step >= 2 else 0
                if run == "wild" and step == 2:
                    with pytest.warns(RuntimeWarning, match=DIVERGED):
                        record(lambda inputs, values=values: values, step)
                else:
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
    # Later analysis names it, and goes on with what came before.
    assert tk.run_table(tk.load(tk.save(ds, tmp_path / "packed.nc"))).loc["wild", "diverged_at"] == 2
    assert tk.select(ds, where="diverged_at >= 0").run.values.tolist() == ["wild"]
    assert tk.loss(ds).sel(run="wild").notnull().values.tolist() == [True, True, False, False, False]
    with pytest.raises(FileExistsError, match=r"run 'wild' in .* diverged at step 2"):
        tk.Recorder(tmp_path, probe(), "wild", resume=True)


def test_recorder__the_predictions_of_a_diverged_model_are_kept(tmp_path: Path) -> None:
    from trajkit.storage.run_file import DIVERGED, read_payload

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
        pytest.warns(RuntimeWarning, match="run 'wild' diverged before its first whole checkpoint and is left out"),
        pytest.raises(OSError, match=r"no run in .* has a whole checkpoint"),
    ):
        tk.load(tmp_path)


def test_record__a_real_training_that_diverges_ends(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="run 'run' diverged") as caught:
        ds = tk.record(train(network(), steps=300, learning_rate=1e6), probe())
    tk.validate(ds)
    assert len(caught) == 1
    assert ds.diverged_at.item() > ds.step.max()


# --- steps, resuming, listeners, overhead -----------------------------------------------------------------------------


def test_recorder__steps_increase(tmp_path: Path) -> None:
    with tk.Recorder(tmp_path, probe(), "r") as record:
        assert record.step == -1
        record(lambda inputs: LOGITS, 5)
        assert record.step == 5
        for step in (5, 3):
            with pytest.raises(ValueError, match=rf"step {step} comes after step 5: wanted steps that increase"):
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
    with tk.Recorder(tmp_path, probe(), "r", at=at) as record:
        for step in range(31):
            record(lambda inputs, step=step: (asked.append(step), LOGITS)[1], step)
    assert asked == [0, 1, 5, 10, 20, 30] == tk.load(tmp_path).step.values[0].tolist()
    with tk.Recorder(tmp_path, probe(), "r", at=at, resume=True) as record:
        for step in range(41):
            record(lambda inputs, step=step: (asked.append(step), LOGITS)[1], step)
    assert asked[6:] == [40]


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


# --- record in memory -------------------------------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match="nothing was recorded"):
        tk.record(train(network()), probe(), at=[1000])


# --- when to record ---------------------------------------------------------------------------------------------------

steps = st.frozensets(st.integers(0, 60), max_size=5)
intervals = st.frozensets(st.integers(1, 30), max_size=3)


@given(steps, intervals, steps, intervals)
def test_record_at__a_union_holds_the_steps_of_both(a: set[int], k: set[int], b: set[int], m: set[int]) -> None:
    first, second = tk.RecordAt(a, every=k), tk.RecordAt(b, every=m)
    joined = first | second
    for step in range(130):
        assert (step in first) == (step in a or 0 in [step % interval for interval in k])
        assert (step in joined) == (step in first or step in second)
    assert joined == second | first
    assert hash(joined) == hash(second | first)


@given(st.integers(2, 40), st.integers(0, 5000))
def test_record_at__log_spaced_goes_from_the_first_to_the_last(n: int, last: int) -> None:
    at = sorted(tk.RecordAt.log_spaced(n, last).steps)
    assert at[0] == 0
    assert at[-1] == last
    assert len(at) <= n
    gaps = np.diff(at)
    assert (np.diff(gaps) >= -1).all()  # ever wider, but for rounding


@pytest.mark.parametrize(("per_epoch", "epochs"), [(100, 200), (391, 200), (3, 70), (1, 3), (8, 5), (8, 26)])
def test_record_at__published_is_the_schedule_of_the_paper(per_epoch: int, epochs: int) -> None:
    at = tk.RecordAt.published(per_epoch, epochs)
    due = {0, per_epoch * epochs}
    for epoch in range(1, epochs + 1):
        if epoch <= 25 or (epoch <= 65 and (epoch - 25) % 4 == 0) or (epoch > 65 and (epoch - 65) % 15 == 0):
            due.add(epoch * per_epoch)
        if epoch <= 5:
            due |= {round((epoch - 1 + quarter / 4) * per_epoch) for quarter in (1, 2, 3)}
    assert at.steps == due
    assert not at.every


def test_record_at__is_a_value() -> None:
    assert tk.RecordAt([1, 2]) == tk.RecordAt((2, 1, 1))
    with pytest.raises(AttributeError):
        tk.RecordAt([1]).steps = {2}  # type: ignore[misc]
    for wrong, message in (({"steps": [-1]}, "steps: wanted whole numbers from 0"), ({"every": 0}, "every: wanted")):
        with pytest.raises(ValueError, match=message):
            tk.RecordAt(**wrong)


# --- the probe --------------------------------------------------------------------------------------------------------

PROBES: dict[str, dict[str, Any]] = {
    "'split' has 2 entries, but 'label' has 40": {"split": ["train", "test"]},
    "'inputs' hold 40 samples, but 'label' has 39 entries": {"label": LABELS[:-1], "split": "test"},
    "'label' holds \\[2\\]: wanted class indices from 0 to 1": {"classes": 2},
    "'split' holds \\['valid'\\]": {"split": "valid"},
    "'sample' is not unique": {"sample": [0] * 40},
    "'label' is float32": {"label": LABELS.float()},
    "'class' is not unique": {"classes": ["a", "b", "a"]},
}


@pytest.mark.parametrize("message", PROBES)
def test_probe__what_cannot_be_one_is_refused(message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        probe(**PROBES[message])


def test_probe__its_identity_is_that_of_the_values() -> None:
    same = [IMAGES.clone(), IMAGES.numpy(), IMAGES.numpy().astype(">f4"), np.asfortranarray(IMAGES.numpy())]
    assert {probe(inputs=inputs).identity for inputs in same} == {probe().identity}
    changed = IMAGES.clone()
    changed[39, 0, 5, 5] += 1e-6
    others = [changed, IMAGES.flip(0), IMAGES.reshape(40, 36), IMAGES.double(), {"x": IMAGES}, {"y": IMAGES}, (IMAGES,)]
    assert len({probe(inputs=inputs).identity for inputs in [IMAGES, *others]}) == 1 + len(others)
    texts = [["ab", "c"] * 20, ["a", "bc"] * 20, ["ab", 3] * 20, np.array(["ab", "c"] * 20, dtype=object)]
    assert len({probe(inputs=inputs).identity for inputs in texts}) == 3
    with pytest.raises(TypeError, match=r"the probe's inputs hold generator, .* pass identity="):
        _ = probe(inputs=(n for n in range(40))).identity
    assert probe(inputs=(n for n in range(40)), identity="mine").identity == "mine"


# --- without torch ----------------------------------------------------------------------------------------------------

WITHOUT = """
    import sys
    for name in ("torch", "dask", "zarr"):
        sys.modules[name] = None  # importing it fails
    import numpy as np
    import trajkit as tk

    probe = tk.Probe(np.eye(3), label=[0, 1, 2])
    with tk.Recorder(sys.argv[1], probe, run="r") as record:
        for step in range(3):
            record(lambda inputs: step * inputs + 1, step)
    ds = tk.load(sys.argv[1])
    assert ds.isel(run=[0]).log_prob.values.shape == (1, 3, 3, 3)
    tk.load(tk.save(tk.Store(sys.argv[1]), sys.argv[1] + ".nc"))
    for action in (lambda: tk.save(ds, sys.argv[1] + ".zarr"), lambda: tk.load("x.zarr")):
        try:
            action()
        except ModuleNotFoundError as error:
            assert 'needs zarr: pip install "trajkit[scale]"' in str(error), error
        else:
            sys.exit("zarr was not missed")
"""


def test_recorder__needs_neither_torch_nor_dask_nor_zarr(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(WITHOUT), str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_import__a_recording_without_modules_loads_no_torch(tmp_path: Path) -> None:
    script = "import sys, trajkit.recording; assert 'torch' not in sys.modules and 'dask' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_recorder__warns_where_the_caller_is(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tk.Recorder(tmp_path, probe(), "wild") as record:
            record(lambda inputs: LOGITS * np.nan, 0)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]
