"""How an embedding changes when samples, runs or whole groups of runs are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.analysis.run_groups import groups
from trajkit.analysis.shuffles import kinds_of_samples
from trajkit.distances import Metric, as_metric
from trajkit.embedding import align
from trajkit.embedding.embed import embedded
from trajkit.schema import networks
from trajkit.typing import Indices


def stability(
    ds: xr.Dataset,
    by: str = "architecture",
    *,
    shares: Sequence[float] = (0.5, 0.25),
    repeats: int = 5,
    n_components: int = 3,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    landmarks: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Embed fewer samples, fewer runs, and all runs but one group, and compare with the embedding of the whole.

    `align` rotates each embedding to that of the whole dataset by the points that both hold.

    Parameters
    ----------
    ds
        A trajectory dataset. Its reference runs are replaced by those of `embed`.
    by
        Run attribute that defines the groups. Each group is left out once.
    shares
        Shares of the samples (within each class and split) and of the runs (within each group) to keep. They are drawn
        at random without replacement, at least two in each class or group.
    repeats
        Number of draws for each share.
    n_components
        Number of components.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    landmarks
        Number of points to embed exactly; the other points are projected. By default all points are embedded exactly.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        On `change` and `repeat`: `misfit`, the root mean square distance of the shared points from their places in the
        whole, in units of their spread (0: the same embedding, 1: nothing in common), and `explained_stress` and
        `explained_distance` in `n_components`. The names on `change` describe each change; its coordinates are `what`
        ("nothing", "samples", "runs" or the attribute) and `kept` (share of samples or runs that are kept). A group is
        left out once: further repeats are NaN. The misfit is also NaN if an embedding has other numbers of space-like
        and time-like components than the whole, because they cannot be aligned; `attrs["limitations"]` counts these
        cases.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all; if there are no shares, or one is not
        between 0 and 1; if `repeats` is below 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, samples=40, checkpoints=6, groups=2, spread=0.3)
    >>> found = tk.stability(ds, shares=[0.5], repeats=2)
    >>> found.change.values.tolist()
    ['all', '50 % of samples', '50 % of runs', 'without architecture A', 'without architecture B']
    >>> bool(found.misfit.sel(change="50 % of samples").max() < 0.3)
    True
    """
    wanted = list(shares)
    if not wanted or not all(0 < share < 1 for share in wanted):
        raise ValueError(f"shares: wanted numbers between 0 and 1, got {wanted}")
    if repeats < 1:
        raise ValueError(f"repeats: wanted one or more, got {repeats}")
    chosen = as_metric(metric, cap)
    ds = networks(ds, least=2)
    code, values = groups(ds, by)
    random = np.random.default_rng(seed)

    def embedding(some: xr.Dataset) -> xr.Dataset:
        return embedded(some, n_components, chosen, landmarks=landmarks, seed=seed)

    whole = embedding(ds)
    changes = list(_changes(ds, by, code, values.tolist(), wanted, random))
    found = np.full((len(changes), repeats, 3), np.nan)
    found[0, 0] = _measures(whole, whole)
    for row, change in enumerate(changes[1:], start=1):
        for repeat in range(1 if change.what == by else repeats):
            found[row, repeat] = _measures(whole, embedding(ds.isel({change.dim: change.draw()})))
    unlike = int((np.isnan(found[..., 0]) & ~np.isnan(found[..., 1])).sum())
    said = f"{unlike} embeddings have another signature than the whole, and no misfit" if unlike else ""
    names = ("misfit", "explained_stress", "explained_distance")
    meaning = (
        "distance left after alignment, in units of the spread",
        "explained stress",
        "explained distance",
    )
    return xr.Dataset(
        {
            name: (("change", "repeat"), found[..., k], {"long_name": meaning[k], "units": "1"})
            for k, name in enumerate(names)
        },
        {
            "change": [change.name for change in changes],
            "what": ("change", [change.what for change in changes]),
            "kept": ("change", [change.kept for change in changes]),
        },
        {"by": by, "components": n_components, **chosen.identity, "seed": seed, "limitations": said},
    )


class _Change(NamedTuple):
    """One way to make the dataset smaller: `draw` gives the runs or samples to keep, others in each call."""

    name: str
    what: str
    kept: float
    dim: str
    draw: Callable[[], Indices]


def _changes(
    ds: xr.Dataset, by: str, code: Indices, values: list[object], shares: list[float], random: np.random.Generator
) -> Iterator[_Change]:
    yield _Change("all", "nothing", 1.0, "run", partial(np.arange, len(code)))
    for dim, stratum in (("sample", kinds_of_samples(ds)), ("run", code)):
        for share in shares:
            draw = partial(_drawn, stratum, share, random)
            yield _Change(f"{100 * share:g} % of {dim}s", f"{dim}s", share, dim, draw)
    for group, value in enumerate(values):
        others = np.flatnonzero(code != group)
        yield _Change(f"without {by} {value}", by, len(others) / len(code), "run", others.copy)


def _drawn(stratum: Indices, share: float, random: np.random.Generator) -> Indices:
    """Draw a share of each stratum, at least two, and keep the order of its members."""
    out = []
    for value in np.unique(stratum):
        inside = np.flatnonzero(stratum == value)
        number = min(len(inside), max(2, round(share * len(inside))))
        out.append(random.choice(inside, number, replace=False))
    return np.sort(np.concatenate(out))


def _measures(whole: xr.Dataset, part: xr.Dataset) -> tuple[float, float, float]:
    can_align = sorted(whole["signature"].values) == sorted(part["signature"].values)
    misfit = float(align(whole, part).attrs["misfit"]) if can_align else np.nan
    return misfit, float(part["explained_stress"][-1]), float(part["explained_distance"][-1])
