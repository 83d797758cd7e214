"""What a bootstrap draws: single samples within classes, single runs within groups, or whole seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.analysis.run_groups import COPY_OF, groups_if_any, names_of, runs_and_copies
from trajkit.schema import is_network, run_attributes
from trajkit.typing import Array, Indices

# With two units in a stratum the variance over draws is half of what it should be, with one it is nothing.
_FEW = 3
# In simulation, percentile intervals over so many runs or seeds covered less than they should (`bootstrap`).
_SAFE = 10


class Units(NamedTuple):
    """What is drawn with replacement, each from its own stratum: units with one member or several along `dim`."""

    dim: str
    kind: str
    unit: Indices  # of each member; -1 for references, which are kept as they are
    stratum: Indices  # of each unit

    def draw(self, n: int, random: np.random.Generator) -> list[Indices]:
        """Fill the place of each unit by one of its stratum, n times.

        Of runs, draws in which each stratum holds one only, copied, have no pairs and are drawn again.
        """
        out = np.empty((n, len(self.stratum)), dtype=np.intp)
        again = np.arange(n)
        while len(again):
            for value in np.unique(self.stratum):
                inside = np.flatnonzero(self.stratum == value)
                out[np.ix_(again, inside)] = random.choice(inside, (len(again), len(inside)))
            different = np.array([len(np.unique(row)) for row in out[again]])
            again = again[different == self.stratum.max() + 1] if self.dim == "run" else again[:0]
        return list(out)

    def leave_one_out(self) -> list[Indices]:
        """All units but one, for each unit that is not alone in its stratum."""
        every = np.arange(len(self.stratum))
        return [np.delete(every, u) for u in self.units_left_out()]

    def units_left_out(self) -> Indices:
        """Units that `leave_one_out` leaves out, in its order."""
        return np.flatnonzero(np.bincount(self.stratum)[self.stratum] > 1)

    def weights(self, drawn: list[Indices]) -> Array:
        """How often each member is in each draw (draw, member); references never."""
        counts = np.array([np.bincount(units, minlength=len(self.stratum)) for units in drawn], dtype=np.float64)
        return np.where(self.unit < 0, 0.0, counts[:, self.unit])

    def members(self, units: Indices) -> Indices:
        """Places of the members of drawn units, and of what is kept."""
        each = [np.flatnonzero(self.unit == u) for u in units]
        return np.concatenate([*each, np.flatnonzero(self.unit < 0)])

    def limitations(self, interval: str) -> list[str]:
        """Say where an interval is narrower than it should be."""
        size, said = np.bincount(self.stratum), []
        if alone := int((size == 1).sum()):
            said.append(f"{alone} of {len(size)} strata hold one {self.kind} and do not vary")
        if self.dim == "run" and interval != "jackknife":
            if two := int((size == 2).sum()):
                said.append(f"{two} of {len(size)} strata hold two of {self.kind}: half the variance is missing")
            if len(self.stratum) < _SAFE:
                said.append(
                    f"{len(self.stratum)} of {self.kind} are few: only interval='jackknife' covers as it should"
                )
        return said


def samples_in_classes(ds: xr.Dataset) -> Units:
    """Make units of the samples, within classes.

    Examples
    --------
    >>> import trajkit as tk
    >>> samples_in_classes(tk.simulate(samples=4, classes=2)).stratum.shape
    (4,)
    """
    label = ds["label"].values
    if (pd.Series(label).value_counts() < 2).all():
        raise ValueError("no class has two samples: there is nothing to draw from; wanted a larger probe")
    stratum = np.unique(label, return_inverse=True)[1]
    return Units("sample", "sample", np.arange(len(label)), stratum)


def runs_in_groups(ds: xr.Dataset | xr.DataArray, over: str, by: str | list[str] | None) -> Units:
    """Make units of the networks, or of those alike in an attribute such as `seed`, within groups.

    Examples
    --------
    >>> import trajkit as tk
    >>> runs_in_groups(tk.simulate(runs=6), "seed", "architecture").stratum
    array([0, 0, 0, 1, 1, 1])
    """
    known = ["sample", "run", *(name for name in run_attributes(ds) if name != "kind")]
    if over not in known:
        raise ValueError(f"over: wanted one of {known}, got {over!r}")
    strata = [] if by is None else names_of(by)
    if over in strata:
        raise ValueError(f"by={by!r} makes each {over!r} a stratum of its own, out of which nothing else can be drawn")
    network = is_network(ds)
    some = ds.isel(run=network)
    of_run = groups_if_any(some, strata)
    own = np.arange(len(of_run)) if over == "run" else groups_if_any(some, [over])
    both, unit = np.unique(np.stack([of_run, own], axis=1), axis=0, return_inverse=True)
    if both.size == 0 or np.bincount(both[:, 0]).max() < _FEW:
        what = f"{len(both)} of {over!r} in {len(np.unique(both[:, 0]))} strata"
        raise ValueError(
            f"too few to say how much they vary: {what}; wanted {_FEW} or more of {over!r} in a stratum "
            f"{'(fewer attributes in by= make larger strata)' if strata else ''}".rstrip()
        )
    out = np.full(len(network), -1, dtype=np.intp)
    out[network] = unit.ravel()
    return Units("run", over, out, both[:, 0])


def with_copies(ds: xr.Dataset | xr.DataArray, at: Indices) -> xr.Dataset | xr.DataArray:
    """Take runs, some repeatedly; copies get names of their own, and all know of whom they are one (`copy_of`).

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = with_copies(tk.simulate(runs=2), np.array([0, 0, 1]))
    >>> ds.run.values.tolist(), ds.copy_of.values.tolist()
    (['A-0', 'A-0 (copy 2)', 'B-0'], ['A-0', 'A-0', 'B-0'])
    """
    original = pd.Series(ds["run"].values[at])
    copy = original.groupby(original).cumcount()
    names = np.array([f"{name} (copy {k + 1})" if k else name for name, k in zip(original, copy, strict=True)])
    out = ds.isel(run=at, run2=at) if "run2" in ds.dims else ds.isel(run=at)
    known = runs_and_copies(ds)[at]
    both = {"run": names, **({"run2": names} if "run2" in ds.dims else {})}
    return out.assign_coords({**both, COPY_OF: ("run", known)})
