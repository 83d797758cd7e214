"""Claims about trajectories as numbers, each beside a null."""

from trajkit.analysis.nulls import shuffle_within_class

__all__ = ["shuffle_within_class"]
