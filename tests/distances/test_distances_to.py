"""Laws of distances to fixed points: those of `pairwise`."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.distances import Metric
from trajkit.distances.distances_to import DistancesTo

METRICS = [
    ("bhattacharyya", None),
    ("bhattacharyya", 0.5),
    ("hellinger", None),
    ("fisher_rao", None),
    ("jensen_shannon", None),
    ("kullback_leibler", 9.0),
    ("jeffreys", 9.0),
]


@pytest.mark.parametrize(("metric", "cap"), METRICS)
def test_distances_to__are_those_of_pairwise(metric: str, cap: float | None) -> None:
    ds = tk.simulate(runs=9, groups=3, spread=0.3, checkpoints=8, samples=30)
    old, new = (tk.with_references(ds.isel(run=some), n_geodesic=n) for some, n in ((slice(0, 7), 5), ([7, 8], 4)))
    with_cap = {"cap": cap} if cap is not None else {"cap": 30.0} if metric == "bhattacharyya" else {}
    expected = tk.pairwise(new, old, metric=metric, **with_cap).values
    found = DistancesTo(tk.points(old).log_prob.values, Metric(metric, with_cap.get("cap")))(
        tk.points(new).log_prob.values
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_distances_to__have_their_digits_where_predictions_hardly_overlap() -> None:
    sure = np.float64([[-0.0, -3000.0, -1500.0], [-1400.0, -0.0, -1400.0]])
    log_prob = np.stack([sure, sure[:, [1, 0, 2]]])
    found = DistancesTo(log_prob, Metric("bhattacharyya"))(log_prob)
    # The first sample overlaps by exp(-1500) in each of three classes, the second by exp(-700) in two.
    expected = (1500.0 - np.log(3) + 700.0 - np.log(2)) / 2
    assert found[0, 1] == pytest.approx(expected, rel=1e-13)
    assert found[0, 1] == pytest.approx(found[1, 0], rel=1e-15)


def test_distances_to__of_predictions_that_share_nothing_are_infinite_or_the_cap() -> None:
    with np.errstate(divide="ignore"):
        log_prob = np.log(np.eye(2)[:, None])
    assert DistancesTo(log_prob, Metric("bhattacharyya"))(log_prob).tolist() == [[0, np.inf], [np.inf, 0]]
    assert DistancesTo(log_prob, Metric("bhattacharyya", 7.0))(log_prob).tolist() == [[0, 7], [7, 0]]
