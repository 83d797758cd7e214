"""How many components explain the manifold."""

import numpy as np

import trajkit as tk


def test_dimensionality__gives_what_embed_explains_and_counts_components():
    ds = tk.simulate(runs=4, samples=20, checkpoints=4, spread=0.4)
    found = tk.dimensionality(ds, 6, null_draws=3, share=0.95)
    embedding = tk.embed(ds, 6)
    for measure in ("explained_stress", "explained_distance"):
        estimate = found.sel(measure=measure.replace("_", " "))
        np.testing.assert_allclose(estimate.estimate, embedding[measure])
        enough = [k for k in range(1, 7) if float(embedding[measure][k - 1]) >= 0.95]
        assert int(estimate.needed) == (enough[0] if enough else -1)
    shuffled = np.random.SeedSequence(0).generate_state(3).tolist()
    null = [tk.embed(tk.shuffle_within_class(ds, s), 6).explained_stress for s in shuffled]
    np.testing.assert_allclose(found.null.sel(measure="explained stress"), null)
    assert (found.lower <= found.upper).all()


def test_dimensionality__a_shared_curve_needs_fewer_components_than_its_null():
    ds = tk.simulate(runs=6, samples=60, checkpoints=6, groups=1, spread=0.4)
    found = tk.dimensionality(ds, 3, null_draws=4).sel(measure="explained distance")
    assert (found.estimate > found.null.max("draw")).all()
    assert (found.p_value == 0.2).all()


def test_dimensionality__takes_more_nulls_functions_and_other_runs():
    ds = tk.simulate(runs=3, samples=20, checkpoints=4, spread=0.4)
    other = tk.simulate(runs=5, samples=20, checkpoints=4, spread=0.1)
    nulls = {"confusions": tk.shuffle_confusions, "many": other, "few": other.isel(run=[0, 1])}
    found = tk.dimensionality(ds, 2, null_draws=3, nulls=nulls, seed=2)
    assert found.other_null.dims == ("other", "draw", "measure", "component")
    seeds = np.random.SeedSequence(2).generate_state(3).tolist()
    for draw, s in enumerate(seeds):
        embedding = tk.embed(tk.shuffle_confusions(ds, s), 2)
        at = found.other_null.sel(other="confusions", measure="explained distance").isel(draw=draw)
        np.testing.assert_allclose(at, embedding.explained_distance)
    assert found.other_null.sel(other="many").notnull().all()
    few = found.other_null.sel(other="few")
    np.testing.assert_allclose(few[0, 0], tk.embed(other.isel(run=[0, 1]), 2).explained_stress)
    assert few[1:].isnull().all()
    assert found.limitations == "few: 2 runs, fewer than 3"
