"""What a dataset holds, in words and as two figures, for the first part of the report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from trajkit import figures
from trajkit.curves import progress
from trajkit.embedding import embed
from trajkit.reporting.finding import Settings
from trajkit.reporting.part import ARCHITECTURE
from trajkit.schema import is_network, run_attributes

# An attribute with more values is described by its range.
_LISTED = 12
# With more points than `_MANY`, the embedding uses landmarks.
_LANDMARKS, _MANY = 1500, 6000


def title_of(ds: xr.Dataset) -> str:
    """Say how many networks there are, and on which data; if that is unknown, from which source."""
    count, data, source = int(is_network(ds).sum()), _metadata(ds).get("data"), ds.attrs.get("source")
    what = f" on {data}" if isinstance(data, str) and data else f" from {source}" if source else ""
    return f"Trajectories of {count} network{'' if count == 1 else 's'}{what}"


def contents(ds: xr.Dataset) -> Iterator[tuple[str, str]]:
    """List what the dataset holds: runs, samples, classes, checkpoints, failures and the values of each attribute."""
    of = ds.isel(run=is_network(ds))
    recorded = (of["step"] >= 0).sum("checkpoint").values
    last = of["step"].max("checkpoint").values
    split = Counter(ds["split"].values.tolist())
    counts = np.bincount(ds["label"].values, minlength=ds.sizes["class"])
    yield "runs", f"{of.sizes['run']} networks, {ds.sizes['run'] - of.sizes['run']} references"
    yield "samples", f"{ds.sizes['sample']}: " + ", ".join(f"{n} {name}" for name, n in split.items())
    yield "classes", f"{ds.sizes['class']}, with {counts.min()} to {counts.max()} samples each"
    yield "checkpoints", f"{recorded.min()} to {recorded.max()} per run, {recorded.sum()} in all"
    yield "last step", f"{last.min()} to {last.max()}"
    most = of.sizes["checkpoint"]
    yield "missing", f"{int((recorded < most).sum())} runs have fewer than {most} checkpoints"
    yield "failed", failures(of)
    for name in run_attributes(of):
        if name not in ("kind", "diverged_at"):
            yield name, _values(of[name])


def failures(ds: xr.Dataset) -> str:
    """Say how many runs failed: a recorder keeps the start of a diverged run, the zoo lists failed runs."""
    if "diverged_at" in ds.coords:
        diverged = int(np.isfinite(ds["diverged_at"].values.astype(float)).sum())
        return f"{diverged} runs diverged and are kept up to that point"
    failed = _metadata(ds).get("failed_runs")
    return f"{len(failed)} runs diverged or crashed and are left out" if isinstance(failed, dict) else "not recorded"


def overview(ds: xr.Dataset, settings: Settings) -> Iterator[tuple[go.Figure, str]]:
    """Draw the manifold, and progress along training, with captions."""
    of = ds.isel(run=is_network(ds))
    several = ARCHITECTURE in of.coords and len(set(of[ARCHITECTURE].values.tolist())) > 1
    color = ARCHITECTURE if several else None
    points = int((of["step"] >= 0).sum())
    landmarks = _LANDMARKS if points > _MANY else None
    embedding = embed(of, **settings.distance, landmarks=landmarks, seed=settings.seed)
    stress, kept = (float(embedding[name][2]) for name in ("explained_stress", "explained_distance"))
    yield (
        figures.manifold(embedding, color=color),
        f"All {points} points in three components of InPCA, which explain {kept:.0%} of the distances (explained "
        f"stress {stress:.3f}). The first claim below compares this with shuffled runs.",
    )
    yield figures.progress(of.assign(progress=progress(of)), color=color), "Progress towards truth."


def _metadata(ds: xr.Dataset) -> dict[str, Any]:
    """Read the free metadata, which need not be JSON."""
    try:
        metadata = json.loads(str(ds.attrs.get("metadata") or "{}"))
    except json.JSONDecodeError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _values(attribute: xr.DataArray) -> str:
    """Count each value of an attribute, or give the range of its values."""
    values = pd.Series(attribute.values)
    missing = values.isna() | (values == "")
    known = values[~missing]
    count = Counter(known.tolist())
    if len(count) <= _LISTED:
        text = ", ".join(f"{_plain(value)} ({n})" for value, n in sorted(count.items()))
    elif attribute.dtype.kind in "if":
        text = f"{len(count)} values from {_plain(known.min())} to {_plain(known.max())}"
    else:
        text = f"{len(count)} values"
    return f"{text}; missing for {int(missing.sum())}" if missing.any() else text or "none"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
