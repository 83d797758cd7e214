"""Claim: larger networks train faster, along the same manifold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from trajkit import figures
from trajkit.analysis import compare_groups, speed_comparison
from trajkit.analysis.null_test import written_p
from trajkit.analysis.strata import other_settings, strata
from trajkit.analysis.stratified_correlation import stratified_correlation
from trajkit.curves.loss import loss_of
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged
from trajkit.reporting.part import ARCHITECTURE, Part
from trajkit.roles import attributes_with_role, set_roles
from trajkit.schema import run_table

HALF = 0.5
# A size with a poor learning rate is slow for that reason: each size is judged at its best one. A factor is relative
# to the tuned rate of each architecture, optimizer and size, which is the best one without looking at these runs.
_FACTOR = "learning_rate_factor"
_RATES = ("learning_rate", _FACTOR)
# What says how large a network is, and what says the same in other words.
_SIZES = {
    "width_factor": ("width",),
    "width": ("width_factor",),
    "depth": (),
    "parameters": ("width_factor", "width", "depth", "size"),
}


def examine(part: Part) -> Finding:
    """Compare steps to half the progress, and distances, among configurations that differ in size alone."""
    how = part.settings
    ds, code = _at_best_rates(part)
    ds, by, group = _size(ds)
    others, chosen = other_settings(ds, by), ds.isel(run=group >= 0)
    found = speed_comparison(chosen, by, at=(0.25, HALF, 0.75), level=how.level)
    # Interpolation gives equal numbers of steps up to rounding. Seeds are averaged: they are no further evidence.
    steps = np.round(found["steps"].sel(progress=HALF).values, 6)
    runs = pd.DataFrame({"group": group[group >= 0], "size": chosen[by].values, "steps": steps})
    each = runs.groupby(["group", "size"], as_index=False).mean()
    ranks = stratified_correlation(
        each["size"].to_numpy(), each["steps"].to_numpy(), each["group"].to_numpy(),
        permutations=how.permutations, level=how.level, seed=how.seed,
    )  # fmt: skip
    if np.isnan(ranks.estimate):
        raise CannotTellError("all runs need the same number of steps")
    numbers = [
        Number(
            f"rank correlation of {by} and steps to progress {HALF}", by, ranks.estimate, ranks.lower, ranks.upper,
            0.0, ranks.p_value, how.least_of_permutations, code=f"ranks.corr().loc[{by!r}, 'steps']", decisive=True,
        )
    ]  # fmt: skip
    attributes = [by, *([ARCHITECTURE] if ARCHITECTURE in others else [])]
    # Runs that reach too little progress have no distances.
    there = part.distance["run"].isin(chosen["run"]).values
    distance = part.distance.isel(run=there, run2=there).drop_vars([*_RATES, *_SIZES[by]], errors="ignore")
    # A size can be marked as an outcome that follows from the settings: here it is what the runs are compared by.
    distance = set_roles(distance, setting=[by])
    groups = compare_groups(distance, attributes, permutations=1, level=how.level)
    for name in attributes:
        at = groups.sel(attribute=name)
        line = f"groups.matched_ratio.sel(attribute={name!r})"
        bounds = float(at["matched_lower"]), float(at["matched_upper"])
        numbers.append(Number(f"matched ratio of {name}", name, float(at["matched_ratio"]), *bounds, 1.0, code=line))
    size, *architecture = (number.value for number in numbers[1:])
    near = not (architecture and size >= architecture[0])
    told = f"; two {by}s are {'nearer' if near else 'not nearer'} to each other than two architectures"
    because = (
        f"{len(each)} configurations in {each['group'].nunique()} groups that differ only in {by}"
        f"{told if architecture and np.isfinite([size, architecture[0]]).all() else ''} "
        f"({written_p(ranks.p_value, how.permutations)})"
    )
    code += _code(ds, by, others, attributes)
    return judged(ranks.estimate < 0 and near, because, numbers, [*part.code_of_distance, *code], found)


def _at_best_rates(part: Part) -> tuple[xr.Dataset, list[str]]:
    """Keep, of configurations that differ in the learning rate alone, those at the best one.

    That is the tuned rate, where the factor is nearest to 1, or else the rate with the smallest loss.
    """
    settings = attributes_with_role(part.ds, "setting")
    rates = [name for name in _RATES if name in settings]
    names = [name for name in settings if name not in rates]
    if not rates:
        return part.ds, []
    table = run_table(part.ds)
    if _FACTOR in rates and part.ds[_FACTOR].dtype.kind in "if":
        each, value = f"(table[{_FACTOR!r}] - 1).abs()", (table[_FACTOR] - 1).abs()
    else:
        each = f"table.assign(loss=tk.loss(ds).min('checkpoint').values).groupby({settings}, dropna=False).loss"
        each += ".transform('mean')"
        losses = table.assign(loss=loss_of(part.ds).min("checkpoint").values)
        value = losses.groupby(settings, dropna=False)["loss"].transform("mean")
    best = value.groupby([table[name] for name in names], dropna=False).transform("min") if names else value.min()
    code = [
        "table = tk.run_table(ds)",
        f"value = {each}",
        f"best = value.groupby([table[name] for name in {names}], dropna=False).transform('min')"
        if names
        else "best = value.min()",
        f"ds = ds.isel(run=(value == best).values).drop_vars({[name for name in _RATES if name in part.ds.coords]})",
    ]
    return part.ds.isel(run=(value == best).to_numpy()).drop_vars(_RATES, errors="ignore"), code


def _size(ds: xr.Dataset) -> tuple[xr.Dataset, str, np.ndarray]:
    """Find the attribute that says how large a network is, and the strata of runs that differ in it."""
    why = f"no run attribute {', '.join(map(repr, _SIZES))} says how large a network is"
    for name, same in _SIZES.items():
        if name in ds.coords and ds[name].dtype.kind in "if":
            try:
                return (of := ds.drop_vars(same, errors="ignore")), name, strata(of, name)
            except ValueError as error:
                why = str(error)
    raise CannotTellError(why)


def _code(ds: xr.Dataset, by: str, others: list[str], attributes: list[str]) -> list[str]:
    ranks = [f"ranks = each[[{by!r}, 'steps']].rank()"]
    if others:
        within = f".groupby([each[name] for name in {others}], dropna=False)"
        ranks = [
            f"ranks = each[[{by!r}, 'steps']]{within}.rank()",
            f"ranks = ranks - ranks{within}.transform('mean')",
        ]
    return [
        *([f"ds = ds.drop_vars({list(_SIZES[by])}, errors='ignore')"] if _SIZES[by] else []),
        *Part.code_of_some(ds, by),
        f"steps = tk.speed_comparison(some, {by!r}, at=[{HALF}]).steps.values[:, 0].round(6)",
        "table = tk.run_table(some).assign(steps=steps)",
        f"each = table.groupby({[*others, by]}, dropna=False, as_index=False).steps.mean()",
        *ranks,
        "there = distance.run.isin(some.run).values",
        f"distance = distance.isel(run=there, run2=there).drop_vars({[*_RATES, *_SIZES[by]]}, errors='ignore')",
        f"distance = tk.set_roles(distance, setting=[{by!r}])",
        f"groups = tk.compare_groups(distance, {attributes}, permutations=1)",
    ]


CLAIM = Claim(
    name="larger is faster",
    statement="Larger networks train faster, along the same manifold.",
    rule=(
        "Holds if, among configurations that differ only in size, each at its best learning rate (the tuned one, "
        f"with a {_FACTOR} nearest to 1, or else the one with the smallest loss), larger networks need significantly "
        f"fewer steps to progress {HALF}, and two sizes are nearer to each other than two architectures (matched "
        "ratios)."
    ),
    examine=examine,
    draw=figures.speed_comparison,
    caption="Optimizer steps that networks of each size need.",
)
