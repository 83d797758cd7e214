"""A claim: a sentence, the rule by which it holds, how it is examined and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from trajkit.reporting.finding import UNKNOWN, Finding
from trajkit.reporting.part import Part


@dataclass(frozen=True)
class Claim:
    """All that trajkit knows about one claim.

    `examine` judges the claim on one part of the samples, with numbers and the code of each. `draw` makes a figure
    of `Finding.result`, and `caption` says what the figure shows.
    """

    name: str
    statement: str
    rule: str
    examine: Callable[[Part], Finding]
    draw: Callable[[Any], go.Figure] | None = None
    caption: str = ""
    # How long it takes, roughly: claims with a smaller number are asked first, so that first answers come soon.
    slowness: int = 0

    @property
    def anchor(self) -> str:
        """The claim's name as an HTML id."""
        return self.name.replace(" ", "-")

    def ask(self, part: Part) -> Finding:
        """Examine the claim; the error of an analysis that refuses the data is the reason why it cannot be told."""
        try:
            return self.examine(part)
        # Analyses refuse data with a ValueError; scikit-learn may not be installed. Neither must stop the other claims.
        except (ValueError, ImportError) as error:
            return Finding((), UNKNOWN, str(error))

    def figure(self, finding: Finding) -> go.Figure | None:
        """Draw what was found; None for a claim without a figure, or one that cannot be told."""
        return None if self.draw is None or finding.result is None else self.draw(finding.result)
