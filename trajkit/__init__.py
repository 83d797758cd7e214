"""trajkit: the geometry of training.

A network that classifies is, on N fixed inputs, a probability distribution: a point in prediction space. Training
draws a trajectory of such points. trajkit keeps trajectories as labelled xarray datasets with the dimensions run,
checkpoint, sample and class. It measures, embeds and shows them:

```python
import trajkit as tk

ds = tk.sample_data("digits")
tk.explore(ds)
```

`trajkit.schema` says what a dataset holds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trajkit.analysis import (
    bootstrap,
    cluster,
    compare_groups,
    compare_metrics,
    convergence,
    cross_embedding,
    data_map,
    dimensionality,
    four_point_basis,
    importance,
    learning_order,
    null_test,
    shuffle_confusions,
    shuffle_contexts,
    shuffle_within_class,
    speed_comparison,
    stability,
    tangent_angles,
)
from trajkit.concat import concat
from trajkit.configuration import configuration
from trajkit.curves import (
    add_references,
    distance_to_geodesic,
    error,
    geodesic,
    ignorance,
    length,
    loss,
    mean_trajectory,
    nearest_approach,
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
from trajkit.recording import RecordAt, Recorder, record, record_checkpoints
from trajkit.roles import set_roles
from trajkit.schema import SchemaError, installed_version, run_table, validate
from trajkit.select import select
from trajkit.simulate import simulate
from trajkit.storage import Probe, Store, load, sample_data, save

# Loaded when they are first used, by `__getattr__` below; type checkers and editors see them here.
if TYPE_CHECKING:
    from trajkit import figures, importers, integrations, text, theory, widgets
    from trajkit.reporting.claims_table import claims
    from trajkit.reporting.report import report
    from trajkit.theory import input_spectrum
    from trajkit.widgets import explore

# `python tests/reference.py FOLDER` makes the sections of the API reference from the comments of this list.
__all__ = [  # noqa: RUF022 - in the order of the work, sorted within each group
    # Data
    "SchemaError",
    "concat",
    "configuration",
    "from_arrays",
    "importers",
    "load",
    "points",
    "run_table",
    "sample_data",
    "save",
    "select",
    "set_roles",
    "simulate",
    "unstack",
    "validate",
    # Recording
    "Probe",
    "RecordAt",
    "Recorder",
    "Store",
    "imprint",
    "integrations",
    "record",
    "record_checkpoints",
    # Texts
    "text",
    # Distances
    "bhattacharyya",
    "extend",
    "fisher_rao",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kullback_leibler",
    "pairwise",
    # Curves
    "add_references",
    "distance_to_geodesic",
    "error",
    "geodesic",
    "ignorance",
    "length",
    "loss",
    "mean_trajectory",
    "nearest_approach",
    "progress",
    "resample",
    "speed",
    "tangent",
    "trajectory_distance",
    "truth",
    "tube",
    "with_references",
    # Embedding
    "align",
    "embed",
    "embedding_quality",
    "explained_distance",
    "explained_stress",
    "inpca",
    "project",
    # Analysis
    "bootstrap",
    "cluster",
    "compare_groups",
    "compare_metrics",
    "convergence",
    "cross_embedding",
    "data_map",
    "dimensionality",
    "four_point_basis",
    "importance",
    "learning_order",
    "null_test",
    "shuffle_confusions",
    "shuffle_contexts",
    "shuffle_within_class",
    "speed_comparison",
    "stability",
    "tangent_angles",
    # Theory
    "input_spectrum",
    "theory",
    # Figures and widgets
    "explore",
    "figures",
    "widgets",
    # Report
    "claims",
    "report",
]

# The installed package's metadata has the version of pyproject.toml.
__version__ = installed_version()

# These names load plotly, ipywidgets or scipy when they are first used: scripts that only compute do not wait for them.
_LAZY = {
    "claims": "trajkit.reporting.claims_table",
    "explore": "trajkit.widgets",
    "figures": "trajkit.figures",
    "importers": "trajkit.importers",
    "input_spectrum": "trajkit.theory",
    "integrations": "trajkit.integrations",
    "report": "trajkit.reporting",
    "text": "trajkit.text",
    "theory": "trajkit.theory",
    "widgets": "trajkit.widgets",
}

if not TYPE_CHECKING:
    # Hidden from type checkers, for which it would turn every misspelt name into Any.
    def __getattr__(name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(f"module 'trajkit' has no attribute {name!r}")
        module = import_module(_LAZY[name])
        return module if _LAZY[name] == f"trajkit.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    """List what Tab offers: the public names without the modules that this file imports from."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
