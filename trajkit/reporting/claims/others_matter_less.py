"""Claim: every other setting matters less than architecture."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged, untold
from trajkit.reporting.part import ARCHITECTURE, Part, limitations_of, matched_number


def examine(part: Part) -> Finding:
    """Compare how far each other setting moves runs with how far architecture does, in distances between seeds."""
    part.need_architecture()
    others = [name for name in part.compared_settings if name != ARCHITECTURE]
    if not others:
        raise CannotTellError("no setting other than architecture varies")
    numbers = [matched_number(part.groups, name) for name in (ARCHITECTURE, *others)]
    code = part.code_of_groups
    own, *rest = numbers
    unknown = [number.subject for number in numbers if np.isnan(number.upper)]
    if ARCHITECTURE in unknown:
        why = limitations_of(part.groups, ARCHITECTURE)
        return untold(f"the matched ratio of architecture has no interval: {why}", numbers, code, part.groups)
    known = [number for number in rest if number.subject not in unknown]
    measured = [number for number in rest if np.isfinite(number.value)]
    if not measured:
        why = "; ".join(limitations_of(part.groups, name) for name in unknown)
        return untold(f"no other setting has a matched ratio: {why}", numbers, code, part.groups)
    most = max(measured, key=lambda number: number.value)
    because = (
        f"of the other settings, {most.subject} moves runs farthest, by {_written(most)} times the distance between "
        f"seeds, and architecture by {_written(own)}"
    )
    bounded = max(known, key=lambda number: number.upper, default=most)
    if bounded is not most:
        because += f"; of those with an interval, {bounded.subject} reaches highest, {_written(bounded)}"
    also = [name for name in unknown if name != most.subject]
    because += f"; also without an interval: {', '.join(also)}" if also else ""
    clear = all(number.upper < own.lower for number in known)
    # Settings that the design cannot measure could matter more.
    if clear and unknown:
        return untold(because, numbers, code, part.groups)
    return judged(clear, because, numbers, code, part.groups)


def _written(ratio: Number) -> str:
    if np.isnan(ratio.lower):
        return f"{ratio.value:.2f} (no interval)"
    return f"{ratio.value:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})"


CLAIM = Claim(
    name="others matter less",
    statement="Every other setting moves trajectories less than architecture does.",
    rule=(
        "Holds if the interval of the matched ratio of every other setting lies below that of architecture. The "
        "matched ratio is the distance of configurations that differ in one setting alone over that of their seeds."
    ),
    examine=examine,
    draw=figures.compare_groups,
    caption="Share of the distances that each setting explains, which depends on how many runs have each value.",
)
