"""Distances between points of prediction space.

All are means over the N samples of a per-sample distance between the distributions p and q over C classes. With the
overlap BC = sum_c sqrt(p_c q_c) (the Bhattacharyya coefficient) and m = (p + q) / 2:

| function           | per sample                      | scale          | unit | at most | source                |
|--------------------|---------------------------------|----------------|------|---------|-----------------------|
| `bhattacharyya`    | -log BC                         | squared length | nat  | inf     | Bhattacharyya 1946    |
| `hellinger`        | 1 - BC                          | squared length | 1    | 1       | Hellinger 1909        |
| `fisher_rao`       | arccos BC                       | length         | rad  | pi / 2  | Rao 1945              |
| `kullback_leibler` | sum_c p_c log(p_c / q_c)        | squared length | nat  | inf     | Kullback-Leibler 1951 |
| `jeffreys`         | KL(p, q) + KL(q, p)             | squared length | nat  | inf     | Jeffreys 1946         |
| `jensen_shannon`   | (KL(p, m) + KL(q, m)) / 2       | squared length | nat  | log 2   | Lin 1991              |

`kullback_leibler` alone is not symmetric. For nearby points all agree: with d the angle of `fisher_rao`,
bhattacharyya, hellinger and jensen_shannon tend to d^2 / 2, kullback_leibler to 2 d^2 and jeffreys to 4 d^2.
"squared length" and "length" stand in `attrs["scale"]`, and an embedding squares what is a length. Rows are
normalised in float64 first, which removes the float32 rounding of their sums.

The Bhattacharyya distance and InPCA's use of it: Quinn et al., PNAS 116(28), 2019; its mean over samples and the
progress by `fisher_rao`: Mao et al., PNAS 121(12), 2024, arXiv 2305.01604, Eq. 5.
"""

from trajkit.distances.divergences import (
    bhattacharyya,
    fisher_rao,
    hellinger,
    jeffreys,
    jensen_shannon,
    kullback_leibler,
)
from trajkit.distances.metric import BHATTACHARYYA, FISHER_RAO, Metric, as_metric, capped_names, metric_names
from trajkit.distances.pairwise import extend, pairwise

__all__ = [
    "BHATTACHARYYA",
    "FISHER_RAO",
    "Metric",
    "as_metric",
    "bhattacharyya",
    "capped_names",
    "extend",
    "fisher_rao",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kullback_leibler",
    "metric_names",
    "pairwise",
]
