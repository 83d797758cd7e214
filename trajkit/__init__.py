"""trajkit: the geometry of training.

A classifying network on N fixed inputs is a probability distribution, a point in prediction space; training draws a
trajectory. trajkit keeps such trajectories as labelled xarray datasets (run, checkpoint, sample, class), measures,
embeds and shows them::

    import trajkit as tk

    ds = tk.sample_data("digits")
    tk.explore(ds)

What a dataset holds is said in `trajkit.schema`.
"""

from importlib import import_module
from typing import Any

from trajkit.analysis import (
    bootstrap,
    cluster,
    compare_groups,
    compare_metrics,
    convergence,
    data_map,
    dimensionality,
    four_point_basis,
    importance,
    learning_order,
    null_test,
    shuffle_confusions,
    shuffle_within_class,
    speed_comparison,
    stability,
    tangent_angles,
)
from trajkit.concat import concat
from trajkit.curves import (
    distance_to_geodesic,
    error,
    geodesic,
    ignorance,
    length,
    loss,
    mean_trajectory,
    progress,
    resample,
    speed,
    tangent,
    trajectory_distance,
    truth,
    tube,
    with_references,
)
from trajkit.distances import (
    bhattacharyya,
    extend,
    fisher_rao,
    hellinger,
    jeffreys,
    jensen_shannon,
    kullback_leibler,
    pairwise,
)
from trajkit.embedding import align, embed, embedding_quality, explained_distance, explained_stress, inpca, project
from trajkit.from_arrays import from_arrays
from trajkit.imprint import imprint
from trajkit.points import points, unstack
from trajkit.recording import RecordAt, Recorder, record
from trajkit.schema import SchemaError, installed_version, run_table, validate
from trajkit.select import select
from trajkit.simulate import simulate
from trajkit.storage import Probe, Store, load, sample_data, save

__all__ = [
    "Probe",
    "RecordAt",
    "Recorder",
    "SchemaError",
    "Store",
    "align",
    "bhattacharyya",
    "bootstrap",
    "claims",
    "cluster",
    "compare_groups",
    "compare_metrics",
    "concat",
    "convergence",
    "data_map",
    "dimensionality",
    "distance_to_geodesic",
    "embed",
    "embedding_quality",
    "error",
    "explained_distance",
    "explained_stress",
    "explore",
    "extend",
    "figures",
    "fisher_rao",
    "four_point_basis",
    "from_arrays",
    "geodesic",
    "hellinger",
    "ignorance",
    "importance",
    "importers",
    "imprint",
    "inpca",
    "input_spectrum",
    "integrations",
    "jeffreys",
    "jensen_shannon",
    "kullback_leibler",
    "learning_order",
    "length",
    "load",
    "loss",
    "mean_trajectory",
    "null_test",
    "pairwise",
    "points",
    "progress",
    "project",
    "record",
    "report",
    "resample",
    "run_table",
    "sample_data",
    "save",
    "select",
    "shuffle_confusions",
    "shuffle_within_class",
    "simulate",
    "speed",
    "speed_comparison",
    "stability",
    "tangent",
    "tangent_angles",
    "theory",
    "trajectory_distance",
    "truth",
    "tube",
    "unstack",
    "validate",
    "widgets",
    "with_references",
]

# What the installed package says, which has it from pyproject.toml.
__version__ = installed_version()

# plotly and ipywidgets are loaded when first asked for: scripts that only compute never pay for them.
_LAZY = {
    "figures": "trajkit.figures",
    "importers": "trajkit.importers",
    "input_spectrum": "trajkit.theory",
    "integrations": "trajkit.integrations",
    "theory": "trajkit.theory",
    "widgets": "trajkit.widgets",
    "explore": "trajkit.widgets",
    "claims": "trajkit.reporting",
    "report": "trajkit.reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'trajkit' has no attribute {name!r}")
    module = import_module(_LAZY[name])
    return module if _LAZY[name].endswith(name) else getattr(module, name)


def __dir__() -> list[str]:
    """List what Tab offers: the public names, and not what this module imports."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
