"""Embedding of a few points exactly and projection of all others; predictions are read a few runs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import index
from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.curves.progress import progress_of
from trajkit.distances import Metric, pairwise
from trajkit.embedding.inpca import inpca
from trajkit.embedding.project import project
from trajkit.embedding.quality import explained_distance
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.limitations import with_reasons
from trajkit.points import run_blocks
from trajkit.progress_bar import open_bar
from trajkit.schema import validate_predictions
from trajkit.typing import Array, Indices, Mask

# Projected points on whose pairs the errors are measured.
_HELD_OUT = 500
# Progress is measured on so many samples: it is only used to sort points.
_SAMPLES = 200


class _Draw(NamedTuple):
    """Places in the order of run and progress, without references, and how many points each stands for."""

    place: Indices
    times: Array


class _Plan(NamedTuple):
    """Which points become landmarks, all references among them."""

    is_reference: Mask  # (point,)
    landmarks: _Draw
    more: _Draw  # with these beside them, the error of the landmarks is measured


def landmark_embedding(
    parts: Sequence[xr.Dataset],
    stacked: xr.Dataset,
    landmarks: int,
    n_components: int,
    metric: Metric,
    seed: int,
    progress_bar: bool | None,
) -> xr.Dataset:
    """Embed the points of trajectory datasets from landmarks; `stacked` holds their coordinates in one order."""
    plan = _plan(stacked, landmarks, n_components, seed)
    times, more_times, both = _read_landmarks(parts, stacked, plan)
    chosen, more = times > 0, more_times > 0
    between_both = pairwise(both, metric=metric, progress_bar=progress_bar)
    first = chosen[chosen | more]
    old = both.isel(point=first)
    exact = _repeated(between_both.isel(point=first, point2=first), times, n_components)
    held_out = np.zeros(len(chosen), dtype=bool)
    held_out[np.random.default_rng(seed).permutation(np.flatnonzero(~(chosen | more)))[:_HELD_OUT]] = True
    per_point = {
        "coordinate": np.empty((len(chosen), n_components)),
        "mean_distance": np.full(len(chosen), np.nan),
        "weight": np.zeros(len(chosen)),
    }
    for name, values in per_point.items():
        values[chosen] = exact[name]
    kept = []
    with open_bar(int((~chosen).sum()), "placing points", progress_bar) as bar:
        for at, new in _point_blocks(parts, stacked, ~chosen):
            # float32 is right to 1e-6, far within the error of landmarks.
            placed = project(exact, pairwise(new, old, metric=metric, dtype="float32", progress_bar=False))
            per_point["coordinate"][at] = placed["coordinate"]
            kept.append(new.isel(point=held_out[at]))
            bar.update(len(at))
    unseen = _joined(kept)
    between = pairwise(unseen, metric=metric, progress_bar=False)
    seen = exact[["signature"]].assign(coordinate=(("point", "component"), per_point["coordinate"][held_out]))
    share = len(plan.landmarks.place) / (len(plan.landmarks.place) + len(plan.more.place))
    all_times = np.where(plan.is_reference, 1, share * times + (1 - share) * more_times)
    finer = _repeated(between_both, all_times, n_components)
    better = project(finer, pairwise(unseen, both, metric=metric, progress_bar=False))
    moved = np.abs(_pictured(seen) - _pictured(better)).sum((1, 2))
    moved *= _left(len(plan.landmarks.place), len(plan.more.place), int((~plan.is_reference).sum()))
    found = xr.Dataset(
        {
            **{name: (exact[name].dims, values, exact[name].attrs) for name, values in per_point.items()},
            **{name: exact[name] for name in exact.data_vars if exact[name].dims == ("component",)},
            "is_landmark": ("point", chosen),
            "projected_explained_distance": explained_distance(seen, between),
            "landmark_error": (
                "component",
                moved / squared_lengths(between).sum(),
                {"long_name": "estimated error of distances in the picture, relative to the distances"},
            ),
        },
        coords={**{n: c for n, c in stacked.coords.items() if c.dims == ("point",)}, "component": exact["component"]},
        attrs=exact.attrs,
    )
    return with_reasons(found, {"mean_distance": "only landmarks have one, other points were projected"})


def _plan(stacked: xr.Dataset, landmarks: int, n_components: int, seed: int) -> _Plan:
    """Place landmarks, and as many more, at random, one to each of as many stretches of equal length."""
    is_reference = stacked["kind"].values == "reference"
    k, m, references = index(landmarks), len(is_reference), int(is_reference.sum())
    # The rest serves to measure errors: a third of it at least, two points or more, as pairs to measure them on.
    if not (n_components <= k and references < k <= m - 4):
        raise ValueError(
            f"landmarks: wanted more than the {references} reference points and at most {m - 4} of {m} points, "
            f"at least n_components = {n_components}; got {landmarks}"
        )
    others, wanted = m - references, k - references
    random = np.random.default_rng(seed)
    # Even distances would be a little better still, but where runs have a like period nothing would show their error.
    place, times = _one_of_each(others, wanted, random)
    rest = np.setdiff1d(np.arange(others), place)
    more, more_times = _one_of_each(len(rest), min(wanted, len(rest) // 2), random)
    return _Plan(is_reference, _Draw(place, times), _Draw(rest[more], more_times * others / len(rest)))


def _one_of_each(length: int, number: int, random: np.random.Generator) -> tuple[Indices, Array]:
    """Cut a range into stretches as alike as can be and draw one place of each: the places, and how long each was."""
    ends = np.arange(number + 1) * length // number
    return random.integers(ends[:-1], ends[1:]), np.diff(ends).astype(float)


def _repeated(distance: xr.DataArray, times: Array, n_components: int) -> xr.Dataset:
    """Embed landmarks as if each were there as often as the points it stands for; `times` is 0 at all others."""
    embedding = inpca(distance, n_components, weights=times[times > 0])
    # Of points that are repeated, the eigenvalues are those of weights times the number of points.
    return embedding.assign(eigenvalue=embedding["eigenvalue"] * len(times))


def _left(landmarks: int, more: int, points: int) -> float:
    """Factor from the change by more landmarks to the change by all points: variances go as 1/landmarks - 1/points."""
    return float(np.sqrt((1 / landmarks - 1 / points) / (1 / landmarks - 1 / (landmarks + more))))


def _read_landmarks(parts: Sequence[xr.Dataset], stacked: xr.Dataset, plan: _Plan) -> tuple[Array, Array, xr.Dataset]:
    """Choose landmarks by run and progress, and more, and keep their predictions: the pass that checks the runs.

    How many points each point stands for as a landmark (0 if it is none), and as one more; predictions of both.
    """
    times, more_times = plan.is_reference.astype(float), np.zeros(len(plan.is_reference))
    kept, first, passed = [], 0, 0
    for block in _blocks(parts):
        validate_predictions(block)
        here = slice(first, first + int((block["step"] >= 0).sum()))
        order = first + _in_order(block, ~plan.is_reference[here])
        for out, draw in ((times, plan.landmarks), (more_times, plan.more)):
            mine = (draw.place >= passed) & (draw.place < passed + len(order))
            out[order[draw.place[mine] - passed]] = draw.times[mine]
        kept.append(_predictions(block, stacked, here, times + more_times > 0))
        first, passed = here.stop, passed + len(order)
    return times, more_times, _joined(kept)


def _in_order(block: xr.Dataset, wanted: Mask) -> Indices:
    """Put the wanted points of a block in the order of runs, and of progress within a run."""
    thin = block.isel(sample=slice(None, None, -(-block.sizes["sample"] // _SAMPLES)))
    recorded = block["step"].values >= 0
    along = progress_of(thin).values[recorded]
    free = np.flatnonzero(wanted)
    return free[np.lexsort((along[free], np.nonzero(recorded)[0][free]))]


def _point_blocks(
    parts: Sequence[xr.Dataset], stacked: xr.Dataset, wanted: Mask
) -> Iterator[tuple[Indices, xr.Dataset]]:
    """Read predictions again: the indices of wanted points, and those points."""
    first = 0
    for block in _blocks(parts):
        here = slice(first, first + int((block["step"] >= 0).sum()))
        first = here.stop
        if wanted[here].any():
            yield here.start + np.flatnonzero(wanted[here]), _predictions(block, stacked, here, wanted)


def _blocks(parts: Sequence[xr.Dataset]) -> Iterator[xr.Dataset]:
    return (block for part in parts for block in run_blocks(part))


def _predictions(block: xr.Dataset, stacked: xr.Dataset, here: slice, wanted: Mask) -> xr.Dataset:
    """Predictions of the wanted points of a block, with their names."""
    run, checkpoint = (i[wanted[here]] for i in np.nonzero(block["step"].values >= 0))
    names = stacked[["run", "checkpoint"]].isel(point=slice(here.start, here.stop)).isel(point=wanted[here])
    return xr.Dataset(
        {"log_prob": (("point", "sample", "class"), block["log_prob"].values[run, checkpoint])},
        coords={
            **{n: ("point", names[n].values) for n in ("run", "checkpoint")},
            **{n: block[n].values for n in ("sample", "class")},
        },
    )


def _joined(blocks: Sequence[xr.Dataset]) -> xr.Dataset:
    return xr.concat(blocks, "point", data_vars="minimal", coords="minimal", compat="override", join="override")


def _pictured(embedding: xr.Dataset) -> Array:
    """Distances (component, point, point) in the picture of the first 1, 2, ... components."""
    x = embedding["coordinate"].values.T
    square = np.square(x[:, :, None] - x[:, None])
    return np.cumsum(embedding["signature"].values[:, None, None] * square, axis=0)
