"""Many runs as one line: their arrays one after another, with a gap after each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves.start import after_start
from trajkit.figures.escaped import all_escaped
from trajkit.typing import Array, Mask


class RunLines:
    """The checkpoints of some trajectories, from their start on, in one line that breaks between runs.

    One trace of many runs draws much faster than one trace for each run. `run`, `checkpoint` and `is_gap` are along
    the line.
    """

    def __init__(self, ds: xr.Dataset, runs: Mask) -> None:
        self._ds, step = ds, ds["step"].transpose("run", "checkpoint").values
        recorded = after_start(ds) & runs[:, None]
        # One more column stands for the gap after a run.
        gap = recorded.any(1, keepdims=True)
        run, checkpoint = np.nonzero(np.concatenate([recorded, gap], axis=1))
        self.is_gap = checkpoint == recorded.shape[1]
        self.run = run
        self.checkpoint = np.where(self.is_gap, 0, checkpoint)
        self._step = step[run, self.checkpoint]

    def take(self, values: Array) -> Array:
        """Values of (run, checkpoint) along the line, NaN in the gaps."""
        return np.where(self.is_gap, np.nan, values[self.run, self.checkpoint])

    def names(self) -> NDArray[np.str_]:
        """Names of the runs along the line, as plotly shows them."""
        return all_escaped(self._ds["run"].values)[self.run]

    def hover(self) -> dict[str, Any]:
        """Describe the hover text of a point: run, checkpoint and step."""
        return {
            "text": self.names(),
            "customdata": np.stack([self._ds["checkpoint"].values[self.checkpoint], self._step], axis=1),
            "hovertemplate": "<b>%{text}</b><br>checkpoint %{customdata[0]}, step %{customdata[1]}<extra></extra>",
        }


def chosen(ds: xr.Dataset, runs: xr.DataArray | Sequence[str] | None) -> Mask:
    """Find the runs of `ds` to draw: those that are named, or all.

    Raises
    ------
    TypeError, ValueError
        If `runs` is no list of names, or a named run is not in the dataset.
    """
    known = ds["run"].values
    if runs is None:
        return np.ones(len(known), dtype=bool)
    given = runs.values if isinstance(runs, xr.DataArray) else runs
    wanted: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str | Mapping) else [None]
    if not all(isinstance(name, str) for name in wanted):
        raise TypeError(f"runs: wanted a list of names of runs, or a DataArray of them, got {type(runs).__name__}")
    if unknown := sorted(set(wanted) - set(known.tolist())):
        raise ValueError(f"runs {unknown[:5]} are not in the dataset; it has {len(known)} runs, such as {known[0]!r}")
    return np.isin(known, wanted)


def single_points(embedding: xr.Dataset) -> dict[int, int]:
    """Find the reference runs that are one point, such as ignorance and truth: row of the run to its checkpoint."""
    recorded = embedding["step"].transpose("run", "checkpoint").values >= 0
    single = (embedding["kind"].values == "reference") & (recorded.sum(1) == 1)
    return {int(row): int(recorded[row].argmax()) for row in np.flatnonzero(single)}
