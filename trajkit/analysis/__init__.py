"""Claims about trajectories as numbers, each beside a null."""

from trajkit.analysis.nulls import shuffle_within_class
from trajkit.analysis.trees import cluster

__all__ = ["cluster", "shuffle_within_class"]
