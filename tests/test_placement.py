"""Laws of new points that come one at a time: they lie where `pairwise` and `project` put them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.distances.distances_to import DistancesTo
from trajkit.embedding.projector import Projector

METRICS = [
    ("bhattacharyya", None),
    ("bhattacharyya", 0.5),
    ("hellinger", None),
    ("fisher_rao", None),
    ("jensen_shannon", None),
    ("kullback_leibler", 9.0),
    ("jeffreys", 9.0),
]


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=9, groups=3, spread=0.3, checkpoints=8, samples=30)


@pytest.fixture(scope="module")
def new(ds: xr.Dataset) -> xr.Dataset:
    """Runs that are in no embedding, on the same probe."""
    return ds.isel(run=[7, 8])


@pytest.fixture(scope="module")
def old(ds: xr.Dataset) -> xr.Dataset:
    return ds.isel(run=slice(0, 7))


def stacked(ds: xr.Dataset) -> np.ndarray:
    return tk.points(ds).log_prob.transpose("point", "sample", "class").values


@pytest.mark.parametrize(("metric", "cap"), METRICS)
def test_distances_to__are_those_of_pairwise(new, old, metric, cap) -> None:
    old = tk.with_references(old, n_geodesic=5)
    with_cap = {"cap": cap} if cap is not None else {"cap": 30.0} if metric == "bhattacharyya" else {}
    expected = tk.pairwise(tk.with_references(new, n_geodesic=4), old, metric=metric, **with_cap).values
    found = DistancesTo(stacked(old), metric, with_cap.get("cap"))(stacked(tk.with_references(new, n_geodesic=4)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_distances_to__have_their_digits_where_predictions_hardly_overlap() -> None:
    sure = np.float64([[-0.0, -3000.0, -1500.0], [-1400.0, -0.0, -1400.0]])
    log_prob = np.stack([sure, sure[:, [1, 0, 2]]])
    found = DistancesTo(log_prob, "bhattacharyya")(log_prob)
    # The first sample overlaps by exp(-1500) in each of three classes, the second by exp(-700) in two.
    expected = (1500.0 - np.log(3) + 700.0 - np.log(2)) / 2
    assert found[0, 1] == pytest.approx(expected, rel=1e-13)
    assert found[0, 1] == pytest.approx(found[1, 0], rel=1e-15)


def test_distances_to__of_predictions_that_share_nothing_are_infinite_or_the_cap() -> None:
    with np.errstate(divide="ignore"):
        log_prob = np.log(np.eye(2)[:, None])
    assert DistancesTo(log_prob, "bhattacharyya")(log_prob).tolist() == [[0, np.inf], [np.inf, 0]]
    assert DistancesTo(log_prob, "bhattacharyya", 7.0)(log_prob).tolist() == [[0, 7], [7, 0]]


@pytest.mark.parametrize("how", [{}, {"metric": "fisher_rao"}, {"metric": "jeffreys", "cap": 9.0}, {"landmarks": 70}])
def test_placement__of_every_embedded_point_is_project(old, new, how) -> None:
    embedding = tk.embed(old, 4, **how)
    whole = tk.points(embedding)
    whole = whole.isel(point=whole.weight.values > 0)
    everything = tk.points(tk.with_references(old))
    names = list(zip(everything.run.values, everything.checkpoint.values, strict=True))
    at = [names.index(n) for n in zip(whole.run.values, whole.checkpoint.values, strict=True)]
    options = {k: v for k, v in how.items() if k != "landmarks"}
    expected = tk.project(whole, tk.pairwise(new, everything.isel(point=at), **options)).coordinate.values
    place = Projector(embedding, old)
    np.testing.assert_allclose(place(stacked(new)), expected, atol=1e-10 * np.abs(expected).max())
    one_by_one = np.concatenate([place(p[None]) for p in stacked(new)])
    np.testing.assert_allclose(one_by_one, expected, atol=1e-10 * np.abs(expected).max())
    assert place.error < 1e-10


def test_placement__from_landmarks_comes_near_and_says_how_near(old, new) -> None:
    embedding = tk.embed(old, 3)
    whole, some = Projector(embedding, old), Projector(embedding, old, landmarks=40)
    x, near = whole(stacked(new)), some(stacked(new))
    spread = np.sqrt(np.square(x - x.mean(0)).sum(1).mean())
    off = np.median(np.linalg.norm(near - x, axis=1)) / spread
    assert 0 < some.error < 0.1
    assert off < 3 * some.error + 0.02


def test_placement__refuses_what_it_cannot_place(old, new) -> None:
    embedding = tk.embed(old, 3)
    with pytest.raises(ValueError, match="not in ds"):
        Projector(embedding, old.isel(run=slice(0, 4)))
    with pytest.raises(ValueError, match="wanted the dataset that was embedded"):
        Projector(embedding, old.assign(log_prob=(old.log_prob.dims, old.log_prob.values[:, ::-1])))
    with pytest.raises(ValueError, match="more than the embedding has components"):
        Projector(tk.embed(old, 3, references=False), tk.with_references(old).sel(run=old.run), landmarks=2)
    sure = np.where(np.arange(5) == (old.label.values[:, None] + 1) % 5, 0.0, -np.inf)
    with pytest.raises(ValueError, match="infinite bhattacharyya distance"):
        Projector(embedding, old)(sure[None])
