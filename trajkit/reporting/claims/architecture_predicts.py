"""Claim: of all settings, architecture predicts distances best."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit import figures
from trajkit.analysis import importance
from trajkit.analysis.importance import NOISE
from trajkit.configuration import configuration
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged, written
from trajkit.reporting.part import ARCHITECTURE, Part


def examine(part: Part) -> Finding:
    """Predict distances of held-out runs from their settings."""
    part.need_architecture()
    # Each fold needs three configurations.
    folds = min(5, len(np.unique(configuration(part.distance))) // 3)
    arguments: dict[str, Any] = {"folds": max(2, folds), "repeats": 3, "seed": part.settings.seed}
    found = importance(part.distance, part.attributes, **arguments)
    if found["r_squared"].isnull().any():
        raise CannotTellError(found.attrs["limitations"])
    score = float(found["r_squared"].mean())
    if not score > 0:
        raise CannotTellError(f"the settings do not predict distances of held-out runs (R² {score:.2f})")
    code = [*part.code_of_distance, f"found = tk.importance(distance, {part.attributes}, {written(**arguments)})"]
    numbers = [
        Number(
            "R² on held-out runs (range over folds)", "all settings", score, *_range(found["r_squared"]), null=0.0,
            code="found.r_squared.mean()",
        )
    ]  # fmt: skip
    each, null = found["importance"].drop_sel(attribute=NOISE), found["importance"].sel(attribute=NOISE)
    mean = each.mean("fold")
    for name in mean["attribute"].values[np.argsort(-mean.values)].tolist():
        own = each.sel(attribute=name)
        numbers.append(
            Number(
                f"importance of {name} (range over folds)", name, float(own.mean()), *_range(own),
                null=float(null.mean()), code=f"found.importance.sel(attribute={name!r}).mean()",
            )
        )  # fmt: skip
    first = numbers[1].subject
    clear = float(each.sel(attribute=ARCHITECTURE).min()) > float(null.max())
    because = (
        f"{first} has the largest importance; architecture is {'more' if clear else 'not more'} important than a "
        "random number in every fold"
    )
    return judged(first == ARCHITECTURE and clear, because, numbers, code, found)


def _range(values: xr.DataArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


CLAIM = Claim(
    name="architecture predicts",
    statement="Of all settings, architecture predicts the distance of two held-out networks best.",
    rule="Holds if its permutation importance is the largest, and larger than that of a random number in every fold.",
    examine=examine,
    draw=figures.importance,
    caption="How much worse distances of held-out runs are predicted after a setting is permuted.",
    slowness=1,
)
