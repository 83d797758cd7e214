"""Mean trajectories of groups of runs, and the tubes around them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves.means import MEANS
from trajkit.curves.resample import resampled, said_of
from trajkit.curves.shared_range import REACH
from trajkit.distances import Metric, as_metric
from trajkit.limitations import with_reasons
from trajkit.probabilities import normalize
from trajkit.schema import networks, run_attributes, run_table
from trajkit.typing import Array, Indices


def mean_trajectory(
    ds: xr.Dataset,
    by: str | list[str],
    *,
    mean: str = "arithmetic",
    n: int = 100,
    extend: str = "hold",
    reach: float = REACH,
) -> xr.Dataset:
    """Mean model of each group of runs at equal progress.

    For each sample, over the R runs of a group (p_r at the same progress):

    | mean            | q_c                                                              |
    |-----------------|------------------------------------------------------------------|
    | "arithmetic"    | mean_r p_rc                                                      |
    | "geometric"     | exp(mean_r log p_rc), normalised                                 |
    | "harmonic"      | 1 / mean_r(1 / p_rc), normalised                                 |
    | "amplitude"     | (mean_r sqrt p_rc)^2, normalised                                 |
    | "bhattacharyya" | least mean_r -log sum_c sqrt(p_rc q_c) (Nielsen & Boltz 2011)    |
    | "jeffreys"      | least mean_r sum_c (p_rc - q_c) log(p_rc / q_c) (Nielsen 2013)   |

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by
        Run attribute, or attributes, that define the groups.
    mean
        One of the above.
    n
        Number of points of the progress grid.
    extend
        As for `resample`. With "nan" a mean is missing where one of its runs is. "shared" is for all groups together.
    reach
        With "shared", the share of what the median network reaches that a run must reach. Other runs would shorten the
        interval for all: they are left out, and `attrs["left_out"]` names them.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset with one run of kind "reference" for each group, named "arithmetic mean of by=value",
        that has the attributes `by` (its others are empty), and the variable `progress`. `concat([ds, means])` puts
        them beside the runs.

    Raises
    ------
    ValueError
        If the attribute or mean is unknown; if the mean is undefined: "geometric" and "harmonic" where runs share no
        class, "jeffreys" where one gives probability 0 to a class that another allows; if with "nan" no value of
        progress is reached by all runs of a group.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=2, spread=0.3)
    >>> tk.mean_trajectory(ds, "architecture", n=5).run.values
    array(['arithmetic mean of architecture=A', 'arithmetic mean of architecture=B'], dtype='<U33')
    """
    if mean not in MEANS:
        raise ValueError(f"unknown mean {mean!r}: wanted one of {list(MEANS)}")
    names = [by] if isinstance(by, str) else list(by)
    even = resampled(networks(ds), n, extend=extend, reach=reach)
    groups = list(_groups(even, names))
    log_prob = np.stack([_mean(even["log_prob"].values[members], mean) for _, members in groups]).astype(np.float32)
    missing = np.asarray(np.isnan(log_prob).all((2, 3)))
    runs = [f"{mean} mean of " + ", ".join(f"{k}={v}" for k, v in zip(names, key, strict=True)) for key, _ in groups]
    if apart := [run for run, row in zip(runs, missing, strict=True) if row.all()]:
        raise ValueError(f"no value of progress is reached by all runs of {apart[:5]}; use extend='hold' or a larger n")
    attributes = {
        name: np.asarray([key[i] for key, _ in groups], dtype=even[name].dtype) for i, name in enumerate(names)
    }
    coords = {name: c for name, c in even.coords.items() if "run" not in c.dims}
    return xr.Dataset(
        {
            "log_prob": (even["log_prob"].dims, log_prob, even["log_prob"].attrs),
            "step": (("run", "checkpoint"), np.where(missing, -1, np.arange(n))),
            "progress": (("run", "checkpoint"), np.where(missing, np.nan, _grid(even))),
        },
        coords={
            "run": ("run", runs),
            **{k: ("run", v, even[k].attrs) for k, v in attributes.items()},
            "kind": ("run", ["reference"] * len(runs)),
            **coords,
        },
        attrs={**even.attrs, "mean": mean},
    )


def tube(
    ds: xr.Dataset,
    by: str | list[str],
    *,
    metric: str | Metric = "bhattacharyya",
    mean: str = "arithmetic",
    n: int = 100,
    extend: str = "shared",
    reach: float = REACH,
    cap: float | None = None,
) -> xr.DataArray:
    """Distance of each run to the mean of the other runs of its group, at each progress.

    The run itself is left out: with three seeds, including it would understate the squared width by a third.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    by, mean
        As for `mean_trajectory`.
    extend
        As for `resample`. By default all runs are compared on one interval of progress, which all of them reach.
    reach
        With "shared", the share of what the median network reaches that a run must reach. Other runs would shorten the
        interval for all: they are left out, and `attrs["left_out"]` names them.
    n
        Number of points of the progress grid.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint) with the coordinate `progress` (checkpoint) and the metric's `scale`. NaN where the run or
        one of the others is missing; inf where the metric is, because of a class that only one side allows.

    Raises
    ------
    ValueError
        If a group has one run only, or as `mean_trajectory` does.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=6, groups=2, spread=0.3)
    >>> tk.tube(ds, "architecture", n=11).dims
    ('run', 'checkpoint')
    """
    if mean not in MEANS:
        raise ValueError(f"unknown mean {mean!r}: wanted one of {list(MEANS)}")
    chosen = as_metric(metric, cap)
    names = [by] if isinstance(by, str) else list(by)
    even = resampled(networks(ds), n, extend=extend, reach=reach)
    log_prob = even["log_prob"].values
    out = np.full((even.sizes["run"], n), np.nan)
    for key, members in _groups(even, names):
        if len(members) < 2:
            left = even.attrs.get("left_out")
            raise ValueError(
                f"the group {dict(zip(names, key, strict=True))} has one run: there are no others to take its mean of"
                + (f"; runs that do not reach {reach:g} of the median are left out: {left}" if left else "")
            )
        for run in members:
            others = _mean(log_prob[members[members != run]], mean)
            there = ~np.isnan(log_prob[run]).any((1, 2)) & ~np.isnan(others).any((1, 2))
            p, q = normalize(log_prob[run, there]), normalize(others[there])
            out[run, there] = chosen.per_sample(p, q).mean(-1)
    attrs = chosen.attrs | {"long_name": f"{chosen.name} distance to the group's mean"} | said_of(even)
    coords = {
        **{name: even[name] for name in ("run", "checkpoint", *run_attributes(even))},
        "progress": ("checkpoint", _grid(even)),
    }
    found = xr.DataArray(out, coords, ("run", "checkpoint"), "tube", attrs)
    return with_reasons(found, {"tube": "the run, or one of the others of its group, does not reach this progress"})


def _grid(even: xr.Dataset) -> Array:
    """Values of progress of resampled runs."""
    return np.linspace(even.attrs.get("shared_from", 0.0), even.attrs.get("shared_to", 1.0), even.sizes["checkpoint"])


def _groups(ds: xr.Dataset, names: list[str]) -> Iterator[tuple[tuple[object, ...], Indices]]:
    """Values of the attributes and indices of the runs, for each group in order of appearance."""
    if not names:
        raise ValueError(f"by: wanted one run attribute or more, got none; the dataset has {run_attributes(ds)}")
    if unknown := [n for n in names if n not in run_attributes(ds)]:
        raise ValueError(f"no run attributes {unknown}: the dataset has {run_attributes(ds)}")
    table: pd.DataFrame = run_table(ds).reset_index()
    for key, rows in table.groupby(names, sort=False, dropna=False):
        yield key, rows.index.to_numpy()


def _mean(log_prob: NDArray[np.float32], mean: str) -> Array:
    """Mean over the first axis of (run, point, sample, class), NaN where any run is missing."""
    out = np.full(log_prob.shape[1:], np.nan)
    there = ~np.isnan(log_prob).any((0, 2, 3))
    out[there] = MEANS[mean](normalize(log_prob[:, there]))
    return out
