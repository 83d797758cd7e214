"""All claims examined on a dataset, as a table.

The function is not in a file of its own name, since `trajkit.reporting.claims` is the folder of the claims.
"""

from __future__ import annotations

import pandas as pd
import xarray as xr

from trajkit.distances import as_metric
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.reporting.claim import Claim
from trajkit.reporting.claims import CLAIMS
from trajkit.reporting.finding import Finding, Number, Settings
from trajkit.reporting.part import Part
from trajkit.schema import networks_of, validated

# What was found about each claim on each part of the samples.
Findings = dict[Claim, dict[str, Finding]]

_OF_NUMBER = ("statistic", "subject", "value", "lower", "upper", "null", "p_value", "p_least", "unit")


@renamed(draws="null_draws", progress="progress_bar")
def claims(
    ds: xr.Dataset,
    *,
    metric: str = "bhattacharyya",
    cap: float | None = None,
    null_draws: int = 19,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Examine every claim about trajectories: numbers with intervals and nulls, and a verdict by a stated rule.

    Each claim is examined on all samples of the probe and, if there are both, on "train" and "test" samples alone.
    A claim that the dataset cannot answer, because it has too few architectures, seeds, sizes or samples, has the
    verdict "cannot be told" and the reason. `trajkit.report` writes the same as a page.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1). It is also the number of
        bootstrap draws for explained stress and distance, whose intervals are rough with few draws; other intervals
        use 399 draws.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pandas.DataFrame
        One row per number. `claim`, `statement`; `samples`: "all", "train" or "test"; `statistic`; `subject`: the
        attribute, metric or change that the statistic describes; `value`, `lower`, `upper`, `null`: the value under the
        null; `p_value`; `p_least`: the smallest p-value that the draws can give (an equal p_value is a bound); `unit`;
        `verdict` on the claim: "holds", "does not hold" or "cannot be told"; `because`; `rule`; `code`: lines of Python
        whose last line gives the value from the dataset `ds`, with numpy as `np` and trajkit as `tk`. Missing numbers
        are NaN, missing texts are empty.

    Raises
    ------
    ValueError
        If metric, cap, null_draws, permutations or level make no sense, or there are no networks.

    Examples
    --------
    >>> import trajkit as tk
    >>> table = tk.claims(tk.simulate(runs=2, samples=20, checkpoints=3), null_draws=2, permutations=1)
    >>> table.verdict.unique().tolist(), table.because[0]
    (['cannot be told'], 'with 2 draws no p-value can reach 0.05')
    """
    return table_of(
        examine(
            ds, Settings(as_metric(metric, cap, symmetric=True), null_draws, permutations, level, seed), progress_bar
        )
    )


def examine(ds: xr.Dataset, settings: Settings, progress_bar: bool | None = None) -> Findings:
    """Examine every claim on every part of the samples."""
    if settings.null_draws < 2 or settings.permutations < 1 or not 0 < settings.level < 1:
        raise ValueError(
            "wanted null_draws of 2 or more, permutations of 1 or more and a level between 0 and 1, got "
            f"{settings.null_draws}, {settings.permutations} and {settings.level}"
        )
    ds = validated(ds)
    networks_of(ds)
    splits = [name for name in ("train", "test") if (ds["split"].values == name).any()]
    # If the probe has one split, that is all samples.
    present = ["all", *(splits if len(splits) > 1 else [])]
    found: Findings = {claim: {} for claim in CLAIMS}
    with open_bar(len(present) * len(CLAIMS), "claims", progress_bar) as bar:
        for name in present:
            part = Part(ds, name, settings)
            for claim in CLAIMS:
                found[claim][name] = claim.ask(part)
                bar.update(1)
    return found


def table_of(found: Findings) -> pd.DataFrame:
    """Write findings as a table with one row per number; a finding without numbers has one row of NaN."""
    nothing = Number("", "", float("nan"))
    return pd.DataFrame(
        [
            {
                **{"claim": claim.name, "statement": claim.statement, "samples": part},
                **{name: getattr(number, name) for name in _OF_NUMBER},
                **{"verdict": finding.verdict, "because": finding.because, "rule": claim.rule},
                "code": f"{finding.code}\n{number.code}".strip(),
            }
            for claim, parts in found.items()
            for part, finding in parts.items()
            for number in finding.numbers or (nothing,)
        ]
    )
