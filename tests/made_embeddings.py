"""Embeddings of any size, made without computing distances, for tests of views."""

import numpy as np
import xarray as xr

from trajkit.widgets.manifold_view import ManifoldView


def made_embedding(runs: int, checkpoints: int, *, components: int = 4, groups: int = 6, seed: int = 0) -> xr.Dataset:
    """Return an embedding as `tk.embed` does: runs with common ends whose paths bend by group."""
    random = np.random.default_rng(seed)
    t, group = np.linspace(0, 1, checkpoints), np.arange(runs) % groups
    size = 0.5 ** np.arange(components)
    bend = random.standard_normal((groups, components))[group]
    way = (bend + 0.2 * random.standard_normal((runs, components))) * size
    coordinate = np.sin(np.pi * t)[None, :, None] * way[:, None]
    coordinate[..., 0] += t - 0.5
    coordinate += 0.02 * random.standard_normal(coordinate.shape) * size
    point, points = ("run", "checkpoint"), (runs, checkpoints)
    return xr.Dataset(
        {
            "coordinate": ((*point, "component"), coordinate),
            "step": (point, np.broadcast_to(np.arange(checkpoints) ** 2, points).copy()),
            "progress": (point, np.clip(t + 0.02 * random.standard_normal(points), 0, 1)),
            "signature": ("component", [1, -1] + [1] * (components - 2)),
            "explained_stress": ("component", 1 - 0.3 ** np.arange(1, components + 1)),
        },
        {
            "run": [f"run-{i}" for i in range(runs)],
            "checkpoint": np.arange(checkpoints),
            "component": np.arange(1, components + 1),
            "kind": ("run", ["network"] * runs),
            "architecture": ("run", [f"net {g}" for g in group]),
            "seed": ("run", np.arange(runs) // groups),
        },
    )


def sent_numbers(view: ManifoldView, name: str, shape: tuple[int, ...] = (-1,)) -> np.ndarray:
    """Read a buffer of float32 that a view sends to the browser."""
    return np.frombuffer(getattr(view, name), np.float32).reshape(shape)
