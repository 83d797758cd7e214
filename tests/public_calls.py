"""One small call of every public name that takes trajectories or a result, from a dataset of several runs.

`ARGUMENTS` and `OF_NAME` say which argument a parameter gets; a new public name whose parameters stand there already
needs no entry.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from public_names import FUNCTIONS, NAMES

import trajkit as tk

_WIDGETS = {
    name: value for name, value in NAMES.items() if inspect.isclass(value) and value.__module__.startswith("trajkit.w")
}
_TAKES = ("xr.Dataset", "xr.DataArray")


def _takes_data(value: Any) -> bool:
    return any(
        str(p.annotation).find(kind) >= 0 for p in inspect.signature(value).parameters.values() for kind in _TAKES
    )


# What takes a dataset or an array of xarray: functions and widgets, by their full names.
TAKING: dict[str, Callable[..., Any]] = {
    name: value for name, value in (FUNCTIONS | _WIDGETS).items() if _takes_data(value)
}
# Nothing is asked of xarray here: features, and inputs of a linear network.
NO_TRAJECTORIES = {"trajkit.imprint", "trajkit.figures.input_spectrum", "trajkit.figures.phase_map"}

Make = Callable[[xr.Dataset, Path], Any]


def small() -> xr.Dataset:
    """Six ragged runs of two architectures with which every public function has something to find."""
    random = np.random.default_rng(0)
    label = np.arange(12) % 3
    certainty = np.linspace(0, 4, 5)[:, None, None] * (0.5 + random.random((6, 1, 12, 1)) + random.random((12, 1)))
    logits = certainty * np.eye(3)[label] + 0.3 * random.standard_normal((6, 5, 12, 3))
    runs = {"architecture": list("AAABBB"), "seed": [0, 1, 2] * 2, "width": [8, 16, 8, 16, 8, 16]}
    lengths = (5, 4, 5, 5, 3, 5)
    return tk.from_arrays(
        logits=[own[:n] for own, n in zip(logits, lengths, strict=True)],
        label=label,
        runs=runs,
        split=np.repeat(["train", "test"], 6),
    )


def _distance(ds: xr.Dataset, folder: Path) -> xr.DataArray:
    return tk.pairwise(ds, metric="hellinger")


def _runs(ds: xr.Dataset, folder: Path) -> xr.DataArray:
    return tk.trajectory_distance(ds, n=4, metric="hellinger")


def _embedding(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    return tk.embed(ds, 3, metric="hellinger")


def _of_points(ds: xr.Dataset, folder: Path) -> xr.Dataset:
    return tk.inpca(_distance(ds, folder), 2)


def _path(ending: str) -> Make:
    return lambda ds, folder: folder / f"{len(list(folder.iterdir()))}{ending}"


def _at(row: int) -> Make:
    return lambda ds, folder: ds["log_prob"].isel(run=0, checkpoint=row)


def _renamed(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign_coords(run=[f"linear-{i}" for i in range(ds.sizes["run"])])


def _mean_loss(ds: xr.Dataset) -> xr.DataArray:
    return tk.loss(ds).mean()


def _called(name: str) -> Make:
    """Give what a function returns for its own arguments."""
    return lambda ds, folder: TAKING[name](**arguments(name, ds, folder))


# By parameter.
ARGUMENTS: dict[str, Make] = {
    "ds": lambda ds, folder: ds,
    "data": lambda ds, folder: ds,
    "datasets": lambda ds, folder: [ds.isel(run=slice(0, 2)), ds.isel(run=slice(2, None))],
    "by": lambda ds, folder: "architecture",
    "path": _path(".nc"),
    "folder": _path(""),
    "statistic": lambda ds, folder: _mean_loss,
    "a": _at(0),
    "b": _at(-1),
    "t": lambda ds, folder: [0.0, 0.5],
    "x": lambda ds, folder: tk.points(ds),
    "distance": _distance,
    "embedding": _of_points,
    "tree": lambda ds, folder: tk.cluster(_runs(ds, folder)),
    "widths": lambda ds, folder: tk.tube(ds, "architecture", n=4),
    "linear": lambda ds, folder: ds.isel(run=slice(0, 2)).pipe(_renamed),
    "networks": lambda ds, folder: ds,
    "references": lambda ds, folder: {"mine": tk.ignorance(ds)},
    "reference": lambda ds, folder: "truth",
}
# Options that make a call quick.
QUICK: dict[str, Any] = {
    "n": 4,
    "draws": 9,
    "null_draws": 2,
    "permutations": 9,
    "repeats": 1,
    "folds": 2,
    "n_components": 2,
    "progress_bar": False,
    "n_geodesic": 3,
    "n_neighbors": 2,
}
# By name, where a parameter means something else.
OF_NAME: dict[str, dict[str, Make]] = {
    "trajkit.extend": {"distance": lambda ds, folder: _distance(ds.isel(run=slice(0, 2)), folder)},
    "trajkit.cluster": {"distance": _runs},
    "trajkit.figures.distance_matrix": {"distance": _runs},
    "trajkit.align": {"a": _of_points, "b": lambda ds, folder: tk.inpca(tk.pairwise(ds, metric="fisher_rao"), 2)},
    "trajkit.project": {"distance": lambda ds, folder: tk.pairwise(ds.isel(run=[0]), ds, metric="hellinger")},
    "trajkit.importers.write_table": {"path": _path(".parquet")},
    "trajkit.report": {"path": _path(".html")},
    "trajkit.compare_metrics": {"statistic": lambda ds, folder: None},
    "trajkit.null_test": {"statistic": lambda ds, folder: None},
    "trajkit.dimensionality": {"nulls": lambda ds, folder: None},
    "trajkit.widgets.LiveView": {"embedding": _embedding, "landmarks": lambda ds, folder: 8},
    "trajkit.widgets.ManifoldView": {"embedding": _embedding},
    "trajkit.figures.learning_curves": {
        "ds": lambda ds, folder: tk.embed(ds).assign(loss=tk.loss(ds), error=tk.error(ds))
    },
    "trajkit.figures.progress": {"ds": lambda ds, folder: ds.assign(progress=tk.progress(ds))},
    "trajkit.figures.manifold": {"embedding": _embedding},
    "trajkit.figures.pair_plot": {"embedding": _embedding},
    "trajkit.figures.spectrum": {"embedding": _embedding},
}


def arguments(name: str, ds: xr.Dataset, folder: Path, without: str = "") -> dict[str, Any]:
    """Give the arguments with which a public name is called, by their parameters, but for one that is not wanted."""
    found = {}
    for parameter in inspect.signature(TAKING[name]).parameters.values():
        if parameter.name == without:
            continue
        make = OF_NAME.get(name, {}).get(parameter.name)
        if make is None and parameter.name == "found":
            make = _called(name.replace(".figures", ""))
        if make is None and parameter.default is parameter.empty and parameter.kind != parameter.VAR_KEYWORD:
            make = ARGUMENTS[parameter.name]
        if make is not None:
            found[parameter.name] = make(ds, folder)
        elif parameter.name in QUICK:
            found[parameter.name] = QUICK[parameter.name]
    return found


def call(name: str, given: dict[str, Any]) -> Any:
    """Call a public name; a widget is closed, a file is opened."""
    result = TAKING[name](**given)
    if name in _WIDGETS or name.endswith("explore"):
        result.close()
        return None
    return result
