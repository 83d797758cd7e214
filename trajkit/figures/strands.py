"""Runs as strands: the arrays of many runs one after another, with a gap after each."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray


class Strands:
    """Indices that lay recorded checkpoints of some runs out in one line that breaks between runs.

    One trace of many runs draws much faster than a trace for each.
    """

    def __init__(self, ds: xr.Dataset, runs: NDArray[np.bool_]) -> None:
        recorded = (ds["step"].transpose("run", "checkpoint").values >= 0) & runs[:, None]
        # A run's gap is its one last, unrecorded column.
        gap = recorded.any(1, keepdims=True)
        run, checkpoint = np.nonzero(np.concatenate([recorded, gap], axis=1))
        self.is_gap = checkpoint == recorded.shape[1]
        self.run = run
        self.checkpoint = np.where(self.is_gap, 0, checkpoint)

    def take(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of (run, checkpoint) along the strands, NaN in the gaps."""
        return np.where(self.is_gap, np.nan, values[self.run, self.checkpoint])

    def per_run(self, values: NDArray[np.str_]) -> NDArray[np.str_]:
        """Values of (run) along the strands."""
        return values[self.run]


def chosen(ds: xr.Dataset, runs: xr.DataArray | list[str] | None) -> NDArray[np.bool_]:
    """Which runs of `ds` to draw: those named, or all.

    Raises
    ------
    ValueError
        If a run named is not there.
    """
    known = ds["run"].values
    if runs is None:
        return np.ones(len(known), dtype=bool)
    wanted = np.asarray(runs)
    if unknown := sorted(set(wanted.tolist()) - set(known.tolist())):
        raise ValueError(f"runs {unknown[:5]} are not in the dataset; it has {len(known)} runs, {known[0]!r} the first")
    return np.isin(known, wanted)
