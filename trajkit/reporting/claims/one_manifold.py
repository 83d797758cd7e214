"""Claim: all architectures explore the same manifold."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit import figures
from trajkit.analysis import cross_embedding
from trajkit.analysis.cross_embedding import LEAST_RATIO, MOST_DISTANCE
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import FAILS, HOLDS, Finding, Number, judged, untold, written
from trajkit.reporting.part import ARCHITECTURE, Part


def examine(part: Part) -> Finding:
    """Explain the distances within each architecture by the embedding of each other one."""
    part.need_architecture()
    how = part.settings
    arguments = {**how.distance, "seed": how.seed}
    found = cross_embedding(part.ds, ARCHITECTURE, **arguments, level=how.level, progress_bar=False)
    code = [*part.code_of_ds, f"found = tk.cross_embedding(ds, {ARCHITECTURE!r}, {written(**arguments)})"]
    numbers = [_extreme(found, f"smallest ratio under {null}", "ratio", null) for null in found["null"].values.tolist()]
    numbers.append(_extreme(found, "largest distance ratio", "distance_ratio"))
    for name, what in (("cross", "another architecture"), ("half", "as many others of its own")):
        numbers.append(
            Number(
                f"share explained by {what}, mean", ARCHITECTURE, float(found[name].mean()), code=f"found.{name}.mean()"
            )
        )
    verdicts = found["verdict"].values[np.triu_indices(found.sizes["group"], k=1)]
    holds, fails = int((verdicts == HOLDS).sum()), int((verdicts == FAILS).sum())
    because = (
        f"of {len(verdicts)} pairs of architectures {holds} share a manifold by the rule, {fails} do not, and "
        f"{len(verdicts) - holds - fails} cannot be told"
    )
    if fails or holds == len(verdicts):
        return judged(not fails, because, numbers, code, found)
    # The first reason; those of each pair fill a page.
    lacking = str(found.attrs["limitations"]).partition("; ")[0]
    return untold(f"{because}; {lacking}" if lacking else because, numbers, code, found)


def _extreme(found: xr.Dataset, statistic: str, name: str, null: str = "") -> Number:
    """Take the pair of architectures that agrees least, with its interval."""
    each = found.sel(null=null) if null else found
    line = f"found.{name}"
    stacked = each[[name, f"{name}_lower", f"{name}_upper"]].stack(pair=("group", "group2"), create_index=False)
    values, known = stacked[name].values, np.isfinite(stacked[f"{name}_lower"].values)
    # A ratio without an interval can be any number: its denominator may be 0.
    if known.any():
        values = np.where(known, values, np.nan)
        line += f".where(found.{name}_lower.notnull())"
    line += f".sel(null={null!r}).min()" if null else ".max()"
    if np.isnan(values).all():
        return Number(statistic, ARCHITECTURE, np.nan, code=line)
    at = int(np.nanargmin(values) if null else np.nanargmax(values))
    of, other = (str(stacked[end].values[at]) for end in ("group", "group2"))
    lower, upper = (float(stacked[f"{name}_{bound}"].values[at]) for bound in ("lower", "upper"))
    return Number(f"{statistic} ({of}, {other})", ARCHITECTURE, float(values[at]), lower, upper, 1.0, code=line)


CLAIM = Claim(
    name="one manifold",
    statement=(
        "All architectures explore the same manifold: the embedding of one explains the distances within another."
    ),
    rule=(
        f"Holds if, for all pairs of architectures, the lower bound of (what one explains of the other - null) / (what "
        f"half of the other explains - null) exceeds {LEAST_RATIO} under both nulls and in both directions, and their "
        f"distance at equal progress is at most {MOST_DISTANCE} times that within. Does not hold if an interval of a "
        "pair lies on the other side. The intervals are over configurations."
    ),
    examine=examine,
    draw=figures.cross_embedding,
    caption="Share of the distances within each architecture that the embedding of each architecture explains.",
    slowness=1,
)
