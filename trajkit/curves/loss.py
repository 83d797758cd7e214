"""Loss and classification error of each point."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.schema import run_attributes, validated


def loss(ds: xr.Dataset) -> xr.DataArray:
    """Mean cross-entropy -(1/N) sum_n log p_n(label_n) of each point, in nats.

    Parameters
    ----------
    ds
        A trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint); NaN where missing, inf where a label has probability 0.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.loss(ds)[0, 0]), 4)  # ln 4
    1.3863
    """
    ds = validated(ds)
    return loss_of(ds)


def loss_of(ds: xr.Dataset) -> xr.DataArray:
    """Compute `loss` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> loss_of(ds).identical(tk.loss(ds))
    True
    """
    on_label = ds["log_prob"].isel({"class": ds["label"].drop_vars("label")})
    out = 0.0 - on_label.astype(np.float64).mean("sample", skipna=False)  # no minus sign before a loss of zero
    return _per_point(out.compute(), ds, "loss", "mean cross-entropy", "nat")


def error(ds: xr.Dataset) -> xr.DataArray:
    """Share of samples whose most probable class is not the label; the first class wins a tie.

    Parameters
    ----------
    ds
        A trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), from 0 to 1; NaN where missing.

    Raises
    ------
    SchemaError
        If `ds` is not a trajectory dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> float(tk.error(tk.simulate())[0, -1])
    0.0
    """
    ds = validated(ds)
    return error_of(ds)


def error_of(ds: xr.Dataset) -> xr.DataArray:
    """Compute `error` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> error_of(ds).identical(tk.error(ds))
    True
    """
    wrong = (ds["log_prob"].fillna(-np.inf).argmax("class") != ds["label"]).mean("sample")
    return _per_point(wrong.where(ds["step"] >= 0).compute(), ds, "error", "classification error", "1")


def _per_point(values: xr.DataArray, ds: xr.Dataset, name: str, long_name: str, units: str) -> xr.DataArray:
    values = values.drop_vars([n for n in values.coords if n not in (*run_attributes(ds), "run", "checkpoint")])
    return values.rename(name).assign_attrs(long_name=long_name, units=units)
