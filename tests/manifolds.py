"""Simulated groups of runs on one manifold or on two, with known relations between them."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import trajkit as tk


def on_manifolds(
    kind: str,
    configurations: int = 12,
    seeds: int = 2,
    *,
    samples: int = 60,
    classes: int = 6,
    spread: float = 1.5,
    noise: float = 0.15,
    seed: int = 0,
    run_seed: int = 0,
    even: bool = True,
) -> xr.Dataset:
    """Simulate runs of two architectures, A and B; each configuration has a learning rate of its own.

    A run has logits of the label that grow with time, later for hard samples, and logits of wrong classes on a surface:
    a direction that all runs of the manifold share, and one along which configurations differ (at `even` distances, or
    at random places). `seed` makes the manifolds, `run_seed` the runs on them.

    | kind             | A and B                                                                        |
    |------------------|--------------------------------------------------------------------------------|
    | "one"            | on one surface                                                                 |
    | "two speeds"     | on one surface; B takes half of the steps                                      |
    | "same difficulty"| the same samples are easy, but other classes are confused                      |
    | "unrelated"      | other samples are easy, and other classes are confused                         |
    | "parallel"       | on copies of one surface, at a constant distance                               |
    """
    random = np.random.default_rng(seed)
    label = random.permutation(np.arange(samples) % classes)
    wrong = np.arange(classes) != label[:, None]
    hard, shape, offset = _of_manifold(random, wrong)
    other_hard, other_shape, _ = _of_manifold(random, wrong)
    if kind in ("one", "two speeds", "parallel"):
        other_hard, other_shape = hard, shape
    if kind == "same difficulty":
        other_hard = hard
    # The manifolds stay, and their runs are drawn again.
    random = np.random.default_rng([seed, run_seed])
    logits, about = [], []
    for name, h, s in (("A", hard, shape), ("B", other_hard, other_shape)):
        beside = 3.0 * offset if kind == "parallel" and name == "B" else 0.0
        time = np.linspace(0, 1, 12) ** (0.5 if kind == "two speeds" and name == "B" else 1.0)
        for c in range(configurations):
            at = (c + 0.5) / configurations if even else random.random()
            place = spread * (3.0 * at - 1.5)
            for k in range(seeds):
                own = noise * random.standard_normal((samples, classes))
                learned = 9 * time[:, None] - 3 * h
                along = np.where(~wrong, np.logaddexp(0, learned)[..., None], 0.0)
                # Confusions grow and go.
                bulge = np.sin(np.pi * (0.05 + 0.8 * time))[:, None, None]
                logits.append(along + bulge * wrong * (1.5 * s[0] + 0.8 * place * s[1] + beside + own))
                about.append((name, c, k))
    columns = dict(zip(("architecture", "learning_rate", "seed"), map(list, zip(*about, strict=True)), strict=True))
    columns["learning_rate"] = 0.1 * (1.0 + np.array(columns["learning_rate"]))
    return tk.from_arrays(logits=np.array(logits), label=label, runs=columns)


def _of_manifold(
    random: np.random.Generator, wrong: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Difficulty of each sample, the two directions of the surface, and a direction off it."""
    directions = random.standard_normal((3, *wrong.shape)) * wrong
    return random.random(len(wrong)), directions[:2], directions[2]
