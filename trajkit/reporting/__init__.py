"""Claims about trajectories, examined on a dataset: as a table (`trajkit.claims`) and as a page (`trajkit.report`)."""

from trajkit.reporting.report import report

__all__ = ["report"]
