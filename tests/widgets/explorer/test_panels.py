"""Panels read a state and return figures, marks and code; no widget is needed."""

import numpy as np
import plotly.graph_objects as go
import pytest

import trajkit as tk
from trajkit.widgets.explorer.panels import LEFT, RIGHT, DistancesPanel, GroupsPanel, RunsPanel, TreePanel
from trajkit.widgets.explorer.state import ExplorerState

PANELS = {panel.title: panel for panel in (*LEFT, *RIGHT)}


@pytest.mark.parametrize("title", PANELS)
def test_panel__draws_from_a_state_alone(state, title) -> None:
    panel = PANELS[title](state)
    assert all(isinstance(figure, go.Figure) for figure in panel.figures())
    assert panel.code()
    # Equal states have equal keys.
    assert panel.key() == PANELS[title](state).key()


CHANGES = {
    "runs": ("conditions", {"architecture": ["A"]}),
    "samples": ("conditions", {"split": "test"}),
    "points": ("conditions", {"step": (1, 5)}),
    "colour": ("color", "seed"),
    "metric": ("metric", "fisher_rao"),
    "frame": ("frame", "selection"),
}
DEPENDS = {
    "Progress": {"runs", "samples", "points", "colour"},
    "Loss and error": {"runs", "samples", "points", "colour"},
    "Off the geodesic": {"runs", "samples", "points", "colour", "metric"},
    "Runs": {"runs", "samples", "points"},
    "Spectrum": {"samples", "metric", "frame"},
    "Distances": {"runs", "samples", "colour", "metric"},
    "Tree": {"runs", "samples", "colour", "metric"},
    "Groups and nulls": {"runs", "samples", "metric"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_key__changes_with_what_the_panel_shows_and_with_nothing_else(state, change) -> None:
    before = {title: panel(state).key() for title, panel in PANELS.items()}
    name, value = CHANGES[change]
    setattr(state.selection if name == "conditions" else state, name, value)
    changed = {title for title, panel in PANELS.items() if panel(state).key() != before[title]}
    assert changed == {title for title, parts in DEPENDS.items() if change in parts}


def test_tree__a_join_stands_for_the_runs_below_and_a_leaf_for_its_run(state) -> None:
    panel = TreePanel(state)
    tree = tk.cluster(state.distance())
    found = {}
    for trace in panel.figure().data:
        if trace.text is not None:
            assert panel.runs_of(trace, 0, 0, 0) == [trace.text[0]]
            continue
        # Five places draw one join: up, across, down and a gap.
        for point in range(0, len(trace.x), 5):
            found[int(trace.customdata[point][2])] = panel.runs_of(trace, point, 0, 0)
    assert {join: len(runs) for join, runs in found.items()} == dict(enumerate(tree.runs_below.values))
    assert set(found[22]) == set(state.runs)


def test_tree__equal_heights_are_told_apart(ds) -> None:
    """Two pairs of copies join at height 0; a click on one join names the two runs of that pair."""
    same = ds.isel(run=[0, 0, 1, 1]).assign_coords(run=["a", "b", "c", "d"])
    panel = TreePanel(ExplorerState(same))
    joins = [trace for trace in panel.figure().data if trace.text is None]
    pairs = {frozenset(panel.runs_of(t, k, 0, 0)) for t in joins for k in range(0, len(t.x), 5)}
    assert pairs == {frozenset("ab"), frozenset("cd"), frozenset("abcd")}


def test_distances__a_cell_stands_for_both_runs_and_the_diagonal_for_one(state) -> None:
    panel = DistancesPanel(state)
    trace = panel.figure().data[0]
    assert panel.runs_of(trace, -1, "A-3", "B-2") == ["B-2", "A-3"]
    assert panel.runs_of(trace, -1, "A-3", "A-3") == ["A-3"]


def test_runs__end_as_the_dataset_says_and_values_fit_into_json(state) -> None:
    state.selection.conditions = {"architecture": ["A"]}
    table = RunsPanel(state).table()
    assert table.columns[:4] == ["run", "final progress", "final loss", "final error"]
    assert "architecture" not in table.columns
    for row in table.rows:
        run = state.part.sel(run=row[0])
        assert row[1:4] == pytest.approx([run[n].values[-1] for n in ("progress", "loss", "error")])
        assert all(isinstance(value, str | int | float | None) for value in row)
    rates = [row[table.columns.index("learning_rate")] for row in table.rows]
    np.testing.assert_allclose([rate for rate in rates if rate is not None], state.selected.learning_rate.dropna("run"))
    assert None in rates


def test_groups__are_measured_when_asked_for_and_forgotten_with_the_runs(state) -> None:
    panel = GroupsPanel(state)
    by, draws = panel.options()
    assert "width" not in by.offered
    assert panel.figures() == []
    with pytest.raises(ValueError, match="by: wanted one attribute or more"):
        panel.act("compare", {"by": (), draws.name: draws.chosen})
    panel.act("test", {"by": (), "null_draws": 9})
    panel.act("compare", {"by": ("architecture", "dropout"), "null_draws": 9})
    groups, null = panel.figures()
    found = tk.compare_groups(tk.trajectory_distance(state.dataset), ["architecture", "dropout"])
    drawn = dict(zip(groups.data[1].y, groups.data[1].x, strict=True))
    assert drawn["architecture"] == pytest.approx(float(found.r_squared.sel(attribute="architecture")))
    assert len(null.data[0].x) == 24 * 23 // 2
    state.selection.conditions = {"architecture": ["A", "B"]}
    assert panel.figures() == []
    assert panel.code() == "# nothing is measured before you ask for it"


def test_groups__are_tested_against_the_null_by_the_metric_that_is_chosen(state) -> None:
    state.selection.conditions = {"architecture": ["A", "B"]}
    state.metric = "fisher_rao"
    panel = GroupsPanel(state)
    panel.act("test", {"by": (), "null_draws": 9})
    found = tk.null_test(state.part.sel(run=state.runs), null_draws=9, metric="fisher_rao")
    (figure,) = panel.figures()
    np.testing.assert_allclose(figure.data[0].y, found.observed)
    assert figure.layout.yaxis.title.text == "fisher_rao distance at equal progress (rad)"
    again = eval(panel.code(), {"tk": tk, "part": state.part, "selected": state.selected})
    np.testing.assert_array_equal(again.data[0].x, figure.data[0].x)
