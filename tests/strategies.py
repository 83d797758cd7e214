"""Examples for property tests: predictions from uniform to certain, and trajectory datasets of any shape."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import trajkit as tk

METRICS = ("bhattacharyya", "hellinger", "fisher_rao")
metrics = st.sampled_from(METRICS)
dtypes = st.sampled_from([np.float32, np.float64])
Draw = Callable[[st.SearchStrategy[Any]], Any]


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    z = np.asarray(logits, dtype=np.float64)
    top = z.max(-1, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))


@st.composite
def log_probs(
    draw: Draw, points: int = 2, samples: int | None = None, classes: int | None = None, zeros: bool = True
) -> NDArray[Any]:
    """Log-probabilities (point, sample, class): 2 to 1000 classes, logits up to 1e4, exact zeros, both precisions."""
    c = classes or draw(st.one_of(st.integers(2, 6), st.sampled_from([10, 100, 1000])))
    n = samples or draw(st.integers(1, 5 if c < 50 else 2))
    shape = (points, n, c)
    if c <= 4 and draw(st.booleans()):
        logits = draw(hnp.arrays(np.float64, shape, elements=st.floats(-1e4, 1e4, width=32)))
    else:
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        logits = np.clip(draw(st.sampled_from([0.01, 1, 10, 1e3, 1e4])) * random.standard_normal(shape), -1e4, 1e4)
    if zeros and draw(st.booleans()):
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        ruled_out = random.random(shape) < 0.3
        # At least one class stays possible in every row.
        ruled_out[..., draw(st.integers(0, c - 1))] = False
        logits = np.where(ruled_out, -np.inf, logits)
    return log_softmax(logits).astype(draw(dtypes))


@st.composite
def datasets(draw: Draw, *, zeros: bool = False, least_points: int = 1) -> xr.Dataset:
    """Trajectory datasets with ragged runs, in both precisions."""
    classes = draw(st.one_of(st.integers(2, 5), st.just(30)))
    samples = draw(st.integers(1, 6))
    most = max(4, least_points)
    lengths = draw(st.lists(st.integers(1, most), min_size=1, max_size=4).filter(lambda ns: sum(ns) >= least_points))
    values = [draw(log_probs(n, samples, classes, zeros)) for n in lengths]
    random = np.random.default_rng(draw(st.integers(0, 99)))
    ds = tk.from_arrays(
        log_prob=values,
        label=random.integers(0, classes, samples),
        runs={
            "architecture": random.choice(["MLP", "CNN", ""], len(lengths)),
            "learning_rate": random.choice([0.1, 0.01, np.nan], len(lengths)),
            "width": random.choice([8, 16], len(lengths)),
            "augmentation": random.choice([True, False], len(lengths)),
        },
        step=[np.cumsum(random.integers(1, 9, n)) - 1 for n in lengths],
        split=random.choice(["train", "test"], samples),
    )
    if draw(st.booleans()):
        ds = ds.assign(log_prob=ds.log_prob.astype(np.float64))
    return ds


def array(log_prob: NDArray[Any], *dims: str) -> xr.DataArray:
    """Label predictions (..., sample, class) as the functions of two arrays take them."""
    return xr.DataArray(log_prob, dims=(*dims, "sample", "class"))


def point_set(log_prob: NDArray[Any], run: str = "r") -> xr.Dataset:
    """Points for `pairwise` from an array (point, sample, class)."""
    m, n, c = log_prob.shape
    return xr.Dataset(
        {"log_prob": (("point", "sample", "class"), log_prob)},
        coords={
            "run": ("point", [run] * m),
            "checkpoint": ("point", np.arange(m)),
            "sample": np.arange(n),
            "class": [str(k) for k in range(c)],
        },
    )


def run_distances(n: int, seed: int = 0) -> xr.DataArray:
    """Random distances of n runs, each with a number of its own."""
    values = np.triu(np.random.default_rng(seed).random((n, n)) + 0.1, 1)
    names = [str(i) for i in range(n)]
    coords = {"run": names, "run2": names, "number": ("run", np.linspace(3, 1, n))}
    return xr.DataArray(values + values.T, coords, ("run", "run2"), "distance", {"metric": "hellinger", "units": "1"})


def distances_of(x: NDArray[Any], **attributes: NDArray[Any]) -> xr.DataArray:
    """Squared Euclidean distances of the rows of x, one for each run."""
    values = np.square(x[:, None] - x).sum(-1)
    names = [str(i) for i in range(len(x))]
    coords = {"run": names, "run2": names} | {k: ("run", v) for k, v in attributes.items()}
    return xr.DataArray(values, coords, ("run", "run2"), attrs={"scale": "squared length", "units": "1"})


# --- for distances ------------------------------------------------------------------------------------------------

FUNCTIONS = {metric: getattr(tk, metric) for metric in METRICS}
# Below this, what 1e-16 in the square root of a probability leaves of nearly equal rows counts more than 1e-9.
FLOOR = {"bhattacharyya": 1e-12, "hellinger": 1e-12, "fisher_rao": 1e-6}


def matrix(log_prob: NDArray[Any], metric: str, cap: float | None = None) -> NDArray[np.float64]:
    """All distances of predictions (point, sample, class)."""
    return tk.pairwise(point_set(log_prob), metric=metric, cap=cap).values


def predictions(points: int, samples: int, classes: int, size: float = 2.0, seed: int = 0) -> NDArray[np.float32]:
    """Predictions from random logits."""
    logits = size * np.random.default_rng(seed).standard_normal((points, samples, classes))
    return log_softmax(logits).astype(np.float32)


def ragged_runs(runs: int, checkpoints: int, samples: int = 20) -> xr.Dataset:
    """Ragged trajectories without exact zeros, for divergences that zeros make infinite."""
    x = predictions(runs * checkpoints, samples, 4).reshape(runs, checkpoints, samples, 4)
    names = [f"r{k}" for k in range(runs)]
    lengths = [checkpoints - k % 3 for k in range(runs)]
    return tk.from_arrays(
        log_prob=[x[k, :n] for k, n in enumerate(lengths)], label=np.arange(samples) % 4, runs={"run": names}
    )


def mixed(seed: int, classes: int = 6) -> xr.Dataset:
    """Predictions from nearly equal to confidently different."""
    random = np.random.default_rng(seed)
    scale = np.array([1e-6, 0.1, 3.0, 60.0])[:, None, None, None]
    base = random.standard_normal((1, 1, 7, classes))
    logits = base + scale * random.standard_normal((4, 3, 7, classes))
    return tk.from_arrays(logits=logits, label=np.arange(7) % classes, runs={"seed": np.arange(4)})


# --- for curves ---------------------------------------------------------------------------------------------------

# The metrics of progress and of lengths.
LENGTH_METRICS = ("fisher_rao", "bhattacharyya")
positions = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


def runs_of(log_prob: list[NDArray[Any]], label: NDArray[Any] | None = None, **attributes: list[Any]) -> xr.Dataset:
    """Make a dataset of runs (checkpoint, sample, class), in the precision given."""
    n, c = log_prob[0].shape[1:]
    ds = tk.from_arrays(
        log_prob=log_prob,
        label=np.arange(n) % c if label is None else label,
        runs=attributes or {"seed": list(range(len(log_prob)))},
    )
    exact = np.full(ds.log_prob.shape, np.nan, dtype=log_prob[0].dtype)
    for r, curve in enumerate(log_prob):
        exact[r, : len(curve)] = curve
    return ds.assign(log_prob=(ds.log_prob.dims, exact))


def recorded(ds: xr.Dataset, run: int) -> NDArray[np.intp]:
    """Indices of the recorded checkpoints of a run."""
    return np.flatnonzero(ds.step.values[run] >= 0)


def certain(classes: int, *wins: int) -> NDArray[np.float64]:
    """Log-probabilities (sample, class) that allow a single class each."""
    with np.errstate(divide="ignore"):
        return np.log(np.eye(classes)[list(wins)])


def grouped(runs: int = 6, **options: Any) -> xr.Dataset:
    """Simulated runs that rule nothing out, in two architectures with two widths each."""
    ds = tk.simulate(runs=runs, checkpoints=7, samples=4, classes=4, spread=0.3, **options)
    softened = log_softmax(ds.log_prob.values.astype(float).clip(-12))
    width = np.where(np.arange(runs) < runs // 2, 8, 16)
    return ds.assign(log_prob=ds.log_prob.copy(data=softened.astype(np.float32))).assign_coords(width=("run", width))


# --- for embeddings -----------------------------------------------------------------------------------------------


def as_distance(values: NDArray[Any], scale: str = "squared length") -> xr.DataArray:
    """Label a matrix as `pairwise` does."""
    return xr.DataArray(values, dims=("point", "point2"), attrs={"scale": scale})


@st.composite
def symmetric(draw: Any, least: int = 2, most: int = 12) -> NDArray[np.float64]:
    """Symmetric matrices with zero diagonal and positive entries, most of them far from Euclidean."""
    m = draw(st.integers(least, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    upper = np.triu(random.exponential(draw(st.sampled_from([1e-8, 1, 1e6])), (m, m)), 1)
    return upper + upper.T


def simulated(points: int, metric: str = "bhattacharyya", **options: Any) -> xr.DataArray:
    """Distances of so many simulated points."""
    settings = {"runs": -(-points // 10), "checkpoints": 10, "samples": 20, "classes": 6, "spread": 0.3} | options
    return tk.pairwise(tk.points(tk.simulate(**settings)).isel(point=slice(points)), metric=metric)
