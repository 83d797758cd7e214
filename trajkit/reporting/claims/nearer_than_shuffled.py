"""Claim: networks are nearer to each other than to networks that learn as much, but other samples first."""

from __future__ import annotations

from trajkit import figures
from trajkit.analysis import null_test
from trajkit.analysis.null_test import written_p
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, judged, written
from trajkit.reporting.part import Part


def examine(part: Part) -> Finding:
    """Compare distances of runs at equal progress with distances to runs whose samples are shuffled."""
    how, by = part.settings, part.architecture_if_any
    arguments = {"null_draws": how.null_draws, **how.distance, "by": by, "seed": how.seed}
    found = null_test(part.ds, **arguments, level=how.level, progress_bar=False)
    code = [*part.code_of_ds, f"found = tk.null_test(ds, {written(**arguments)})"]
    observed, null = float(found["observed"].mean()), float(found["null"].mean())
    p, below, unit = float(found["overall_p_value"]), float(found["share_below"]), found["observed"].attrs["units"]
    numbers = [
        Number(
            "mean distance / mean distance to shuffled runs", "distance", float(found["overall_ratio"]),
            float(found["overall_lower"]), float(found["overall_upper"]), 1.0, p, how.least_of_draws,
            code="found.overall_ratio", decisive=True,
        ),
        Number("median ratio of pairs", "pairs", float(found["median_ratio"]), null=1.0, code="found.median_ratio"),
        Number("share of pairs nearer than under the null", "pairs", below, null=0.5, code="found.share_below"),
        Number(
            "mean distance at equal progress", "distance", observed, null=null, unit=unit, code="found.observed.mean()"
        ),
    ]  # fmt: skip
    if "straight" in found:
        numbers.append(
            Number(
                "mean distance if runs left the geodesic in unrelated directions", "distance",
                float(found["straight"].mean()), unit=unit, code="found.straight.mean()",
            )
        )  # fmt: skip
    pairs = f"pairs of runs that differ in {by}" if by else "pairs of runs"
    because = (
        f"{below:.0%} of the {found.sizes['pair']} {pairs} are nearer than under the null "
        f"({written_p(p, how.null_draws)})"
    )
    # Without an interval, which needs many draws, the p-value decides alone.
    return judged(not float(found["overall_upper"]) >= 1, because, numbers, code, found)


CLAIM = Claim(
    name="nearer than shuffled",
    statement=(
        "At equal progress, two networks are nearer to each other than to a network that has learned as much, but "
        "learns the samples in another order."
    ),
    rule=(
        "Holds if the mean distance is significantly smaller than under the null, and the interval of their ratio lies "
        "below 1. It shows that networks share which samples are easy. It does not show that they share one manifold."
    ),
    examine=examine,
    draw=figures.null_test,
    caption="Each pair of runs: its distance at equal progress, and its mean distance under the null.",
    slowness=1,
)
