"""How much a number would change with other samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from trajkit.schema import validate

Statistic = Callable[[xr.Dataset], xr.DataArray]


def bootstrap(
    ds: xr.Dataset,
    statistic: Statistic,
    n: int = 999,
    *,
    then: Callable[[xr.DataArray], xr.DataArray] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Give a statistic an interval, by drawing the probe's samples anew, n times (percentile bootstrap).

    Single samples are drawn with replacement within each class, as many as it has. The interval says what another
    probe of the same kind would have given; it says nothing about other runs. It is too narrow by a factor of about
    sqrt(1 - 1 / m) with m samples in each class.

    Parameters
    ----------
    ds
        A trajectory dataset.
    statistic
        From a trajectory dataset to a DataArray. If that has the dimension `sample`, its mean over samples is meant:
        the statistic is then computed once, and only the mean again for each draw.
    n
        Draws. General statistics cost as many evaluations; 100 give rough intervals.
    then
        Applied to the mean over samples, such as a ratio of two of its entries.
    level
        Share of draws inside the interval.
    seed
        Of the draws.

    Returns
    -------
    xarray.Dataset
        `estimate`, from the samples as they are; `lower`, `upper` and `standard_error`, the standard deviation over
        draws; in the statistic's units and with its dimensions other than `sample`. NaN where a draw gave NaN.

    Raises
    ------
    ValueError
        If n or level make no sense, the statistic is no DataArray, or no class has two samples.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, spread=0.3)
    >>> def apart(ds):
    ...     return tk.bhattacharyya(*ds.log_prob.isel(checkpoint=10))
    >>> interval = tk.bootstrap(ds, apart, n=50)
    >>> bool(interval.lower < interval.estimate < interval.upper)
    True

    References
    ----------
    Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; strata: Davison & Hinkley, Bootstrap Methods and
    their Application, 1997, ch. 3.
    """
    if n < 2:
        raise ValueError(f"n: wanted two draws or more, got {n}")
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a share between 0 and 1, got {level}")
    validate(ds)
    label = ds["label"].values
    if (pd.Series(label).value_counts() < 2).all():
        raise ValueError("no class has two samples: there is nothing to draw from; wanted a larger probe")
    values = statistic(ds)
    if not isinstance(values, xr.DataArray):
        raise ValueError(f"statistic: wanted one that returns a DataArray, got {type(values).__name__}")
    random = np.random.default_rng(seed)
    drawn = [_draw(label, random) for _ in range(n)]
    if "sample" in values.dims:
        estimate, draws = _means(values, drawn)
        if then is not None:
            estimate, draws = then(estimate), then(draws)
    else:
        finish = then or (lambda x: x)
        names = np.arange(len(label))
        estimate = finish(values)
        draws = xr.concat(
            [finish(statistic(ds.isel(sample=at).assign_coords(sample=names))) for at in drawn], dim="draw"
        )
    tail = (1 - level) / 2
    attrs = {**values.attrs, "level": level, "draws": n}
    lower, upper = (draws.quantile(q, "draw", skipna=False).drop_vars("quantile") for q in (tail, 1 - tail))
    parts = {"estimate": estimate, "lower": lower, "upper": upper, "standard_error": draws.std("draw", ddof=1)}
    return xr.Dataset({name: part.assign_attrs(values.attrs) for name, part in parts.items()}, attrs=attrs)


def _draw(label: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.intp]:
    """Draw samples within each class: each place is filled by a sample of its own class."""
    out = np.empty(len(label), dtype=np.intp)
    for value in np.unique(label):
        of_class = np.flatnonzero(label == value)
        out[of_class] = random.choice(of_class, len(of_class))
    return out


def _means(values: xr.DataArray, drawn: list[NDArray[np.intp]]) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean over all samples, and over each draw: weighted sums, not computed again."""
    n = values.sizes["sample"]
    if n != len(drawn[0]):
        raise ValueError(f"statistic: wanted a value for each of {len(drawn[0])} samples, got {n}")
    weight = xr.DataArray(np.array([np.bincount(at, minlength=n) for at in drawn]) / n, dims=("draw", "sample"))
    plain = values.drop_vars([name for name, c in values.coords.items() if "sample" in c.dims])
    return plain.mean("sample", skipna=False), xr.dot(plain, weight, dim="sample")
