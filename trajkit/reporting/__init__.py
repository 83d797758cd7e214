"""Every claim about trajectories put to a dataset: as a table, and as a page."""

from trajkit.reporting.claims import claims
from trajkit.reporting.report import report

__all__ = ["claims", "report"]
