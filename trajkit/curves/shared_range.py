"""The interval of a quantity that all runs of a comparison reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.schema import is_network
from trajkit.typing import Array, Indices

# Share of what the median network reaches that a run must reach to be compared.
REACH = 0.8


class SharedRange(NamedTuple):
    """The interval, the runs that are compared, and what the attributes of a result say about both."""

    low: float
    high: float
    runs: Indices
    attrs: dict[str, str | float]


def shared_range(ds: xr.Dataset, own: list[Array], grid: Array, reach: float, name: str) -> SharedRange:
    """Find the interval that every compared run reaches; a run that reaches too little is left out.

    Parameters
    ----------
    ds
        A trajectory dataset.
    own
        For each run, the running maximum of the quantity over its checkpoints.
    grid
        Equally spaced values of the whole quantity, of which the interval is a part.
    reach
        Share of what the median network reaches, from the first value of the grid on, that a run must reach.
    name
        Name of the quantity.

    Raises
    ------
    ValueError
        If `reach` is not between 0 and 1, of several runs only one is left, or no interval is left.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds, grid = tk.simulate(runs=3), np.linspace(0, 1, 5)
    >>> shared_range(ds, [np.array([0.1, 0.9]), np.array([0.0, 0.8]), np.array([0.0, 0.5])], grid, 0.8, "progress")[:3]
    (0.1, 0.8, array([0, 1]))
    """
    if not 0 <= reach <= 1:
        raise ValueError(f"reach: wanted a share between 0 and 1, got {reach}")
    first, last = np.array([[row[0], row[-1]] for row in own]).T
    network = is_network(ds)
    # A reference of one point, such as truth, is the same model at every progress.
    everywhere = ~network & (np.array([len(row) for row in own]) == 1)
    counted = network if network.any() else ~everywhere
    if not counted.any():
        return SharedRange(grid[0], grid[-1], np.arange(len(own)), _attrs(grid[0], grid[-1], grid, []))
    # Relative to the median: training that ends at half the progress everywhere is compared as far as it goes.
    wanted = grid[0] + reach * (np.median(last[counted]) - grid[0])
    kept = everywhere | (last >= wanted)
    if kept.sum() < min(2, len(kept)):
        raise ValueError(
            f"no two runs reach {reach:g} of the {name} that the median network reaches: leave out the runs that go "
            "far or those that do not, or pass a smaller reach="
        )
    moving = np.flatnonzero(kept & ~everywhere)
    names = ds["run"].values
    latest, shortest = moving[first[moving].argmax()], moving[last[moving].argmin()]
    low, high = float(first[latest]), float(last[shortest])
    if not low < high:
        raise ValueError(
            f"the runs have no interval of {name!r} in common: run {str(names[latest])!r} starts at {low:.3g} and "
            f"run {str(names[shortest])!r} ends at {high:.3g}; leave one of them out, or use extend='hold' to repeat "
            "first and last checkpoints"
        )
    return SharedRange(low, high, np.flatnonzero(kept), _attrs(low, high, grid, names[~kept].tolist()))


def _attrs(low: float, high: float, grid: Array, left_out: list[str]) -> dict[str, str | float]:
    return {
        "shared_from": float(low),
        "shared_to": float(high),
        "shared_part": float((high - low) / (grid[-1] - grid[0])),
        "left_out": ", ".join(left_out),
    }
