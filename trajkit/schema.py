"""What a trajectory dataset holds, and the door through which one enters.

`VARIABLES` is the contract: validation, the `long_name` of every variable and the documentation come from it.
Besides the variables named there, each coordinate with the one dimension `run` is a *run attribute*
(architecture, optimizer, seed, ...), and users add their own variables as they like.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

SCHEMA_VERSION = 1

# |sum of a row's probabilities - 1| that still counts as rounding: float16 outputs and packed files reach 3e-4.
ROW_TOLERANCE = 1e-3

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
_RESERVED = {
    *(set(VARIABLES) - {"kind", "run"}),
    *("point", "point2", "run2", "checkpoint2", "component", "t", "where", "checkpoints"),
    *("progress", "loss", "error", "coordinate", "eigenvalue", "signature", "weight", "mean_distance"),
    *("explained_stress", "explained_distance", "projected_explained_distance", "landmark_error", "is_landmark"),
}


# A dataset of a thousand runs may have a problem in each checkpoint.
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
    # Of variables: to build an array for each coordinate would take a hundred times as long.
    return [str(name) for name, c in ds.coords.variables.items() if c.dims == ("run",) and name != "run"]


def is_network(ds: xr.Dataset | xr.DataArray) -> NDArray[np.bool_]:
    """Tell which runs are networks; in a result that knows no kinds, all are.

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
    """Leave reference runs out; refuse what is no dataset, or holds fewer networks than `least`.

    Examples
    --------
    >>> import trajkit as tk
    >>> networks(tk.with_references(tk.simulate(runs=2))).sizes["run"]
    2
    """
    validate(ds)
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
    table = pd.DataFrame(
        {name: ds[name].values for name in run_attributes(ds)}, index=pd.Index(ds["run"].values, name="run")
    )
    if "step" in ds:
        table["checkpoints"] = (ds["step"] >= 0).sum("checkpoint").values
    return table


def normalize(log_prob: NDArray[Any]) -> NDArray[np.float64]:
    """Normalise rows of log-probabilities in float64: log p - log sum_c p_c, over the last axis.

    Stored rows sum to one only to the rounding of float32; all geometry starts from this exact form, so that
    an overlap never exceeds one by more than 1e-15.

    Examples
    --------
    >>> float(np.exp(normalize(np.log(np.float32([0.1, 0.2, 0.7])))).sum())
    1.0
    """
    exact = np.asarray(log_prob, dtype=np.float64)
    top = exact.argmax(axis=-1, keepdims=True)
    # A row of -inf only appears as a wrong input and must come out as NaN, not as a warning.
    with np.errstate(invalid="ignore"):
        shifted: NDArray[np.float64] = exact - np.take_along_axis(exact, top, axis=-1)
    # The largest apart from the rest: the log of a probability near one keeps its digits, -4e-18 and not 0 or 1e-12.
    rest = np.exp(shifted)
    np.put_along_axis(rest, top, 0.0, axis=-1)
    out: NDArray[np.float64] = shifted - np.log1p(rest.sum(axis=-1, keepdims=True))
    return out


