"""The claims that are made of trajectories, and what a dataset says to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from trajkit.distances import as_metric
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.reporting import questions
from trajkit.reporting.finding import Finding, Number, Part, Settings, cannot_tell
from trajkit.schema import networks


@dataclass(frozen=True)
class Claim:
    """A sentence, by which rule it holds, and how it is put to the data."""

    name: str
    statement: str
    rule: str
    examine: Callable[[Part], Finding]


CLAIMS = (
    Claim(
        "low-dimensional",
        "Trajectories lie on a manifold of few dimensions.",
        f"Holds if {questions.FEW} components or fewer explain {questions.SHARE:.0%} of the distances, and three "
        "explain more of them than of runs whose samples are shuffled within their classes.",
        questions.low_dimensional,
    ),
    Claim(
        "one manifold",
        "All networks explore the same manifold: at equal progress they are nearer to each other than to networks that "
        "learn as much, but other samples first.",
        "Holds if the interval of the ratio lies below 1, and the mean distance is below every draw of the null.",
        questions.one_manifold,
    ),
    Claim(
        "architecture distinguishes",
        "Architecture gives distinguishable trajectories.",
        "Holds if runs of two architectures are further apart than runs of one, more than permuted labels explain.",
        questions.architecture_distinguishes,
    ),
    Claim(
        "others matter less",
        "Every other setting explains less of the distances than architecture.",
        "Holds if the interval of no other setting's R² reaches that of architecture.",
        questions.others_matter_less,
    ),
    Claim(
        "architecture predicts",
        "Of all settings, architecture tells most about the distance of two networks that were not seen.",
        "Holds if its importance is the largest, and above that of a random number in every fold.",
        questions.architecture_predicts,
    ),
    Claim(
        "larger is faster",
        "Larger networks go along the same manifold, faster.",
        "Holds if, among runs that differ in size alone, larger ones take fewer steps to progress 0.5, and are nearer "
        "to each other than architectures are.",
        questions.larger_is_faster,
    ),
    Claim(
        "starts converge",
        "Networks that start far apart come together.",
        "Holds if, from the start to the end of training, the distance between initial weights of different kinds "
        "falls, also in units of that within a kind: the intervals do not overlap.",
        questions.starts_converge,
    ),
    Claim(
        "metrics agree",
        "The distance that is taken does not matter: architecture distinguishes under each.",
        "Holds if architecture explains distances under every metric.",
        questions.metrics_agree,
    ),
    Claim(
        "stable picture",
        "The picture does not hang on a few samples, runs or one architecture.",
        f"Holds if in three components no points move by {questions.MOVED} of their spread or more (root mean square, "
        f"the worst of {questions.DRAWS} draws) with half the samples, half the runs, or without any one architecture, "
        "and every time as many components are time-like.",
        questions.picture_is_stable,
    ),
    Claim(
        "same order",
        "Networks learn samples in the same order.",
        "Holds if they agree more than runs whose samples are shuffled within their classes: above all draws of the "
        "null, and with the interval above its mean.",
        questions.same_order,
    ),
)
PARTS = ("all", "train", "test")


@renamed(draws="null_draws", progress="progress_bar")
def claims(
    ds: xr.Dataset,
    *,
    metric: str = "bhattacharyya",
    null_draws: int = 19,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Put every claim to a dataset: each as numbers with intervals, beside nulls, and a verdict by a stated rule.

    For all samples of the probe, and for "train" and "test" samples by themselves where there are both. What the data
    cannot tell, for want of architectures, seeds, sizes or samples, is said with its reason. `trajkit.report` makes a
    page of it.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    metric
        Of all distances; a symmetric one.
    null_draws
        Of the nulls and intervals that take an embedding, or all distances, for each: 19 is the least that can give
        p = 0.05. Intervals of explained stress and distance are rough then; others have 399 draws.
    permutations
        Of tests of groups, and of other nulls.
    level
        Of the intervals.
    seed
        Of all draws.
    progress_bar
        Whether to show a progress bar; None shows one when the work takes more than a few seconds.

    Returns
    -------
    pandas.DataFrame
        One row for each number: `claim`, `statement`, `samples` ("all", "train" or "test"), `statistic`, `value`,
        `lower`, `upper`, `null` (what the value would be by chance), `p_value` and `p_least`, the least p-value that so
        many draws can show (where they are equal, p is a bound), `unit`, `verdict` on the claim ("holds", "does not
        hold", "cannot be told"), `because`, `rule`, and `code`: lines of Python of which the last gives the value, from
        the dataset `ds`, with `np` for numpy and `tk` for trajkit. NaN, or no code, where there is none.

    Raises
    ------
    ValueError
        If metric, null_draws, permutations or level make no sense, or there are no networks.

    Examples
    --------
    >>> import trajkit as tk
    >>> table = tk.claims(tk.simulate(runs=2, samples=20, checkpoints=3), null_draws=2, permutations=1)
    >>> table.verdict.unique().tolist(), table.because[0]
    (['cannot be told'], 'p-values of 2 draws never reach 0.05')
    """
    settings = Settings(metric, null_draws, permutations, level, seed=seed)
    return table_of(examine(ds, settings, progress_bar))


Findings = dict[str, dict[str, Finding]]


def examine(ds: xr.Dataset, settings: Settings, progress_bar: bool | None) -> Findings:
    """Find out about every claim (by name) on every part of the samples."""
    as_metric(settings.metric, symmetric=True)
    if settings.draws < 2 or settings.permutations < 1 or not 0 < settings.level < 1:
        raise ValueError(
            f"wanted two draws, one permutation or more and a level between 0 and 1, got {settings.draws}, "
            f"{settings.permutations} and {settings.level}"
        )
    networks(ds)
    # Of a probe with one split, that is all samples.
    splits = [name for name in PARTS[1:] if (ds["split"].values == name).any()]
    present = ["all", *(splits if len(splits) > 1 else [])]
    found: Findings = {claim.name: {} for claim in CLAIMS}
    with open_bar(len(present) * len(CLAIMS), "claims", progress_bar) as bar:
        for name in present:
            part = Part(ds, name, settings)
            for claim in CLAIMS:
                found[claim.name][name] = _asked(claim, part)
                bar.update(1)
    return found


def _asked(claim: Claim, part: Part) -> Finding:
    """Examine a claim; what a function refuses, for want of runs or samples, is the reason why it cannot be told."""
    if 1 / (1 + min(part.settings.draws, part.settings.permutations)) > part.settings.significant:
        return cannot_tell(f"p-values of {part.settings.draws} draws never reach {part.settings.significant}")
    try:
        return claim.examine(part)
    except (ValueError, ImportError) as error:
        return cannot_tell(str(error))


_OF_NUMBER = ("statistic", "value", "lower", "upper", "null", "p_value", "p_least", "unit")


def table_of(found: Findings) -> pd.DataFrame:
    """Write findings as one row for each number."""
    empty = Number("", float("nan"))
    return pd.DataFrame(
        [
            {
                **{"claim": claim.name, "statement": claim.statement, "samples": part},
                **{name: getattr(number, name) for name in _OF_NUMBER},
                **{"verdict": finding.verdict, "because": finding.because, "rule": claim.rule},
                "code": f"{finding.code}\n{number.code}".strip(),
            }
            for claim in CLAIMS
            for part, finding in found[claim.name].items()
            for number in finding.numbers or (empty,)
        ]
    )
