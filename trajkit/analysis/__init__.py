"""Claims about trajectories as numbers, each beside a null."""

from trajkit.analysis.comparison import compare_groups
from trajkit.analysis.data_maps import data_map
from trajkit.analysis.development import convergence, speed_comparison
from trajkit.analysis.dimensions import dimensionality
from trajkit.analysis.importances import importance
from trajkit.analysis.intervals import bootstrap
from trajkit.analysis.learning_orders import learning_order
from trajkit.analysis.metrics_compared import compare_metrics
from trajkit.analysis.nulls import null_test, shuffle_confusions, shuffle_within_class
from trajkit.analysis.stabilities import stability
from trajkit.analysis.tangents import four_point_basis, tangent_angles
from trajkit.analysis.trees import cluster

__all__ = [
    "bootstrap",
    "cluster",
    "compare_groups",
    "compare_metrics",
    "convergence",
    "data_map",
    "dimensionality",
    "four_point_basis",
    "importance",
    "learning_order",
    "null_test",
    "shuffle_confusions",
    "shuffle_within_class",
    "speed_comparison",
    "stability",
    "tangent_angles",
]
