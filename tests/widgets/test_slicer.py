"""The slicer, the selection that slicers share and the controls of single attributes, without a browser."""

import numpy as np
import pytest
import traitlets
import xarray as xr

import trajkit as tk
from trajkit.widgets.slicer_facets import RangeFacet, facet
from trajkit.widgets.slicer_selection import Selection

# Neither a Python name nor safe in HTML.
UGLY = 'it\'s <b>bold "x"'


@pytest.fixture
def slicer(ds: xr.Dataset) -> tk.widgets.Slicer:
    return tk.widgets.Slicer(ds)


def choose(slicer: tk.widgets.Slicer, name: str, choice: dict | None) -> None:
    """What the browser sends when the reader moves a control."""
    state = dict(slicer.board.state)
    places = [f.name for f in slicer.facets]
    state["facets"] = [choice if n == name else c for n, c in zip(places, state["facets"], strict=True)]
    slicer.board.state = {**state, "serial": 1}


def press(slicer: tk.widgets.Slicer, button: str, *arguments: str) -> None:
    """What the browser sends when the reader presses a button."""
    slicer.board._handle_custom_msg({"do": button, "with": list(arguments)}, [])


def send(slicer: tk.widgets.Slicer, **part: object) -> None:
    slicer.board.state = {**slicer.board.state, **part}


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


def test_slicer__of_references_alone_is_refused(ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="wanted one run of kind 'network' or more, got 0"):
        tk.widgets.Slicer(tk.with_references(ds).sel(run=["truth", "ignorance"]))


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
    assert {**other.board.state, "serial": 0} == {**one.board.state, "serial": 0}
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
    press(slicer, "undo")
    assert slicer.conditions == {"seed": [1]}
    assert (slicer.board.shown["undo"], slicer.board.shown["redo"]) == (True, True)
    press(slicer, "redo")
    assert slicer.conditions == {"seed": [1], "architecture": ["A"]}
    press(slicer, "reset")
    assert slicer.conditions == {}
    assert slicer.selected.sizes["run"] == 24
    slicer.undo()
    assert slicer.conditions == {"seed": [1], "architecture": ["A"]}
    slicer.conditions = {}
    slicer.redo()
    assert slicer.conditions == {}


def test_slicer__recalls_what_was_saved(slicer: tk.widgets.Slicer) -> None:
    slicer.conditions = {"seed": [1]}
    press(slicer, "save", "<i>mine</i>")
    slicer.reset()
    assert slicer.board.shown["presets"] == ["<i>mine</i>"]
    press(slicer, "recall", "<i>mine</i>")
    assert slicer.conditions == {"seed": [1]}
    with pytest.raises(KeyError, match="no preset 'other'"):
        slicer.recall("other")


def test_slicer__may_select_nothing(slicer: tk.widgets.Slicer) -> None:
    slicer.conditions = {"seed": [0], "width": (30, None)}
    assert slicer.selected_runs == []
    assert slicer.board.shown["runs"] == 0
    with pytest.raises(ValueError, match="no run meets"):
        _ = slicer.selected


def test_slicer__beside_means_selects_networks_alone_and_says_so(ds):
    plain = ds.drop_vars("dropout")  # booleans have no value for the means
    both = tk.concat([plain, tk.mean_trajectory(plain, "architecture", n=4)])
    slicer = tk.widgets.Slicer(both)
    slicer.conditions = {"architecture": ["A"]}
    by_hand = eval(slicer.code, {"tk": tk, "ds": both})
    assert slicer.selected_runs == by_hand.run.values.tolist() == [f"A-{i}" for i in range(8)]


def test_selection__points_are_those_that_select_keeps(ds) -> None:
    selection = Selection(tk.with_references(ds, n_geodesic=3))
    selection.conditions = {"architecture": ["A", "C"], "where": "width < 40", "step": (2, 5)}
    kept = tk.select(ds, **selection.conditions)
    points = selection.points.sel(run=kept.run, checkpoint=kept.checkpoint)
    np.testing.assert_array_equal(points, kept.step >= 0)
    assert int(selection.points.sum()) == int((kept.step >= 0).sum())


def test_selection__moves_all_slicers_that_share_it_and_each_can_undo(ds) -> None:
    selection = Selection(ds)
    one, other = (tk.widgets.Slicer(ds, selection=selection) for _ in range(2))
    one.conditions = {"architecture": ["A"]}
    assert other.conditions == selection.conditions == {"architecture": ["A"]}
    assert other.board.state == one.board.state
    assert other.code == one.code
    selection.conditions = {"seed": [1]}
    assert one.conditions == {"seed": [1]}
    other.undo()
    assert one.conditions == other.conditions == selection.conditions == {"architecture": ["A"]}


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
