"""Laws of aligning one embedding with another."""

import numpy as np
import pytest
import xarray as xr
from oracles import rebuilt

import trajkit as tk


def test_align__gives_what_figures_draw_and_takes_what_project_gives() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    distance = tk.pairwise(ds)
    embedding = tk.inpca(distance)
    np.testing.assert_allclose(
        tk.align(embedding, tk.project(embedding, distance)).coordinate, embedding.coordinate, atol=1e-8
    )
    aligned = tk.align(tk.embed(ds), tk.embed(ds.isel(run=[0, 1, 2, 3])))
    assert "explained" not in tk.figures.manifold(aligned).layout.scene.xaxis.title.text


def moved(embedding: xr.Dataset, seed: int) -> xr.Dataset:
    """Turn space-like and time-like components apart, shift, and reverse their order."""
    random = np.random.default_rng(seed)
    x, signature = embedding.coordinate.values, embedding.signature.values
    out = x.copy()
    for sign in (1, -1):
        turn = np.linalg.qr(random.standard_normal(((signature == sign).sum(),) * 2))[0]
        out[:, signature == sign] = x[:, signature == sign] @ turn
    out += random.standard_normal(x.shape[1])
    changed = embedding.assign(coordinate=embedding.coordinate.copy(data=out))
    return changed.isel(component=slice(None, None, -1)).assign_coords(component=embedding.component.values)


@pytest.mark.parametrize("seed", range(5))
def test_align__undoes_any_motion_that_keeps_signed_distances(distance, seed):
    embedding = tk.inpca(distance, 6)
    assert {1, -1} == set(embedding.signature.values.tolist())
    aligned = tk.align(embedding, moved(embedding, seed))
    np.testing.assert_allclose(aligned.coordinate, embedding.coordinate, atol=1e-9)
    assert aligned.attrs["misfit"] == pytest.approx(0, abs=1e-9)


def test_align__keeps_signed_distances_and_never_mixes_signatures(distance):
    a = tk.inpca(distance, 6)
    b = tk.inpca(distance[8:40, 8:40], 6)
    if sorted(a.signature.values) != sorted(b.signature.values):
        b = tk.inpca(distance[8:40, 8:40], None)
        wanted = [np.flatnonzero(b.signature == s)[: int((a.signature == s).sum())] for s in (1, -1)]
        b = b.isel(component=np.sort(np.concatenate(wanted)))
    before = rebuilt(b)
    aligned = tk.align(a, b)
    np.testing.assert_allclose(rebuilt(aligned), before, atol=1e-10)
    np.testing.assert_array_equal(aligned.signature, a.signature)
    assert 0 < aligned.attrs["misfit"] < 0.5


def test_align__takes_embeddings_of_trajectories():
    ds = tk.simulate(runs=6, spread=0.3)
    whole, part = tk.embed(ds), tk.embed(ds.isel(run=slice(0, 4)))
    aligned = tk.align(whole, part)
    assert aligned.coordinate.dims == part.coordinate.dims
    shared = whole.coordinate.sel(run=aligned.run)
    worst = np.abs(aligned.coordinate - shared).max()
    assert float(worst) < 0.2 * float(np.abs(whole.coordinate).max())


def test_align__refuses_what_cannot_be_laid_together(distance):
    embedding = tk.inpca(distance, 6)
    with pytest.raises(ValueError, match="as many space-like and time-like"):
        tk.align(embedding, embedding.isel(component=slice(0, 2)))
    elsewhere = embedding.assign_coords(run=("point", [f"other-{i}" for i in range(embedding.sizes["point"])]))
    with pytest.raises(ValueError, match="share 0 points"):
        tk.align(embedding, elsewhere)
    with pytest.raises(ValueError, match="the 48 shared points coincide in a"):
        tk.align(xr.zeros_like(embedding.coordinate).pipe(lambda x: embedding.assign(coordinate=x)), embedding)
    twice = embedding.isel(point=[0, 0, 1, 2])
    with pytest.raises(ValueError, match="more than once"):
        tk.align(embedding, twice)
