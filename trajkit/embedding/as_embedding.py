"""Where an embedding enters a function: its form is checked, and brought to one order of dimensions."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from trajkit.arranged import arranged

ON_POINTS = ("point",)
ON_RUNS = ("run", "checkpoint")
_MADE_BY: dict[tuple[str, ...] | None, str] = {
    None: "`tk.embed(ds)` or `tk.inpca(distance)`",
    ON_POINTS: "`tk.inpca(distance)`",
    ON_RUNS: "`tk.embed(ds)`",
}
# What to do with coordinates on other dimensions than these.
_TURNED: dict[tuple[Hashable, ...], str] = {
    ON_POINTS: "`tk.unstack(embedding)` puts points on (run, checkpoint)",
    ON_RUNS: "`tk.points(embedding)` stacks (run, checkpoint)",
}
_KEPT = "select with a list, as in embedding.isel(run=[0]), which keeps the dimension"


def as_embedding(embedding: Any, *names: str, on: tuple[str, ...] | None = None) -> xr.Dataset:
    """Refuse anything but an embedding, and put its dimensions in order.

    Parameters
    ----------
    embedding
        An embedding from `inpca`, `project` or `embed`.
    names
        Variables that are needed beside `coordinate` and `signature`.
    on
        Dimensions on which the points must be, `ON_POINTS` or `ON_RUNS`; by default either.

    Raises
    ------
    TypeError
        If it is no dataset.
    ValueError
        If a variable is missing, is on other dimensions or holds no numbers, or a coordinate of a point is not finite.

    Examples
    --------
    >>> import trajkit as tk
    >>> embedding = tk.inpca(tk.pairwise(tk.simulate(runs=2)))
    >>> as_embedding(embedding.transpose()).coordinate.dims
    ('point', 'component')
    >>> as_embedding(embedding["coordinate"], on=ON_POINTS)
    Traceback (most recent call last):
    TypeError: wanted what `tk.inpca(distance)` returns, a Dataset, got DataArray
    """
    wanted = f"wanted what {_MADE_BY[on]} returns"
    if not isinstance(embedding, xr.Dataset):
        raise TypeError(f"{wanted}, a Dataset, got {type(embedding).__name__}")
    if lacking := [name for name in ("coordinate", "signature") if name not in embedding.variables]:
        raise ValueError(f"{wanted}, got a Dataset without {lacking}")
    found = arranged(embedding, (*ON_POINTS, *ON_RUNS, "component"), "")
    coordinate, signature = found["coordinate"], found["signature"]
    if coordinate.dtype.kind != "f" or signature.dtype.kind not in "if":
        raise ValueError(f"{wanted}, got dtypes {coordinate.dtype} and {signature.dtype} in place of numbers")
    if "component" not in coordinate.dims or signature.dims != ("component",):
        raise ValueError(
            f"{wanted}, got 'coordinate' on {coordinate.dims} and 'signature' on {signature.dims}: choose components "
            "with a list, as in embedding.isel(component=[0]), which keeps the dimension"
        )
    at = coordinate.dims[:-1]
    if at not in (ON_POINTS, ON_RUNS) or on not in (None, at):
        raise ValueError(f"{wanted}, got 'coordinate' on {coordinate.dims}: {_TURNED.get(at, _KEPT)}")
    if lacking := [name for name in names if name not in embedding.variables]:
        raise ValueError(f"{wanted}, got a Dataset without {lacking}")
    if at == ON_POINTS and not np.isfinite(coordinate.values).all():
        raise ValueError(
            "the embedding holds points whose coordinates are NaN or infinite: drop them, as in "
            "embedding.isel(point=np.isfinite(embedding.coordinate).all('component'))"
        )
    return found