def validate(ds: xr.Dataset, *, values: bool = True) -> None:
    """Check that `ds` is a trajectory dataset; raise one error that lists everything wrong.

    Checked are dimensions and their order, dtypes, unique identities, labels and splits, that every recorded
    checkpoint (step >= 0) holds log-probabilities which are at most 0 and sum to one within 1e-3 for every
    sample, that missing checkpoints (step = -1) are NaN throughout, and that steps increase along a run.

    Parameters
    ----------
    ds
        The dataset to check; see `trajkit.schema.VARIABLES` for what it must hold.
    values
        Whether to look at the log-probabilities and steps too, which a lazy dataset would have to read.

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
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"wanted an xarray.Dataset of trajectories, got {type(ds).__name__}")
    problems = list(_structure_problems(ds))
    if not problems:
        problems = [*_identity_problems(ds), *(_value_problems(ds) if values else ())]
    if problems:
        raise SchemaError(problems)


def _structure_problems(ds: xr.Dataset) -> Iterator[str]:
    for name, wanted in VARIABLES.items():
        kinds = " or ".join(_KIND_NAMES[k] for k in wanted.kinds)
        if name not in ds.variables:
            if wanted.required:
                yield f"{name!r} is missing: wanted {kinds} values on {wanted.dims}, the {wanted.meaning}"
            continue
        got = ds[name]
        if got.dims != wanted.dims:
            same = set(got.dims) == set(wanted.dims)
            hint = "`.transpose` reorders" if same else "a list, as in ds.isel(checkpoint=[-1]), keeps the dimension"
            yield f"{name!r} has dimensions {got.dims}: wanted {wanted.dims}, in this order ({hint})"
        if not _storable(got.dtype, wanted.kinds):
            yield f"{name!r} has dtype {got.dtype}: wanted {kinds}"
    if ds.sizes.get("class", 2) < 2:
        yield "one class only: a distribution over a single class is always certain; wanted two or more"
    for dim in DIMS:
        if ds.sizes.get(dim, 1) == 0:
            yield f"dimension {dim!r} is empty: the dataset holds no {dim}"
    for name in run_attributes(ds):
        if name in _RESERVED:
            yield f"run attribute {name!r}: the name is reserved, choose another"
        if not _storable(ds[name].dtype, "Uifb"):
            yield f"run attribute {name!r} has dtype {ds[name].dtype}: wanted text, integer, float or boolean"


def _storable(dtype: np.dtype[Any], kinds: str) -> bool:
    """Say whether a file can hold it: netCDF has no half or extended floats."""
    return dtype.kind in kinds and (dtype.kind != "f" or dtype.itemsize in (4, 8))


def _identity_problems(ds: xr.Dataset) -> Iterator[str]:
    for dim in DIMS:
        index = ds.get_index(dim)
        if not index.is_unique:
            repeated = ", ".join(repr(v) for v in index[index.duplicated()].unique()[:5])
            yield f"{dim!r} is not unique: {repeated} appear more than once; give each {dim} its own identity"
    if not ds.get_index("checkpoint").is_monotonic_increasing:
        yield "'checkpoint' does not increase along its dimension: sort it (`ds.sortby('checkpoint')`)"
    label = ds["label"].values
    if outside := np.unique(label[(label < 0) | (label >= ds.sizes["class"])]).tolist():
        yield f"'label' holds {outside[:5]}: wanted class indices from 0 to {ds.sizes['class'] - 1}"
    for name, allowed in _ALLOWED.items():
        if wrong := sorted(set(ds[name].values.tolist()) - set(allowed)):
            yield f"{name!r} holds {wrong[:5]}: wanted {' or '.join(map(repr, allowed))}"


def _value_problems(ds: xr.Dataset) -> Iterator[str]:
    """Look at the numbers run by run, so that memory stays that of one run."""
    checkpoints, steps, predictions = ds["checkpoint"].values, ds["step"].values, ds["log_prob"].variable
    for index, run in enumerate(ds["run"].values.tolist()):
        step = steps[index]
        log_prob = np.asarray(predictions[index].values)
        recorded = step >= 0
        if not recorded.any():
            yield f"run {run!r} has no recorded checkpoint (every step is -1): drop the run"
        if (np.diff(step[recorded]) <= 0).any():
            yield (
                f"run {run!r}: 'step' does not increase from one checkpoint to the next: {step[recorded].tolist()[:8]}"
            )
        if (step < -1).any():
            yield f"run {run!r}: 'step' holds values below -1 (-1 marks a missing checkpoint)"
        for k in [] if _sums_to_one(log_prob[recorded]) else np.flatnonzero(recorded):
            if problem := _row_problem(log_prob[k]):
                yield f"run {run!r}, checkpoint {checkpoints[k]}: {problem}"
        for k in np.flatnonzero(~recorded):
            if not np.isnan(log_prob[k]).all():
                yield (
                    f"run {run!r}, checkpoint {checkpoints[k]}: step is -1 (missing) but 'log_prob' holds values; "
                    "give its step, or set it to NaN"
                )


def _sums_to_one(log_prob: NDArray[Any]) -> bool:
    """Say whether all rows hold probabilities, which are then at most 1 and not NaN; doubtful ones are looked at."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.exp(log_prob) @ np.ones(log_prob.shape[-1], dtype=log_prob.dtype)
        return bool((np.abs(total - 1) <= ROW_TOLERANCE).all())


