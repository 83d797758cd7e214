"""Claim: larger networks train faster, along the same manifold."""

from __future__ import annotations

import numpy as np

from trajkit import figures
from trajkit.analysis import speed_comparison
from trajkit.analysis.matched_distances import matched_distances
from trajkit.analysis.null_test import written_p
from trajkit.analysis.strata import other_settings, value_codes
from trajkit.analysis.stratified_correlation import stratified_correlation
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged
from trajkit.reporting.part import ARCHITECTURE, Part
from trajkit.typing import Indices

HALF = 0.5


def examine(part: Part) -> Finding:
    """Compare steps to half the progress, and distances, among runs that differ in size and seed only."""
    how = part.settings
    by, group = _size(part)
    chosen = part.ds.isel(run=group >= 0)
    found = speed_comparison(chosen, by, at=(0.25, HALF, 0.75), level=how.level)
    # Interpolation gives equal numbers of steps up to rounding.
    steps = np.round(found["steps"].sel(progress=HALF).values, 6)
    # Within strata, since a fast architecture with large networks would look like an effect of size.
    ranks = stratified_correlation(
        chosen[by].values, steps, group[group >= 0], permutations=how.permutations, level=how.level, seed=how.seed
    )
    if np.isnan(ranks.estimate):
        raise CannotTellError("all runs need the same number of steps")
    code_of_architecture = value_codes(part.compared, ARCHITECTURE) if part.architecture_if_any else None
    apart = matched_distances(
        part.distance.values, part.compared[by].values, group[part.is_compared], code_of_architecture
    )
    if np.isnan(apart.replicates):
        raise CannotTellError(f"no two runs differ in the seed only: the distance of {by}s has nothing to compare with")
    numbers = [
        Number(
            f"rank correlation of {by} and steps to progress {HALF}", by, ranks.estimate, ranks.lower, ranks.upper,
            0.0, ranks.p_value, draws=how.permutations, code=f"ranks.corr().loc[{by!r}, 'steps']",
        ),
        Number(
            f"distance between {by}s / between seeds", by, apart.alone / apart.replicates, null=1.0,
            code=f"groups.alone.sel(attribute={by!r}) / groups.replicates",
        ),
    ]  # fmt: skip
    near, told = True, ""
    if np.isfinite(apart.groups):
        near = apart.alone < apart.groups
        told = f"; two {by}s are {'nearer' if near else 'not nearer'} to each other than two architectures"
        numbers.append(
            Number(
                "distance between architectures / between seeds", ARCHITECTURE, apart.groups / apart.replicates,
                null=1.0, code="groups.between.sel(attribute='architecture') / groups.replicates",
            )
        )  # fmt: skip
    strata = len(np.unique(group[group >= 0]))
    because = (
        f"{chosen.sizes['run']} runs in {strata} groups that differ only in {by} and seed{told} "
        f"({written_p(ranks.p_value, how.permutations)})"
    )
    holds = ranks.estimate < 0 and ranks.p_value <= how.significant and near
    return judged(holds, because, numbers, _code(part, by, group), found)


def _size(part: Part) -> tuple[str, Indices]:
    """Find the attribute that says how large a network is, and the strata of runs that differ in it."""
    why = "no run attribute 'width', 'depth' or 'parameters' says how large a network is"
    for name in ("width", "depth", "parameters"):
        if name in part.ds.coords and part.ds[name].dtype.kind in "if":
            try:
                return name, part.strata(name)
            except ValueError as error:
                why = str(error)
    raise CannotTellError(why)


def _code(part: Part, by: str, group: Indices) -> list[str]:
    others = other_settings(part.ds, by)
    chosen = part.ds.isel(run=part.is_compared & (group >= 0))
    varying = [name for name in others if len(set(chosen[name].values.tolist())) > 1]
    ranked = f"table[[{by!r}, 'steps']]"
    within = f".groupby([table[name] for name in {others}], dropna=False)"
    ranks = [f"ranks = {ranked}{within}.rank()", f"ranks = ranks - ranks{within}.transform('mean')"]
    return [
        *part.code_of_distance,
        *part.code_of_strata(by)[len(part.code_of_ds) :],
        f"steps = tk.speed_comparison(some, {by!r}, at=[{HALF}]).steps.values[:, 0].round(6)",
        "table = tk.run_table(some).assign(steps=steps)",
        *(ranks if others else [f"ranks = {ranked}.rank()"]),
        "there = distance.run.isin(some.run).values",
        "distance = distance.isel(run=there, run2=there)",
        f"groups = tk.compare_groups(distance, {[*varying, by]}, unit='run', permutations=1)",
    ]


CLAIM = Claim(
    name="larger is faster",
    statement="Larger networks train faster, along the same manifold.",
    rule=(
        f"Holds if, among runs that differ only in size and seed, larger networks need significantly fewer steps to "
        f"progress {HALF}, and two sizes are nearer to each other than two architectures."
    ),
    examine=examine,
    draw=figures.speed_comparison,
    caption="Optimizer steps that networks of each size need.",
)
