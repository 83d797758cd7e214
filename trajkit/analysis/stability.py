"""How a picture changes when samples, runs or whole groups of runs are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from trajkit.analysis.run_groups import groups
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
    landmarks: int | None = None,
    seed: int = 0,
    cap: float | None = None,
) -> xr.Dataset:
    """Embed anew with fewer samples, fewer runs and without each group of runs, and compare with the whole.

    Each embedding is laid upon that of the whole dataset (`align`) by the points that both hold.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are replaced by those of `embed`.
    by
        The run attribute whose values are left out in turn.
    shares
        Of the samples (within each class and split) and of the runs (within each group of `by`) that are kept, drawn
        at random without replacement, at least two of each.
    repeats
        Draws for each share.
    n_components, metric, landmarks
        Of `embed`.
    seed
        Of the draws.

    Returns
    -------
    xarray.Dataset
        On `change`, which says in words what was done, with the coordinates `what` ("nothing", "samples", "runs" or
        the attribute) and `kept` (the share of samples or runs that is left), and `repeat`:
        `misfit`, the root mean square distance of shared points from where they were, in units of their spread (0: the
        same picture, 1: nothing in common); `explained_stress` and `explained_distance` in n_components. NaN beyond
        the one repeat that leaving out a group has. A misfit is NaN too where the picture has other numbers of
        space-like and time-like components, which cannot be aligned; `attrs["limitations"]` says how often.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all; if shares or repeats make no sense.

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

    def picture(some: xr.Dataset) -> xr.Dataset:
        return embedded(some, n_components, chosen, landmarks=landmarks, seed=seed)

    whole = picture(ds)
    changes = [("all", "nothing", 1.0), *_thinned(wanted), *_groups_left_out(by, code, values.tolist())]
    found = np.full((len(changes), repeats, 3), np.nan)
    found[0, 0] = _measures(whole, whole)
    unlike = 0
    for row, (_, what, kept) in enumerate(changes[1:], start=1):
        draws = repeats if what in ("samples", "runs") else 1
        for repeat in range(draws):
            some = _some(ds, what, kept, code, row - len(changes), random)
            found[row, repeat] = _measures(whole, picture(some))
            unlike += int(np.isnan(found[row, repeat, 0]))
    said = f"{unlike} embeddings have other signatures than the whole and no misfit" if unlike else ""
    names = ("misfit", "explained_stress", "explained_distance")
    meaning = ("distance left after alignment, in units of the spread", "explained stress", "explained distance")
    return xr.Dataset(
        {
            name: (("change", "repeat"), found[..., k], {"long_name": meaning[k], "units": "1"})
            for k, name in enumerate(names)
        },
        {
            "change": [c[0] for c in changes],
            "what": ("change", [c[1] for c in changes]),
            "kept": ("change", [c[2] for c in changes]),
        },
        {"by": by, "components": n_components, **chosen.identity, "seed": seed, "limitations": said},
    )


def _thinned(shares: list[float]) -> Iterator[tuple[str, str, float]]:
    for what in ("samples", "runs"):
        for share in shares:
            yield f"{100 * share:g} % of {what}", what, share


def _groups_left_out(by: str, code: Indices, values: list[object]) -> Iterator[tuple[str, str, float]]:
    for group, value in enumerate(values):
        yield f"without {by} {value}", by, float((code != group).mean())


def _some(
    ds: xr.Dataset, what: str, kept: float, code: Indices, from_end: int, random: np.random.Generator
) -> xr.Dataset:
    """Keep some samples or runs, or leave out the group whose change stands so far from the end."""
    if what == "samples":
        stratum = np.unique(np.stack([ds["label"], ds["split"] == "train"]), axis=1, return_inverse=True)[1].ravel()
        return ds.isel(sample=_drawn(stratum, kept, random))
    if what == "runs":
        return ds.isel(run=_drawn(code, kept, random))
    return ds.isel(run=code != code.max() + 1 + from_end)


def _drawn(stratum: Indices, share: float, random: np.random.Generator) -> Indices:
    """Draw a share of each stratum, at least two of it, and keep their order."""
    out = []
    for value in np.unique(stratum):
        inside = np.flatnonzero(stratum == value)
        number = min(len(inside), max(2, round(share * len(inside))))
        out.append(random.choice(inside, number, replace=False))
    return np.sort(np.concatenate(out))


def _measures(whole: xr.Dataset, part: xr.Dataset) -> tuple[float, float, float]:
    alike = sorted(whole["signature"].values) == sorted(part["signature"].values)
    misfit = float(align(whole, part).attrs["misfit"]) if alike else np.nan
    return misfit, float(part["explained_stress"][-1]), float(part["explained_distance"][-1])
