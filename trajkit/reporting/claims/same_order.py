"""Claim: networks learn samples in the same order."""

from __future__ import annotations

from trajkit import figures
from trajkit.analysis import data_map
from trajkit.analysis.null_test import written_p
from trajkit.analysis.order_agreement import order_agreement
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, interval_of, judged
from trajkit.reporting.part import CHEAP_DRAWS, Part


def examine(part: Part) -> Finding:
    """Compare the agreement of networks on the order of samples with that of shuffled runs."""
    how, by = part.settings, part.architecture_if_any
    if part.ds.sizes["run"] < 2:
        raise CannotTellError("wanted two runs or more to compare, got one")
    samples = data_map(part.ds)
    found = order_agreement(
        part.ds, samples["confidence"].values, by,
        permutations=how.permutations, draws=CHEAP_DRAWS, level=how.level, seed=how.seed,
    )  # fmt: skip
    of, p, null = "architectures" if by else "runs", float(found["p_value"]), float(found["null"].mean())
    number = Number(
        f"rank correlation of confidences, between {of}", of, *interval_of(found), null=null, p_value=p,
        p_least=how.least_of_permutations, decisive=True, code="agreement[np.triu_indices(len(agreement), k=1)].mean()",
    )  # fmt: skip
    because = (
        f"{of} agree with a rank correlation of {number.value:.2f}, runs with shuffled samples with {null:.2f} "
        f"({written_p(p, how.permutations)})"
    )
    code = [*part.code_of_ds, f"agreement = tk.data_map(ds, by={by!r}).agreement.values"]
    return judged(number.lower > null, because, [number], code, samples)


CLAIM = Claim(
    name="same order",
    statement="Networks learn samples in the same order.",
    rule=(
        "Holds if networks agree significantly more than runs whose samples are shuffled within their classes, and the "
        "interval lies above the mean of the null."
    ),
    examine=examine,
    draw=figures.data_map,
    caption="Mean and standard deviation of the probability of each sample's label over training, averaged over runs.",
)
