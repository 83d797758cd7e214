"""Random small datasets go through random public names.

Errors are those of trajkit, inputs stay as they were, results repeat, and NaN has its reason.

A dataset may have one run, one sample, missing checkpoints, exact zeros, equal runs, references, one split, or
attributes that are missing; sometimes its predictions are all NaN, which every function refuses.
"""

from __future__ import annotations

import copy
import inspect
import linecache
import multiprocessing
import os
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import traitlets
import xarray as xr
from public_calls import NO_TRAJECTORIES, TAKING, arguments, call

import trajkit as tk

# Datasets; each goes through so many public names.
# README quotes what was run: raise the full count when more have been. 2,000 are wanted, some 100 minutes of one core.
SHORT, FULL = 6, 100
CALLS = 20
NAMES = sorted(set(TAKING) - NO_TRAJECTORIES)
# Names that take seconds are drawn for one dataset in ten, the others share the rest.
SLOW = ("report", "claims", "explore", "Explorer", "LiveView", "stability", "dimensionality", "compare_metrics")
ONE_IN = 10

_PACKAGE = os.path.dirname(tk.__file__) + os.sep
# Missing points are NaN in every result on (run, checkpoint); these have more by definition.
_NAN_BY_DEFINITION = {
    "trajkit.speed": "a run's first checkpoint has no step before it",
}
# What each keyword may be, beside its default.
OPTIONS: dict[str, tuple[Any, ...]] = {
    "metric": ("bhattacharyya", "hellinger", "fisher_rao", "jeffreys", "jensen_shannon", "kullback_leibler"),
    "cap": (5.0, 50.0),
    "n": (2, 5),
    "n_components": (1, 2, 3),
    "by": ("architecture", "seed", "width", "note", ["architecture", "seed"]),
    "over": ("sample", "run", "seed"),
    "interval": ("percentile", "bca", "jackknife"),
    "extend": ("hold", "nan", "shared"),
    "mean": ("arithmetic", "geometric", "harmonic", "amplitude", "bhattacharyya", "jeffreys"),
    "method": ("progress", "frechet", "hausdorff", "kernel", "average", "complete", "single", "weighted"),
    "measure": ("confidence", "correctness", "learned"),
    "alternative": ("less", "greater"),
    "landmarks": (4, 8),
    "references": (False,),
    "split": ("train", "test"),
    "near": (0.05, 0.5),
    "share": (0.5,),
    "level": (0.5, 0.99),
    "seed": (1,),
    "color": ("architecture", "seed", None),
    "order": ("architecture",),
    "dtype": ("float32",),
}


def random_dataset(random: np.random.Generator) -> xr.Dataset:
    """Make a small dataset of an odd shape."""
    runs, checkpoints = int(random.integers(1, 7)), int(random.integers(1, 5))
    samples, classes = int(random.integers(1, 9)), int(random.integers(2, 5))
    label = random.integers(0, classes, samples)
    size = random.choice([0.1, 2.0, 50.0])
    gain = np.linspace(0, random.choice([0.0, 4.0]), checkpoints)[:, None, None] * np.eye(classes)[label]
    logits = size * random.standard_normal((runs, checkpoints, samples, classes)) + gain
    if random.random() < 0.3:
        logits[:] = logits[:1]
    log_prob = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    if random.random() < 0.2:
        log_prob = np.where(np.eye(classes, dtype=bool)[log_prob.argmax(-1)], 0.0, -np.inf)
    step = np.cumsum(random.integers(1, 9, (runs, checkpoints)), axis=1) - 1
    if random.random() < 0.4 and checkpoints > 1:
        step[random.random(step.shape) < 0.3] = -1
        step[:, 0] = np.where((step < 0).all(1), 0, step[:, 0])
    log_prob[step < 0] = np.nan
    ds = tk.from_arrays(
        log_prob=log_prob,
        label=label,
        step=step,
        runs={
            "architecture": random.choice(["A", "B", ""] if random.random() < 0.2 else ["A", "B"], runs),
            "seed": random.integers(0, 3, runs),
            "width": random.choice([8.0, 16.0, np.nan], runs),
            "note": [f"n{i}" for i in range(runs)],
        },
        split=random.choice(["train", "test"], samples) if random.random() < 0.7 else "test",
    )
    if random.random() < 0.2:
        ds = tk.with_references(ds, 3)
    if random.random() < 0.05:
        ds = ds.assign(log_prob=ds.log_prob * np.nan)
    return ds


