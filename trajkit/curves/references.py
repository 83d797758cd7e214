"""Reference runs: ignorance, truth and the geodesic between them, and any others by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.concat import concatenated
from trajkit.curves.ends import GIVEN, ignorance, on_probe, truth
from trajkit.curves.geodesic import great_circle
from trajkit.points import points
from trajkit.schema import SchemaError, run_attributes, validated
from trajkit.storable import text_problem


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
            **_of_probe(ds),
        },
        attrs=ds.attrs,
    )


def _of_probe(ds: xr.Dataset) -> dict[Hashable, xr.DataArray]:
    return {n: c for n, c in ds.coords.items() if c.dims in (("sample",), ("class",))}


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


def add_references(ds: xr.Dataset, references: Mapping[str, xr.DataArray | ArrayLike]) -> xr.Dataset:
    """Append named models to a trajectory dataset: a baseline, an average of weights, an n-gram model, another's model.

    Each is a run of kind "reference" with one checkpoint at step 0, as "ignorance" and "truth" are. Figures and views
    show it by its name; `progress`, `distance_to_geodesic` and `nearest_approach` take its name.

    Parameters
    ----------
    ds
        A trajectory dataset.
    references
        Log-probabilities (sample, class) on the probe of `ds`, in its order, by name.

    Returns
    -------
    xarray.Dataset
        `ds` with a run for each. Their other attributes are empty ("" or NaN), so integer and boolean attributes become
        floats.

    Raises
    ------
    SchemaError
        If a run has one of these names already, a name is one of "ignorance", "truth" and "geodesic", or predictions
        are on another probe, NaN or no log-probabilities.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> middle = tk.geodesic(*ds.log_prob[:, 5], 0.5)
    >>> tk.add_references(ds, {"between": middle}).run.values
    array(['A-0', 'B-0', 'between'], dtype='<U7')
    """
    ds = validated(ds)
    if not isinstance(references, Mapping) or not references:
        got = "none" if isinstance(references, Mapping) else type(references).__name__
        raise ValueError(f"references: wanted a dict with log-probabilities (sample, class) by name, got {got}")
    found, problems = [], []
    for name, given in references.items():
        problems += _name_problems(ds, name)
        try:
            found.append(on_probe(ds, given, str(name)))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SchemaError(problems)
    log_prob = np.stack(found)[:, None].astype(ds["log_prob"].dtype)
    added = xr.Dataset(
        {
            "log_prob": (ds["log_prob"].dims, log_prob, ds["log_prob"].attrs),
            "step": (("run", "checkpoint"), np.zeros((len(found), 1), dtype=np.int64)),
        },
        coords={
            "run": ("run", list(references)),
            "kind": ("run", ["reference"] * len(found)),
            "checkpoint": ds["checkpoint"].values[:1],
            **_of_probe(ds),
        },
        attrs=ds.attrs,
    )
    return concatenated([ds, added])


def _name_problems(ds: xr.Dataset, name: object) -> list[str]:
    if not isinstance(name, str) or not name:
        return [f"the name {name!r}: wanted a text"]
    if problem := text_problem([name]):
        return [f"the name {name!r}: {problem}"]
    if name in (*GIVEN, "geodesic"):
        return [f"the name {name!r} belongs to what `tk.with_references` appends: choose another"]
    return [f"there is a run {name!r} already: choose another name"] if name in ds["run"].values else []


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
