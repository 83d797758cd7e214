"""Claim: networks that start far apart come together."""

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
        raise CannotTellError("there is no run attribute 'init' that says how weights began")
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
        raise CannotTellError("runs of one kind of init coincide at the start or the end: there is no distance within")
    left = last.value / first.value
    because = (
        f"between inits the distance {'falls' if left < 1 else 'grows'} to {left:.0%} of what it was at the start, "
        f"and from {start.value:.2f} to {end.value:.2f} times that within"
    )
    return judged(end.upper < start.lower and left < 1, because, [end, start, last, first], code, found)


CLAIM = Claim(
    "starts converge",
    "Networks that start far apart come together.",
    "Holds if, from the start to the end of training, the distance between initial weights of different kinds "
    "falls, also in units of that within a kind: the intervals do not overlap.",
    examine,
    figures.convergence,
    "Distances within and between kinds of initial weights.",
)
