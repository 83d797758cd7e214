"""Ignorance and truth, the ends of the geodesic, and the reference runs made from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.concat import concatenated
from trajkit.curves.geodesic import great_circle
from trajkit.points import points
from trajkit.schema import SchemaError, run_attributes, validated
from trajkit.typing import Array


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
    return _on_probe(ds, np.full(shape, -np.log(shape[1])), "ignorance")


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
    return _on_probe(ds, np.where(is_label, 0.0, -np.inf), "truth")


def _with_probe(ds: Any, *names: str) -> Any:
    """Refuse what has no probe; a selection of one sample or class has none."""
    if not isinstance(ds, xr.Dataset | xr.DataArray):
        raise TypeError(f"wanted a dataset with the probe, got {type(ds).__name__}")
    if lacking := [name for name in names if name not in ds.coords or not ds[name].ndim]:
        raise ValueError(f"wanted a dataset with the probe, got one without {lacking}: select samples with a list")
    return ds


def _on_probe(ds: xr.Dataset, values: Array, name: str) -> xr.DataArray:
    coords = {n: c for n, c in ds.coords.items() if c.dims in (("sample",), ("class",))}
    return xr.DataArray(values, dims=("sample", "class"), coords=coords, name=name, attrs={"units": "nat"})


def references(ds: xr.Dataset, n_geodesic: int = 50) -> xr.Dataset:
    """Make the reference runs of a probe: "ignorance", "truth" and the "geodesic" between them.

    Their `kind` is "reference", their other attributes are empty, and their `step` counts checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_geodesic
        Number of points of the geodesic, both ends included; 0 leaves it out.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset of the reference runs alone.

    Raises
    ------
    ValueError
        If `n_geodesic` is 1 or negative.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.curves.references(tk.simulate()).run.values
    array(['ignorance', 'truth', 'geodesic'], dtype='<U9')
    """
    axes = _axes(ds, n_geodesic)
    start, end = ignorance(ds), truth(ds)
    curves = [start.values[None], end.values[None]]
    if n_geodesic:
        curves.append(great_circle(start.values, end.values, np.linspace(0, 1, n_geodesic)))
    log_prob = np.full((*axes["step"].shape, *start.shape), np.nan, dtype=np.float32)
    for row, curve in enumerate(curves):
        log_prob[row, : len(curve)] = curve
    predictions = (ds["log_prob"].dims, log_prob, ds["log_prob"].attrs)
    return xr.Dataset({"log_prob": predictions, **axes.data_vars}, axes.coords, ds.attrs)


def _axes(ds: xr.Dataset, n_geodesic: int) -> xr.Dataset:
    """Name the reference runs and their points: a dataset without predictions."""
    if n_geodesic < 0 or n_geodesic == 1:
        raise ValueError(f"n_geodesic: wanted 0, or 2 and more points, got {n_geodesic}")
    lengths = {"ignorance": 1, "truth": 1} | ({"geodesic": n_geodesic} if n_geodesic else {})
    checkpoint, length = np.arange(max(lengths.values())), np.array(list(lengths.values()))
    return xr.Dataset(
        {"step": (("run", "checkpoint"), np.where(checkpoint < length[:, None], checkpoint, -1))},
        coords={
            "run": ("run", list(lengths)),
            "kind": ("run", ["reference"] * len(lengths)),
            "checkpoint": checkpoint,
            **{n: c for n, c in ds.coords.items() if c.dims in (("sample",), ("class",))},
        },
        attrs=ds.attrs,
    )


def with_references(ds: xr.Dataset, n_geodesic: int = 50) -> xr.Dataset:
    """Append the runs "ignorance", "truth" and "geodesic" to a trajectory dataset.

    References are runs too: they are sliced, measured and drawn like networks. Their `kind` is "reference". Their other
    attributes are empty ("" or NaN), so integer and boolean attributes become floats.

    Parameters
    ----------
    ds
        A trajectory dataset without such runs.
    n_geodesic
        Number of points of the geodesic, both ends included; 0 leaves it out.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    SchemaError
        If `ds` has runs of these names already.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.with_references(tk.simulate(runs=2)).kind.values
    array(['network', 'network', 'reference', 'reference', 'reference'], dtype='<U9')
    """
    ds = validated(ds)
    added = references(ds, n_geodesic)
    if present := sorted(set(ds["run"].values.tolist()) & set(added["run"].values.tolist())):
        raise SchemaError([f"runs {present} are there already: select the networks with kind='network' first"])
    return concatenated([ds, added])


def missing_references(ds: xr.Dataset) -> xr.Dataset:
    """Make those of "ignorance", "truth" and "geodesic" that `ds` lacks; without predictions where `ds` has none.

    Examples
    --------
    >>> import trajkit as tk
    >>> missing_references(tk.simulate(runs=2)).run.values.tolist()
    ['ignorance', 'truth', 'geodesic']
    """
    added = references(ds) if "log_prob" in ds else _axes(ds, 50)
    return added.isel(run=~np.isin(added["run"].values, ds["run"].values))


def with_missing_references(ds: xr.Dataset) -> xr.Dataset:
    """Append those references that `ds` lacks; keep only what the contract names, and the run attributes.

    A dataset without `log_prob` only names points, and so does the result.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=1)
    >>> with_missing_references(ds.drop_vars("log_prob")).run.values.tolist()
    ['A-0', 'ignorance', 'truth', 'geodesic']
    """
    added = missing_references(ds)
    kept = ("log_prob", "step", "kind", "label", "split", *ds.dims, *run_attributes(ds))
    bare = ds.drop_vars([n for n in ds.variables if n not in kept])
    return concatenated([bare, added]) if added.sizes["run"] else bare


def points_with_references(ds: xr.Dataset) -> xr.Dataset:
    """Stack all points, and after them those of the references that `ds` lacks, as `points` does.

    In a dataset of (run, checkpoint), short runs would be padded to the length of the geodesic.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2, checkpoints=3)
    >>> points_with_references(ds).run.values[[0, 5, 6, 7, 8, 57]].tolist()
    ['A-0', 'B-0', 'ignorance', 'truth', 'geodesic', 'geodesic']
    """
    named = points(with_missing_references(ds.drop_vars("log_prob")))
    return named.assign(log_prob=bare_points_with_references(ds)["log_prob"].variable)


def bare_points_with_references(ds: xr.Dataset, added: xr.Dataset | None = None) -> xr.Dataset:
    """Stack what `points_with_references` does, with the names of the points and without run attributes.

    Putting together run attributes takes longer than computing the distances of a small dataset, and so does making the
    references: if they are known, they are passed as `added`.

    Examples
    --------
    >>> import trajkit as tk
    >>> bare_points_with_references(tk.simulate(runs=2, checkpoints=3)).sizes["point"]
    58
    """
    parts = ds, missing_references(ds) if added is None else added
    recorded = [part["step"].values >= 0 for part in parts]
    names = [part["run"].values[np.nonzero(there)[0]] for part, there in zip(parts, recorded, strict=True)]
    log_prob = [part["log_prob"].values[there] for part, there in zip(parts, recorded, strict=True)]
    coords = {
        "run": ("point", np.concatenate(names)),
        "checkpoint": ("point", np.concatenate([np.nonzero(there)[1] for there in recorded])),
        **{name: ds[name].variable for name in ("sample", "class")},
    }
    return xr.Dataset({"log_prob": (("point", "sample", "class"), np.concatenate(log_prob))}, coords)
