"""Claim: networks that start far apart converge."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit import figures
from trajkit.analysis import convergence
from trajkit.analysis.strata import strata
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import FAILS, HOLDS, UNKNOWN, CannotTellError, Finding, Number, judged, untold, written
from trajkit.reporting.part import CHEAP_DRAWS, PROGRESS, Part

INIT, USUAL = "init", "default"


def examine(part: Part) -> Finding:
    """Follow the distance between each kind of initial weights and the usual one along progress."""
    if INIT not in part.ds.coords:
        raise CannotTellError("there is no run attribute 'init' for the kind of initial weights")
    values = part.ds[INIT].values
    if USUAL not in values:
        raise CannotTellError(f"no run has the init {USUAL!r}, with which each other one is compared")
    others = [value for value in np.unique(values).tolist() if value not in (USUAL, "")]
    if not others:
        raise CannotTellError(f"all runs have the init {USUAL!r}: there is no other one to compare with")
    how = part.settings
    arguments = {**how.distance, "n": PROGRESS, "draws": CHEAP_DRAWS, "seed": how.seed}
    numbers, code, told, results = [], [*part.code_of_ds, "every, found = ds, {}"], {}, {}
    for other in others:
        pair = part.ds.isel(run=np.isin(values, [USUAL, other]))
        try:
            some = pair.isel(run=strata(pair, INIT) >= 0)
            found = convergence(some, INIT, **arguments, level=how.level)
        except ValueError as error:
            told[other] = UNKNOWN, str(error)
            continue
        results[other] = found
        code += [
            f"ds = every.isel(run=every.{INIT}.isin({[USUAL, other]}).values)",
            *part.code_of_some(pair, INIT),
            f"found[{other!r}] = tk.convergence(some, {INIT!r}, {written(**arguments)})",
        ]
        numbers += _numbers(found, other)
        told[other] = _told(found)
    kinds: dict[str, list[str]] = {HOLDS: [], FAILS: [], UNKNOWN: []}
    for other, (verdict, why) in told.items():
        kinds[verdict].append(f"{other} ({why})")
    named = {HOLDS: "converge with the default", FAILS: "do not", UNKNOWN: "cannot be told"}
    because = "; ".join(f"{named[verdict]}: {', '.join(each)}" for verdict, each in kinds.items() if each)
    if not kinds[HOLDS] and not kinds[FAILS]:
        return untold(because, numbers, code, _farthest(results))
    return judged(not kinds[FAILS], because, numbers, code, _farthest(results))


def _numbers(found: xr.Dataset, other: str) -> list[Number]:
    """Give the numbers of one kind of initial weights."""

    def number(statistic: str, quantity: str, stage: str, null: float = np.nan, unit: str = "") -> Number:
        at: dict[str, Any] = {"quantity": quantity, "stage": stage}
        value, lower, upper = (float(found[f"stage_{x}"].sel(at)) for x in ("estimate", "lower", "upper"))
        line = f"found[{other!r}].stage_estimate.sel({written(**at)})"
        return Number(f"{other}: {statistic}", other, value, lower, upper, null=null, unit=unit, code=line)

    unit = str(found.attrs.get("units", ""))
    return [
        number("between inits / between straight roads, along the path", "straight ratio", "path", 1.0),
        number("between / within inits, at the end", "ratio", "end", 1.0),
        number("between / within inits, at the start", "ratio", "start", 1.0),
        number("distance between inits at the end", "between", "end", unit=unit),
        number("distance between inits at the start", "between", "start", unit=unit),
    ]


def _told(found: xr.Dataset) -> tuple[str, str]:
    """Give the verdict on one kind of initial weights, and its reason."""
    path, end, start = (number for number in _numbers(found, "")[:3])
    if not np.isfinite([start.lower, end.upper, path.upper]).all():
        return UNKNOWN, "runs of one init coincide at the start or the end"
    fell = f"{start.value:.3g} to {end.value:.3g} times the distance within"
    why = f"{path.value:.2f} of straight roads along the path, {fell}"
    if not start.lower > 1:
        return UNKNOWN, f"does not start apart: {start.value:.2f} times the distance within"
    if path.upper < 1 and end.upper < start.lower:
        return HOLDS, why
    # An interval that includes the limit leaves both possible.
    return (FAILS if path.lower >= 1 or end.lower >= start.upper else UNKNOWN), why


def _farthest(results: dict[str, xr.Dataset]) -> xr.Dataset | None:
    """Choose the comparison that the figure shows."""
    at = {"quantity": "between", "stage": "start"}
    return max(results.values(), key=lambda found: float(found["stage_estimate"].sel(at)), default=None)


CLAIM = Claim(
    name="starts converge",
    statement="Networks that start far apart converge.",
    rule=(
        f"Each other kind of initial weights is compared with {USUAL!r} by itself, from where the training starts. It "
        "converges if, along the path, runs of the two kinds come nearer to each other than straight roads from their "
        "starts to truth do, and their distance falls from start to end as a multiple of that within a kind. It cannot "
        "be told for a kind that does not start apart, or if an interval leaves both possible. Holds if some kind "
        "converges and none does not."
    ),
    examine=examine,
    draw=figures.convergence,
    caption=(
        "Distances within and between the default and the kind of initial weights that starts farthest from it, and "
        "those of straight roads to truth."
    ),
)
