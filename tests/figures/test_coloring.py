"""Colours, seen in the traces of the figure."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.figures.coloring import coloring


def test_coloring__missing_text_is_a_category_named_none(ds):
    with_gap = ds.assign_coords(architecture=ds.architecture.where(ds.run != "A-0", ""))
    assert coloring(with_gap, "architecture").categories == ("(none)", "B", "C", "A")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", [20240101, 20240102, 20240103, 5, 6, 7]),
        ("seed", list(range(2**50, 2**50 + 6))),
        ("seed", [0.1, 0.1 + 1e-9, 1, 2, 3, 4]),
        ("note", ["(none)", "", "a", "a", "b", "b"]),
    ],
)
def test_coloring__every_run_is_drawn_whatever_its_values(name: str, values: list[object]) -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20).assign_coords({name: ("run", values)})
    traces = [t for t in tk.figures.manifold(tk.embed(ds), color=name).data if t.mode == "lines+markers"]
    assert sum(np.isfinite(trace.x).sum() for trace in traces) == 6 * 8
    assert len({trace.name for trace in traces}) == len({value or "(none)" for value in values})
