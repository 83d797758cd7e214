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
    """Compare distances of runs at equal progress with those of runs that learn other samples."""
    how, by = part.settings, part.architecture_if_any
    arguments = {"null_draws": how.null_draws, **how.distance, "by": by, "seed": how.seed}
    found = null_test(part.ds, **arguments)
    code = [*part.code_of_ds, f"found = tk.null_test(ds, {written(**arguments)})"]
    shuffled = pair_distances(shuffle_within_class(part.even, how.seed), how.metric)
    chosen = pairs_of_groups(part.ds, by)
    interval = ratio_interval(
        part.ds, part.pair_distances.isel(pair=chosen), shuffled.isel(pair=chosen),
        draws=CHEAP_DRAWS, level=how.level, seed=how.seed,
    )  # fmt: skip
    lower, upper = float(interval["lower"]), float(interval["upper"])
    observed, null = float(found["observed"].mean()), float(found["null"].mean())
    p, below, unit = float(found["overall_p_value"]), float(found["share_below"]), found["observed"].attrs["units"]
    numbers = [
        Number(
            "distance / distance to shuffled runs", "distance", observed / null, lower, upper, 1.0, p,
            draws=how.null_draws, code="found.observed.mean() / found.null.mean()",
        ),
        Number("median ratio of pairs", "pairs", float(found["median_ratio"]), null=1.0, code="found.median_ratio"),
        Number("share of pairs nearer than their null", "pairs", below, null=0.5, code="found.share_below"),
        Number(
            "mean distance at equal progress", "distance", observed, null=null, unit=unit, code="found.observed.mean()"
        ),
    ]  # fmt: skip
    if "straight" in found:
        numbers.append(
            Number(
                "distance if each left the straight road its own way", "distance", float(found["straight"].mean()),
                unit=unit, code="found.straight.mean()",
            )
        )  # fmt: skip
    which = f"differ in {by}" if by else "are compared"
    because = (
        f"{below:.0%} of the {found.sizes['pair']} pairs of runs that {which} are nearer than their null "
        f"({written_p(p, how.null_draws)})"
    )
    return judged(upper < 1 and p <= how.significant, because, numbers, code, found)


CLAIM = Claim(
    "one manifold",
    "All networks explore the same manifold: at equal progress they are nearer to each other than to networks that "
    "learn as much, but other samples first.",
    "Holds if the interval of the ratio lies below 1, and the mean distance is below every draw of the null.",
    examine,
    figures.null_test,
    "Each pair of runs: its distance at equal progress beside the mean of its null.",
)
