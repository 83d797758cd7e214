"""Claims about trajectories as numbers, each beside a null."""

from trajkit.analysis.comparison import compare_groups
from trajkit.analysis.nulls import null_test, shuffle_within_class
from trajkit.analysis.trees import cluster

__all__ = ["cluster", "compare_groups", "null_test", "shuffle_within_class"]
