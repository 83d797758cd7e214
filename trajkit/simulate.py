"""Trajectories with known geometry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from trajkit.from_arrays import from_arrays
from trajkit.typing import Array, Mask


def simulate(
    runs: int = 8,
    checkpoints: int = 20,
    samples: int = 50,
    classes: int = 5,
    *,
    groups: int = 2,
    spread: float = 0.0,
    ragged: bool = False,
    seed: int = 0,
) -> xr.Dataset:
    r"""Simulate trajectories from ignorance to truth with known progress.

    For each sample,

        sqrt p(s) = cos(psi) e + sin(psi) (cos(d) u + sin(d) w),    psi = (1 - s) theta_0,    d = spread s,

    where e is the truth and u the uniform distribution over the wrong classes (both as square roots of probabilities),
    w is a unit vector of the run, orthogonal to both, and theta_0 = arccos(1/sqrt C). With spread 0 this is the
    geodesic, and s is the progress. Otherwise the nearest point of the geodesic has progress
    1 - arctan(tan(psi) cos(d)) / theta_0, the same for every sample, which is the variable `known_progress`.

    Parameters
    ----------
    runs, checkpoints, samples, classes
        Sizes. Runs are assigned to the groups in turn.
    groups
        Number of groups (attribute `architecture`: A, B, ...). Runs of one group bend almost in the same direction.
    spread
        Angle d at the truth, in radians: how far runs leave the geodesic. At most arctan(1 / sqrt(C - 1)), which keeps
        every probability positive for any w.
    ragged
        Whether run r lacks its last r mod 3 checkpoints.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset with `known_progress` (run, checkpoint). Half of the samples are "train".

    Raises
    ------
    ValueError
        If a size is too small or `spread` too large.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=3, checkpoints=5, spread=0.2)
    >>> bool(abs(tk.progress(ds) - ds.known_progress).max() < 1e-6)
    True
    """
    least = {
        "runs": (runs, 1),
        "checkpoints": (checkpoints, 4 if ragged else 1),
        "samples": (samples, 1),
        "classes": (classes, 2),
        "groups": (groups, 1),
    }
    for name, (got, wanted) in least.items():
        if got < wanted:
            raise ValueError(f"{name}: wanted at least {wanted}, got {got}")
    widest = float(np.arctan(1 / np.sqrt(classes - 1))) if classes > 2 else 0.0
    if not 0 <= spread <= widest:
        raise ValueError(f"spread: wanted 0 to {widest:.4f} rad for {classes} classes, got {spread}")
    random = np.random.default_rng(seed)
    label = random.permutation(np.arange(samples) % classes)
    group = np.arange(runs) % groups
    shared = random.standard_normal((groups, samples, classes))
    own = random.standard_normal((runs, samples, classes))
    wrong = np.arange(classes) != label[:, None]
    sideways = _unit_sideways(shared[group] + 0.2 * own, wrong)
    s = np.linspace(0, 1, checkpoints)[:, None, None]
    theta_0 = np.arccos(1 / np.sqrt(classes))
    psi, bend = (1 - s) * theta_0, spread * s
    off_label = np.cos(bend) * wrong / np.sqrt(classes - 1) + np.sin(bend) * sideways[:, None]
    prob = (np.cos(psi) * ~wrong + np.sin(psi) * off_label) ** 2
    known = 1 - np.arctan(np.tan(psi) * np.cos(bend))[:, 0, 0] / theta_0
    lengths = checkpoints - (np.arange(runs) % 3 if ragged else np.zeros(runs, dtype=int))
    architecture = [chr(ord("A") + g) if groups <= 26 else f"group-{g}" for g in group]
    ds = from_arrays(
        prob=[p[:n] for p, n in zip(prob, lengths, strict=True)],
        label=label,
        runs=pd.DataFrame(
            {
                "run": [f"{a}-{r // groups}" for r, a in enumerate(architecture)],
                "architecture": architecture,
                "seed": np.arange(runs) // groups,
            }
        ),
        split=np.where(np.arange(samples) < (samples + 1) // 2, "train", "test"),
        source="trajkit.simulate",
        metadata={"spread": spread, "seed": seed},
    )
    return ds.assign(
        known_progress=(ds["step"] * 0 + xr.DataArray(known, dims="checkpoint")[: ds.sizes["checkpoint"]]).where(
            ds["step"] >= 0
        )
    )


def _unit_sideways(direction: Array, wrong: Mask) -> Array:
    """Project (run, sample, class) on the wrong classes and off their uniform vector, and scale to unit length."""
    if wrong.shape[1] == 2:
        # With one wrong class no direction is left.
        return np.zeros_like(direction)
    direction = np.where(wrong, direction, 0.0)
    direction = np.where(wrong, direction - direction.sum(-1, keepdims=True) / (wrong.shape[1] - 1), 0.0)
    return direction / np.linalg.norm(direction, axis=-1, keepdims=True)
