"""Parts that meet: results merged back, references and means beside runs, awkward attributes in the Explorer."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)


def with_attributes(ds: xr.Dataset, **columns: object) -> xr.Dataset:
    log_prob = ds.log_prob.values.astype(float)
    log_prob -= np.logaddexp.reduce(log_prob, axis=-1, keepdims=True)
    return tk.from_arrays(log_prob=log_prob, label=ds.label.values, runs=columns, split=ds.split.values)


def drawn(figure) -> int:
    return sum(np.isfinite(t.x).sum() for t in figure.data if t.mode == "lines+markers")


def test_colour__every_run_is_drawn_whatever_its_numbers(ds):
    for seeds in (
        [20240101, 20240102, 20240103, 5, 6, 7],
        list(range(2**50, 2**50 + 6)),
        [0.1, 0.1 + 1e-9, 1, 2, 3, 4],
    ):
        figure = tk.figures.manifold(tk.embed(with_attributes(ds, seed=seeds)), color="seed")
        assert drawn(figure) == 48
        names = [t.name for t in figure.data if t.mode == "lines+markers"]
        assert len(set(names)) == 6
    figure = tk.figures.manifold(tk.embed(with_attributes(ds, note=["(none)", "", "a", "a", "b", "b"])), color="note")
    assert drawn(figure) == 48


def test_select__progress_after_means_were_put_beside_runs(ds):
    both = tk.concat([ds, tk.mean_trajectory(ds, "architecture", n=20)])
    kept = tk.select(both, progress=(0.5, None))
    assert set(ds.run.values) <= set(kept.run.values)
    assert float(tk.progress(kept).min()) >= 0.5
    with pytest.raises(ValueError, match="48 points have no progress"):
        tk.figures.progress(both)


def test_integers__that_would_lose_digits_as_floats_are_refused_by_name(ds):
    seeds = [2**60 + i for i in range(6)]
    exact = with_attributes(ds, seed=seeds)
    assert tk.select(exact, seed=2**60 + 1).sizes["run"] == 1
    with pytest.raises(tk.SchemaError, match=r"'seed' holds integers beyond 2\^53"):
        tk.with_references(exact)
    with pytest.raises(tk.SchemaError, match=r"'seed' holds integers beyond 2\^53"):
        with_attributes(ds, seed=[*seeds[:5], None])
    with pytest.raises(tk.SchemaError, match="beyond 64 bits"):
        with_attributes(ds, seed=[2**70] * 6)


def test_embed__takes_datasets_with_results_of_their_own(ds):
    own = ds.assign(length=tk.length(ds), correct=ds.step * 0 + 3, rank=("run", np.arange(6)))
    own = own.assign_coords(wall=(("run", "checkpoint"), np.ones((6, 8))))
    embedding = tk.embed(own)
    np.testing.assert_array_equal(embedding.coordinate, tk.embed(ds).coordinate)
    np.testing.assert_array_equal(embedding.correct.sel(run=ds.run)[:, :8], 3)
    assert (embedding.correct.sel(run="truth") == -1).all()
    np.testing.assert_allclose(tk.with_references(ds.assign(length=tk.length(ds))).length[:6], tk.length(ds))
    masked = tk.select(own, progress=(0.5, None))
    np.testing.assert_array_equal(masked.wall.isnull(), masked.step < 0)
    assert tk.explore(own).embedding.sizes["run"] == 9


@pytest.mark.parametrize("name", ["loss", "weight", "checkpoints", "progress", "where", "signature"])
def test_attributes__with_names_that_results_use_are_refused(ds, name):
    with pytest.raises(tk.SchemaError, match=f"'{name}': the name is reserved"):
        with_attributes(ds, **{name: range(6)})
    with pytest.raises(tk.SchemaError, match=f"'{name}': the name is reserved"):
        tk.validate(ds.assign_coords({name: ("run", range(6))}))


def test_align__gives_what_figures_draw_and_takes_what_project_gives(ds):
    distance = tk.pairwise(ds)
    embedding = tk.inpca(distance)
    np.testing.assert_allclose(
        tk.align(embedding, tk.project(embedding, distance)).coordinate, embedding.coordinate, atol=1e-8
    )
    aligned = tk.align(tk.embed(ds), tk.embed(ds.isel(run=[0, 1, 2, 3])))
    assert "explained" not in tk.figures.manifold(aligned).layout.scene.xaxis.title.text


def test_project__onto_landmarks_alone(ds):
    stacked = tk.points(tk.embed(ds, landmarks=80))
    everything = tk.points(tk.with_references(ds))
    with pytest.raises(ValueError, match="is_landmark"):
        tk.project(stacked, tk.pairwise(ds, everything))
    chosen = stacked.is_landmark.values
    placed = tk.project(stacked.isel(point=chosen), tk.pairwise(ds, everything.isel(point=chosen)))
    assert np.isfinite(placed.coordinate).all()


def test_pairwise__takes_datasets_that_differ_in_what_else_they_know_of_samples(ds):
    more = ds.assign_coords(difficulty=("sample", np.arange(20)))
    np.testing.assert_array_equal(tk.pairwise(ds, more), tk.pairwise(more, ds))


def test_distances__refuse_probabilities_arrays_and_datasets(ds):
    a, b = ds.log_prob[0, 3], ds.log_prob[1, 5]
    for f in (tk.bhattacharyya, tk.fisher_rao, tk.jeffreys, lambda p, q: tk.geodesic(p, q, 0.5), tk.tangent):
        with pytest.raises(ValueError, match="natural logs of probabilities that sum to 1"):
            f(np.exp(a), np.exp(b))
        with pytest.raises(TypeError, match=r"such as ds\.log_prob"):
            f(a.values, b.values)
        with pytest.raises(TypeError, match=r"such as ds\.log_prob"):
            f(ds, b)
    with pytest.raises(TypeError, match="wanted a trajectory dataset"):
        tk.pairwise(ds.log_prob)
    with pytest.raises(ValueError, match="a dimension 't'"):
        tk.geodesic(tk.geodesic(a, b, [0, 1]), b, [0, 1])


@pytest.mark.parametrize("below", [-800.0, -668.0, -30.0])
def test_divergences__to_an_impossible_class_are_infinite_however_small_its_probability(below):
    log_prob = np.full((1, 2, 1, 3), -np.inf)
    log_prob[0, 0, 0, :2] = [0, below]
    log_prob[0, 1, 0, 0] = 0
    ds = tk.from_arrays(log_prob=log_prob, label=[0], runs={"seed": [0]})
    p, q = ds.log_prob[0]
    assert float(tk.kullback_leibler(p, q)) == float(tk.jeffreys(p, q)) == np.inf
    assert float(tk.kullback_leibler(q, p)) == pytest.approx(np.exp(below), abs=1e-16)
    for metric in ("kullback_leibler", "jeffreys"):
        with pytest.raises(ValueError, match="infinite"):
            tk.pairwise(ds, metric=metric)


def test_from_arrays__a_short_epoch_list_is_refused(ds):
    prob = np.full((4, 2, 2), 0.5)
    with pytest.raises(tk.SchemaError, match="epoch"):
        tk.from_arrays(prob=[prob[:3], prob[:3]], label=[0, 1], runs={"s": [0, 1]}, epoch=[[0, 1, 2], [0]])


def test_select__a_missing_number_is_nan(ds):
    rates = with_attributes(ds, rate=[0.1, np.nan, 0.2] * 2)
    assert tk.select(rates, rate=[0.1, np.nan]).run.values.tolist() == ["0", "1", "3", "4"]
    assert tk.select(rates, rate=np.nan).sizes["run"] == 2


def test_errors__of_likely_slips_lead_on(ds):
    with pytest.raises(tk.SchemaError, match=r"ds.isel\(checkpoint=\[-1\]\)"):
        tk.progress(ds.isel(checkpoint=-1))
    with pytest.raises(TypeError, match="assign it to its dataset first"):
        tk.points(tk.progress(ds))
    with pytest.raises(ValueError, match=r"tk\.embed"):
        tk.figures.manifold(ds)
    with pytest.raises(ValueError, match="wanted one run attribute or more"):
        tk.mean_trajectory(ds, [])


def test_concat__booleans_beside_integers_are_refused(ds):
    a, b = ds.isel(run=slice(0, 3)), ds.isel(run=slice(3, 6))
    a, b = a.assign_coords(flag=("run", [True] * 3)), b.assign_coords(flag=("run", [1, 0, 2]))
    with pytest.raises(tk.SchemaError, match="'flag' is of several kinds"):
        tk.concat([a, b])


def test_schema_error__shows_the_first_problems_and_keeps_all():
    prob = np.full((40, 1, 2, 2), 0.4)
    ds = tk.simulate(runs=40, checkpoints=1, samples=2, classes=2)
    with pytest.raises(tk.SchemaError, match="and 10 more") as error:
        tk.validate(ds.assign(log_prob=ds.log_prob.copy(data=np.log(prob).astype(np.float32))))
    assert len(error.value.problems) == 40
