"""Claim: architectures have distinguishable trajectories under each metric."""

from __future__ import annotations

from typing import Any

import xarray as xr

from trajkit.analysis import compare_groups
from trajkit.distances import Metric, as_metric
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, judged, written
from trajkit.reporting.part import ARCHITECTURE, Part


def examine(part: Part) -> Finding:
    """Explain distances by architecture under each symmetric metric."""
    part.need_architecture()
    how = part.settings
    arguments: dict[str, Any] = {"unit": "run", "permutations": how.permutations, "seed": how.seed}
    numbers, missing, code = [], [], [*part.code_of_ds]
    for name in ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys"):
        metric = as_metric(name, how.metric.cap, optional_cap=True)
        try:
            values = part.distance if metric == how.metric else part.distance_under(metric)
        # Without a common class for some sample, some metrics are infinite and others are not.
        except ValueError as error:
            missing.append(f"{name} ({error})")
            continue
        numbers += _numbers(metric, compare_groups(values, ARCHITECTURE, **arguments), how.permutations)
        code += [
            part.code_of_distance_under(metric),
            f"{name} = tk.compare_groups(distance, {ARCHITECTURE!r}, {written(**arguments)})",
        ]
    shares = numbers[::2]
    low, high = min(number.value for number in shares), max(number.value for number in shares)
    because = f"R² of architecture is between {low:.2f} and {high:.2f} under {len(shares)} metrics"
    because += f"; not examined: {', '.join(missing)}" if missing else ""
    return judged(all(number.p_value <= how.significant for number in shares), because, numbers, code)


def _numbers(metric: Metric, found: xr.Dataset, permutations: int) -> list[Number]:
    """Give R^2 and the ratio of distances; of squared lengths the root, to compare all metrics as lengths."""
    is_length = metric.scale == "length"
    ratio, line = float(found["ratio"].item()), f"{metric.name}.ratio.item()"
    return [
        Number(
            f"R² of architecture, {metric.name}", metric.name, float(found["r_squared"].item()),
            p_value=float(found["p_value"].item()), draws=permutations, code=f"{metric.name}.r_squared.item()",
        ),
        Number(
            f"between / within, as lengths, {metric.name}", metric.name, ratio if is_length else ratio**0.5, null=1.0,
            code=line if is_length else f"{line} ** 0.5",
        ),
    ]  # fmt: skip


CLAIM = Claim(
    name="metrics agree",
    statement="The choice of the metric does not matter: architectures are distinguishable under each.",
    rule="Holds if architecture explains distances significantly under every metric.",
    examine=examine,
)
