"""Claim: networks that start far apart converge."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.analysis import convergence
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, interval_of, judged, written
from trajkit.reporting.part import CHEAP_DRAWS, PROGRESS, Part

INIT = "init"


def examine(part: Part) -> Finding:
    """Follow distances between and within kinds of initial weights along progress."""
    how = part.settings
    if INIT not in part.ds.coords:
        raise CannotTellError("there is no run attribute 'init' for the kind of initial weights")
    arguments = {**how.distance, "n": PROGRESS, "draws": CHEAP_DRAWS, "seed": how.seed}
    found = convergence(part.ds.isel(run=part.strata(INIT) >= 0), INIT, **arguments, level=how.level)
    code = [*part.code_of_strata(INIT), f"found = tk.convergence(some, {INIT!r}, {written(**arguments)})"]
    unit = str(found.attrs.get("units", ""))

    def number(statistic: str, quantity: str, at: int, null: float, unit: str) -> Number:
        there = found.sel(quantity=quantity).isel(progress=at)
        line = f"found.estimate.sel(quantity={quantity!r})[{at}]"
        return Number(statistic, INIT, *interval_of(there), null=null, unit=unit, code=line)

    end = number("between / within inits, at the end", "ratio", -1, 1.0, "")
    start = number("between / within inits, at the start", "ratio", 0, 1.0, "")
    last = number("distance between inits at the end", "between", -1, np.nan, unit)
    first = number("distance between inits at the start", "between", 0, np.nan, unit)
    if not np.isfinite([start.lower, end.upper]).all():
        raise CannotTellError("runs of the same init coincide at the start or the end: no distance within inits")
    # The distance alone does not decide: it falls for all runs that come near the truth.
    left = last.value / first.value
    because = (
        f"the distance between inits {'falls' if left < 1 else 'grows'} to {left:.0%} of its value at the start; it "
        f"goes from {start.value:.2f} to {end.value:.2f} times the distance within inits"
    )
    return judged(end.upper < start.lower and left < 1, because, [end, start, last, first], code, found)


CLAIM = Claim(
    name="starts converge",
    statement="Networks that start far apart converge.",
    rule=(
        "Holds if the distance between kinds of initial weights falls from the start to the end of training, also as a "
        "multiple of the distance within a kind, with intervals that do not overlap."
    ),
    examine=examine,
    draw=figures.convergence,
    caption="Distances within and between kinds of initial weights.",
)
