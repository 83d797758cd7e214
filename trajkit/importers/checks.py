"""What all importers ask of what they read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.schema import VARIABLES, SchemaError
from trajkit.typing import AnyArray


def places(identities: AnyArray, wanted: AnyArray, *, where: str) -> AnyArray:
    """Find each wanted sample among `identities`; both hold the same samples, in any order.

    Raises
    ------
    SchemaError
        If a sample repeats, is missing, or is not wanted. The message starts with `where`.
    """
    index, target = pd.Index(identities), pd.Index(wanted)
    problems = []
    if repeated := listed(index[index.duplicated()].unique()):
        problems.append(f"{where}: the samples {repeated} appear more than once; wanted each once")
    if missing := listed(target.difference(index, sort=False)):
        problems.append(f"{where}: the samples {missing} are missing; all runs and checkpoints share one probe")
    if strange := listed(index.difference(target, sort=False).unique()):
        problems.append(f"{where}: the samples {strange} are not in the first checkpoint; all share one probe")
    if problems:
        raise SchemaError(problems)
    return index.get_indexer(target)


def refuse_nan(values: AnyArray, *, where: str) -> None:
    """Refuse NaN in recorded predictions: a checkpoint that is NaN throughout would pass for a missing one.

    Raises
    ------
    SchemaError
        If there is any. The message starts with `where`.
    """
    if count := int(np.isnan(values).any(axis=-1).sum()):
        raise SchemaError(
            [f"{where}: NaN for {count} samples, as from a diverged model; leave this and later checkpoints out"]
        )


def with_epochs(ds: xr.Dataset, epochs: Sequence[AnyArray]) -> xr.Dataset:
    """Add the epochs of each run's checkpoints, NaN where one is not known: a recorder may not have been told."""
    table = np.full((ds.sizes["run"], ds.sizes["checkpoint"]), np.nan)
    for row, known in zip(table, epochs, strict=True):
        row[: len(known)] = known
    return ds.assign(epoch=(("run", "checkpoint"), table, {"long_name": VARIABLES["epoch"].meaning}))


def listed(values: Iterable[Any], shown: int = 5) -> str:
    """Name the first few of `values` and say how many more there are."""
    names = [str(v) for v in values]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
