"""Time and memory of embeddings: part of a matrix, and from landmarks a set that is larger than memory.

python tests/benchmarks/bench_embedding.py                       # 151,407 points, 1000 samples, 2000 landmarks
python tests/benchmarks/bench_embedding.py --points 15000        # a tenth of it
"""

import argparse
import resource
import statistics
import time
import timeit
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

import trajkit as tk

CHECKPOINTS = 51


class Trajectories(BackendArray):
    """Predictions (run, checkpoint, sample, class) of eight groups that are computed whenever their runs are read."""

    def __init__(self, points: int, samples: int, classes: int) -> None:
        self.points = points
        self.shape, self.dtype = (-(-points // CHECKPOINTS), CHECKPOINTS, samples, classes), np.dtype(np.float32)
        self.label = np.arange(samples) % classes
        random = np.random.default_rng(0)
        self.bend = random.standard_normal((8, samples, classes)).astype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._made)

    def _made(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        # BASIC keys are integers and slices: make whole runs one by one, then take the part that was asked for.
        run, *rest = key
        if isinstance(run, (int, np.integer)):
            return self._run(int(run))[tuple(rest)]
        return np.stack([self._run(r)[tuple(rest)] for r in range(*run.indices(self.shape[0]))])

    def _run(self, run: int) -> NDArray[np.float32]:
        random = np.random.default_rng(run)
        t = np.linspace(0, 1, CHECKPOINTS, dtype=np.float32)[:, None, None]
        own = random.standard_normal(self.shape[2:], dtype=np.float32)
        logits = 4 * t * (1 - t) * (self.bend[run % 8] + 0.3 * own)
        logits[:, np.arange(len(self.label)), self.label] += (6 + random.standard_normal()) * t[..., 0]
        logits -= logits.max(-1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        # The last run is shorter, so that the number of points is right.
        logits[self.points - run * CHECKPOINTS :] = np.nan
        return logits


def trajectories(points: int, samples: int, classes: int) -> xr.Dataset:
    """Make a lazy trajectory dataset with this number of points."""
    source = Trajectories(points, samples, classes)
    runs = source.shape[0]
    at = np.arange(runs * CHECKPOINTS).reshape(runs, CHECKPOINTS)
    step = np.where(at < points, at % CHECKPOINTS, -1)
    log_prob = xr.Variable(("run", "checkpoint", "sample", "class"), indexing.LazilyIndexedArray(source))
    return xr.Dataset(
        {"log_prob": log_prob, "step": (("run", "checkpoint"), step)},
        coords={
            "run": [f"{r}" for r in range(runs)],
            "kind": ("run", ["network"] * runs),
            "architecture": ("run", [f"group-{r % 8}" for r in range(runs)]),
            "checkpoint": np.arange(CHECKPOINTS),
            "sample": np.arange(samples),
            "label": ("sample", source.label),
            "split": ("sample", ["test"] * samples),
            "class": [f"{c}" for c in range(classes)],
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"points": 151_407, "samples": 1000, "classes": 10, "landmarks": 2000, "slice": 2000}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    few = tk.points(trajectories(wanted.slice, 50, wanted.classes).load())
    distance = tk.pairwise(few)
    tk.inpca(distance)
    taken = statistics.median(timeit.repeat(lambda: tk.inpca(distance), number=1, repeat=9))
    print(f"inpca of a slice of {len(distance)} points: {1e3 * taken:.0f} ms (median of 9)")
    ds = trajectories(wanted.points, wanted.samples, wanted.classes)
    size = ds["log_prob"].nbytes / 2**30
    start = time.perf_counter()
    embedding = tk.embed(ds, landmarks=wanted.landmarks)
    seconds = time.perf_counter() - start
    recorded = int((ds["step"] >= 0).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # of this process so far, in GiB
    print(
        f"{recorded} points of {wanted.samples} samples and {wanted.classes} classes ({size:.2f} GiB of predictions), "
        f"{wanted.landmarks} landmarks: {seconds:.0f} s, peak {peak:.2f} GiB, "
        f"error of distances {float(embedding.landmark_error[-1]):.2%}"
    )


if __name__ == "__main__":
    main()
