"""Claim: every other setting matters less than architecture."""

from __future__ import annotations

from trajkit import figures
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, interval_of, judged
from trajkit.reporting.part import ARCHITECTURE, Part


def examine(part: Part) -> Finding:
    """Compare what each other setting explains with what architecture explains."""
    part.need_architecture()
    others = [name for name in part.attributes if name != ARCHITECTURE]
    if not others:
        raise CannotTellError("no setting other than architecture varies")
    numbers = [
        Number(
            f"R² of {name}", name, *interval_of(part.r_squared.sel(attribute=name)),
            p_value=float(part.groups["p_value"].sel(attribute=name)), p_least=part.settings.least_of_permutations,
            code=f"groups.r_squared.sel(attribute={name!r})",
        )
        for name in (ARCHITECTURE, *others)
    ]  # fmt: skip
    own, *rest = numbers
    most = max(rest, key=lambda number: number.value)
    values = f"R² {most.value:.2f}, and {own.value:.2f} for {own.subject}"
    because = f"of the other settings, {most.subject} explains most: {values}"
    # Intervals decide, not p-values: a small p-value says that a setting has an effect, not how large it is.
    clear = max(number.upper for number in rest) < own.lower
    return judged(clear, because, numbers, part.code_of_groups, part.groups)


CLAIM = Claim(
    name="others matter less",
    statement="Every other setting explains less of the distances than architecture does.",
    rule="Holds if the interval of R² of every other setting lies below that of architecture.",
    examine=examine,
    draw=figures.compare_groups,
    caption="Share of the distances that each setting explains.",
)
