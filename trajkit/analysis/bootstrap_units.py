"""What a bootstrap draws: samples within classes, whole documents, runs within groups, or all of a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.analysis.run_groups import COPY_OF, groups_if_any, names_of, runs_and_copies
from trajkit.configuration import checked_configurations
from trajkit.schema import is_network, run_attributes
from trajkit.typing import Array, Indices

# With two units in a stratum, the variance over draws is half of the true one; with one unit it is 0.
_FEW = 3
# In simulation, percentile intervals over fewer runs or seeds are too narrow (table in `bootstrap`).
_SAFE = 10
CONFIGURATION = "configuration"
# Contexts of one document are not independent: where samples have this coordinate, documents are drawn.
DOCUMENT = "document"


class Units(NamedTuple):
    """Units that are drawn with replacement within strata; a unit has one member along `dim`, or several."""

    dim: str
    kind: str
    unit: Indices  # of each member; -1 for reference runs, which are always kept
    stratum: Indices  # of each unit

    def draw(self, draws: int, random: np.random.Generator) -> list[Indices]:
        """Replace each unit by a random unit of its stratum, once for each draw.

        A draw of runs is repeated if each stratum has only copies of one unit: then there are no pairs.
        """
        out = np.empty((draws, len(self.stratum)), dtype=np.intp)
        again = np.arange(draws)
        while len(again):
            for value in np.unique(self.stratum):
                inside = np.flatnonzero(self.stratum == value)
                out[np.ix_(again, inside)] = random.choice(inside, (len(again), len(inside)))
            different = np.array([len(np.unique(row)) for row in out[again]])
            again = again[different == self.stratum.max() + 1] if self.dim == "run" else again[:0]
        return list(out)

    def leave_one_out(self) -> list[Indices]:
        """List all units but one, for each unit that is not alone in its stratum."""
        every = np.arange(len(self.stratum))
        return [np.delete(every, u) for u in self.units_left_out()]

    def units_left_out(self) -> Indices:
        """List the units that `leave_one_out` leaves out, in its order."""
        return np.flatnonzero(np.bincount(self.stratum)[self.stratum] > 1)

    def weights(self, drawn: list[Indices]) -> Array:
        """Count how often each member is in each draw (draw, member); 0 for reference runs."""
        counts = np.array([np.bincount(units, minlength=len(self.stratum)) for units in drawn], dtype=np.float64)
        if self.kind == CONFIGURATION:
            # Each configuration has the same weight, however many seeds it has.
            counts /= np.bincount(self.unit[self.unit >= 0])
        return np.where(self.unit < 0, 0.0, counts[:, self.unit])

    def members(self, units: Indices) -> Indices:
        """List the members of drawn units, and the reference runs."""
        each = [np.flatnonzero(self.unit == u) for u in units]
        return np.concatenate([*each, np.flatnonzero(self.unit < 0)])

    def limitations(self, interval: str) -> list[str]:
        """Name the cases in which an interval is too narrow."""
        size, said = np.bincount(self.stratum), []
        if alone := int((size == 1).sum()):
            said.append(f"{alone} of {len(size)} strata have one unit ({self.kind}): they do not vary")
        if self.kind != "sample" and interval != "jackknife":
            if two := int((size == 2).sum()):
                said.append(f"{two} of {len(size)} strata have two units ({self.kind}): half the variance is missing")
            if len(self.stratum) < _SAFE:
                said.append(
                    f"few units to draw ({self.kind}: {len(self.stratum)}): "
                    "only interval='jackknife' has the right coverage"
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
        raise ValueError("no class has two samples, so draws cannot differ: wanted a larger probe")
    stratum = np.unique(label, return_inverse=True)[1]
    return Units("sample", "sample", np.arange(len(label)), stratum)


def samples_in_clusters(ds: xr.Dataset, cluster: str) -> Units:
    """Make units of all samples with one value of a coordinate, such as a document, within splits.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=6).assign_coords(document=("sample", list("aabbcc")))
    >>> samples_in_clusters(ds, "document").unit
    array([0, 0, 1, 1, 2, 2])
    """
    known = [str(n) for n, c in ds.coords.variables.items() if c.dims == ("sample",) and n not in ("label", "split")]
    if cluster not in known:
        raise ValueError(f"cluster: wanted one of {known}, the coordinates along sample, got {cluster!r}")
    unit = np.unique(ds[cluster].values, return_inverse=True)[1]
    split = np.unique(ds["split"].values, return_inverse=True)[1]
    first = np.unique(unit, return_index=True)[1]
    # Documents are drawn within splits where each belongs to one.
    stratum = split[first] if (split == split[first][unit]).all() else np.zeros(len(first), dtype=np.intp)
    if np.bincount(stratum).max() < _FEW:
        raise ValueError(
            f"cluster={cluster!r}: {len(first)} are too few to estimate their variance: wanted {_FEW} or more in a "
            "split. cluster='sample' draws single samples, as if they were independent"
        )
    return Units("sample", cluster, unit, stratum)


def runs_in_groups(ds: xr.Dataset | xr.DataArray, over: str, by: str | list[str] | None) -> Units:
    """Make units of the networks, or of those with one configuration, seed or other attribute, within groups.

    Examples
    --------
    >>> import trajkit as tk
    >>> runs_in_groups(tk.simulate(runs=6), "seed", "architecture").stratum
    array([0, 0, 0, 1, 1, 1])
    """
    known = ["sample", "run", CONFIGURATION, *(name for name in run_attributes(ds) if name != "kind")]
    if over not in known:
        raise ValueError(f"over: wanted one of {known}, got {over!r}")
    strata = [] if by is None else names_of(by)
    if over in strata:
        raise ValueError(f"by={by!r} makes each {over!r} a stratum with one unit: leave {over!r} out of by=")
    network = is_network(ds)
    some = ds.isel(run=network)
    of_run = groups_if_any(some, strata)
    if over == CONFIGURATION:
        own = checked_configurations(some).code
    else:
        own = np.arange(len(of_run)) if over == "run" else groups_if_any(some, [over])
    both, unit = np.unique(np.stack([of_run, own], axis=1), axis=0, return_inverse=True)
    if both.size == 0 or np.bincount(both[:, 0]).max() < _FEW:
        hint = ": fewer attributes in by= make larger strata" if strata else ""
        raise ValueError(
            f"over={over!r}: too few units to estimate their variance, {len(both)} in {len(np.unique(both[:, 0]))} "
            f"strata; wanted {_FEW} or more in a stratum{hint}"
        )
    out = np.full(len(network), -1, dtype=np.intp)
    out[network] = unit.ravel()
    return Units("run", over, out, both[:, 0])


def with_copies(ds: xr.Dataset | xr.DataArray, at: Indices) -> xr.Dataset | xr.DataArray:
    """Take runs, some several times; copies get names of their own, and `copy_of` names the run of each.

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
