"""The law of wrong kinds: whatever stands where data are wanted, trajkit says so itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from faults.random_datasets import is_ours
from public_calls import NO_TRAJECTORIES, TAKING, arguments, call, small

import trajkit as tk

WRONG: dict[str, Any] = {
    "None": None,
    "array": np.zeros((2, 2)),
    "DataArray": xr.DataArray([0.5, 1.0], dims="q", name="loss"),
    "empty": xr.Dataset(),
    "table": pd.DataFrame({"a": [1]}),
    "text": "digits",
    "number": 3,
}
# Of the parameters that may be left out, one for each place in the code that reads them.
OPTIONAL = {
    ("trajkit.figures.dendrogram", "color"),
    ("trajkit.figures.distance_matrix", "order"),
    ("trajkit.figures.manifold", "color"),
    ("trajkit.figures.manifold", "runs"),
    ("trajkit.widgets.ManifoldView", "runs"),
}


def _data_parameters(name: str) -> list[str]:
    parameters = inspect.signature(TAKING[name]).parameters.values()
    return [
        p.name
        for p in parameters
        if any(kind in str(p.annotation) for kind in ("xr.Dataset", "xr.DataArray"))
        and "Callable" not in str(p.annotation)
        and p.kind != p.VAR_KEYWORD
        and (p.default is p.empty or (name, p.name) in OPTIONAL)
    ]


@pytest.mark.parametrize("name", sorted(set(TAKING) - NO_TRAJECTORIES))
def test_data__of_a_wrong_kind_are_refused_in_our_words(name: str, tmp_path: Path) -> None:
    for parameter in _data_parameters(name):
        given = arguments(name, small(), tmp_path, without=parameter)
        for kind, value in WRONG.items():
            if value is None and (name, parameter) in OPTIONAL:
                continue
            with pytest.raises((TypeError, ValueError)) as refused:
                call(name, given | {parameter: value})
            assert is_ours(refused.value), f"{parameter} of kind {kind}: {refused.value!r}"


@pytest.mark.parametrize("lost", ["coordinate", "signature", "point", "component", "run"])
def test_embedding__without_one_of_its_parts_is_refused_in_our_words(lost: str) -> None:
    distance = tk.pairwise(small(), metric="hellinger")
    embedding = tk.inpca(distance, 2)
    parts = {
        "point": lambda: embedding.isel(point=0),
        "component": lambda: embedding.isel(component=0),
        "run": lambda: embedding.drop_vars("run"),
    }
    less = parts[lost]() if lost in parts else embedding.drop_vars(lost)
    calls = {
        "align": lambda: tk.align(embedding, less),
        "project": lambda: tk.project(less, distance),
        "embedding_quality": lambda: tk.embedding_quality(less, distance, n_neighbors=2),
        "manifold": lambda: tk.figures.manifold(less),
        "ManifoldView": lambda: tk.widgets.ManifoldView(less),
    }
    for name, ask in calls.items():
        # Names of runs are needed to match points, and for nothing else.
        if lost != "run" or name == "align":
            with pytest.raises((TypeError, ValueError)) as refused:
                ask()
            assert is_ours(refused.value), f"{name}: {refused.value!r}"


def test_embedding__with_dimensions_in_another_order_and_in_chunks_gives_the_same() -> None:
    distance = tk.pairwise(small(), metric="hellinger")
    embedding = tk.inpca(distance, 2)
    turned = embedding.transpose("component", ...).chunk()
    xr.testing.assert_allclose(tk.align(embedding, turned), tk.align(embedding, embedding))
    xr.testing.assert_allclose(tk.project(turned, distance), tk.project(embedding, distance))
    xr.testing.assert_allclose(tk.explained_distance(turned, distance), tk.explained_distance(embedding, distance))
    on_runs = tk.embed(small(), 3, metric="hellinger")
    figure = tk.figures.manifold(on_runs.transpose("component", ...).chunk(), color="architecture")
    assert figure.to_json() == tk.figures.manifold(on_runs, color="architecture").to_json()
