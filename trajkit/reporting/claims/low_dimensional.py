"""Claim: trajectories lie on a manifold of few dimensions."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.analysis import dimensionality
from trajkit.analysis.null_test import written_p
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import Finding, Number, interval_of, judged, written
from trajkit.reporting.part import Part

# Components that a low-dimensional manifold may need for this share of the distances.
FEW, SHARE = 10, 0.9


def examine(part: Part) -> Finding:
    """Compare what a few components explain with what they explain of shuffled runs."""
    how = part.settings
    arguments = {"null_draws": how.null_draws, "share": SHARE, **how.distance, "seed": how.seed}
    found = dimensionality(part.thin, FEW, **arguments, level=how.level, progress_bar=False)
    code = [*part.code_of_thin, f"found = tk.dimensionality(thin, {FEW}, {written(**arguments)})"]
    numbers = []
    for measure in ("explained distance", "explained stress"):
        three = found.sel(measure=measure, component=3)
        numbers.append(
            Number(
                f"{measure} of 3 components", measure, *interval_of(three), null=float(three["null"].mean()),
                p_value=float(three["p_value"]), p_least=how.least_of_draws, decisive=measure == "explained distance",
                code=f"found.estimate.sel(measure={measure!r}, component=3)",
            )
        )  # fmt: skip
    explained = found.sel(measure="explained distance")
    needed, null = int(explained["needed"]), explained["null_needed"]
    numbers.append(
        Number(
            f"components for {SHARE:.0%} of distances", "explained distance", needed if needed > 0 else np.nan,
            null=float(null.median()) if (null > 0).all() else np.nan,
            code="found.needed.where(found.needed > 0).sel(measure='explained distance')",
        )
    )  # fmt: skip
    # Explained stress does not decide: the road from ignorance to truth, which shuffled runs share, makes most of it.
    p = numbers[0].p_value
    count = {-1: f"no {FEW} components explain", 1: "one component explains"}.get(
        needed, f"{needed} components explain"
    )
    because = (
        f"{count} {SHARE:.0%} of the distances; three components explain {numbers[0].value:.2f}, and "
        f"{numbers[0].null:.2f} of shuffled runs ({written_p(p, how.null_draws)})"
    )
    return judged(needed > 0, because, numbers, code, found)


CLAIM = Claim(
    name="low-dimensional",
    statement="Trajectories lie on a manifold of few dimensions.",
    rule=(
        f"Holds if at most {FEW} components explain {SHARE:.0%} of the distances, and three components explain "
        "significantly more than they explain of runs whose samples are shuffled within their classes."
    ),
    examine=examine,
    draw=figures.dimensionality,
    caption="What the first components explain together, with intervals, and what they explain of shuffled runs.",
    slowness=2,
)
