"""The Explorer by its traits and controls, without a browser, and as a page."""

import gc
import weakref

import numpy as np
import pytest
import traitlets
from ipywidgets.widgets.widget import _instances

import trajkit as tk
from trajkit.widgets.explorer import measurements
from trajkit.widgets.explorer.export import training_course

POINT = {"trace": 0, "point": 0, "x": 1, "y": 2}


def happen(view, event: str, *points: dict[str, object]) -> None:
    """What the browser sends when the reader points at the first figure of a panel."""
    view.figures[0]._receive(None, {"event": event, "points": list(points)}, None)


def marked(view) -> set[str]:
    return {run for mark in view.figures[0].marks for run in mark["text"]}


def test_controls__set_the_state(explorer) -> None:
    explorer.controls["metric"].value = "fisher_rao"
    explorer.controls["frame"].value = "selection"
    explorer.view.color = "progress"
    explorer.axes[0].value = 4
    assert (explorer.metric, explorer.frame, explorer.color) == ("fisher_rao", "selection", "progress")
    assert explorer.components == (4, 2, 3)
    explorer.axes[0].value = 3
    assert explorer.components == (3, 2, 4)
    assert explorer.embedding.attrs["metric"] == "fisher_rao"


@pytest.mark.parametrize(
    ("name", "value"),
    [("color", "seed"), ("components", (2, 3, 1)), ("metric", "hellinger"), ("frame", "selection"), ("hovered", "A-0")],
)
def test_traits__are_those_of_the_state_and_observers_find_the_code_written(explorer, name, value) -> None:
    heard: list[tuple[object, str]] = []
    explorer.observe(lambda change: heard.append((change["new"], explorer.code)), name)
    setattr(explorer, name, value)
    assert getattr(explorer.state, name) == value
    assert heard == [(value, explorer.code)]


def test_traits__refuse_what_the_state_refuses_and_stay(explorer) -> None:
    for name, value in {"color": "colour", "metric": "euclid", "components": (1, 2, 9), "highlighted": ["?"]}.items():
        before = getattr(explorer, name)
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(explorer, name, value)
        assert getattr(explorer, name) == before
    explorer.slicer.conditions = {"architecture": ["A"]}
    assert explorer.selected.sizes["run"] == 8


def test_explorer__says_when_nothing_is_selected_and_recovers(explorer) -> None:
    drawn, embedding = explorer.view._shown, explorer.embedding
    explorer.slicer.conditions = {"seed": [0], "width": (30, None)}
    assert "nothing meets all conditions" in explorer._status.value
    assert explorer.view._shown == drawn
    assert explorer.embedding is embedding
    explorer.slicer.conditions = {"split": "test"}
    assert "15 samples (test)" in explorer._status.value


def test_explorer__that_cannot_embed_leaves_no_widgets(ds) -> None:
    before = set(_instances)
    with pytest.raises(traitlets.TraitError, match="cap="):
        tk.explore(ds, metric="jeffreys")
    assert set(_instances) == before


def test_panels__measure_when_they_are_seen_and_only_what_changed(explorer, monkeypatch) -> None:
    asked: list[str] = []
    measure = measurements.trajectory_distance_of
    monkeypatch.setattr(
        measurements, "trajectory_distance_of", lambda *given: asked.append("distance") or measure(*given)
    )
    explorer.slicer.conditions = {"architecture": ["A"]}
    assert asked == []
    matrix = explorer.show_panel("Distances")
    explorer.slicer.conditions = {"architecture": ["B"]}
    explorer.show_panel("Tree")
    explorer.color = "loss"
    assert asked == ["distance"]
    assert len(matrix.figures[0].figure.data[0].x) == 8
    spectrum = next(view for view in explorer.panels if view.title == "Spectrum")
    drawn = spectrum.figures[0].figure
    explorer.show_panel("Spectrum")
    assert spectrum.figures[0].figure is drawn


def test_marks__of_one_panel_are_those_of_all(explorer) -> None:
    progress, loss = explorer.panels[0], explorer.show_panel("Loss and error")
    tree = explorer.show_panel("Tree")
    happen(loss, "click", POINT)
    assert explorer.highlighted == ["A-0"] == explorer.view.highlighted
    assert loss.figures[0]._faded
    assert marked(loss) == marked(tree) == {"A-0"}
    explorer.view.selection = [["B-1", 2], ["C-1", 3], ["B-1", 3]]
    assert explorer.highlighted == ["B-1", "C-1"]
    assert marked(tree) == {"B-1", "C-1"}
    table = explorer.show_panel("Runs").table
    assert table.highlighted == ["B-1", "C-1"]
    table.highlighted = ["C-2"]
    assert explorer.view.highlighted == ["C-2"]
    explorer.show_panel("Progress")
    assert marked(progress) == {"C-2"}
    explorer.keep_highlighted()
    assert explorer.runs == ["C-2"]


