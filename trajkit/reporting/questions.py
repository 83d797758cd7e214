"""How each claim is put to the data: functions from the networks on some samples to a finding."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.analysis import (
    bootstrap,
    compare_groups,
    convergence,
    data_map,
    dimensionality,
    importance,
    null_test,
    shuffle_within_class,
    speed_comparison,
    stability,
)
from trajkit.analysis.importance import NOISE
from trajkit.analysis.null_test import written_p
from trajkit.analysis.permanova import products, span
from trajkit.analysis.run_groups import groups
from trajkit.analysis.shuffles import kinds_of_samples, permuted_within
from trajkit.distances import Metric
from trajkit.reporting.finding import PROGRESS, CannotTellError, Finding, Number, Part, judged
from trajkit.typing import Array, Indices

# The one claim that is about a name: networks of another kind than these are compared by what they have.
ARCHITECTURE = "architecture"
# Components that a low-dimensional manifold may need for this share of the distances.
FEW, SHARE = 10, 0.9
# Draws of those intervals that cost next to nothing.
INTERVAL = 399
# How far points may move, in units of their spread, for a picture to be the same.
MOVED = 0.25
# Draws of half the samples or runs.
DRAWS = 3


def low_dimensional(part: Part) -> Finding:
    """Compare what a few components explain with what they explain of shuffled runs."""
    how = part.settings
    found = dimensionality(
        part.thin, FEW, null_draws=how.draws, share=SHARE, metric=how.metric, level=how.level, seed=how.seed
    )  # fmt: skip
    code = [
        *part.code_of_thin,
        f"found = tk.dimensionality(thin, {FEW}, null_draws={how.draws}, share={SHARE}, metric={how.metric!r}, "
        f"seed={how.seed})",
    ]
    numbers = []
    for measure in ("explained distance", "explained stress"):
        of = found.sel(measure=measure, component=3)
        at = f"found.estimate.sel(measure={measure!r}, component=3)"
        numbers.append(_number(f"{measure} of 3 components", of, of["null"], draws=how.draws, code=at))
    needed = found.sel(measure="explained distance")
    null = needed["null_needed"]
    numbers.append(
        Number(
            f"components for {SHARE:.0%} of distance",
            _or_none(int(needed["needed"])),
            null=float(null.median()) if (null > 0).all() else np.nan,
            code="found.needed.where(found.needed > 0).sel(measure='explained distance')",
        )
    )
    p, enough = float(found["p_value"].sel(measure="explained distance", component=3)), int(needed["needed"])
    count = {-1: f"no {FEW} components explain", 1: "one component explains"}.get(
        enough, f"{enough} components explain"
    )
    because = (
        f"{count} {SHARE:.0%} of the distances; three explain {'more' if p <= how.significant else 'no more'} than of "
        f"shuffled runs ({written_p(p, how.draws)})"
    )
    return judged(enough > 0 and p <= how.significant, because, numbers, code, dimensionality=found)


def one_manifold(part: Part) -> Finding:
    """Compare distances of runs at equal progress with those of runs that learn other samples."""
    how = part.settings
    by = ARCHITECTURE if ARCHITECTURE in part.attributes else None
    found = null_test(part.ds, null_draws=how.draws, metric=how.metric, by=by, seed=how.seed)
    chosen = _pairs(part, by)
    scrambled = shuffle_within_class(part.even, how.seed)
    both = (part.each_sample, part.per_sample(scrambled))
    means = [each.isel(pair=chosen).mean("pair") for each in both]
    joined = xr.concat(means, dim="what")
    interval = bootstrap(
        part.ds, lambda _: joined, INTERVAL, then=lambda mean: mean.isel(what=0) / mean.isel(what=1),
        level=how.level, seed=how.seed,
    )  # fmt: skip
    observed, null = float(found["observed"].mean()), float(found["null"].mean())
    p, below = float(found["overall_p_value"]), float(found["share_below"])
    upper = float(interval["upper"])
    code = [
        *part.code_of_part,
        f"found = tk.null_test(ds, null_draws={how.draws}, metric={how.metric!r}, by={by!r}, seed={how.seed})",
    ]
    unit = str(found["observed"].attrs["units"])
    numbers = [
        Number(
            "distance / distance to shuffled runs", observed / null, float(interval["lower"]), upper, 1.0, p,
            draws=how.draws, code="found.observed.mean() / found.null.mean()",
        ),
        Number("median ratio of pairs", float(found["median_ratio"]), null=1.0, code="found.median_ratio"),
        Number("share of pairs nearer than their null", below, null=0.5, code="found.share_below"),
        Number("mean distance at equal progress", observed, null=null, unit=unit, code="found.observed.mean()"),
    ]  # fmt: skip
    if "straight" in found:
        said, road = "distance if each left the straight road its own way", float(found["straight"].mean())
        numbers.append(Number(said, road, unit=unit, code="found.straight.mean()"))
    which = f"differ in {by}" if by else "are compared"
    because = f"{below:.0%} of the {found.sizes['pair']} pairs of runs that {which} are nearer than their null"
    because += f" ({written_p(p, how.draws)})"
    return judged(upper < 1 and p <= how.significant, because, numbers, code, null_test=found)


def architecture_distinguishes(part: Part) -> Finding:
    """Explain distances by architecture, alone and beyond all other settings."""
    how, found = part.settings, _groups_of(part)
    row = found["groups"].sel(attribute=ARCHITECTURE)
    p = float(row["p_value"])
    bounds, table, n = found["r_squared"].sel(attribute=ARCHITECTURE), found["groups"], how.permutations
    apart = float(row["ratio"])
    numbers = [
        _number("R² of architecture", bounds, p_value=p, draws=n, code=_of_groups("r_squared", ARCHITECTURE)),
        Number(
            "R² beyond all other settings", float(row["unique_r_squared"]), p_value=float(row["unique_p_value"]),
            draws=n, code=_of_groups("unique_r_squared", ARCHITECTURE),
        ),
        Number(
            "distance between / within architectures", apart, null=1.0, p_value=p, draws=n,
            code=_of_groups("ratio", ARCHITECTURE),
        ),
        Number("R² of all settings", float(table["joint_r_squared"]), code="groups.joint_r_squared"),
    ]  # fmt: skip
    because = f"runs of two architectures are {apart:.2f} times as far apart as runs of one ({written_p(p, n)})"
    holds = apart > 1 and p <= how.significant
    return judged(holds, because, numbers, _code_of_groups(part), distance=part.distance, groups=table)


def others_matter_less(part: Part) -> Finding:
    """Compare what each other setting explains, beyond all others, with what architecture does."""
    found, n = _groups_of(part), part.settings.permutations
    table = found["groups"]
    others = [name for name in part.attributes if name != ARCHITECTURE]
    if not others:
        raise CannotTellError("no other setting varies than the architecture")
    numbers = []
    for name in (ARCHITECTURE, *others):
        bounds, p = found["r_squared"].sel(attribute=name), float(table["p_value"].sel(attribute=name))
        numbers.append(_number(f"R² of {name}", bounds, p_value=p, draws=n, code=_of_groups("r_squared", name)))
    most = max(numbers[1:], key=lambda number: number.value)
    least, highest = numbers[0].lower, max(number.upper for number in numbers[1:])
    because = f"of the others {most.statistic[6:]} explains most, {most.value:.2f} beside {numbers[0].value:.2f}"
    return judged(highest < least, because, numbers, _code_of_groups(part), groups=table)


def architecture_predicts(part: Part) -> Finding:
    """Predict distances of held-out runs from settings."""
    how = part.settings
    if ARCHITECTURE not in part.attributes:
        raise CannotTellError(_lacking(part))
    found = importance(part.distance, part.attributes, repeats=3, seed=how.seed)
    score = float(found["r_squared"].mean())
    if not score > 0:
        raise CannotTellError(f"distances of held-out runs cannot be predicted from the settings (R² {score:.2f})")
    code = [
        *part.code_of_distance,
        f"found = tk.importance(distance, {part.attributes}, repeats=3, seed={how.seed})",
    ]
    null = found["importance"].sel(attribute=NOISE)
    mean = found["importance"].mean("fold")
    spread = _span(found["r_squared"])
    numbers = [
        Number("R² on held-out runs (range over folds)", score, *spread, null=0.0, code="found.r_squared.mean()")
    ]
    for name in mean["attribute"].values[np.argsort(-mean.values)].tolist():
        if name != NOISE:
            each, line = found["importance"].sel(attribute=name), f"found.importance.sel(attribute={name!r}).mean()"
            said = f"importance of {name} (range over folds)"
            numbers.append(Number(said, float(each.mean()), *_span(each), null=float(null.mean()), code=line))
    first = str(mean["attribute"].values[int(np.argmax(mean.values))])
    lowest = float(found["importance"].sel(attribute=ARCHITECTURE).min())
    clear = lowest > float(null.max())
    than = "more" if clear else "no more"
    because = f"{first} tells most; architecture tells {than} than a random number in every fold"
    return judged(first == ARCHITECTURE and clear, because, numbers, code, importance=found)


def larger_is_faster(part: Part) -> Finding:
    """Compare steps to half the progress, and distances, between sizes of one network that is else the same."""
    how, at = part.settings, 0.5
    by, group = _size(part)
    chosen = part.ds.isel(run=group >= 0)
    own = group[group >= 0]
    found = speed_comparison(chosen, by, at=(0.25, at, 0.75), level=how.level)
    steps, size = found["steps"].sel(progress=at).values, chosen[by].values.astype(float)
    r, p = _stratified_correlation(size, steps, own, how.permutations, how.seed)
    count, strata = len(own), len(np.unique(own))
    across, alike, architectures = _by_size(part, by, group)
    ratio = "groups.between.sel(attribute='architecture') / groups.replicates"
    numbers = [
        Number(
            f"rank correlation of {by} and steps to progress {at}", r, *_fisher(r, count - strata, how.level), 0.0, p,
            draws=how.permutations, code=f"ranks.corr().loc[{by!r}, 'steps']",
        ),
        Number(
            f"distance between {by}s / between seeds", across / alike, null=1.0,
            code=f"groups.alone_ratio.sel(attribute={by!r})",
        ),
    ]  # fmt: skip
    if np.isfinite(architectures):
        said = "distance between architectures / between seeds"
        numbers.append(Number(said, architectures / alike, null=1.0, code=ratio))
    near = across < architectures if np.isfinite(architectures) else True
    where = "nearer" if near else "not nearer"
    told = "" if np.isnan(architectures) else f"; two {by}s are {where} than two architectures"
    p_said = written_p(p, how.permutations)
    because = f"{count} runs in {strata} groups that differ in {by} alone{told} ({p_said})"
    return judged(
        r < 0 and p <= how.significant and bool(near), because, numbers, _code_of_size(part, by, chosen), speed=found
    )


def starts_converge(part: Part) -> Finding:
    """Follow the distance of runs with different initial weights, beside those with alike, along progress."""
    how, by = part.settings, "init"
    if by not in part.ds.coords:
        raise CannotTellError("there is no run attribute 'init' that says how weights began")
    group = part.strata(by)
    chosen = part.ds.isel(run=group >= 0)
    found = convergence(
        chosen, by, metric=how.metric, n=PROGRESS, draws=INTERVAL, level=how.level, seed=how.seed
    )  # fmt: skip
    ratio, between = (found.sel(quantity=name) for name in ("ratio", "between"))
    start, end = (ratio.isel(progress=k) for k in (0, -1))
    if not np.isfinite([float(start["lower"]), float(end["upper"])]).all():
        raise CannotTellError("runs of one kind of init coincide at the start or the end: there is no distance within")
    apart = float(between["estimate"][-1] / between["estimate"][0])
    unit = str(found.attrs.get("units", ""))
    code = [
        *part.code_of_strata(by),
        f"found = tk.convergence(some, {by!r}, metric={how.metric!r}, n={PROGRESS}, draws={INTERVAL}, seed={how.seed})",
    ]
    line = "found.estimate.sel(quantity={!r})[{}]"
    numbers = [
        _number("between / within inits, at the end", end, null=1.0, code=line.format("ratio", -1)),
        _number("between / within inits, at the start", start, null=1.0, code=line.format("ratio", 0)),
        _number("distance between inits at the end", between.isel(progress=-1), unit=unit,
                code=line.format("between", -1)),
        _number("distance between inits at the start", between.isel(progress=0), unit=unit,
                code=line.format("between", 0)),
    ]  # fmt: skip
    falls = float(end["upper"]) < float(start["lower"])
    because = (
        f"between inits the distance {'falls' if apart < 1 else 'grows'} to {apart:.0%} of what it was at the start, "
        f"and from {float(start['estimate']):.2f} to {float(end['estimate']):.2f} times that within"
    )
    return judged(falls and apart < 1, because, numbers, code, convergence=found)


def metrics_agree(part: Part) -> Finding:
    """Explain distances by architecture under each symmetric metric."""
    how = part.settings
    if ARCHITECTURE not in part.attributes:
        raise CannotTellError(_lacking(part))
    numbers, missing, code, n = [], [], [*part.code_of_part], how.permutations
    for metric in ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys"):
        try:
            distance = part.distance if metric == how.metric else part.distance_by(metric)
        except ValueError as error:
            missing.append(f"{metric} ({error})")
            continue
        found = compare_groups(distance, ARCHITECTURE, permutations=n, seed=how.seed)
        code += [
            f"distance = tk.trajectory_distance(ds, n={PROGRESS}, metric={metric!r})",
            f"{metric} = tk.compare_groups(distance, {ARCHITECTURE!r}, permutations={n}, seed={how.seed})",
        ]
        p, value = float(found["p_value"].item()), float(found["r_squared"].item())
        line = f"{metric}.r_squared.item()"
        numbers.append(Number(f"R² of architecture, {metric}", value, p_value=p, draws=n, code=line))
        # Ratios of lengths and of squared lengths compare once both are lengths.
        length = Metric(metric).scale == "length"
        ratio, line = float(found["ratio"].item()), f"{metric}.ratio.item()"
        ratio, line = (ratio, line) if length else (ratio**0.5, f"{line} ** 0.5")
        numbers.append(Number(f"between / within, as lengths, {metric}", ratio, null=1.0, code=line))
    evidence = [number for number in numbers if np.isfinite(number.p_value)]
    low, high = min(n.value for n in evidence), max(n.value for n in evidence)
    because = f"R² of architecture is between {low:.2f} and {high:.2f} under {len(evidence)} metrics"
    because += f"; without {', '.join(missing)}" if missing else ""
    return judged(all(number.p_value <= how.significant for number in evidence), because, numbers, code)


def picture_is_stable(part: Part) -> Finding:
    """Embed anew with fewer samples, fewer runs and without each architecture, and see how far points move."""
    how = part.settings
    if ARCHITECTURE not in part.attributes:
        raise CannotTellError(_lacking(part))
    found = stability(part.thin, ARCHITECTURE, shares=(0.5,), repeats=DRAWS, metric=how.metric, seed=how.seed)
    code = [
        *part.code_of_thin,
        f"found = tk.stability(thin, {ARCHITECTURE!r}, shares=[0.5], repeats={DRAWS}, metric={how.metric!r}, "
        f"seed={how.seed})",
    ]
    numbers, lost = [], []
    for change in found["change"].values.tolist():
        misfit = found["misfit"].sel(change=change)
        if found["what"].sel(change=change) == "nothing":
            continue
        draws = int(np.isfinite(misfit).sum())
        wanted = DRAWS if found["what"].sel(change=change) in ("samples", "runs") else 1
        if draws < wanted:
            lost.append(f"{change} ({wanted - draws} of {wanted})")
        if not draws:
            continue
        name = f"misfit, {change}" + (f" (largest of {draws} draws)" if draws > 1 else "")
        numbers.append(Number(name, float(misfit.max()), null=1.0, code=f"found.misfit.sel(change={change!r}).max()"))
    if not numbers:
        raise CannotTellError("every change alters the number of time-like components: nothing can be aligned")
    worst = max(numbers, key=lambda number: number.value)
    because = f"points move most, by {worst.value:.2f} of their spread, with the change: {worst.statistic[8:]}"
    because += f"; other kinds of axes: {', '.join(lost)}" if lost else ""
    return judged(not lost and worst.value < MOVED, because, numbers, code, stability=found)


def same_order(part: Part) -> Finding:
    """Compare in which order networks learn samples, beside runs whose samples are shuffled within classes."""
    how = part.settings
    by = ARCHITECTURE if ARCHITECTURE in part.attributes else None
    if part.ds.sizes["run"] < 2:
        raise CannotTellError("wanted two runs or more to compare")
    from scipy.stats import rankdata

    shown = data_map(part.ds)
    confidence = shown["confidence"].values
    code = groups(part.ds, by)[0] if by else np.arange(len(confidence))
    kind, random = kinds_of_samples(part.ds), np.random.default_rng(how.seed)

    share = (code == np.arange(code.max() + 1)[:, None]) / np.bincount(code)[:, None]

    def agreement(some: Array) -> float:
        rank = rankdata(share @ some, axis=1)
        return float(np.corrcoef(rank)[np.triu_indices(len(rank), k=1)].mean())

    def agreement_of(drawn: xr.Dataset) -> xr.DataArray:
        return xr.DataArray(agreement(confidence[:, drawn["place"].values]))

    value = agreement(confidence)

    def shuffled() -> Array:
        return np.take_along_axis(confidence, permuted_within(kind, len(confidence), random), axis=1)

    null = np.array([agreement(shuffled()) for _ in range(how.permutations)])
    bare = part.ds.isel(run=[0], checkpoint=[0]).assign(place=("sample", np.arange(len(kind))))
    interval = bootstrap(bare, agreement_of, INTERVAL, level=how.level, seed=how.seed)
    p = (1 + int((null >= value).sum())) / (1 + len(null))
    of, lower = "architectures" if by else "runs", float(interval["lower"])
    lines = [*part.code_of_part, f"agreement = tk.data_map(ds, by={by!r}).agreement.values"]
    number = _number(
        f"rank correlation of confidences, between {of}", interval, null=float(null.mean()), p_value=p,
        draws=len(null), code="agreement[np.triu_indices(len(agreement), k=1)].mean()",
    )  # fmt: skip
    because = f"{of} agree with a rank correlation of {value:.2f}, runs shuffled within classes with {number.null:.2f}"
    because += f" ({written_p(p, len(null))})"
    return judged(lower > number.null and p <= how.significant, because, [number], lines, data_map=shown)


def _number(
    name: str,
    of: xr.Dataset,
    of_null: xr.DataArray | None = None,
    *,
    null: float = np.nan,
    p_value: float | None = None,
    unit: str = "",
    draws: int = 0,
    code: str = "",
) -> Number:
    """Take estimate and bounds, and the mean of what the null gave."""
    if of_null is not None:
        null = float(of_null.mean())
    p = float(of["p_value"]) if p_value is None and "p_value" in of else np.nan if p_value is None else p_value
    value, lower, upper = (float(of[key]) for key in ("estimate", "lower", "upper"))
    return Number(name, value, lower, upper, null, p, unit, draws, code)


def _fisher(r: float, degrees: int, level: float) -> tuple[float, float]:
    """Interval of a rank correlation by Fisher's transformation, roughly; none where it is perfect or of few runs."""
    if degrees <= 3 or abs(r) >= 1:
        return np.nan, np.nan
    wide = NormalDist().inv_cdf((1 + level) / 2) / np.sqrt(degrees - 3)
    return float(np.tanh(np.arctanh(r) - wide)), float(np.tanh(np.arctanh(r) + wide))


