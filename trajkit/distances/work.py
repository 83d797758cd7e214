"""Computing a matrix of distances: each block of samples is added to the sums of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

from trajkit.distances.metric import Metric
from trajkit.distances.point_set import PointSet, check_rows
from trajkit.progress_bar import open_bar
from trajkit.typing import AnyArray, Array, Indices
from trajkit.workspace import workspace_bytes

if TYPE_CHECKING:
    from trajkit.distances.kernels import Block, Packed


class Work(NamedTuple):
    """How distances are computed, independent of the points."""

    metric: Metric
    samples: int
    weight: Array | None
    dtype: np.dtype[Any]
    device: str

    def distances(self, rows: PointSet, columns: PointSet, progress_bar: bool | None = None) -> AnyArray:
        """Compute the matrix in memory."""
        same = columns is rows
        out = np.zeros((len(rows), len(columns)), dtype=self.dtype)
        size = self.block_size(len(rows) if same else len(rows) + len(columns), rows.log_prob.sizes["class"])
        with open_bar(self.samples, "distances", progress_bar) as bar:
            for start in range(0, self.samples, size):
                some = slice(start, min(start + size, self.samples))
                p = self.prepared(rows.labels, some, rows.read(some))
                q = p if same else self.prepared(columns.labels, some, columns.read(some))
                for share in self.add(some, p, q, out):
                    bar.update(share * (some.stop - some.start))
                # Delete this block before the next one is made: otherwise two are in memory.
                del p, q
        self.finish(out, rows.labels, None if same else columns.labels)
        return out

    def block_size(self, points: int, classes: int) -> int:
        """Return the number of samples of `points` points that fit the workspace."""
        from trajkit.distances import kernels  # compiled code takes half a second to load

        size = kernels.PACKED_BYTES if self._packs() else kernels.block_bytes(self.metric)
        return max(1, int(workspace_bytes() / (size * classes * points)))

    def _packs(self) -> bool:
        from trajkit.distances import kernels

        return self.device == "cpu" and kernels.packs(self.metric)

    def _order(self, samples: slice) -> Indices | slice:
        """Sort samples by weight, so that equal weights are neighbours, and leave out weight 0: 0 times inf is NaN."""
        if self.weight is None:
            return slice(None)
        weight = self.weight[samples]
        order = np.argsort(weight, kind="stable")
        return order[weight[order] > 0]

    def prepared(self, labels: xr.Dataset, samples: slice, log_prob: AnyArray) -> Block | Packed:
        """Normalise and check (point, sample, class)."""
        from trajkit.distances import kernels

        order = self._order(samples)
        rows = np.ascontiguousarray(log_prob[:, order])
        out, total = kernels.packed(rows, self.dtype) if self._packs() else kernels.block(self.metric, rows)
        check_rows(total, labels, np.arange(samples.start, samples.stop)[order])
        return out

    def add(self, samples: slice, p: Block | Packed, q: Block | Packed, out: AnyArray) -> Iterator[float]:
        """Add the contribution of some samples to `out`; yield the share that is done, so that Ctrl-C can stop it."""
        from trajkit.distances import kernels

        count = samples.stop - samples.start
        weight = np.ones(count) if self.weight is None else self.weight[samples][self._order(samples)]
        if not weight.size:  # all samples of this block have weight 0
            return iter(())
        sums: Any = kernels.add_sums
        if self.device != "cpu":
            from trajkit.distances import gpu

            sums = gpu.on(self.device)
        return sums(self.metric, p, q, weight, q is p and self.metric.symmetric, out)

    def finish(self, out: AnyArray, labels: xr.Dataset, other: xr.Dataset | None) -> None:
        """Divide sums by the number or weight of samples, and refuse infinite distances.

        Without `other`, rows and columns are the same points.
        """
        out /= self.samples if self.weight is None else self.weight.sum()
        if other is None:
            np.fill_diagonal(out, 0.0)
        if out.size and np.isinf(out.max()):
            raise ValueError(_infinite_message(out, labels, labels if other is None else other, self.metric.name))

    def labelled(self, values: Any, rows: PointSet, columns: PointSet) -> xr.DataArray:
        """Label the matrix with the names of its points."""
        return xr.DataArray(
            values,
            dims=("point", "point2"),
            coords={
                **{n: c.variable for n, c in rows.labels.coords.items()},
                **{f"{n}2": ("point2", columns.labels[n].values) for n in ("run", "checkpoint")},
            },
            name="distance",
            attrs=self.metric.attrs,
        )


def checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Take float32 or float64, and refuse every other dtype."""
    if (kind := np.dtype(dtype)) not in (np.float32, np.float64):
        raise ValueError(f"dtype: wanted float32 or float64, got {kind}")
    return kind


def _infinite_message(distance: AnyArray, rows: xr.Dataset, columns: xr.Dataset, metric: str) -> str:
    i, j = np.unravel_index(distance.argmax(), distance.shape)
    row, column = rows.isel(point=i), columns.isel(point=j)
    return (
        f"{np.isinf(distance).sum()} pairs of points have an infinite {metric} distance on at least one sample; "
        f"the first: run {str(row.run.values)!r}, checkpoint {row.checkpoint.values} and "
        f"run {str(column.run.values)!r}, checkpoint {column.checkpoint.values}. "
        "One prediction gives probability 0 to a class that the other allows. "
        "Pass cap= to limit each sample's contribution (in nats), or use metric='hellinger'"
    )
