"""Claim: networks that start far apart converge."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.analysis import convergence
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged, written
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

    def number(statistic: str, quantity: str, stage: str, null: float, unit: str) -> Number:
        at = {"quantity": quantity, "stage": stage}
        value, lower, upper = (float(found[f"stage_{x}"].sel(at)) for x in ("estimate", "lower", "upper"))
        line = f"found.stage_estimate.sel(quantity={quantity!r}, stage={stage!r})"
        return Number(statistic, INIT, value, lower, upper, null=null, unit=unit, code=line)

    start = number("between / within inits, at the start", "ratio", "start", 1.0, "")
    path = number("between inits / between straight roads, along the path", "straight ratio", "path", 1.0, "")
    end = number("between / within inits, at the end", "ratio", "end", 1.0, "")
    first = number("distance between inits at the start", "between", "start", np.nan, unit)
    last = number("distance between inits at the end", "between", "end", np.nan, unit)
    if not np.isfinite([start.lower, end.upper, path.upper]).all():
        raise CannotTellError("runs of the same init coincide at the start or the end: no distance within inits")
    because = (
        f"along the path, runs of two inits are {path.value:.2f} times as far apart as if they went straight to truth; "
        f"from start to end, their distance goes from {start.value:.2f} to {end.value:.2f} times that within inits"
    )
    holds = path.upper < 1 and end.upper < start.lower
    return judged(holds, because, [path, end, start, last, first], code, found)


CLAIM = Claim(
    name="starts converge",
    statement="Networks that start far apart converge.",
    rule=(
        "Holds if, along the path, runs of two kinds of initial weights come nearer to each other than straight roads "
        "from their starts to truth do, and their distance falls from start to end as a multiple of that within a kind."
    ),
    examine=examine,
    draw=figures.convergence,
    caption="Distances within and between kinds of initial weights, and those of straight roads to truth.",
)
