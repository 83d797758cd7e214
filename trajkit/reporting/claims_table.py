"""All claims examined on a dataset, as a table.

The function is not in a file of its own name, since `trajkit.reporting.claims` is the folder of the claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import xarray as xr

from trajkit.distances import as_metric
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.reporting.claim import Claim
from trajkit.reporting.claims import CLAIMS
from trajkit.reporting.finding import WAITING, Finding, Number, Settings, decided
from trajkit.reporting.part import Part
from trajkit.schema import networks_of, validated

# What was found about each claim on each part of the samples.
Findings = dict[Claim, dict[str, Finding]]

_OF_NUMBER = ("statistic", "subject", "value", "lower", "upper", "null", "p_value", "p_least", "p_corrected", "unit")


@renamed(draws="null_draws", progress="progress_bar")
def claims(
    ds: xr.Dataset,
    *,
    metric: str = "bhattacharyya",
    cap: float | None = None,
    null_draws: int = 999,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Examine every claim about trajectories: numbers with intervals and nulls, and a verdict by a stated rule.

    Each claim is examined on all samples of the probe and, if there are both, on "train" and "test" samples alone. The
    test samples are then the primary part: p-values there are corrected for the number of claims that rest on one
    (Holm 1979). The other parts are shown beside it, with fewer draws and without correction. A claim that the dataset
    cannot answer, because it has too few architectures, seeds, sizes or samples, has the verdict "cannot be told" and
    the reason, with those estimates that there are. `trajkit.report` writes the same as a page.

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
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1). Parts that are not the
        primary one use at most 199.
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
        null; `p_value`; `p_least`: the smallest p-value that the test can give (an equal p_value is a bound);
        `p_corrected`: the p-value on which the verdict rests, on the primary part after the correction; `unit`;
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
    >>> table[table.claim == "architecture distinguishes"].verdict.unique().tolist()
    ['cannot be told']
    """
    return table_of(
        examine(
            ds, Settings(as_metric(metric, cap, symmetric=True), null_draws, permutations, level, seed), progress_bar
        )
    )


def examine(
    ds: xr.Dataset,
    settings: Settings,
    progress_bar: bool | None = None,
    answered: Callable[[Findings], None] | None = None,
) -> Findings:
    """Examine every claim on every part of the samples.

    The part that decides comes first, and there the quick claims. After each claim, `answered` is given what was found
    so far; a verdict that rests on a p-value waits for the other claims of its part, for which it is corrected.
    """
    if settings.null_draws < 2 or settings.permutations < 1 or not 0 < settings.level < 1:
        raise ValueError(
            "wanted null_draws of 2 or more, permutations of 1 or more and a level between 0 and 1, got "
            f"{settings.null_draws}, {settings.permutations} and {settings.level}"
        )
    ds = validated(ds)
    networks_of(ds)
    present, primary = parts_of(ds)
    found: Findings = {claim: dict.fromkeys(present, Finding((), WAITING, "")) for claim in CLAIMS}
    with open_bar(len(present) * len(CLAIMS), "claims", progress_bar) as bar:
        for name in sorted(present, key=lambda name: name != primary):
            part = Part(ds, name, settings if name == primary else settings.with_fewer_draws())
            for claim in sorted(CLAIMS, key=lambda claim: claim.slowness):
                found[claim][name] = claim.ask(part)
                bar.update(1)
                if answered is not None:
                    answered(_without_verdicts(found, name))
            each = decided([found[claim][name] for claim in CLAIMS], settings.significant, correct=name == primary)
            for claim, finding in zip(CLAIMS, each, strict=True):
                found[claim][name] = finding
    return found


def _without_verdicts(found: Findings, part: str) -> Findings:
    """Take back the verdicts of a part that rest on p-values, which are not corrected yet."""
    return {
        claim: {
            name: replace(finding, verdict=WAITING) if name == part and finding.decisive is not None else finding
            for name, finding in parts.items()
        }
        for claim, parts in found.items()
    }


def parts_of(ds: xr.Dataset) -> tuple[list[str], str]:
    """Name the parts of the samples that are examined, and the primary one, which decides.

    Examples
    --------
    >>> import trajkit as tk
    >>> parts_of(tk.simulate())
    (['all', 'train', 'test'], 'test')
    """
    splits = [name for name in ("train", "test") if (ds["split"].values == name).any()]
    # If the probe has one split, that is all samples.
    return (["all", *splits], "test") if len(splits) > 1 else (["all"], "all")


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
