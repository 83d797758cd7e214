"""Ends of geodesics: ignorance, truth, a reference by its name, or any predictions on the probe."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.numbers import number
from trajkit.probabilities import form_problem, normalize
from trajkit.schema import SchemaError
from trajkit.typing import Array

End = str | xr.DataArray
# Names that every dataset has without a run of that name.
GIVEN = ("ignorance", "truth")


def ignorance(ds: xr.Dataset) -> xr.DataArray:
    """Log-probabilities of ignorance: every class has probability 1/C.

    Parameters
    ----------
    ds
        Anything with the probe of a trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (sample, class)

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.ignorance(tk.simulate(samples=1, classes=2)).values.round(4)
    array([[-0.6931, -0.6931]])
    """
    ds = _with_probe(ds, "sample", "class")
    shape = (ds.sizes["sample"], ds.sizes["class"])
    return labelled(ds, np.full(shape, -np.log(shape[1])), "ignorance")


def truth(ds: xr.Dataset) -> xr.DataArray:
    """Log-probabilities of truth: 0 for the label, -inf for every other class.

    Parameters
    ----------
    ds
        Anything with the probe of a trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (sample, class)

    Raises
    ------
    ValueError
        If a label is no index of a class.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=4)
    >>> bool((tk.truth(ds).argmax("class") == ds.label).all())
    True
    """
    ds = _with_probe(ds, "label", "class")
    is_label = np.arange(ds.sizes["class"]) == ds["label"].values[:, None]
    if not is_label.any(-1).all():
        outside = np.unique(ds["label"].values[~is_label.any(-1)]).tolist()
        raise ValueError(f"'label' holds {outside[:5]}: wanted class indices from 0 to {ds.sizes['class'] - 1}")
    return labelled(ds, np.where(is_label, 0.0, -np.inf), "truth")


def _with_probe(ds: Any, *names: str) -> Any:
    """Refuse what has no probe; a selection of one sample or class has none."""
    if not isinstance(ds, xr.Dataset | xr.DataArray):
        raise TypeError(f"wanted a dataset with the probe, got {type(ds).__name__}")
    if lacking := [name for name in names if name not in ds.coords or not ds[name].ndim]:
        raise ValueError(f"wanted a dataset with the probe, got one without {lacking}: select samples with a list")
    return ds


def labelled(ds: xr.Dataset, values: Array, name: str) -> xr.DataArray:
    """Label log-probabilities (sample, class) with the coordinates of the probe."""
    coords = {n: c for n, c in ds.coords.items() if c.dims in (("sample",), ("class",))}
    return xr.DataArray(values, dims=("sample", "class"), coords=coords, name=name, attrs={"units": "nat"})


def end_of(ds: xr.Dataset, given: Any, what: str) -> Array:
    """Find the predictions (sample, class) of an end, normalised in float64; `what` is its name in errors.

    Raises
    ------
    ValueError
        If no reference run of one point has this name, or if predictions are not on the probe of `ds`.

    Examples
    --------
    >>> import trajkit as tk
    >>> np.exp(end_of(tk.simulate(samples=1, classes=2), "ignorance", "start"))
    array([[0.5, 0.5]])
    """
    if not isinstance(given, str):
        return on_probe(ds, given, what)
    if given in GIVEN:
        return normalize((ignorance if given == "ignorance" else truth)(ds).values)
    recorded, runs = ds["step"].values >= 0, ds["run"].values.tolist()
    is_point = (recorded.sum(1) == 1) & (ds["kind"].values == "reference")
    if given in runs and is_point[run := runs.index(given)]:
        return normalize(ds["log_prob"][run, int(recorded[run].argmax())].values)
    known = list(dict.fromkeys([*GIVEN, *ds["run"].values[is_point].tolist()]))
    hint = (
        f"For a checkpoint of this run pass its predictions, such as ds.log_prob.sel(run={given!r}, checkpoint=0)"
        if given in runs
        else "`tk.add_references` adds others"
    )
    raise ValueError(f"{what!r}: no reference of one point is called {given!r}; known are {known}. {hint}")


def on_probe(ds: xr.Dataset, given: Any, what: str) -> Array:
    """Check log-probabilities (sample, class) on the probe of `ds` and normalise them in float64.

    Raises
    ------
    ValueError
        If they have another shape, belong to another probe, hold NaN or do not sum to 1.

    Examples
    --------
    >>> import trajkit as tk
    >>> on_probe(tk.simulate(samples=1, classes=2), [[0.0, 0.0, 0.0]], "mine")
    Traceback (most recent call last):
    ValueError: 'mine': wanted log-probabilities of shape (1, 2) (sample, class), got (1, 3)
    """
    if isinstance(given, xr.DataArray):
        given = _in_order(ds, given, what)
    try:
        raw = number(given, what)
    except SchemaError as error:
        raise ValueError("; ".join(error.problems)) from None
    if raw.shape != (wanted := (ds.sizes["sample"], ds.sizes["class"])):
        raise ValueError(f"{what!r}: wanted log-probabilities of shape {wanted} (sample, class), got {raw.shape}")
    if (lacking := np.isnan(raw).any(1)).any():
        raise ValueError(f"{what!r}: NaN in {lacking.sum()} of {len(raw)} samples; wanted a prediction for each")
    if problem := form_problem(raw, "log_prob", "take the log of probabilities, and log_softmax of logits"):
        raise ValueError(f"{what!r}: {problem}")
    return normalize(raw)


def _in_order(ds: xr.Dataset, given: xr.DataArray, what: str) -> xr.DataArray:
    """Refuse predictions of other samples or classes, or in another order, where their coordinates tell."""
    if set(given.dims) != {"sample", "class"}:
        raise ValueError(
            f"{what!r}: wanted log-probabilities with dimensions ('sample', 'class'), got {given.dims}: select one run "
            "and one checkpoint, such as ds.log_prob.sel(run='mine', checkpoint=0)"
        )
    own = [name for name in ("sample", "class", "label", "split") if name in given.coords]
    if other := [name for name in own if not np.array_equal(given[name].values, ds[name].values)]:
        raise ValueError(f"{what!r}: predictions on another probe: {other} differ, or stand in another order")
    return given.transpose("sample", "class")
