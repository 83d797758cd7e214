"""Laws of new points that come one at a time: they lie where `pairwise` and `project` put them."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.embedding.projector import Projector


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
