"""Distances of simulated runs: configurations in a design, each with several seeds, as points of a Gaussian space."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from strategies import distances_of

NAMES = ("architecture", "optimizer", "width", "depth")
Effect = Callable[[NDArray[np.intp]], NDArray[np.float64]]


def designed(
    levels: tuple[int, ...],
    random: np.random.Generator,
    *,
    seeds: int = 3,
    dimension: int = 20,
    configuration: float = 0.0,
    seed_effect: float = 0.0,
    spread: tuple[float, ...] | None = None,
    kept: Callable[[NDArray[np.intp]], NDArray[np.bool_]] | None = None,
    effect: Effect | None = None,
) -> xr.DataArray:
    """Squared distances of runs: all combinations of `levels` values of the settings `NAMES`, each with `seeds` seeds.

    The deviation of a seed is 1 in each coordinate; `configuration` is that of configurations, `seed_effect` that of an
    effect which all runs with one seed share, and `spread` multiplies both deviations for each architecture.
    `effect` gives the mean of each configuration (configuration, dimension) from its values (setting, configuration).
    """
    value = np.indices(levels).reshape(len(levels), -1)
    if kept is not None:
        value = value[:, kept(value)]
    count = value.shape[1]
    of, seed = np.repeat(np.arange(count), seeds), np.tile(np.arange(seeds), count)
    scale = np.ones(count) if spread is None else np.asarray(spread)[value[0]]
    centre = configuration * scale[:, None] * random.standard_normal((count, dimension))
    if effect is not None:
        centre = centre + effect(value)
    x = centre[of] + scale[of][:, None] * random.standard_normal((len(of), dimension))
    x = x + seed_effect * random.standard_normal((seeds, dimension))[seed]
    return distances_of(x, **{name: v[of] for name, v in zip(NAMES, value, strict=False)}, seed=seed)


def other_interaction(size: float, random: np.random.Generator) -> Effect:
    """Give each pair of optimizer and width a place of its own; architecture does nothing."""

    def effect(value: NDArray[np.intp]) -> NDArray[np.float64]:
        place = np.ravel_multi_index((value[1], value[2]), (value[1].max() + 1, value[2].max() + 1))
        return size * random.standard_normal((place.max() + 1, 20))[place]

    return effect


def rejections(p: list[float], level: float = 0.05) -> float:
    """Share of p-values up to `level`."""
    return float((np.array(p) <= level).mean())
