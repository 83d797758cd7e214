"""The speed of `tk.pairwise`, compared with other ways to the same matrix and with this machine's matrix products.

    python tests/benchmarks/bench_pairwise.py [--repeat 5] [--quick]

All ways run in one process and take turns, so that other work on the machine slows all of them; the table shows
medians. A GMAC is 1e9 multiply-adds. For `pairwise` only those of one triangle count, M (M + 1) / 2 x N x C; for the
recipes all M^2 N C that they do. Peak memory, without the input, is measured in a separate process.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import trajkit as tk

SIZES = [
    *((points, 300, 10) for points in (500, 1000, 2000, 4000)),
    *((2000, 1000, 10), (2000, 300, 2), (1000, 300, 100)),
]
QUICK = [(300, 100, 10)]


def dataset(points: int, samples: int, classes: int) -> xr.Dataset:
    """Make random predictions of networks halfway through training."""
    logits = 2 * np.random.default_rng(0).standard_normal((points // 50, 50, samples, classes), dtype=np.float32)
    return tk.from_arrays(logits=logits, label=np.arange(samples) % classes, runs={"seed": np.arange(points // 50)})


def recipe(log_prob: NDArray[Any]) -> NDArray[Any]:
    """Follow the plain recipe: batched matrix products, logarithm, sum."""
    root = torch.from_numpy(log_prob).mul(0.5).exp().transpose(0, 1).contiguous()
    total = torch.zeros(log_prob.shape[0], log_prob.shape[0])
    for some in root.split(10):  # samples in one product
        total -= torch.bmm(some, some.transpose(1, 2)).log().sum(0)
    return (total / log_prob.shape[1]).numpy()


def scipy_hellinger(log_prob: NDArray[Any]) -> NDArray[Any]:
    """Compute squared Euclidean distances between amplitudes with scipy."""
    from scipy.spatial.distance import pdist

    return np.asarray(pdist(np.exp(0.5 * log_prob.astype(np.float64)).reshape(len(log_prob), -1), "sqeuclidean"))


def sklearn_hellinger(log_prob: NDArray[Any]) -> NDArray[Any]:
    from sklearn.metrics import pairwise_distances

    amplitude = np.exp(0.5 * log_prob).reshape(len(log_prob), -1)
    return np.asarray(pairwise_distances(amplitude, metric="sqeuclidean", n_jobs=os.cpu_count()))


def multiply(log_prob: NDArray[Any]) -> NDArray[Any]:
    """Multiply two matrices of the same size in float32: the machine's rate."""
    flat = log_prob.reshape(len(log_prob), -1)
    return flat @ flat[::-1].copy().T


def compare(points: int, samples: int, classes: int, repeat: int) -> dict[str, float]:
    ds = dataset(points, samples, classes)
    log_prob = tk.points(ds).log_prob.values
    # The plain ways would need minutes at large sizes: they run at the smaller sizes only.
    small = points * points * samples * classes <= 2e9
    ways: dict[str, Callable[[], Any]] = {
        "float32": lambda: tk.pairwise(ds, dtype="float32", progress_bar=False),
        "matmul": lambda: multiply(log_prob),
        "float64": lambda: tk.pairwise(ds, progress_bar=False),
        "hellinger": lambda: tk.pairwise(ds, metric="hellinger", progress_bar=False),
        "recipe": lambda: recipe(log_prob),
        "sklearn": lambda: sklearn_hellinger(log_prob),
        **({"scipy": lambda: scipy_hellinger(log_prob)} if small else {}),
    }
    for way in ways.values():
        way()
    taken = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            taken[name].append(timeit.timeit(way, number=1))
    return {name: float(np.median(times)) for name, times in taken.items()}


PEAK = """
import resource, sys, json, numpy as np, psutil
sys.path.insert(0, {folder!r})
from bench_pairwise import dataset
import trajkit as tk
tk.pairwise(dataset(100, 20, {classes}), dtype="float32")
ds = dataset({points}, {samples}, {classes})
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
# The peak includes memory that was used to make the data and then freed: fill it first.
held = np.ones(max(0, int(peak() - psutil.Process().memory_info().rss)) // 8)
before = peak()
tk.pairwise(ds, dtype="float32", progress_bar=False)
print(json.dumps(peak() - before))
"""


def peak_bytes(points: int, samples: int, classes: int) -> float:
    code = PEAK.format(folder=os.path.dirname(__file__), points=points, samples=samples, classes=classes)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small size, to see that it runs")
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("trajkit", "numba", "torch"))
    print(f"{cpu()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}, {versions}, medians of {options.repeat}\n")
    print(
        "| M | N | C | float32 [s] | float64 [s] | GMAC/s in float32 | of the matmul rate | faster than the recipe "
        "| `hellinger` faster than scikit-learn, scipy | peak beside input and result [MB] |"
    )
    print("|" + "---|" * 10)
    for points, samples, classes in QUICK if options.quick else SIZES:
        took = compare(points, samples, classes, options.repeat)
        work = points * (points + 1) / 2 * samples * classes / 1e9
        matmul = points**2 * samples * classes / 1e9 / took["matmul"]
        beside = (peak_bytes(points, samples, classes) - 4 * points**2) / 1e6
        scipy = f"{took['scipy'] / took['hellinger']:.0f}x" if "scipy" in took else "-"
        print(
            f"| {points} | {samples} | {classes} | {took['float32']:.3f} | {took['float64']:.3f} "
            f"| {work / took['float32']:.0f} | {work / took['float32'] / matmul:.0%} "
            f"| {took['recipe'] / took['float32']:.0f}x | {took['sklearn'] / took['hellinger']:.1f}x, {scipy} "
            f"| {beside:.0f} |",
            flush=True,
        )


def cpu() -> str:
    """Return the name of the CPU if the system knows it."""
    known = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.*)$", known.read_text(), re.MULTILINE) if known.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