def _or_none(count: int) -> float:
    return float(count) if count > 0 else np.nan


def _span(values: xr.DataArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _lacking(part: Part) -> str:
    if ARCHITECTURE not in part.ds.coords:
        return f"there is no run attribute {ARCHITECTURE!r}"
    count = len(np.unique(part.ds[ARCHITECTURE].values))
    return f"{ARCHITECTURE!r} is missing for some run, or has {count} value(s) for {part.ds.sizes['run']} runs"


def _pairs(part: Part, by: str | None) -> Indices:
    """Find the pairs of runs that differ in an attribute, or all."""
    u, v = part.pairs
    if by is None:
        return np.arange(len(u))
    code, _ = groups(part.ds, by)
    return np.flatnonzero(code[u] != code[v])


def _groups_of(part: Part) -> dict[str, xr.Dataset]:
    """Analysis of variance by all settings, with intervals of R^2; made once for each part."""
    if ARCHITECTURE not in part.attributes:
        raise CannotTellError(_lacking(part))
    if "groups" not in part.__dict__:
        how, names = part.settings, part.attributes
        apart = part.each_sample
        basis = [span([groups(part.ds, name)[0]], part.ds.sizes["run"]) for name in names]

        def r_squared(mean: xr.DataArray) -> xr.DataArray:
            values = [_r_squared(part, row, basis) for row in np.atleast_2d(mean.transpose(..., "pair").values)]
            out = xr.DataArray(np.array(values), {"attribute": names}, ("draw", "attribute"))
            return out if "draw" in mean.dims else out.isel(draw=0)

        part.__dict__["groups"] = {
            "groups": compare_groups(part.distance, names, permutations=how.permutations, seed=how.seed),
            "r_squared": bootstrap(
                part.ds, lambda _: apart, INTERVAL, then=r_squared, level=how.level, seed=how.seed
            ),
        }  # fmt: skip
    return part.__dict__["groups"]


def _code_of_groups(part: Part) -> list[str]:
    how = part.settings
    found = f"groups = tk.compare_groups(distance, {part.attributes}, permutations={how.permutations}, seed={how.seed})"
    return [*part.code_of_distance, found]


def _of_groups(variable: str, attribute: str) -> str:
    return f"groups.{variable}.sel(attribute={attribute!r})"


def _r_squared(part: Part, distance: Array, basis: list[Array]) -> list[float]:
    """Share of the sum of squares that each attribute explains by itself, as `compare_groups` has it."""
    squared = np.zeros((part.ds.sizes["run"],) * 2)
    is_length = Metric(part.settings.metric).scale == "length"
    squared[part.pairs] = np.square(distance) if is_length else distance
    inner = products(squared + squared.T)
    return [float(np.trace(q.T @ inner @ q) / np.trace(inner)) for q in basis]


def _size(part: Part) -> tuple[str, Indices]:
    """Find what says how large a network is, and the runs that differ in it alone."""
    why = "no run attribute 'width', 'depth' or 'parameters' says how large a network is"
    for name in ("width", "depth", "parameters"):
        if name in part.ds.coords and part.ds[name].dtype.kind in "if":
            try:
                return name, part.strata(name)
            except CannotTellError as error:
                why = str(error)
    raise CannotTellError(why)


def _code_of_size(part: Part, by: str, chosen: xr.Dataset) -> list[str]:
    """Write the Python that ranks sizes and steps among runs that are else alike, and compares their distances."""
    metric, others = part.settings.metric, part.others(by)
    varying = [name for name in others if len(set(chosen[name].values.tolist())) > 1]
    ranked = f"table[[{by!r}, 'steps']]"
    within = f".groupby([table[name] for name in {others}], dropna=False)"
    ranks = [f"ranks = {ranked}{within}.rank()", f"ranks = ranks - ranks{within}.transform('mean')"]
    return [
        *part.code_of_strata(by),
        f"steps = tk.speed_comparison(some, {by!r}, at=[0.5]).steps.values[:, 0].round(6)",
        "table = tk.run_table(some).assign(steps=steps)",
        *(ranks if others else [f"ranks = {ranked}.rank()"]),
        f"distance = tk.trajectory_distance(some, n={PROGRESS}, metric={metric!r})",
        f"groups = tk.compare_groups(distance, {[*varying, by]}, permutations=1)",
    ]


def _stratified_correlation(x: Array, y: Array, group: Indices, n: int, seed: int) -> tuple[float, float]:
    """Rank correlation within groups, pooled, with the p-value of one as low by permutations within groups."""

    def centered(values: Array) -> Array:
        ranks = pd.Series(values).groupby(group).rank()
        return np.asarray(ranks - ranks.groupby(group).transform("mean"))

    # Equal numbers of steps come out of interpolation equal but for rounding.
    a, b = centered(x), centered(np.round(y, 6))
    size = float(np.sqrt((a @ a) * (b @ b)))
    if not size > 0:
        raise CannotTellError("all runs take the same number of steps")
    random = np.random.default_rng(seed)
    by_group = np.argsort(group, kind="stable")
    low = 0
    for _ in range(n):
        permuted = np.empty_like(a)
        permuted[by_group] = a[np.lexsort((random.random(len(a)), group))]
        low += int(permuted @ b <= a @ b + 1e-9 * size)
    return float(a @ b) / size, (1 + low) / (1 + n)


def _by_size(part: Part, by: str, group: Indices) -> tuple[float, float, float]:
    """Mean distance of runs of two sizes, of two seeds, and of two architectures that are else compared alike."""
    u, v = np.triu_indices(len(group), k=1)
    distance = part.distance.values[u, v]
    size = part.ds[by].values
    same = (group[u] == group[v]) & (group[u] >= 0)
    alike = same & (size[u] == size[v])
    if not alike.any():
        raise CannotTellError(f"no two runs are alike in all but the seed: nothing to measure the distance of {by}s by")
    across = same & (size[u] != size[v])
    far = np.nan
    if ARCHITECTURE in part.attributes:
        code, _ = groups(part.ds, ARCHITECTURE)
        others = (code[u] != code[v]) & (group[u] >= 0) & (group[v] >= 0)
        far = float(distance[others].mean()) if others.any() else np.nan
    return float(distance[across].mean()), float(distance[alike].mean()), far
