"""The traits of a view: what each takes and refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
import traitlets
import xarray as xr

from trajkit.widgets.manifold_traits import CAMERA
from trajkit.widgets.manifold_view import ManifoldView


@pytest.fixture
def embedding(ragged_embedding: xr.Dataset) -> xr.Dataset:
    return ragged_embedding


def test_camera__keeps_what_is_not_given(embedding):
    view = ManifoldView(embedding)
    view.camera = {"yaw": 10, "projection": "orthographic"}
    view.camera = {"zoom": 2}
    assert view.camera == {**CAMERA, "yaw": 10.0, "zoom": 2.0, "projection": "orthographic"}


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("camera", {"yow": 3}, "unknown keys ['yow']; wanted some of ['yaw', 'pitch', 'zoom', 'target', 'projection']"),
        ("camera", {"zoom": 0}, "zoom above 0"),
        ("camera", {"target": [0, 1]}, "a target of three numbers"),
        ("camera", {"yaw": np.nan}, "finite angles"),
        ("camera", {"yaw": "left"}, "finite angles"),
        ("camera", {"projection": "flat"}, "wanted one of ['perspective', 'orthographic'], got 'flat'"),
        ("components", (1, 2), "wanted three of [1, 2, 3, 4], got (1, 2)"),
        ("components", (1, 2, 5), "wanted three of [1, 2, 3, 4], got (1, 2, 5)"),
        ("color", "colour", "wanted one of ['', 'architecture', 'seed'"),
        ("time_axis", "epoch", "wanted one of ['checkpoint', 'step', 'known_progress']"),
        ("tool", "zoom", "expected any of ['orbit', 'pan', 'lasso', 'box'], not the str 'zoom'"),
        ("theme", "blue", "expected any of ['auto', 'light', 'dark']"),
        ("aspect", "data", "expected any of ['cube', 'equal']"),
        ("point_size", -1.0, "of 0 or more, got -1.0"),
        ("line_width", float("inf"), "of 0 or more"),
        ("opacity", 1.5, "from 0 to 1"),
        ("time", float("nan"), "from 0 to 1"),
        ("duration", 0.0, "above 0"),
        ("height", 0, "above 0"),
        ("selection", [["nobody", 1]], "unknown runs ['nobody'], wanted some of the 15 runs ['A-0'"),
        ("selection", ["A-0"], "wanted a run and a checkpoint, got 'A-0'"),
        ("pinned", [["A-0"]], "wanted a run and a checkpoint"),
        ("hovered", ["Z-0", 3], "unknown runs ['Z-0']"),
        ("highlighted", ["A-0", "Q"], "unknown runs ['Q']"),
        ("filters", {"achitecture": ["A"]}, "filters: wanted one of ['architecture', 'seed']"),
        ("filters", {"architecture": ["Z"]}, "filters['architecture']: wanted one of ['A', 'B', 'C'], got 'Z'"),
        ("toolbar", ["colour"], "wanted one of ['color', 'filter'"),
    ],
)
def test_traits__refuse_unknown_values_and_list_the_known_ones(embedding, trait, value, message):
    view = ManifoldView(embedding)
    before = getattr(view, trait)
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        setattr(view, trait, value)
    assert getattr(view, trait) == before


def test_browser__sets_traits_as_python_does(embedding):
    """What a message from the browser does to the widget."""
    view = ManifoldView(embedding)
    moved = {**CAMERA, "yaw": 12.5}
    view.set_state({"camera": moved, "selection": [["A-0", 1]], "time": 0.25, "components": [2, 1, 3]})
    assert (view.camera["yaw"], view.time, view.components) == (12.5, 0.25, (2, 1, 3))
    assert int(view.selected.sum()) == 1