def random_options(name: str, given: dict[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """Choose some keywords of a public name at random."""
    known = [p for p in inspect.signature(TAKING[name]).parameters if p in OPTIONS and p not in ("a", "b")]
    chosen = [p for p in known if random.random() < 0.4 or (p == "by" and p in given)]
    return {p: OPTIONS[p][random.integers(len(OPTIONS[p]))] for p in chosen}


def is_ours(error: Exception) -> bool:
    """Say whether a `raise` of trajkit made this error: a wanted type, from a line that raises it."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or not isinstance(error, ValueError | TypeError | traitlets.TraitError):
        return False
    file = last.tb_frame.f_code.co_filename
    return file.startswith(_PACKAGE) and linecache.getline(file, last.tb_lineno).strip().startswith("raise ")


def tried(name: str, given: dict[str, Any]) -> Any:
    """Call a public name; an error of ours is a result as well."""
    try:
        return call(name, given)
    except Exception as error:
        if not is_ours(error):
            raise
        return f"{type(error).__name__}: {error}"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, xr.Dataset | xr.DataArray):
        return isinstance(b, type(a)) and a.identical(b)
    if isinstance(a, pd.DataFrame):
        return isinstance(b, pd.DataFrame) and a.equals(b)
    if isinstance(a, go.Figure):
        return isinstance(b, go.Figure) and a.to_json() == b.to_json()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return type(a) is type(b) and (isinstance(a, Path) or callable(a) or a == b)


def unexplained(name: str, result: Any, given: dict[str, Any]) -> list[str]:
    """List the variables of a result that are NaN where no point is missing, without a stated limitation."""
    if not isinstance(result, xr.Dataset | xr.DataArray) or result.attrs.get("limitations"):
        return []
    # What is made of single points is NaN where they are missing.
    if name in _NAN_BY_DEFINITION or any(_holds_nan(x) for x in given.values() if isinstance(x, xr.DataArray)):
        return []
    named = result.data_vars if isinstance(result, xr.Dataset) else {result.name or "result": result}
    return [] if "log_prob" in named else [str(n) for n, v in named.items() if _holds_nan(_there(v, result, given))]


def _holds_nan(values: xr.DataArray) -> bool:
    return values.dtype.kind == "f" and bool(values.isnull().any())


def _there(values: xr.DataArray, result: Any, given: dict[str, Any]) -> xr.DataArray:
    """Give a value to points that are missing: they are NaN on purpose."""
    for source in (result, *given.values()):
        step = source["step"] if isinstance(source, xr.Dataset) and "step" in source else None
        if step is not None and set(step.dims) == {"run", "checkpoint"} <= set(values.dims):
            at = {dim: values[dim].values for dim in ("run", "checkpoint")}
            return values.where((step.reindex(at, fill_value=-1) >= 0).drop_vars(step.coords, errors="ignore"), 0)
    return values


def one_call(name: str, ds: xr.Dataset, options: dict[str, Any], folder: Path) -> str:
    """Call a public name twice; return what broke, or nothing."""
    try:
        given = arguments(name, ds, folder)
    except Exception as error:
        # The arguments are results of other public names.
        if is_ours(error):
            return ""
        return f"making arguments raised {type(error).__name__}: {error}"
    given |= options
    before = copy.deepcopy({key: value for key, value in given.items() if not callable(value)})
    writes = {key: value for key, value in given.items() if isinstance(value, Path)}
    try:
        first = tried(name, given)
        again = tried(name, given | {key: value.with_name(f"again-{value.name}") for key, value in writes.items()})
    except Warning as warning:
        return f"{type(warning).__name__}: {warning}"
    except Exception as error:
        return f"raw {type(error).__name__}: {error}"
    if any(not _same(before[key], given[key]) for key in before):
        return "edited its input"
    if not writes and not _same(first, again):
        return "two calls differ"
    if holes := unexplained(name, first, given):
        return f"NaN without a limitation in {holes}"
    return "" if not isinstance(first, str) else "refused"


def _names(number: int, random: np.random.Generator) -> list[str]:
    slow = [n for n in NAMES if n.rsplit(".", 1)[1] in SLOW and ".figures" not in n]
    drawn = [n for place, n in enumerate(slow) if (number + place) % ONE_IN == 0]
    quick = [n for n in NAMES if n not in slow]
    return [*drawn, *random.permutation(quick)[: CALLS - len(drawn)].tolist()]


def of_dataset(number: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """Try one dataset: how often each name was called and refused, and what broke."""
    warnings.simplefilter("error", RuntimeWarning)
    random = np.random.default_rng(number)
    ds = random_dataset(random)
    calls, refused, broken = Counter[str](), Counter[str](), []
    with TemporaryDirectory() as folder:
        for name in _names(number, random):
            options = random_options(name, {}, random)
            said = one_call(name, ds, options, Path(folder))
            calls[name] += 1
            refused[name] += said == "refused"
            if said not in ("", "refused"):
                broken.append(f"dataset {number}, {name}({options}): {said}")
    return calls, refused, broken


def attack(count: int, folder: Path) -> str:
    """Try `count` datasets on two cores, few of them on one."""
    calls, refused, broken = Counter[str](), Counter[str](), list[str]()
    if count < 100:
        each = [of_dataset(number) for number in range(count)]
    else:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            each = list(pool.map(of_dataset, range(count), chunksize=4))
    for one, no, bad in each:
        calls, refused, broken = calls + one, refused + no, broken + bad
    assert not broken, f"{len(broken)} broken promises:\n" + "\n".join(broken[:200])
    return (
        f"{count:,} random datasets, each through {CALLS} random public names: {calls.total():,} calls of {len(calls)} "
        f"names, each made twice; {refused.total():,} ended in an error of trajkit, none in another error, a warning, "
        "an edited input, a result that differs between two calls, or NaN without its reason"
    )
