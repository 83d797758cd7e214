"""Claim: the embedding does not depend on a few samples, a few runs or one architecture."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.analysis import stability
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged, written
from trajkit.reporting.part import ARCHITECTURE, Part

# How far points may move, in units of their spread.
MOVED = 0.25
# Draws of half the samples or runs.
DRAWS = 3


def examine(part: Part) -> Finding:
    """Embed half of the samples, half of the runs, and all but one architecture, and measure how far points move."""
    part.need_architecture()
    how = part.settings
    arguments = {"shares": [0.5], "repeats": DRAWS, **how.distance, "seed": how.seed}
    found = stability(part.thin, ARCHITECTURE, **arguments)
    code = [*part.code_of_thin, f"found = tk.stability(thin, {ARCHITECTURE!r}, {written(**arguments)})"]
    numbers, lost = [], []
    for change, what in zip(found["change"].values.tolist(), found["what"].values.tolist(), strict=True):
        if what == "nothing":
            continue
        misfit = found["misfit"].sel(change=change)
        wanted, draws = DRAWS if what in ("samples", "runs") else 1, int(np.isfinite(misfit).sum())
        # A draw with another number of time-like components has no misfit. It counts against the claim.
        if draws < wanted:
            lost.append(f"{change} ({wanted - draws} of {wanted})")
        if draws:
            name = f"misfit, {change}" + (f" (largest of {draws} draws)" if draws > 1 else "")
            line = f"found.misfit.sel(change={change!r}).max()"
            numbers.append(Number(name, change, float(misfit.max()), null=1.0, code=line))
    if not numbers:
        raise CannotTellError("every change alters the number of time-like components: no embedding can be aligned")
    worst = max(numbers, key=lambda number: number.value)
    because = f"points move most, by {worst.value:.2f} of their spread, with this change: {worst.subject}"
    because += f"; the number of time-like components changes: {', '.join(lost)}" if lost else ""
    return judged(not lost and worst.value < MOVED, because, numbers, code, found)


CLAIM = Claim(
    name="stable picture",
    statement="The embedding does not depend on a few samples, a few runs or one architecture.",
    rule=(
        f"Holds if points move by less than {MOVED} of their spread (root mean square in three components, the largest "
        f"of {DRAWS} draws) with half of the samples, with half of the runs, and without any one architecture, and the "
        "number of time-like components never changes."
    ),
    examine=examine,
    draw=figures.stability,
    caption="How far points move when the embedding is made from fewer samples or runs.",
)
