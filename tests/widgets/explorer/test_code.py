"""The Python that the Explorer shows makes what it draws."""

import numpy as np
import pytest

import trajkit as tk

STATES = [
    {},
    {"color": "progress"},
    {"color": "loss", "split": "train"},
    {"split": "test", "components": (2, 3, 4), "color": "seed"},
    {"frame": "selection", "split": "test", "color": "step"},
    {"frame": "selection", "progress": (0.2, 0.9), "components": (3, 1, 2)},
    {"step": (2, 5), "metric": "hellinger", "color": ""},
]


def box_to_data(view: tk.widgets.ManifoldView) -> np.ndarray:
    """Coordinates (component, point) that a view was sent, in units of the embedding."""
    shown = np.frombuffer(view._coordinate, np.float32).reshape(len(view._axes), -1).astype(float)
    low = np.array([axis["low"] for axis in view._axes])[:, None]
    high = np.array([axis["high"] for axis in view._axes])[:, None]
    return (low + high) / 2 + shown * (high - low) / 2


def assert_same_picture(a: tk.widgets.ManifoldView, b: tk.widgets.ManifoldView) -> None:
    assert a._runs == b._runs
    assert (a.components, a.color, a.highlighted, a.camera) == (b.components, b.color, b.highlighted, b.camera)
    for name in ("_offset", "_shown", "_checkpoint", "_step"):
        assert getattr(a, name) == getattr(b, name), name
    np.testing.assert_allclose(box_to_data(a), box_to_data(b), atol=1e-6)
    np.testing.assert_equal([axis["title"] for axis in a._axes], [axis["title"] for axis in b._axes])


def run_code(code: str, names: dict[str, object]) -> object:
    *lines, last = code.splitlines()
    exec("\n".join(lines), names)
    return eval(last, names)


@pytest.mark.parametrize(
    ("state", "references"),
    [*((state, False) for state in STATES), (STATES[5], True), (STATES[6], True)],
    ids=str,
)
def test_code__draws_what_the_explorer_draws(ds, state, references) -> None:
    ds = tk.with_references(ds, n_geodesic=7) if references else ds
    explorer = tk.explore(ds)
    state = dict(state)
    windows = {n: state.pop(n) for n in ("split", "progress", "step") if n in state}
    explorer.slicer.conditions = {"architecture": ["A", "B"], "width": (4, 30), **windows}
    for name, value in state.items():
        setattr(explorer, name, value)
    explorer.view.camera = {"yaw": 30.0}
    explorer.highlighted = ["A-1"]
    names: dict[str, object] = {"tk": tk, "ds": ds}
    assert_same_picture(explorer.view, run_code(explorer.code, names))
    assert explorer.selected.identical(names["selected"])
    for view in explorer.panels:
        explorer.show_panel(view.title)
        assert view.message.value == "", view.title
        if not view.figures:
            continue
        figure = run_code(view.code_line.code, dict(names))
        drawn = view.figures[0].figure
        assert len(figure.data) == len(drawn.data)
        for a, b in zip(drawn.data, figure.data, strict=True):
            np.testing.assert_array_equal(np.asarray(a.x), np.asarray(b.x))
            np.testing.assert_array_equal(np.asarray(a.text), np.asarray(b.text))
    explorer.close()


def test_code__names_landmarks_where_there_are_points_beyond_them(ds) -> None:
    explorer = tk.explore(ds, landmarks=90)
    assert "landmarks=90" in explorer.code
    explorer.slicer.conditions = {"architecture": ["A"]}
    explorer.frame = "selection"
    assert "own = tk.embed(selected, n_components=6)" in explorer.code
    assert_same_picture(explorer.view, run_code(explorer.code, {"tk": tk, "ds": ds}))


@pytest.mark.parametrize("name", ["learning rate", "lambda", "1st"])
def test_code__is_python_for_any_name_of_an_attribute(name) -> None:
    ds = tk.simulate(runs=6, checkpoints=4)
    ds = ds.assign_coords({name: ("run", [0.1, 0.2, np.nan] * 2)})
    explorer = tk.explore(ds)
    explorer.slicer.conditions = {name: [0.1, np.nan]}
    names: dict[str, object] = {"tk": tk, "ds": ds}
    run_code(explorer.code, names)
    assert names["selected"].run.values.tolist() == explorer.runs == ds.run.values[[0, 2, 3, 5]].tolist()
