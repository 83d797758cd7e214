"""Widgets by their state, without a browser."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest
import traitlets
import xarray as xr

import trajkit as tk
from trajkit.widgets.live_view import _curves
from trajkit.widgets.slicer_facets import RangeFacet, facet
from trajkit.widgets.time_budget import Budget

# Names that are no Python names, and would be HTML if anybody took them for it.
UGLY = 'it\'s <b>bold</b> "x"'
RATES = np.logspace(-4, 0, 24)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    ds = tk.simulate(runs=24, groups=3, spread=0.3, checkpoints=8, samples=30)
    rates = RATES.copy()
    rates[3] = np.nan
    return ds.assign_coords(
        {
            "width": ("run", np.arange(24) * 2),
            "learning_rate": ("run", rates),
            "dropout": ("run", np.arange(24) % 2 == 0),
            "banana": ("run", np.where(np.arange(24) % 3 == 0, np.nan, 1.0)),
            "optimizer": ("run", ["adam"] * 24),
            UGLY: ("run", ["nan", "<script>alert(1)</script>"] * 12),
        }
    )


@pytest.fixture
def slicer(ds: xr.Dataset) -> tk.widgets.Slicer:
    return tk.widgets.Slicer(ds)


def choose(slicer: tk.widgets.Slicer, name: str, choice: dict | None) -> None:
    """What the browser sends when the reader moves a control."""
    state = dict(slicer.board.state)
    places = [f.name for f in slicer.facets]
    state["facets"] = [choice if n == name else c for n, c in zip(places, state["facets"], strict=True)]
    slicer.board.state = {**state, "serial": 1}


def send(slicer: tk.widgets.Slicer, **part: object) -> None:
    slicer.board.state = {**slicer.board.state, **part}


# The slicer: what it offers


def test_slicer__has_the_control_that_fits_each_attribute(slicer: tk.widgets.Slicer) -> None:
    kinds = {f["name"]: (f["kind"], f.get("scale")) for f in slicer.board.spec["facets"]}
    assert kinds == {
        "architecture": ("values", None),
        "seed": ("values", None),
        "width": ("range", "linear"),
        "learning_rate": ("range", "log"),
        "dropout": ("values", None),
        "banana": ("values", None),
        UGLY: ("values", None),
        "run": ("values", None),
        "progress": ("range", "linear"),
        "step": ("range", "linear"),
    }
    assert slicer.board.spec["same"] == ["optimizer adam"]
    assert slicer.splits == ["train", "test"]


def test_slicer__counts_follow_the_other_conditions_and_not_their_own(slicer: tk.widgets.Slicer) -> None:
    assert slicer.counts("architecture") == {"A": 8, "B": 8, "C": 8}
    slicer.conditions = {"seed": [0], "architecture": "A"}
    assert slicer.counts("architecture") == {"A": 1, "B": 1, "C": 1}
    assert slicer.counts("seed")["1"] == 1
    assert slicer.counts("banana") == {"1": 0, "(none)": 1}
    shown = slicer.board.shown
    assert (shown["runs"], shown["of"], shown["points"]) == (1, 24, 8)


def test_range__counts_each_run_once_in_the_bin_where_it_is_drawn(slicer: tk.widgets.Slicer) -> None:
    place = [f.name for f in slicer.facets].index("learning_rate")
    counts = slicer.board.shown["counts"][place]
    assert sum(counts) == 24
    assert counts[-1] == 1
    assert max(counts[:-1]) == 1


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.arange(12.0), "linear"),
        (np.logspace(-3, 0, 12), "log"),
        (np.concatenate([[0.0], np.logspace(-5, -1, 12)]), "log1"),
        (np.linspace(-100, 1000, 12), "linear"),
    ],
)
def test_range__is_logarithmic_where_positive_values_span_decades(values: np.ndarray, scale: str) -> None:
    found = facet("x", values)
    assert isinstance(found, RangeFacet)
    assert found.spec()["scale"] == scale
    assert found.counts(np.ones(len(values), dtype=bool))[0] >= 1


def test_facet__of_equal_values_or_of_nothing_but_missing_ones_is_none() -> None:
    assert facet("x", np.full(3, np.nan)) is None
    assert facet("x", np.array(["a", "a"])) is None
    infinite = facet("x", np.concatenate([np.arange(20.0), [np.inf]]))
    assert infinite is not None
    assert infinite.spec()["kind"] == "values"


def test_slicer__stays_quick_with_500_values() -> None:
    ds = tk.simulate(runs=500, checkpoints=2, samples=4)
    ds = ds.assign_coords(name=("run", [f"n{i}" for i in range(500)]))
    slicer = tk.widgets.Slicer(ds)
    spec = next(f for f in slicer.board.spec["facets"] if f["name"] == "name")
    assert spec["search"]
    assert len(spec["values"]) == 500
    choose(slicer, "name", {"chosen": [3, 77]})
    assert slicer.selected.name.values.tolist() == ["n3", "n77"]


def test_slicer__of_references_alone_is_refused(ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="wanted one run of kind 'network' or more, got 0"):
        tk.widgets.Slicer(tk.with_references(ds).sel(run=["truth", "ignorance"]))


# The slicer: what is chosen

CHOICES = [
    ("architecture", {"chosen": [0, 2]}, ["A", "C"]),
    ("dropout", {"chosen": [1]}, [True]),
    ("width", {"low": 4, "high": None, "none": False}, (4, None)),
    ("learning_rate", {"low": 0.001, "high": 0.1, "none": True}, [(0.001, 0.1), np.nan]),
    ("learning_rate", {"low": None, "high": None, "none": True}, [np.nan]),
    ("banana", {"chosen": [1]}, [np.nan]),
    (UGLY, {"chosen": [1]}, ["<script>alert(1)</script>"]),
    ("run", {"chosen": [5]}, ["C-1"]),
    ("progress", {"low": 0.25, "high": None, "none": False}, (0.25, None)),
    ("step", {"low": None, "high": 5, "none": False}, (None, 5)),
]


@pytest.mark.parametrize(("name", "choice", "condition"), CHOICES, ids=[f"{n} {c}" for n, _, c in CHOICES])
def test_slicer__each_control_and_its_condition_move_together(ds, name, choice, condition) -> None:
    one, other = tk.widgets.Slicer(ds), tk.widgets.Slicer(ds)
    choose(one, name, choice)
    np.testing.assert_equal(one.conditions, {name: condition})
    other.conditions = {name: condition}
    assert {k: v for k, v in other.board.state.items() if k != "serial"} == {
        k: v for k, v in one.board.state.items() if k != "serial"
    }
    choose(one, name, None)
    assert one.conditions == {}


@pytest.mark.parametrize(("name", "choice", "condition"), CHOICES, ids=[f"{n} {c}" for n, _, c in CHOICES])
@pytest.mark.parametrize("references", [False, True], ids=["networks", "with references"])
def test_slicer__selects_what_its_line_of_python_selects(ds, name, choice, condition, references) -> None:
    ds = tk.with_references(ds, n_geodesic=3) if references and name != "dropout" else ds
    slicer = tk.widgets.Slicer(ds)
    slicer.conditions = {name: condition, "where": "width < 45", "split": "test"}
    by_hand = eval(slicer.code, {"tk": tk, "ds": ds})
    assert slicer.selected.identical(by_hand)
    assert slicer.selected_runs == by_hand.run.values.tolist()
    assert int(slicer.selected_points.sum()) == int((by_hand.step >= 0).sum())


def test_slicer__tells_observers_once_with_the_code_up_to_date(slicer: tk.widgets.Slicer) -> None:
    seen: list[str] = []
    slicer.observe(lambda change: seen.append(slicer.code), "conditions")
    choose(slicer, "seed", {"chosen": [0]})
    slicer.conditions = {"seed": [1]}
    assert seen == ["tk.select(ds, seed=[0])", "tk.select(ds, seed=[1])"]


def test_slicer__takes_single_values_for_a_range_and_scalars_for_a_list(slicer: tk.widgets.Slicer) -> None:
    slicer.conditions = {"width": [4, 8], "architecture": "B", "step": slice(1, 3)}
    assert slicer.conditions == {"architecture": ["B"], "width": [4, 8], "step": (1, 3)}
    assert slicer.selected_runs == ["B-1"]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"depth": [1]}, "no control for 'depth'"),
        ({"architecture": ["Z"]}, "wanted a list of some of 'A'"),
        ({"architecture": []}, "wanted a list"),
        ({"width": (30, 3)}, "low <= high"),
        ({"width": (1, 2, 3)}, "wanted a range"),
        ({"width": ("a", None)}, "wanted a range"),
        ({"split": "validation"}, "wanted one of"),
        ({"where": "width >"}, "invalid syntax"),
        ({"where": "depth > 1"}, "depth"),
        ({"where": lambda table: table.width > 1}, "wanted an expression as text"),
    ],
)
def test_slicer__refuses_what_makes_no_sense_and_stays_as_it_was(slicer, conditions, message) -> None:
    slicer.conditions = {"seed": [1]}
    with pytest.raises(traitlets.TraitError, match=message):
        slicer.conditions = conditions
    assert slicer.conditions == {"seed": [1]}
    assert len(slicer.selected_runs) == 3


def test_slicer__says_beside_the_box_why_an_expression_fails_and_keeps_the_last(slicer: tk.widgets.Slicer) -> None:
    send(slicer, where="width > 10")
    send(slicer, where="widht > 20")
    assert slicer.conditions == {"where": "width > 10"}
    assert "widht" in slicer.board.shown["problem"]
    assert "The columns are" in slicer.board.shown["problem"]
    assert slicer.board.state["where"] == "widht > 20"
    send(slicer, where="width > 20")
    assert slicer.board.shown["problem"] == ""
    send(slicer, where="  ")
    assert slicer.conditions == {}


def test_slicer__undo_and_redo_walk_along_what_was_chosen(slicer: tk.widgets.Slicer) -> None:
    slicer.undo()
    slicer.conditions = {"seed": [1]}
    slicer.conditions = {"seed": [1], "architecture": ["A"]}
    slicer._asked(None, {"do": "undo"}, None)
    assert slicer.conditions == {"seed": [1]}
    assert (slicer.board.shown["undo"], slicer.board.shown["redo"]) == (True, True)
    slicer._asked(None, {"do": "redo"}, None)
    assert slicer.conditions == {"seed": [1], "architecture": ["A"]}
    slicer._asked(None, {"do": "reset"}, None)
    assert slicer.conditions == {}
    assert slicer.selected.sizes["run"] == 24
    slicer.undo()
    assert slicer.conditions == {"seed": [1], "architecture": ["A"]}
    slicer.conditions = {}
    slicer.redo()
    assert slicer.conditions == {}


def test_slicer__recalls_what_was_saved(slicer: tk.widgets.Slicer) -> None:
    slicer.conditions = {"seed": [1]}
    slicer._asked(None, {"do": "save", "with": ["<i>mine</i>"]}, None)
    slicer.reset()
    assert slicer.board.shown["presets"] == ["<i>mine</i>"]
    slicer._asked(None, {"do": "recall", "with": ["<i>mine</i>"]}, None)
    assert slicer.conditions == {"seed": [1]}
    with pytest.raises(KeyError, match="no preset 'other'"):
        slicer.recall("other")


def test_slicer__may_select_nothing(slicer: tk.widgets.Slicer) -> None:
    slicer.conditions = {"seed": [0], "width": (30, None)}
    assert slicer.selected_runs == []
    assert slicer.board.shown["runs"] == 0
    with pytest.raises(ValueError, match="no run meets"):
        _ = slicer.selected


# The live view


@pytest.fixture(scope="module")
def embedding(ds: xr.Dataset) -> xr.Dataset:
    return tk.embed(ds)


def live_view(embedding: xr.Dataset, ds: xr.Dataset, **options: object) -> tk.widgets.LiveView:
    """A live view that draws at once: its clock stands still, so that nothing takes time."""
    live = tk.widgets.LiveView(embedding, ds, **options)
    live.budget = Budget(0.05, clock=lambda: 0.0)
    return live


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def slow_live_view(embedding: xr.Dataset, ds: xr.Dataset, monkeypatch, clock: Clock, *, point: float, panel: float):
    """A live view to which placing a point and drawing the panel take so many seconds of a clock, as it knows."""
    live = tk.widgets.LiveView(embedding, ds)
    place, draw = live._place, live.panel.draw

    def slow_place(log_prob: np.ndarray) -> np.ndarray:
        clock.now += point * len(log_prob)
        return place(log_prob)

    def slow_draw(figure: object) -> None:
        clock.now += panel
        draw(figure)

    live.budget = Budget(0.05, clock)
    monkeypatch.setattr(live, "_place", slow_place)
    monkeypatch.setattr(live.panel, "draw", slow_draw)
    live._rehearse(ds.log_prob.values[0, 0])
    live.budget.clock = clock
    return live


def test_budget__counts_each_second_once_and_allows_a_share_of_the_others() -> None:
    clock = Clock()
    budget = Budget(0.1, clock)
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
        Budget(0)


def test_live__places_points_where_project_does(ds, embedding) -> None:
    live = live_view(embedding, ds, landmarks=10_000)
    log_prob = ds.log_prob.values[4, 3]
    live("mine", 3, None, log_prob)
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
def test_live__extends_curves_to_what_they_would_be_if_made_anew(ds, embedding, names) -> None:
    live = live_view(embedding, ds)
    for step in range(3):
        for k, name in enumerate(names):
            live(name, step * 10, None, ds.log_prob.values[k, step])
    anew = _curves(live.runs)
    assert len(live.panel.figure.data) == len(anew.data)
    for extended, made in zip(live.panel.figure.data, anew.data, strict=True):
        assert (extended.name, extended.line.color) == (made.name, made.line.color)
        for part in ("x", "y", "text"):
            np.testing.assert_array_equal(np.asarray(extended[part]), np.asarray(made[part]))
    for axis in ("xaxis", "xaxis2"):
        assert live.panel.figure.layout[axis].range == anew.layout[axis].range


@pytest.mark.parametrize("point", [0.001, 0.02])
@pytest.mark.parametrize("every", [0.01, 0.1, 1.0])
def test_live__never_takes_more_than_its_share_and_draws_the_newest(ds, embedding, monkeypatch, point, every) -> None:
    clock = Clock()
    live = slow_live_view(embedding, ds, monkeypatch, clock, point=point, panel=0.005)
    start, newest = clock.now, -1
    for step in range(160):
        live("mine", step, None, ds.log_prob.values[0, step % 8])
        assert live.budget.spent <= 0.05 * (clock.now - start - live.budget.spent) + 1e-9
        drawn = live.runs.step.values
        if drawn.size and drawn.max() > newest:
            newest = drawn.max()
            assert newest == step
        if live.waiting:
            assert f"{live.waiting} passed over" in live._note.value
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
    assert "passed over" not in live._note.value


def test_live__leaves_what_waits_while_checkpoints_keep_coming(ds, embedding, monkeypatch) -> None:
    clock = Clock()
    live = slow_live_view(embedding, ds, monkeypatch, clock, point=1.0, panel=1.0)
    for step in range(3):
        live("mine", step, None, ds.log_prob.values[0, step])
        clock.now += 10
    # Ten seconds after the last: less than twice what lies between two.
    live._look_again()
    assert live.waiting == 3
    clock.now += 10
    while live.waiting:
        live._look_again()
    assert live.runs.step.values.tolist() == [[0, 1, 2]]


def test_live__names_what_differs_between_the_probes(ds, embedding, tmp_path) -> None:
    live = live_view(embedding, ds)
    with pytest.raises(ValueError, match="30 samples and 5 classes"):
        live("mine", 0, None, np.zeros((29, 5), np.float32))
    same = {name: ds[name].values for name in ("label", "sample", "split")} | {"classes": ds["class"].values}
    other = ds.label.values.copy()
    other[4] = (other[4] + 1) % 5
    for change, message in (
        ({"label": other}, "differ in 'label', first at place 4"),
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


def test_widgets__leave_nothing_behind_when_closed(ds, embedding) -> None:
    for make in (
        lambda: tk.widgets.Slicer(ds),
        lambda: live_view(embedding, ds),
        lambda: tk.widgets.FigurePanel(),
        lambda: tk.widgets.ManifoldView(embedding),
    ):
        widget = make()
        gone = weakref.ref(widget)
        widget.close()
        del widget
        gc.collect()
        assert gone() is None, make
