"""Claim: all networks explore the same manifold."""

from __future__ import annotations

from trajkit import figures
from trajkit.analysis import null_test, shuffle_within_class
from trajkit.analysis.null_test import written_p
from trajkit.analysis.pair_distances import pair_distances, pairs_of_groups, ratio_interval
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, judged, written
from trajkit.reporting.part import CHEAP_DRAWS, Part


def examine(part: Part) -> Finding:
    """Compare distances of runs at equal progress with distances to runs whose samples are shuffled."""
    how, by = part.settings, part.architecture_if_any
    arguments = {"null_draws": how.null_draws, **how.distance, "by": by, "seed": how.seed}
    found = null_test(part.ds, **arguments)
    code = [*part.code_of_ds, f"found = tk.null_test(ds, {written(**arguments)})"]
    # One shuffle gives the interval: all draws of the null would cost as much as `null_test` again.
    shuffled = pair_distances(shuffle_within_class(part.even, how.seed), how.metric)
    chosen = pairs_of_groups(part.compared, by)
    interval = ratio_interval(
        part.compared, part.pair_distances.isel(pair=chosen), shuffled.isel(pair=chosen),
        draws=CHEAP_DRAWS, level=how.level, seed=how.seed,
    )  # fmt: skip
    lower, upper = float(interval["lower"]), float(interval["upper"])
    observed, null = float(found["observed"].mean()), float(found["null"].mean())
    p, below, unit = float(found["overall_p_value"]), float(found["share_below"]), found["observed"].attrs["units"]
    numbers = [
        Number(
            "mean distance / mean distance to shuffled runs", "distance", observed / null, lower, upper, 1.0, p,
            draws=how.null_draws, code="found.observed.mean() / found.null.mean()",
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
    return judged(upper < 1 and p <= how.significant, because, numbers, code, found)


CLAIM = Claim(
    name="one manifold",
    statement=(
        "All networks explore the same manifold: at equal progress, two networks are nearer to each other than to a "
        "network that has learned as much, but learns the samples in another order."
    ),
    rule=(
        "Holds if the interval of the ratio lies below 1, and the mean distance is significantly smaller than under "
        "the null."
    ),
    examine=examine,
    draw=figures.null_test,
    caption="Each pair of runs: its distance at equal progress, and its mean distance under the null.",
)
