"""The live view by its state, without a browser, and the time that it may take from a training."""

import asyncio

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.widgets.live_runs import curves
from trajkit.widgets.time_budget import TimeBudget


def live_view(embedding: xr.Dataset, ds: xr.Dataset, **options: object) -> tk.widgets.LiveView:
    """A live view that draws at once: its clock stands still, so that nothing takes time."""
    return tk.widgets.LiveView(embedding, ds, clock=lambda: 0.0, **options)


@pytest.fixture
def slow(clock, monkeypatch):
    """Let drawing a point and drawing the panel take so many seconds of the clock."""

    def cost(*, point: float, panel: float) -> None:
        append, draw = tk.widgets.ManifoldView.append, tk.widgets.FigurePanel.draw

        def slow_append(*arguments: object) -> None:
            clock.now += point
            append(*arguments)

        def slow_draw(*arguments: object) -> None:
            clock.now += panel
            draw(*arguments)

        monkeypatch.setattr(tk.widgets.ManifoldView, "append", slow_append)
        monkeypatch.setattr(tk.widgets.FigurePanel, "draw", slow_draw)

    return cost


def test_live__places_points_where_project_does(ds, embedding) -> None:
    live = live_view(embedding, ds, landmarks=10_000)
    live("mine", 3, None, ds.log_prob.values[4, 3])
    np.testing.assert_allclose(live.runs.coordinate.values[0, 0], embedding.coordinate.values[4, 3], atol=1e-10)
    assert live.placement_error < 1e-10


def test_live__places_points_nearly_so_from_a_few_landmarks(ds, embedding) -> None:
    live = live_view(embedding, ds, landmarks=60)
    assert live.placement_error < 0.1


def test_live__draws_several_runs_with_progress_and_loss(ds, embedding) -> None:
    live = live_view(embedding, ds)
    for step in range(4):
        live("mine", step, None, ds.log_prob.values[0, step])
        live("A-0", step, None, ds.log_prob.values[1, step])
    assert live.waiting == 0
    assert live.runs.run.values.tolist() == ["mine", "A-0"]
    assert live.view._live_runs == ["mine", "A-0 (live)"]
    np.testing.assert_allclose(live.runs.progress.values, tk.progress(ds).values[:2, :4], atol=1e-6)
    np.testing.assert_allclose(live.runs.loss.values, tk.loss(ds).values[:2, :4], rtol=1e-6)
    assert len(live.panel.figure.data) == 4
    assert "8 checkpoints of 2 runs" in live._note.value
    live.clear()
    assert live.runs.sizes["run"] == 0
    assert live.view._live_runs == []
    assert not live.panel.figure.data


@pytest.mark.parametrize("names", [["mine"], ["b", "a"], [f"run {i}" for i in range(14)]], ids=len)
def test_live__extends_curves_to_what_new_ones_would_be(ds, embedding, names) -> None:
    live = live_view(embedding, ds)
    for step in range(3):
        for k, name in enumerate(names):
            live(name, step * 10, None, ds.log_prob.values[k, step])
    new = curves(live.runs)
    assert len(live.panel.figure.data) == len(new.data)
    for extended, made in zip(live.panel.figure.data, new.data, strict=True):
        assert (extended.name, extended.line.color) == (made.name, made.line.color)
        for part in ("x", "y", "text"):
            np.testing.assert_array_equal(np.asarray(extended[part]), np.asarray(made[part]))
    for axis in ("xaxis", "xaxis2"):
        assert live.panel.figure.layout[axis].range == new.layout[axis].range


@pytest.mark.parametrize("point", [0.001, 0.02])
@pytest.mark.parametrize("every", [0.01, 0.1, 1.0])
def test_live__never_takes_more_than_its_share_and_draws_the_newest(ds, embedding, clock, slow, point, every) -> None:
    slow(point=point, panel=0.005)
    live = tk.widgets.LiveView(embedding, ds, share=0.05, clock=clock)
    start, newest = clock.now, -1
    for step in range(160):
        live("mine", step, None, ds.log_prob.values[0, step % 8])
        assert live.budget.spent <= 0.05 * (clock.now - start - live.budget.spent) + 1e-9
        drawn = live.runs.step.values
        if drawn.size and drawn.max() > newest:
            newest = drawn.max()
            assert newest == step
        if live.waiting:
            assert f"{live.waiting} wait:" in live._note.value
        clock.now += every
    # What can be drawn is: at most the time that the next drawing takes is left.
    own = clock.now - start - live.budget.spent
    assert live.budget.spent > 0.05 * own - 160 * point - 0.005 or live.waiting == 0
    live.flush()
    assert live.waiting == 0
    assert live.runs.step.values.tolist() == [list(range(160))]
    numbers = np.frombuffer(live.view._live, np.float32).reshape(-1, 3 + len(live.view._axes))[:, 1]
    assert sorted(numbers.tolist()) == list(range(160))


