"""Samples by the way networks learn them, seen in the traces of the figure."""

from __future__ import annotations

import pytest
import xarray as xr

import trajkit as tk


@pytest.mark.parametrize("by", [None, "architecture"])
def test_data_map__draws_each_sample_once_at_its_numbers(by):
    found = tk.data_map(tk.simulate(runs=4, spread=0.3), by=by)
    name, dim = (found.run.values[1], "run") if by is None else ("B", "group")
    for of, expected in ((name, found.sel({dim: name})), (None, found.mean(dim))):
        figure = tk.figures.data_map(found, of=of)
        drawn = {s: (x, y, c) for t in figure.data for s, x, y, c in zip(t.text, t.x, t.y, t.marker.color, strict=True)}
        assert len(drawn) == 50
        for k, sample in enumerate(found["sample"].values):
            at = expected.isel(sample=k)
            assert drawn[str(sample)] == (float(at.variability), float(at.confidence), float(at.correctness))
    with pytest.raises(ValueError, match="of: wanted one of"):
        tk.figures.data_map(found, of="C-7")
    with pytest.raises(ValueError, match=r"data_map\(ds\)"):
        tk.figures.data_map(xr.Dataset())
