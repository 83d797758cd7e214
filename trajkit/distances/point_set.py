"""The points of a dataset as `pairwise` reads them: some points, and a block of samples at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.arranged import as_dataset
from trajkit.points import points
from trajkit.probabilities import is_off, row_problem
from trajkit.schema import SchemaError, validated
from trajkit.typing import AnyArray, Array, Indices

# An error names at most so many points: a dataset in which all are wrong must stay readable.
_NAMED = 5


class PointSet(NamedTuple):
    """Points, wherever their predictions lie: in memory, in a file, or in pieces on other machines."""

    # Coordinates along `point`: run, checkpoint, run attributes.
    labels: xr.Dataset
    # (run, checkpoint, sample, class) or (point, sample, class)
    log_prob: xr.DataArray
    # Where each point stands along the dimensions before `sample`.
    place: tuple[Indices, ...]

    def __len__(self) -> int:
        """Count the points."""
        return len(self.place[0])

    def take(self, index: Any) -> PointSet:
        """Give some of the points."""
        return PointSet(self.labels.isel(point=index), self.log_prob, tuple(at[index] for at in self.place))

    def within(self) -> tuple[dict[Any, slice], tuple[Indices, ...]]:
        """Give the runs that hold these points, and where the points stand among them."""
        low, high = int(self.place[0].min(initial=0)), int(self.place[0].max(initial=0)) + 1
        return {self.log_prob.dims[0]: slice(low, high)}, (self.place[0] - low, *self.place[1:])

    def read(self, samples: slice) -> AnyArray:
        """Read (point, sample, class)."""
        across, at = self.within()
        return self.log_prob.isel({**across, "sample": samples}).values[at]

    def identities(self) -> pd.MultiIndex:
        """(run, checkpoint) of each point."""
        return pd.MultiIndex.from_arrays([self.labels["run"].values, self.labels["checkpoint"].values])


def point_set(ds: xr.Dataset) -> PointSet:
    """Take a trajectory dataset, or its `points`; check everything except the predictions."""
    if "point" in as_dataset(ds).dims:
        if not ds.sizes["point"]:
            raise ValueError("wanted one point or more, got none: the selection left no point")
        log_prob = ds["log_prob"].transpose("point", "sample", "class")
        return PointSet(_labels(ds), log_prob, (np.arange(ds.sizes["point"]),))
    ds = validated(ds, values=False)
    return PointSet(_labels(points(ds[["step"]])), ds["log_prob"], np.nonzero(ds["step"].values >= 0))


def _labels(ds: xr.Dataset) -> xr.Dataset:
    return xr.Dataset(coords={name: c for name, c in ds.coords.items() if c.dims == ("point",)})


def check_alike(a: PointSet, b: PointSet) -> None:
    """Refuse points of different probes."""
    for dim in ("sample", "class"):
        if not np.array_equal(a.log_prob[dim], b.log_prob[dim]):
            raise ValueError(
                f"different probes: {dim!r} has {a.log_prob.sizes[dim]} and {b.log_prob.sizes[dim]} entries that do "
                "not agree in order; distances need predictions on the same inputs"
            )


def check_rows(total: Array, labels: xr.Dataset, samples: Indices) -> None:
    """Refuse rows (point, sample) that do not sum to 1, and name their points; `samples` numbers the columns."""
    wrong = is_off(total)
    if not wrong.any():
        return
    at = np.flatnonzero(wrong.any(1))
    problems = []
    for i in at[:_NAMED]:
        where = f"run {str(labels['run'].values[i])!r}, checkpoint {labels['checkpoint'].values[i]}"
        problems.append(f"{where}: {row_problem(total[i], samples=samples)}")
    if len(at) > _NAMED:
        problems.append(f"and {len(at) - _NAMED} more points")
    raise SchemaError(problems)