def test_live__draws_what_waits_once_a_training_is_quiet(ds, embedding) -> None:
    async def training() -> tk.widgets.LiveView:
        live = tk.widgets.LiveView(embedding, ds, share=1e-9)
        for step in range(8):
            live("mine", step, None, ds.log_prob.values[0, step])
        assert live.waiting == 8
        for _ in range(500):
            if live.waiting:
                await asyncio.sleep(0.02)
        return live

    live = asyncio.run(training())
    assert live.waiting == 0
    assert live.runs.step.values.tolist() == [list(range(8))]
    assert "wait" not in live._note.value


def test_live__leaves_what_waits_while_checkpoints_keep_coming(ds, embedding, clock, slow) -> None:
    slow(point=1.0, panel=1.0)

    async def training() -> tk.widgets.LiveView:
        live = tk.widgets.LiveView(embedding, ds, share=1e-9, clock=clock)
        for step in range(3):
            live("mine", step, None, ds.log_prob.values[0, step])
            clock.now += 0.05
        # The loop looks again after a tenth of a second. By the clock, less than twice the interval has passed.
        await asyncio.sleep(0.3)
        assert live.waiting == 3
        clock.now += 0.06
        for _ in range(500):
            if live.waiting:
                await asyncio.sleep(0.02)
        return live

    live = asyncio.run(training())
    assert live.runs.step.values.tolist() == [[0, 1, 2]]


def test_live__names_what_differs_between_the_probes(ds, embedding, tmp_path) -> None:
    live = live_view(embedding, ds)
    with pytest.raises(ValueError, match="30 samples and 5 classes"):
        live("mine", 0, None, np.zeros((29, 5), np.float32))
    same = {name: ds[name].values for name in ("label", "sample", "split")} | {"classes": ds["class"].values}
    other = ds.label.values.copy()
    other[4] = (other[4] + 1) % 5
    for change, message in (
        ({"label": other}, "differ in 'label', first at position 4"),
        ({"sample": ds.sample.values[::-1]}, "differ in 'sample'"),
    ):
        with pytest.raises(ValueError, match=message):
            tk.Recorder(tmp_path, tk.Probe(np.zeros((30, 2)), **{**same, **change}), run="mine", listeners=[live])
    assert not list(tmp_path.iterdir())
    with tk.Recorder(tmp_path, tk.Probe(np.zeros((30, 2)), **same), run="mine", listeners=[live]) as record:
        record(lambda inputs: inputs @ np.zeros((2, 5)), 0)
    assert live.runs.progress.item() == pytest.approx(0, abs=1e-6)


def test_live__refuses_an_embedding_of_another_dataset(ds, embedding) -> None:
    with pytest.raises(ValueError, match="not in ds"):
        live_view(embedding, ds.isel(run=slice(0, 10)))
    with pytest.raises(ValueError, match="wanted the dataset that was embedded"):
        live_view(embedding, ds.assign(log_prob=(ds.log_prob.dims, ds.log_prob.values[:, ::-1])))


def test_budget__counts_each_second_once_and_allows_a_share_of_the_others(clock) -> None:
    budget = TimeBudget(0.1, clock)
    budget.start()
    clock.now += 8
    budget.start()
    with budget.spending(), budget.spending("draw"):
        clock.now += 2
    assert (budget.spent, budget.expected("draw"), budget.expected("other")) == (2, 2, 0)
    # 4 seconds are a tenth of 40, beside which 2 were spent so far, in 10.
    assert budget.wait(2) == pytest.approx(42 - 10)
    for _ in range(5):
        with budget.spending("draw", times=4):
            clock.now += 4
    assert budget.expected("draw") == 1
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        TimeBudget(0)
