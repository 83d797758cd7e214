"""Runs as strands: the arrays of many runs one after another, with a gap after each."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.typing import Array, Mask


class Strands:
    """Indices that lay recorded checkpoints of some runs out in one line that breaks between runs.

    One trace of many runs draws much faster than a trace for each.
    """

    def __init__(self, ds: xr.Dataset, runs: Mask) -> None:
        self._ds, step = ds, ds["step"].transpose("run", "checkpoint").values
        recorded = (step >= 0) & runs[:, None]
        # A run's gap is its one last, unrecorded column.
        gap = recorded.any(1, keepdims=True)
        run, checkpoint = np.nonzero(np.concatenate([recorded, gap], axis=1))
        self.is_gap = checkpoint == recorded.shape[1]
        self.run = run
        self.checkpoint = np.where(self.is_gap, 0, checkpoint)
        self._step = step[run, self.checkpoint]

    def take(self, values: Array) -> Array:
        """Values of (run, checkpoint) along the strands, NaN in the gaps."""
        return np.where(self.is_gap, np.nan, values[self.run, self.checkpoint])

    def names(self) -> NDArray[np.str_]:
        """Names of the runs along the strands."""
        return self._ds["run"].values[self.run]

    def hover(self) -> dict[str, Any]:
        """Name run, checkpoint and step of a point under the mouse."""
        return {
            "text": self.names(),
            "customdata": np.stack([self._ds["checkpoint"].values[self.checkpoint], self._step], axis=1),
            "hovertemplate": "<b>%{text}</b><br>checkpoint %{customdata[0]}, step %{customdata[1]}<extra></extra>",
        }


def chosen(ds: xr.Dataset, runs: xr.DataArray | list[str] | None) -> Mask:
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
