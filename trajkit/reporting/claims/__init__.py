"""The claims about trajectories, one file each; `CLAIMS` holds them in the order of the report."""

from trajkit.reporting.claim import Claim
from trajkit.reporting.claims import (
    architecture_distinguishes,
    architecture_predicts,
    larger_is_faster,
    low_dimensional,
    metrics_agree,
    nearer_than_shuffled,
    one_manifold,
    others_matter_less,
    same_order,
    stable_picture,
    starts_converge,
)

CLAIMS: tuple[Claim, ...] = (
    low_dimensional.CLAIM,
    nearer_than_shuffled.CLAIM,
    one_manifold.CLAIM,
    architecture_distinguishes.CLAIM,
    others_matter_less.CLAIM,
    architecture_predicts.CLAIM,
    larger_is_faster.CLAIM,
    starts_converge.CLAIM,
    metrics_agree.CLAIM,
    stable_picture.CLAIM,
    same_order.CLAIM,
)