def _row_problem(log_prob: NDArray[Any]) -> str | None:
    """Say what is wrong with one recorded checkpoint (sample, class), or None."""
    if np.isnan(log_prob).any():
        samples = int(np.isnan(log_prob).any(-1).sum())
        return (
            f"NaN in {samples} of {len(log_prob)} samples of a recorded checkpoint; "
            "a missing one is NaN throughout, with step -1"
        )
    highest = float(log_prob.max())
    if highest > ROW_TOLERANCE:
        return f"positive log-probability {highest:.4g}; wanted natural logs of probabilities (at most 0)"
    total = np.exp(log_prob.astype(np.float64)).sum(-1)
    worst = int(np.abs(total - 1).argmax())
    if abs(total[worst] - 1) > ROW_TOLERANCE:
        return (
            f"the probabilities of sample {worst} sum to {total[worst]:.6g}; wanted 1 within {ROW_TOLERANCE:g} "
            "(pass raw network outputs as `logits=`)"
        )
    return None


def from_arrays(
    *,
    log_prob: ArrayLike | Sequence[ArrayLike] | None = None,
    prob: ArrayLike | Sequence[ArrayLike] | None = None,
    logits: ArrayLike | Sequence[ArrayLike] | None = None,
    label: ArrayLike,
    runs: pd.DataFrame | Mapping[str, Any],
    step: ArrayLike | Sequence[ArrayLike] | None = None,
    epoch: ArrayLike | Sequence[ArrayLike] | None = None,
    classes: Sequence[str] | None = None,
    split: ArrayLike | str | None = None,
    sample: ArrayLike | None = None,
    source: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Make a trajectory dataset from plain arrays.

    Exactly one of `log_prob`, `prob` and `logits` is given; rows are normalised in float64
    (log p_c = z_c - log sum_k exp z_k for logits) and stored as float32 log-probabilities.

    Parameters
    ----------
    log_prob, prob, logits
        Predictions (run, checkpoint, sample, class), where a checkpoint that a run does not have is NaN
        throughout; or a list with one (checkpoint, sample, class) array per run, of any lengths.
    label
        Index of the true class of each sample.
    runs
        One row per run: a DataFrame, or a dict of equally long columns. A column `run` holds the identities;
        otherwise a DataFrame's named index, otherwise "0", "1", ... `kind` defaults to "network".
        Categories become text and nullable integers floats; a missing text is "", a missing number NaN.
    step, epoch
        Optimizer updates and epochs done at each checkpoint: (checkpoint,) for all runs alike,
        (run, checkpoint), or a list with one array per run. Steps default to 0, 1, 2, ...
    classes
        Names of the classes; "0", "1", ... otherwise.
    split
        "train" or "test" for each sample, or one for all; "test" if None.
    sample
        Identities of the inputs; 0, 1, ... otherwise.
    source
        Where the data come from, in a few words.
    metadata
        Anything that JSON can hold; kept as one JSON string in the attributes.

    Returns
    -------
    xarray.Dataset
        With dimensions (run, checkpoint, sample, class).

    Raises
    ------
    SchemaError
        If predictions are not distributions, shapes disagree, identities repeat, or a column mixes types.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.from_arrays(
    ...     prob=[[[[0.5, 0.5]], [[0.9, 0.1]]], [[[0.5, 0.5]]]], label=[0], runs={"optimizer": ["sgd", "adam"]}
    ... )
    >>> dict(ds.sizes)
    {'run': 2, 'checkpoint': 2, 'sample': 1, 'class': 2}
    >>> ds.step.values
    array([[ 0,  1],
           [ 0, -1]])
    """
    given = {k: v for k, v in {"log_prob": log_prob, "prob": prob, "logits": logits}.items() if v is not None}
    if len(given) != 1:
        raise SchemaError([f"wanted exactly one of log_prob, prob and logits, got {sorted(given) or 'none'}"])
    (form, values), *_ = given.items()
    split = "test" if split is None else split
    raw = _pad(values, np.float64, np.nan, form, ndim=4)
    if 0 in raw.shape:
        raise SchemaError([f"{form!r} has shape {raw.shape} {DIMS}: wanted at least one of each"])
    identities, attributes, problems = run_columns(runs)
    n_run, n_checkpoint, n_sample, n_class = raw.shape
    problems += _length_problems(
        {
            "runs": ((len(identities),), n_run, "runs"),
            "label": (np.shape(label), n_sample, "samples"),
            "classes": ((n_class,) if classes is None else np.shape(classes), n_class, "classes"),
            "sample": ((n_sample,) if sample is None else np.shape(sample), n_sample, "samples"),
            "split": ((n_sample,) if isinstance(split, str) else np.shape(split), n_sample, "samples"),
        },
        form,
    )
    if np.asarray(label).dtype.kind not in "iu":
        problems.append(f"'label' has dtype {np.asarray(label).dtype}: wanted the integer index of each true class")
    problems += _prediction_problems(raw, form, identities)
    if problems:
        raise SchemaError(problems)
    recorded = ~np.isnan(raw).all(axis=(2, 3))
    ds = xr.Dataset(
        {
            "log_prob": (DIMS, to_log_prob(raw, form).astype(np.float32)),
            "step": (("run", "checkpoint"), _steps(step, recorded)),
        },
        coords={
            "run": ("run", identities),
            **{name: ("run", column) for name, column in attributes.items()},
            "checkpoint": np.arange(n_checkpoint),
            "sample": np.arange(n_sample) if sample is None else _plain(sample),
            "label": ("sample", np.array(label, dtype=np.int64)),
            "split": (
                "sample",
                np.full(n_sample, split) if isinstance(split, str) else np.array(split, dtype=str),
            ),
            "class": np.asarray([str(c) for c in (range(n_class) if classes is None else classes)]),
        },
    )
    if epoch is not None:
        epochs = _per_checkpoint(epoch, "epoch", recorded)
        ds["epoch"] = (("run", "checkpoint"), np.where(recorded, epochs, np.nan))
    ds = stamp(ds.assign_attrs(source=source, metadata=json.dumps(dict(metadata or {}))))
    validate(ds)
    return ds


@cache
def installed_version() -> str:
    """Give the version of trajkit; looked up once, since it is asked for at each recording."""
    return version("trajkit")


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


def _pad(values: Any, dtype: type, fill: float, name: str, *, ndim: int) -> NDArray[Any]:
    """Make one array of a list with one array per run, filling short runs at their end."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        array = values
    else:
        parts = _numbers(values, dtype, name)
        if len(shapes := {p.shape[1:] for p in parts}) > 1:
            raise SchemaError(
                [f"{name!r}: runs differ in shape after the checkpoint: {sorted(shapes)}; all runs share one probe"]
            )
        longest = max((len(p) for p in parts if p.ndim), default=0)
        array = np.stack(
            [
                np.pad(p, [(0, longest - len(p))] + [(0, 0)] * (p.ndim - 1), constant_values=fill) if p.ndim else p
                for p in parts
            ]
        )
    if array.ndim != ndim:
        raise SchemaError([f"{name!r} has shape {array.shape}: wanted {ndim} dimensions {DIMS[:ndim]}"])
    return np.asarray(array, dtype=dtype)


def _numbers(values: Any, dtype: type, name: str) -> list[NDArray[Any]]:
    """Make one array of each run's values."""
    try:
        parts: list[NDArray[Any]] = [np.asarray(v, dtype=dtype) for v in values]
    except (TypeError, ValueError) as error:
        raise SchemaError(
            [f"{name!r}: wanted numbers, in one array or a list with one array per run ({error})"]
        ) from None
    if not parts:
        raise SchemaError([f"{name!r} is empty: wanted at least one run"])
    return parts


def _length_problems(shapes: Mapping[str, tuple[tuple[int, ...], int, str]], form: str) -> list[str]:
    return [
        f"{name!r} has {f'{got[0]} entries' if len(got) == 1 else f'shape {got}'}, but {form!r} has {wanted} {what}"
        for name, (got, wanted, what) in shapes.items()
        if got != (wanted,)
    ]


def _prediction_problems(raw: NDArray[np.float64], form: str, runs: NDArray[Any]) -> list[str]:
    """Refuse what the log or softmax would turn into a NaN or hide; `validate` sees the rest."""
    missing = np.isnan(raw).all(axis=(2, 3))
    wrong = {
        "logits": ("an infinite or NaN logit", ~np.isfinite(raw)),
        "prob": ("a negative or NaN probability", ~(raw >= 0)),
        "log_prob": ("a NaN log-probability", np.isnan(raw)),
    }[form]
    at = np.argwhere(wrong[1].any(axis=(2, 3)) & ~missing)
    problems = [f"run {_name(runs, i)}, checkpoint {k}: {wrong[0]} in a recorded checkpoint" for i, k in at[:5]]
    if form == "logits" or problems:
        return problems
    total = raw.sum(-1) if form == "prob" else np.exp(raw).sum(-1)
    off = (np.abs(total - 1) > ROW_TOLERANCE).any(-1) & ~missing
    for i, k in np.argwhere(off)[:5]:
        n = int(np.abs(total[i, k] - 1).argmax())
        positive = form == "log_prob" and raw[i, k].max() > ROW_TOLERANCE
        what = (
            f"positive log-probability {raw[i, k].max():.4g}"
            if positive
            else f"the probabilities of sample {n} sum to {total[i, k, n]:.6g}"
        )
        problems.append(
            f"run {_name(runs, i)}, checkpoint {k}: {what}; wanted rows that sum to 1 within {ROW_TOLERANCE:g} "
            "(pass raw network outputs as `logits=`)"
        )
    return problems


def _name(runs: NDArray[Any], index: int) -> str:
    return repr(str(runs[index])) if index < len(runs) else f"number {index}"


def to_log_prob(raw: NDArray[np.float64], form: str) -> NDArray[np.float64]:
    """Turn "logits", "prob" or "log_prob" into normalised log-probabilities, over the last axis."""
    if form == "prob":
        # log 0 = -inf is meant: a class ruled out.
        with np.errstate(divide="ignore"):
            raw = np.log(raw)
    return normalize(raw)


def _per_checkpoint(values: Any, name: str, recorded: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Bring (checkpoint,), (run, checkpoint) or a ragged list to (run, checkpoint)."""
    ragged = isinstance(values, Sequence) and any(np.ndim(v) for v in values)
    array = _pad(values, np.float64, np.nan, name, ndim=2) if ragged else np.stack(_numbers(values, np.float64, name))
    if array.shape not in (recorded.shape, recorded.shape[1:]):
        raise SchemaError(
            [f"{name!r} has shape {array.shape}: wanted {recorded.shape} (run, checkpoint) or {recorded.shape[1:]}"]
        )
    array = np.broadcast_to(array, recorded.shape)
    if lacking := np.argwhere(np.isnan(array) & recorded).tolist():
        run, checkpoint = lacking[0]
        raise SchemaError([f"{name!r} has no value for the recorded checkpoint {checkpoint} of run number {run}"])
    return array


def _steps(step: Any, recorded: NDArray[np.bool_]) -> NDArray[np.int64]:
    values = np.arange(recorded.shape[1], dtype=np.float64) if step is None else step
    steps = _per_checkpoint(values, "step", recorded)
    steps = np.where(recorded, steps, -1)
    if (steps != np.round(steps)).any():
        raise SchemaError(
            ["'step' holds fractions: wanted the whole number of optimizer updates (epochs go to `epoch=`)"]
        )
    return steps.astype(np.int64)


def _plain(values: ArrayLike) -> NDArray[Any]:
    """Identities as int64 or text."""
    array = np.asarray(values)
    return array.astype(np.int64) if array.dtype.kind in "iu" else array.astype(str)


def run_columns(
    runs: pd.DataFrame | Mapping[str, Any],
) -> tuple[NDArray[Any], dict[str, NDArray[Any]], list[str]]:
    """Split the table of runs into identities and attributes, with what is wrong in it."""
    if isinstance(runs, Mapping):
        if single := [name for name, c in runs.items() if np.ndim(c) == 0]:
            raise SchemaError([f"the columns {single} of 'runs' are single values: wanted one entry for each run"])
        if len({len(c) for c in runs.values()}) > 1:
            raise SchemaError([f"the columns of 'runs' differ in length: { {k: len(c) for k, c in runs.items()} }"])
        # pandas would make integers beside None floats, and they may be long.
        runs = {k: pd.Series(c, dtype=object) if any(v is None for v in c) else c for k, c in runs.items()}
    table = pd.DataFrame(runs)
    if repeated := table.columns[table.columns.astype(str).duplicated()].tolist():
        raise SchemaError([f"the columns {repeated} of 'runs' appear more than once: give each its own name"])
    named = table.index.name is not None
    identities: Any = table.pop("run") if "run" in table else (table.index if named else np.arange(len(table)))
    problems = [f"run attribute {name!r}: the name is reserved, choose another" for name in table if name in _RESERVED]
    if "kind" not in table:
        table.insert(0, "kind", "network")
    attributes = {}
    for name, column in table.items():
        try:
            attributes[str(name)] = _attribute(name, column)
        except SchemaError as error:
            problems += error.problems
    return np.asarray([str(i) for i in identities]), attributes, problems


def _attribute(name: Hashable, column: pd.Series) -> NDArray[Any]:
    """Turn a table's column into text, integers, floats or booleans that netCDF can hold."""
    values = column.astype(object)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    missing = values.isna().to_numpy()
    # A column of numbers stays one, though all of them are missing.
    if kind == "string" or (kind == "empty" and not pd.api.types.is_numeric_dtype(column)):
        return values.where(~missing, "").to_numpy().astype(str)
    if kind not in ("integer", "floating", "mixed-integer-float", "boolean", "empty"):
        types = sorted({type(v).__name__ for v in values[~missing]})
        raise SchemaError(
            [
                f"run attribute {name!r} holds {', '.join(types)}: wanted text, integers, floats or booleans, "
                "one kind to a column"
            ]
        )
    if kind == "boolean" and not missing.any():
        return values.to_numpy().astype(bool)
    if kind == "integer" and not missing.any():
        if any(not -(2**63) <= v < 2**63 for v in values):
            raise SchemaError([f"run attribute {name!r} holds integers beyond 64 bits: make it text"])
        return values.to_numpy().astype(np.int64)
    if kind == "integer" and any(int(float(v)) != v for v in values[~missing]):
        raise SchemaError([_too_long(name)])
    return values.where(~missing, np.nan).to_numpy().astype(np.float64)


def _too_long(name: Hashable) -> str:
    return (
        f"run attribute {name!r} holds integers beyond 2^53, which lose digits as floats, and a missing value makes "
        "them floats: make it text"
    )


def lost_as_float(name: Hashable, values: NDArray[Any]) -> str | None:
    """Say what integers would lose by becoming floats, or None."""
    return _too_long(name) if values.dtype.kind == "i" and (values.astype(float).astype(int) != values).any() else None