def test_marks__can_be_clicked_themselves(explorer) -> None:
    progress = explorer.panels[0]
    happen(progress, "click", POINT)
    own = len(progress.figures[0].figure.data)
    happen(progress, "click", {**POINT, "trace": own})
    assert explorer.highlighted == []


def test_hovering__goes_both_ways(explorer) -> None:
    progress = explorer.panels[0]
    explorer.view.hovered = ["B-2", 3]
    assert explorer.hovered == "B-2"
    assert marked(progress) == {"B-2"}
    assert not progress.figures[0]._faded
    explorer.view.hovered = []
    assert progress.figures[0].marks == []
    happen(progress, "hover", POINT)
    assert explorer.view.hovered == ["A-0", 7]
    happen(progress, "leave")
    assert explorer.view.hovered == []


def test_buttons__measure_and_draw_side_by_side(explorer) -> None:
    view = explorer.show_panel("Groups and nulls")
    assert view.figures == []
    view.options["by"].value = ()
    view.buttons["compare"].click()
    assert "by: wanted one attribute or more" in view.message.value
    view.options["by"].value = ("dropout",)
    view.options["null_draws"].value = 9
    view.buttons["test"].click()
    view.buttons["compare"].click()
    assert view.message.value == ""
    assert list(view.row.children) == view.figures
    assert len(view.figures) == 2
    assert "tk.compare_groups(distance, ['dropout'])" in view.code_line.code
    assert "null_draws=9" in view.code_line.code
    explorer.slicer.conditions = {"architecture": ["A", "B"]}
    assert view.figures == []
    assert (view.options["by"].value, view.options["null_draws"].value) == (("dropout",), 9)


def test_panels__of_one_run_say_what_cannot_be_drawn_and_hide_the_picture_of_other_runs(explorer) -> None:
    matrix, tree = explorer.show_panel("Distances"), explorer.show_panel("Tree")
    assert (tree.body.layout.display, tree.code_line.layout.display) == ("", "")
    explorer.slicer.conditions = {"run": ["A-1"]}
    for view in (tree, matrix):
        explorer.show_panel(view.title)
        assert "wanted two runs or more" in view.message.value
        assert (view.body.layout.display, view.code_line.layout.display) == ("none", "none")
    assert explorer.show_panel("Progress").message.value == ""
    explorer.slicer.conditions = {}
    assert matrix.body.layout.display == ""
    assert matrix.message.value == ""


def test_show_panel__names_the_panels_where_there_is_none_of_the_title(explorer) -> None:
    with pytest.raises(ValueError, match=r"no panel 'Losses': wanted one of .*'Loss and error'"):
        explorer.show_panel("Losses")


def test_close__leaves_nothing_behind(ds) -> None:
    before = set(_instances)
    explorer = tk.explore(ds)
    for view in explorer.panels:
        explorer.show_panel(view.title)
    explorer.panels[-1].buttons["compare"].click()
    explorer.slicer.conditions = {"architecture": ["A", "B"]}
    gone = weakref.ref(explorer)
    explorer.close()
    assert {type(_instances[k]).__name__ for k in set(_instances) - before} <= {"Layout"}
    del explorer, view
    gc.collect()
    assert gone() is None


def test_to_html__is_one_file_with_nothing_from_outside(explorer, tmp_path) -> None:
    explorer.slicer.conditions = {"step": (1, None)}
    page = explorer.to_html(tmp_path / "view.html", title="<i>mine</i>").read_text()
    assert "<title>&lt;i&gt;mine&lt;/i&gt;</title>" in page
    assert "default-src 'none'" in page
    assert "src=" not in page
    assert len(page) < 3e6
    assert "log10(1 + step)" in page


def test_training_course__has_every_network_also_one_without_a_mistake(ds) -> None:
    log_prob = ds.log_prob.values.copy()
    log_prob[0, -1] = np.where(np.arange(5) == ds.label.values[:, None], 0.0, -200.0)
    whole = tk.with_references(ds.assign(log_prob=(ds.log_prob.dims, log_prob)))
    measured = {name: getattr(tk, name)(whole) for name in ("progress", "loss", "error")}
    course = training_course(tk.embed(whole.assign(measured)))
    assert course.run.values.tolist() == ds.run.values.tolist()
    recorded = (course.step >= 0).values
    assert np.isfinite(course.coordinate.values[recorded]).all()
    assert np.isnan(course.coordinate.sel(component=1).values[~recorded]).all()
    at = dict(run=ds.run.values[0], checkpoint=ds.sizes["checkpoint"] - 1)
    assert float(measured["loss"].sel(at)) == 0
    np.testing.assert_allclose(course.coordinate.sel(at), [np.log10(1 + ds.step.values[0, -1]), 1, 0], atol=1e-12)
