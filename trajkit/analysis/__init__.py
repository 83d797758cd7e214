"""Statistics of trajectories, each with an interval or a null."""

from trajkit.analysis.bootstrap import bootstrap
from trajkit.analysis.cluster import cluster
from trajkit.analysis.compare_groups import compare_groups
from trajkit.analysis.compare_metrics import compare_metrics
from trajkit.analysis.convergence import convergence
from trajkit.analysis.cross_embedding import cross_embedding
from trajkit.analysis.data_map import data_map
from trajkit.analysis.dimensionality import dimensionality
from trajkit.analysis.four_point_basis import four_point_basis
from trajkit.analysis.importance import importance
from trajkit.analysis.learning_order import learning_order
from trajkit.analysis.null_test import null_test
from trajkit.analysis.shuffles import shuffle_confusions, shuffle_contexts, shuffle_within_class
from trajkit.analysis.speed_comparison import speed_comparison
from trajkit.analysis.stability import stability
from trajkit.analysis.tangent_angles import tangent_angles

__all__ = [
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
]
