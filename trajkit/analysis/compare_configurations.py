"""Comparison of groups in which configurations count: they are permuted as a whole, seeds within them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from trajkit.analysis.arrangements import p_values
from trajkit.analysis.blocked_test import NOTHING, blocked_test
from trajkit.analysis.comparison_units import ComparisonUnits, configuration_units, run_units
from trajkit.analysis.configuration_distances import configuration_distances
from trajkit.analysis.dispersion import dispersion
from trajkit.analysis.matched_ratio import matched_ratio
from trajkit.analysis.permanova import products, span
from trajkit.analysis.run_groups import own_copies
from trajkit.configuration import Configurations, checked_configurations, codes, is_function, joint_codes, written_value
from trajkit.roles import role_of
from trajkit.schema import run_attributes
from trajkit.typing import Array

Row = dict[str, Any]
_P_VALUES = ("p_value", "main_p_value", "interaction_p_value", "least_p_value", "dispersion_p_value")


def compare_configurations(
    distance: xr.DataArray, names: list[str], permutations: int, level: float, seed: int
) -> xr.Dataset:
    """Compute `compare_groups` with unit="configuration" from distances of networks.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=8, groups=2).assign_coords(width=("run", [8, 8, 16, 16] * 2))
    >>> found = compare_configurations(tk.trajectory_distance(ds, n=5), ["architecture"], 99, 0.95, seed=0)
    >>> found.matched_pairs.item()
    2
    """
    _check(distance, names)
    table = checked_configurations(distance)
    random = np.random.default_rng(seed)
    by_role = {"setting": configuration_units(distance, table), "seed": run_units(distance, table)}
    settings = by_role["setting"]
    count, said = int(table.code.max()) + 1, list(table.limitations)
    if left_out := count - len(settings.run):
        said.append(f"{left_out} of {count} configurations are left out: they share their only seed with another one")
    rows, groups = [], []
    for name in names:
        role = role_of(distance, name)
        units = by_role[role]
        own = codes(distance, name)[units.run]
        row: Row = _NOTHING | {"limits": []}
        if own.max(initial=0) < 1:
            row["limits"] = ["all that can be compared have one value"]
        else:
            row |= _estimates(units, name, [n for n in names if n in units.attributes])
            row |= _tests(units, name, permutations, random)
            if role == "setting":
                row |= _matched(distance, table, units, name, level)
            groups += _groups(distance, units, name)
        said += [f"{name}: {limit}" for key in ("limits", "why", "ratio_limits") for limit in row.get(key, [])]
        rows.append(row)
    seeds = np.diag(configuration_distances(distance.values, table.code, table.different_seeds & ~own_copies(distance)))
    whole = {
        "replicates": float(seeds[np.isfinite(seeds)].mean()) if np.isfinite(seeds).any() else np.nan,
        **_joint(settings, [name for name in names if name in settings.attributes], permutations, random),
    }
    attrs = {"permutations": permutations, "unit": "configuration", "level": level, "limitations": "; ".join(said)}
    counts = {"runs": distance.sizes["run"], "configurations": count}
    return _labelled(names, rows, groups, whole, distance, attrs | counts)


def _check(distance: xr.DataArray, names: list[str]) -> None:
    known = run_attributes(distance)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no run attribute {unknown[0]!r}: wanted one of {known}")
    if outcomes := [name for name in names if role_of(distance, name) == "outcome"]:
        raise ValueError(
            f"by: {outcomes} are outcomes, measured and not chosen, so they define no groups to test. If they were "
            f"chosen before the training, write ds = tk.set_roles(ds, setting={outcomes})"
        )


def _estimates(units: ComparisonUnits, name: str, names: list[str]) -> Row:
    size, code = len(units.run), units.attributes[name]
    apart, differ = np.triu(np.ones((size, size), dtype=bool), k=1), code[:, None] != code
    within, between = (_mean(units.distance[apart & of]) for of in (~differ, differ))
    inner = products(units.squared)
    rest = [n for n in names if n != name]
    own, every, others = (span([units.attributes[n] for n in some], size) for some in ([name], names, rest))
    adds = every.shape[1] > others.shape[1]
    return {
        "within": within,
        "between": between,
        "ratio": between / within if within > 0 else np.nan,
        "r_squared": _share(inner, own),
        "unique_r_squared": _share(inner, every) - _share(inner, others) if adds else np.nan,
    }


def _share(inner: Array, basis: Array) -> float:
    """Share of the sum of squares in a basis; NaN if it leaves no degree of freedom."""
    if basis.shape[1] > len(inner) - 2 or not inner.trace() > 0:
        return np.nan
    return float(np.vdot(basis, inner @ basis) / inner.trace())


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan


def _tests(units: ComparisonUnits, name: str, permutations: int, random: np.random.Generator) -> Row:
    """Permute the values of an attribute within blocks of units that share all others."""
    others = units.others(name)
    if not units.differs_alone(name, others):
        culprits = [o for o in others if units.differs_alone(name, [n for n in others if n != o])]
        because = f": {' or '.join(culprits)} always differs too" if culprits else ""
        return {"why": [f"no pair of {units.kind}s differs in {name} alone{because}"]}
    # Only of bootstrap draws, or of two runs with one seed, a block has a value twice: the first unit stays.
    block = units.joint(others)
    once = np.sort(np.unique(np.stack([block, units.attributes[name]]), axis=1, return_index=True)[1])
    code, block, spread = units.attributes[name][once], block[once], dispersion(units.squared, units.attributes[name])
    parts = {other: units.attributes[other][once] for other in others}
    found = blocked_test(units.squared[np.ix_(once, once)], code, block, parts, permutations, random)
    several = np.isfinite(spread[once])
    z = spread[once][several]
    of_spread = blocked_test(np.square(z[:, None] - z), code[several], block[several], {}, permutations, random)
    row: Row = {p: getattr(found, p) for p in _P_VALUES[:4]} | {"depends_on": found.depends_on}
    row["dispersion_p_value"] = of_spread.p_value
    if found is NOTHING:
        hint = "" if others else "; unit='run' compares these configurations, with their seeds as evidence"
        row["why"] = [f"no two of its values meet in two contexts, so that permutations cannot test it{hint}"]
    elif found.least_p_value > 0.05:
        row["why"] = [f"{found.distinct} distinct permutations: its p-value is at least {found.least_p_value:.2g}"]
    return row


def _matched(distance: xr.DataArray, table: Configurations, units: ComparisonUnits, name: str, level: float) -> Row:
    """Compute the matched ratio; take back what differences between seeds could explain."""
    seed = joint_codes([codes(distance, n) for n in table.seeds], distance.sizes["run"])
    # Configurations that were left out have blocks of their own.
    block = np.arange(table.code.max() + 1) + len(units.run)
    block[table.code[units.run]] = units.joint(units.others(name))
    pairs = table.different_seeds & ~own_copies(distance)
    found = matched_ratio(distance.values, table.code, pairs, seed, block, level)
    row: Row = {f"matched_{field}": value for field, value in zip(found._fields, found, strict=True)}
    row["ratio_limits"] = row.pop("matched_limitations")
    recur = 0 < seed.max() < len(seed) - 1
    if recur and is_function(codes(distance, name), seed):
        unknown = dict.fromkeys((*_P_VALUES, "matched_lower", "matched_upper"), np.nan)
        row |= unknown | {
            "depends_on": "",
            "why": ["no two of its values share a seed: an effect of seeds looks the same"],
        }
    return row


def _joint(units: ComparisonUnits, names: list[str], permutations: int, random: np.random.Generator) -> Row:
    """Test several settings together: configurations are permuted among those that share all other settings."""
    nothing = {"joint_r_squared": np.nan, "joint_p_value": np.nan}
    if not names:
        return nothing
    size, named = len(units.run), units.joint(names)
    inner, basis = products(units.squared), span([units.attributes[name] for name in names], size)
    share = _share(inner, basis)
    rest = [n for n, code in units.attributes.items() if n not in names and not is_function(code, named)]
    block = units.joint(rest)
    if np.isnan(share) or is_function(named, block):
        return nothing | {"joint_r_squared": share}
    order = np.tile(np.arange(size), (permutations + 1, 1))
    for value in range(block.max() + 1):
        inside = np.flatnonzero(block == value)
        order[1:, inside] = random.permuted(order[1:, inside], axis=1)
    gain = basis @ basis.T
    found = np.array([np.vdot(gain, inner[np.ix_(some, some)]) for some in order])
    return {"joint_r_squared": share, "joint_p_value": float(p_values(found)[0])}


def _groups(distance: xr.DataArray, units: ComparisonUnits, name: str) -> list[tuple[str, str, float, int]]:
    """List the groups of an attribute: its name, their value, their dispersion and their number of units."""
    code, spread = units.attributes[name], dispersion(units.squared, units.attributes[name])
    values = distance[name].values[units.run]
    inside = [np.flatnonzero(code == value) for value in range(code.max() + 1)]
    return [(name, written_value(values[at[0]]), float(spread[at].mean()), len(at)) for at in inside]


_MEANING = {
    "within": "mean distance of pairs with the same value of the attribute",
    "between": "mean distance of pairs with different values of the attribute",
    "ratio": "between / within",
    "r_squared": "share of the sum of squares that the attribute explains by itself",
    "unique_r_squared": "share that the attribute explains beyond the other attributes",
    "p_value": "p-value of the attribute, by itself or depending on another setting",
    "main_p_value": "p-value of the attribute by itself",
    "interaction_p_value": "p-value of the largest interaction with another setting",
    "least_p_value": "smallest possible p_value",
    "depends_on": "setting of the largest interaction",
    "matched_ratio": "distance of configurations that differ in the attribute alone / distance of their seeds",
    "matched_lower": "lower bound of matched_ratio",
    "matched_upper": "upper bound of matched_ratio",
    "matched_pairs": "number of pairs of configurations of matched_ratio",
    "dispersion_p_value": "p-value of differences in dispersion",
    "replicates": "mean distance between seeds of a configuration",
    "joint_r_squared": "share that all settings explain",
    "joint_p_value": "p-value of joint_r_squared",
}
_NOTHING: Row = dict.fromkeys(_MEANING, np.nan) | {"depends_on": "", "matched_pairs": 0}
_DISTANCES = ("within", "between", "replicates")


def _labelled(
    names: list[str],
    rows: list[Row],
    groups: list[tuple[str, str, float, int]],
    whole: Row,
    distance: xr.DataArray,
    attrs: dict[str, Any],
) -> xr.Dataset:
    unit = {name: distance.attrs[name] for name in ("metric", "scale", "units") if name in distance.attrs}
    variables: dict[str, Any] = {}
    for name, meaning in _MEANING.items():
        about = {"long_name": meaning} | (unit if name in _DISTANCES else {"units": "1"})
        variables[name] = ((), whole[name], about) if name in whole else ("attribute", [r[name] for r in rows], about)
    attribute, value, spread, size = (list(column) for column in zip(*groups, strict=True)) if groups else [[]] * 4
    squared = unit if unit.get("scale") == "squared length" else {}
    about = {"long_name": "mean squared distance to the centroid of the group"} | squared
    variables["dispersion"] = ("group", np.array(spread, dtype=np.float64), about)
    coords = {
        "attribute": names,
        "group": [f"{a}={v}" for a, v in zip(attribute, value, strict=True)],
        "group_attribute": ("group", np.array(attribute, dtype=str)),
        "group_size": ("group", np.array(size, dtype=np.int64)),
    }
    return xr.Dataset(variables, coords, attrs)
