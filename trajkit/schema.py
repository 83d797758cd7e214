"""What a trajectory dataset holds, and its validation.

`VARIABLES` is the contract: validation, the `long_name` of every variable and the documentation come from it.
Besides the variables named there, each coordinate with the one dimension `run` is a *run attribute*
(architecture, optimizer, seed, ...), and users add their own variables as they like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.arranged import arranged, as_dataset, dropped
from trajkit.probabilities import is_off, row_problem, row_sums
from trajkit.storable import conversion, is_storable, is_text, variable_problems
from trajkit.typing import AnyArray, Labels, Mask
from trajkit.workspace import workspace_bytes

SCHEMA_VERSION = 1


DIMS = ("run", "checkpoint", "sample", "class")


class Variable(NamedTuple):
    """One line of the contract: dimensions, numpy dtype kinds, whether required, and its meaning."""

    dims: tuple[str, ...]
    kinds: str
    required: bool
    meaning: str


VARIABLES: dict[str, Variable] = {
    "log_prob": Variable(DIMS, "f", True, "natural log of the predicted probability"),
    "step": Variable(("run", "checkpoint"), "i", True, "optimizer updates done (-1 where missing)"),
    "epoch": Variable(("run", "checkpoint"), "f", False, "passes over the training set"),
    "run": Variable(("run",), "U", True, "identity of the run"),
    "checkpoint": Variable(("checkpoint",), "i", True, "index of the checkpoint within its run"),
    "sample": Variable(("sample",), "iU", True, "identity of the input"),
    "label": Variable(("sample",), "i", True, "index of the true class"),
    "split": Variable(("sample",), "U", True, 'the part of the data it belongs to, "train" or "test"'),
    "class": Variable(("class",), "U", True, "name of the class"),
    "kind": Variable(("run",), "U", True, '"network", or "reference" for ignorance, truth, a geodesic, a mean'),
}

_ALLOWED = {"split": ("train", "test"), "kind": ("network", "reference")}
_KIND_NAMES = {"f": "float32 or float64", "i": "signed integer", "U": "text", "b": "boolean"}
# Names that results and selections use beside the run attributes.
RESERVED = {
    *(set(VARIABLES) - {"kind", "run"}),
    *("point", "point2", "run2", "checkpoint2", "component", "t", "where", "checkpoints"),
    *("progress", "loss", "error", "coordinate", "eigenvalue", "signature", "weight", "mean_distance"),
    *("explained_stress", "explained_distance", "projected_explained_distance", "landmark_error", "is_landmark"),
}


# A dataset of a thousand runs may have a problem in each checkpoint: an error shows at most so many.
_SHOWN = 30


class SchemaError(ValueError):
    """Data that are not a trajectory dataset; the message lists the problems, all of which are in `problems`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        head = (
            "not a trajectory dataset" if len(problems) == 1 else f"not a trajectory dataset, {len(problems)} problems"
        )
        shown = [f"- {p}" for p in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            shown.append(f"- and {len(problems) - _SHOWN} more, in .problems of this error")
        super().__init__(head + ":\n" + "\n".join(shown))


def run_attributes(ds: xr.Dataset | xr.DataArray) -> list[str]:
    """Names of the run attributes: the coordinates that vary with `run` alone.

    Examples
    --------
    >>> import trajkit as tk
    >>> run_attributes(tk.simulate(runs=2))
    ['kind', 'architecture', 'seed']
    """
    # `variables` and not `coords`: building a DataArray for each coordinate takes a hundred times as long.
    return [str(name) for name, c in ds.coords.variables.items() if c.dims == ("run",) and name != "run"]


def is_network(ds: xr.Dataset | xr.DataArray) -> Mask:
    """Say which runs are networks; in a result without `kind`, all are.

    Examples
    --------
    >>> import trajkit as tk
    >>> is_network(tk.with_references(tk.simulate(runs=2)))
    array([ True,  True, False, False, False])
    """
    if "kind" not in ds.coords:
        return np.ones(ds.sizes["run"], dtype=bool)
    return np.asarray(ds["kind"].values == "network")


def networks(ds: xr.Dataset, least: int = 1) -> xr.Dataset:
    """Validate `ds` and leave reference runs out; refuse fewer networks than `least`.

    Examples
    --------
    >>> import trajkit as tk
    >>> networks(tk.with_references(tk.simulate(runs=2))).sizes["run"]
    2
    """
    return networks_of(validated(ds), least)


def networks_of(ds: xr.Dataset, least: int = 1) -> xr.Dataset:
    """Leave reference runs out of a dataset that is known to be valid; refuse fewer networks than `least`.

    Examples
    --------
    >>> import trajkit as tk
    >>> networks_of(tk.with_references(tk.simulate(runs=2))).sizes["run"]
    2
    """
    network = is_network(ds)
    if (count := int(network.sum())) < least:
        more = "one run" if least == 1 else f"{least} runs"
        raise ValueError(f"wanted {more} of kind 'network' or more, got {count} and {len(network) - count} references")
    return ds.isel(run=network)


def run_table(ds: xr.Dataset) -> pd.DataFrame:
    """Return the run attributes as a table, one row per run, with the number of recorded checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset, or a result that kept its `run` dimension.

    Returns
    -------
    pandas.DataFrame
        Indexed by run; one column per attribute and, where `ds` holds `step`, a column `checkpoints`.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.run_table(tk.simulate(runs=2, checkpoints=5))
            kind architecture  seed  checkpoints
    run
    A-0  network            A     0            5
    B-0  network            B     0            5
    """
    ds = arranged(as_dataset(ds), DIMS, "log_prob")
    if "run" not in ds.dims:
        raise ValueError(f"wanted a dataset with a dimension 'run', got {list(ds.dims)}: select runs with a list")
    table = pd.DataFrame(
        {name: ds[name].values for name in run_attributes(ds)}, index=pd.Index(ds["run"].values, name="run")
    )
    if "step" in ds:
        table["checkpoints"] = (ds["step"] >= 0).sum("checkpoint").values
    return table


def validate(ds: xr.Dataset, *, values: bool = True) -> None:
    """Check that `ds` is a trajectory dataset; raise one error that lists everything wrong.

    Checked are dimensions, dtypes, unique identities, labels and splits, that every recorded
    checkpoint (step >= 0) holds log-probabilities which are at most 0 and sum to one within 1e-3 for every
    sample, that missing checkpoints (step = -1) are NaN throughout, and that steps increase along a run.

    Parameters
    ----------
    ds
        The dataset to check; see `trajkit.schema.VARIABLES` for what it must hold.
    values
        Whether to check the log-probabilities too, which reads all of a lazy dataset.

    Raises
    ------
    SchemaError
        If anything is wrong. `SchemaError.problems` holds the single messages.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> tk.validate(ds)
    >>> tk.validate(ds.drop_vars("label"))
    Traceback (most recent call last):
        ...
    trajkit.schema.SchemaError: not a trajectory dataset:
    - 'label' is missing: wanted signed integer values on ('sample',), the index of the true class
    """
    validated(ds, values=values)


def validated(ds: xr.Dataset, *, values: bool = True) -> xr.Dataset:
    """Do what `validate` does, and return the dataset in the form that functions work with.

    Every public function that takes trajectories begins with this. Whatever way `ds` was opened or turned (chunks of
    dask, dimensions in another order, files of old formats), what comes back has its dimensions in order and all but
    the predictions in memory.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> validated(ds.chunk().transpose("class", ...)).log_prob.dims
    ('run', 'checkpoint', 'sample', 'class')
    """
    _refuse(dropped(as_dataset(ds), DIMS))
    ds = arranged(ds, DIMS, "log_prob")
    _refuse(_structure_problems(ds, VARIABLES))
    _refuse([*_identity_problems(ds, VARIABLES), *(_prediction_problems(ds) if values else ())])
    return ds


def validate_axes(ds: xr.Dataset, *, only: Collection[str] | None = None) -> None:
    """Check everything but the predictions: dimensions, dtypes, identities, labels, splits and steps.

    Parameters
    ----------
    ds
        The dataset to check; it may lack `log_prob` where `only` leaves it out.
    only
        Names of the variables of the contract that `ds` must hold; all by default.

    Raises
    ------
    SchemaError
        If anything is wrong.

    Examples
    --------
    >>> import trajkit as tk
    >>> validate_axes(tk.simulate(runs=2).drop_vars("log_prob"), only=("sample", "label"))
    """
    wanted = VARIABLES if only is None else {name: VARIABLES[name] for name in only}
    _refuse(_structure_problems(as_dataset(ds), wanted))
    _refuse(_identity_problems(ds, wanted))


def validate_predictions(ds: xr.Dataset) -> None:
    """Check the log-probabilities of a dataset whose axes are known to be valid. They are read once.

    Every recorded checkpoint (step >= 0) holds rows that sum to one within 1e-3; missing ones are NaN throughout.

    Raises
    ------
    SchemaError
        If anything is wrong.

    Examples
    --------
    >>> import trajkit as tk
    >>> validate_predictions(tk.simulate(runs=2))
    """
    _refuse(_prediction_problems(ds))


def _refuse(problems: Iterable[str]) -> None:
    if found := list(problems):
        raise SchemaError(found)


def _prediction_problems(ds: xr.Dataset) -> Iterator[str]:
    steps, predictions = ds["step"].values, ds["log_prob"].variable
    # A block of runs at a time: a dataset larger than memory is checked too.
    at_once = max(1, int(workspace_bytes() * len(steps) / max(1, predictions.nbytes)))
    for start in range(0, len(steps), at_once):
        runs = slice(start, start + at_once)
        log_prob, recorded = np.asarray(predictions[runs].values), steps[runs] >= 0
        total = row_sums(log_prob)
        wrong = np.where(recorded, is_off(total).any(-1), ~np.isnan(total).all(-1))
        for r, k in np.argwhere(wrong):
            where = f"run {str(ds['run'].values[start + r])!r}, checkpoint {ds['checkpoint'].values[k]}"
            if problem := _prediction_problem(log_prob[r, k], bool(recorded[r, k])):
                yield f"{where}: {problem}"


def _prediction_problem(log_prob: AnyArray, recorded: bool) -> str | None:
    """Check one checkpoint (sample, class) again, in float64: a float32 sum over many classes is less exact."""
    if recorded:
        return row_problem(row_sums(log_prob.astype(np.float64)), float(log_prob.max()))
    if np.isnan(log_prob).all():
        return None
    return "step is -1 (missing) but 'log_prob' holds values; give its step, or set it to NaN"


def _structure_problems(ds: xr.Dataset, names: Mapping[str, Variable]) -> Iterator[str]:
    for name, wanted in names.items():
        kinds = " or ".join(_KIND_NAMES[k] for k in wanted.kinds)
        if name not in ds.variables:
            if wanted.required:
                yield f"{name!r} is missing: wanted {kinds} values on {wanted.dims}, the {wanted.meaning}"
            continue
        got = ds[name]
        if got.dims != wanted.dims:
            hint = "; a list, as in ds.isel(run=[0]), keeps a dimension" if set(got.dims) < set(wanted.dims) else ""
            yield f"{name!r} has dimensions {got.dims}: wanted {wanted.dims}{hint}"
        if not is_storable(got.dtype, wanted.kinds) and not ("U" in wanted.kinds and is_text(got.variable)):
            yield f"{name!r} has dtype {got.dtype}: wanted {kinds}"
    if ds.sizes.get("class", 2) < 2:
        yield "one class only: a distribution over a single class is always certain; wanted two or more"
    for dim in DIMS:
        if ds.sizes.get(dim, 1) == 0:
            yield f"dimension {dim!r} is empty: the dataset holds no {dim}"
    attributes = {name: c for name, c in ds.coords.variables.items() if c.dims == ("run",) and name != "run"}
    for key, attribute in attributes.items():
        if key in RESERVED:
            yield f"run attribute {key!r}: the name is reserved, choose another"
        if not is_storable(attribute.dtype, "Uifb") and not is_text(attribute):
            line = conversion(key, attribute)
            yield f"run attribute {key!r} has dtype {attribute.dtype}: wanted text, integer, float or boolean; {line}"
    yield from variable_problems(ds, told={*names, *attributes})


def _identity_problems(ds: xr.Dataset, names: Mapping[str, Variable]) -> Iterator[str]:
    for dim in DIMS:
        if dim not in names:
            continue
        index = ds.get_index(dim)
        if not index.is_unique:
            repeated = ", ".join(repr(v) for v in index[index.duplicated()].unique()[:5])
            yield f"{dim!r} is not unique: {repeated} appear more than once; give each {dim} its own identity"
    if "checkpoint" in names and not ds.get_index("checkpoint").is_monotonic_increasing:
        yield "'checkpoint' does not increase along its dimension: sort it (`ds.sortby('checkpoint')`)"
    label = ds["label"].values
    if outside := np.unique(label[(label < 0) | (label >= ds.sizes["class"])]).tolist():
        yield f"'label' holds {outside[:5]}: wanted class indices from 0 to {ds.sizes['class'] - 1}"
    for name in _ALLOWED.keys() & names.keys():
        if wrong := sorted(set(ds[name].values.tolist()) - set(_ALLOWED[name])):
            yield f"{name!r} holds {wrong[:5]}: wanted {' or '.join(map(repr, _ALLOWED[name]))}"
    if "step" in names:
        yield from _step_problems(ds["run"].values, ds["step"].values)


def _step_problems(runs: AnyArray, steps: Labels) -> Iterator[str]:
    """Check all runs at once: ten thousand runs one by one take seconds."""
    recorded = steps >= 0
    before = np.maximum.accumulate(steps, axis=1)[:, :-1]
    falls = (recorded[:, 1:] & (before >= 0) & (steps[:, 1:] <= before)).any(1)
    for run in runs[~recorded.any(1)].tolist():
        yield f"run {run!r} has no recorded checkpoint (every step is -1): drop the run"
    for r in np.flatnonzero(falls):
        shown = steps[r][recorded[r]].tolist()[:8]
        yield f"run {str(runs[r])!r}: 'step' does not increase from one checkpoint to the next: {shown}"
    for run in runs[(steps < -1).any(1)].tolist():
        yield f"run {run!r}: 'step' holds values below -1 (-1 marks a missing checkpoint)"


@cache
def installed_version() -> str:
    """Give the version of trajkit; looked up once, since it is asked for at each recording."""
    try:
        return version("trajkit")
    except PackageNotFoundError:  # A checkout that is not installed, in which the program runs.
        return "0+checkout"


def stamp(ds: xr.Dataset) -> xr.Dataset:
    """Return `ds` with schema version, trajkit version and time of creation, and a `long_name` on each variable.

    A dataset is stamped when it is made or saved, not at each step in between.
    """
    stamped = ds.assign_attrs(
        schema_version=SCHEMA_VERSION,
        trajkit_version=installed_version(),
        created=ds.attrs.get("created", datetime.now(UTC).isoformat(timespec="seconds")),
    )
    for name in VARIABLES.keys() & stamped.variables.keys():
        stamped[name].attrs = {"long_name": VARIABLES[name].meaning, **stamped[name].attrs}
    stamped["log_prob"].attrs.setdefault("units", "nat")
    return stamped
