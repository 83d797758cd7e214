"""The identity and the attributes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from trajkit.from_arrays import run_columns
from trajkit.schema import SchemaError
from trajkit.storage.store import COLUMNS


def identify(run: Mapping[str, Any] | str) -> tuple[str, dict[str, Any]]:
    """Split `run` into its identity and its attributes, as values that JSON can hold.

    Raises
    ------
    SchemaError
        If the run has no identity, or an attribute has an unusable value or a reserved name.

    Examples
    --------
    >>> identify(dict(architecture="MLP", seed=0))
    ('MLP-0', {'architecture': 'MLP', 'seed': 0})
    >>> identify(dict(run="first", seed=0))
    ('first', {'seed': 0})
    """
    attributes = {"run": run} if isinstance(run, str) else run
    values = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in attributes.items()}
    name = values.pop("run", None)
    _, _, problems = run_columns(pd.DataFrame([values], dtype=object))
    problems += [f"run attribute {k!r}: the name is reserved, choose another" for k in values if k in COLUMNS]
    name = "-".join(map(str, values.values())) if name is None else str(name)
    if not name:
        problems.append("the run has no name: pass run=dict(architecture=..., seed=...) or run=dict(run=...)")
    if problems:
        # Once each: "step" is reserved both in datasets and in the table of a store.
        raise SchemaError(list(dict.fromkeys(problems)))
    return name, values
