"""Claim: architectures have distinguishable trajectories under each metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from trajkit.analysis import compare_groups
from trajkit.distances import Metric, as_metric
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, judged, untold, written
from trajkit.reporting.part import ARCHITECTURE, Part, limitations_of


def examine(part: Part) -> Finding:
    """Test architecture under each symmetric metric."""
    part.need_architecture()
    how = part.settings
    arguments: dict[str, Any] = {"permutations": how.permutations, "seed": how.seed}
    numbers, missing, code = [], [], [*part.code_of_ds]
    for name in ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys"):
        metric = as_metric(name, how.metric.cap, optional_cap=True)
        try:
            values = part.distance if metric == how.metric else part.distance_under(metric)
        # Without a common class for some sample, some metrics are infinite and others are not.
        except ValueError as error:
            missing.append(f"{name} ({error})")
            continue
        numbers += _numbers(metric, compare_groups(values, ARCHITECTURE, **arguments))
        code += [
            part.code_of_distance_under(metric),
            f"{name} = tk.compare_groups(distance, {ARCHITECTURE!r}, {written(**arguments)})",
        ]
    tests = numbers[::2]
    low, high = min(number.value for number in tests), max(number.value for number in tests)
    because = f"the matched ratio of architecture, of lengths, is between {low:.2f} and {high:.2f} under "
    because += f"{len(tests)} metrics" + (f"; not examined: {', '.join(missing)}" if missing else "")
    if np.isnan([number.p_value for number in tests]).any():
        return untold(f"{because}; {limitations_of(part.groups, ARCHITECTURE)}", numbers, code)
    # The claim is about all metrics, so the largest p-value decides.
    weakest = max(tests, key=lambda number: number.p_value)
    return judged(True, because, [replace(number, decisive=number is weakest) for number in numbers], code)


def _numbers(metric: Metric, found: xr.Dataset) -> list[Number]:
    """Give the matched ratio as one of lengths, to compare all metrics, and R^2."""
    power, line = (1.0, "") if metric.scale == "length" else (0.5, " ** 0.5")
    value, lower, upper = (float(found[f"matched_{part}"].item()) ** power for part in ("ratio", "lower", "upper"))
    return [
        Number(
            f"matched ratio of architecture, of lengths, {metric.name}", metric.name, value, lower, upper, 1.0,
            float(found["p_value"].item()), float(found["least_p_value"].item()),
            code=f"{metric.name}.matched_ratio.item(){line}",
        ),
        Number(
            f"R² of architecture, {metric.name}", metric.name, float(found["r_squared"].item()),
            code=f"{metric.name}.r_squared.item()",
        ),
    ]  # fmt: skip


CLAIM = Claim(
    name="metrics agree",
    statement="The choice of the metric does not matter: architectures are distinguishable under each.",
    rule="Holds if architecture makes a significant difference under every metric.",
    examine=examine,
)
