"""Checks and messages that all importers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.probabilities import Form, form_problem, looks_like_distributions, to_log_prob
from trajkit.schema import VARIABLES, SchemaError
from trajkit.typing import AnyArray, Array


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Put the file or folder in front of what does not fit.

    Raises
    ------
    SchemaError
        If the block raises one: each problem that does not name `where` begins with it.
    MemoryError
        If the block runs out of memory.
    """
    try:
        yield
    except SchemaError as error:
        raise SchemaError([p if where in p else f"{where}: {p}" for p in error.problems]) from None
    except MemoryError as error:
        raise MemoryError(f"{where}: needs more memory than there is ({error}); read fewer runs or samples") from error


def places(identities: AnyArray, wanted: AnyArray, *, where: str) -> AnyArray:
    """Return the index in `identities` of each wanted sample; both hold the same samples, in any order.

    Raises
    ------
    SchemaError
        If a sample repeats, is missing, or is not among the wanted ones. The message starts with `where`.
    """
    index, target = pd.Index(identities), pd.Index(wanted)
    problems = []
    if repeated := listed(index[index.duplicated()].unique()):
        problems.append(f"{where}: the samples {repeated} appear more than once; wanted each once")
    if missing := listed(target.difference(index, sort=False)):
        problems.append(f"{where}: the samples {missing} are missing; all runs and checkpoints share one probe")
    if strange := listed(index.difference(target, sort=False).unique()):
        problems.append(f"{where}: the samples {strange} are not in the first run; all runs share one probe")
    if problems:
        raise SchemaError(problems)
    return index.get_indexer(target)


def refuse_other_shape(shape: tuple[int, ...], first: tuple[int, ...], *, where: str) -> None:
    """Refuse predictions (sample, class) of another shape than those of the first run.

    Raises
    ------
    SchemaError
        If the shapes differ. The message starts with `where`.
    """
    if shape != first:
        got, wanted = (f"{samples} samples of {classes} classes" for samples, classes in (shape, first))
        raise SchemaError(
            [f"{where}: {got}, but the first run has {wanted}; all runs share one probe: read them separately"]
        )


def refuse_nan(values: AnyArray, *, where: str) -> None:
    """Refuse NaN in recorded predictions: a checkpoint in which all values are NaN would be taken for a missing one.

    Raises
    ------
    SchemaError
        If there is any. The message starts with `where`.
    """
    if count := int(np.isnan(values).any(axis=-1).sum()):
        raise SchemaError(
            [f"{where}: NaN for {count} samples, as from a diverged model; leave this and later checkpoints out"]
        )


class Hints(NamedTuple):
    """What to do with rows that are of another form than it seemed: probabilities, or raw network outputs."""

    prob: str
    logits: str


# For importers with an argument `form=`.
FORM_HINTS = Hints(
    "pass form='prob', or form='logits' if these are logits all the same", "pass form='logits' for raw network outputs"
)


def as_log_prob(raw: Array, form: Form, hints: Hints, *, where: str, insists: bool = False) -> Array:
    """Turn the predictions (checkpoint, sample, class) of a run into normalised log-probabilities.

    Logits that look like distributions are refused unless the caller `insists` on logits.

    Raises
    ------
    SchemaError
        If rows are not what `form` says. The message starts with `where`.
    """
    if form == "logits" and not insists and looks_like_distributions(raw):
        raise SchemaError([f"{where}: the rows are probability distributions: {hints.prob}"])
    found = ((k, form_problem(rows, form, hints.logits)) for k, rows in enumerate(raw))
    if problems := [f"{where}, checkpoint {k}: {problem}" for k, problem in found if problem]:
        raise SchemaError(problems)
    return to_log_prob(raw, form)


def with_epochs(ds: xr.Dataset, epochs: Sequence[AnyArray]) -> xr.Dataset:
    """Add the epochs of each run's checkpoints. `from_arrays` refuses unknown epochs; here they are NaN."""
    table = np.full((ds.sizes["run"], ds.sizes["checkpoint"]), np.nan)
    for row, known in zip(table, epochs, strict=True):
        row[: len(known)] = known
    return ds.assign(epoch=(("run", "checkpoint"), table, {"long_name": VARIABLES["epoch"].meaning}))


def listed(values: Iterable[Any], shown: int = 5) -> str:
    """Join the first few of `values` by commas and count the others.

    Examples
    --------
    >>> listed(range(8))
    '0, 1, 2, 3, 4 and 3 more'
    """
    names = [str(v) for v in values]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
