"""Laws of InPCA, of placing new points, and of both put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import relative, within
from strategies import METRICS, datasets, metrics

import trajkit as tk
from trajkit.curves.references import points_with_references, with_missing_references


def as_distance(values: NDArray[Any], scale: str = "squared length") -> xr.DataArray:
    return xr.DataArray(values, dims=("point", "point2"), attrs={"scale": scale})


@st.composite
def symmetric(draw: Any, least: int = 2, most: int = 12) -> NDArray[np.float64]:
    """Symmetric matrices with zero diagonal and positive entries, most of them far from Euclidean."""
    m = draw(st.integers(least, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    upper = np.triu(random.exponential(draw(st.sampled_from([1e-8, 1, 1e6])), (m, m)), 1)
    return upper + upper.T


def simulated(points: int, metric: str = "bhattacharyya", **options: Any) -> xr.DataArray:
    """Distances of so many simulated points."""
    settings = {"runs": -(-points // 10), "checkpoints": 10, "samples": 20, "classes": 6, "spread": 0.3} | options
    return tk.pairwise(tk.points(tk.simulate(**settings)).isel(point=slice(points)), metric=metric)


def rebuilt(embedding: xr.Dataset) -> NDArray[np.float64]:
    return oracles.embedded_distance(embedding.coordinate.values, embedding.signature.values)


# --- all components -----------------------------------------------------------------------------------------------


@given(symmetric())
def test_inpca__all_components_give_the_distances_back(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    assert dict(e.sizes) == {"point": len(squared), "component": len(squared)}
    within("InPCA gives D back, relative to the largest", np.abs(rebuilt(e) - squared).max() / squared.max(), 1e-10)
    within("explained stress of all components is 1", abs(float(e.explained_stress[-1]) - 1), 1e-6)
    within("explained distance of all components is 1", abs(float(e.explained_distance[-1]) - 1), 1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_inpca__all_components_of_trajectories_give_the_distances_back(metric: str) -> None:
    d = simulated(40, metric)
    squared = d.values if metric != "fisher_rao" else d.values**2
    e = tk.inpca(d, None)
    within("InPCA gives D back, relative to the largest", np.abs(rebuilt(e) - squared).max() / squared.max(), 1e-10)


@given(symmetric())
def test_inpca__eigenvalues_are_those_of_the_double_centred_matrix(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    exact = np.linalg.eigvalsh(oracles.double_centered(squared))
    scale = np.abs(exact).max()
    within("eigenvalues, relative to the largest", np.abs(np.sort(e.eigenvalue) - exact).max() / scale, 1e-12)
    size = np.abs(e.eigenvalue.values)
    assert (np.diff(size) <= 1e-12 * scale).all()
    assert (e.signature.values == np.where(e.eigenvalue < 0, -1, 1)).all()
    # sum_i x_ik^2 = |eigenvalue_k|, and centred.
    x = e.coordinate.values
    within("squared length of a coordinate is |eigenvalue|", np.abs((x**2).sum(0) - size).max() / scale, 1e-12)
    centre = np.abs(x[:, size > 1e-9 * scale].sum(0)).max() / np.sqrt(scale)
    within("coordinates are centred, relative", centre, 1e-6)


def test_inpca__negative_eigenvalues_are_kept_with_their_sign() -> None:
    # Four points: two pairs, far from each other within a pair but near across. No Euclidean picture has that.
    squared = np.array([[0, 9, 1, 1], [9, 0, 1, 1], [1, 1, 0, 9], [1, 1, 9, 0]], dtype=float)
    e = tk.inpca(as_distance(squared), None)
    np.testing.assert_allclose(e.eigenvalue, [4.5, 4.5, -3.5, 0], atol=1e-12)
    assert e.signature.values[:3].tolist() == [1, 1, -1]
    # Along the time-like axis the pairs differ; there their squared distance counts negatively.
    time = e.coordinate.values[:, 2]
    np.testing.assert_allclose(np.abs(np.subtract.outer(time, time))[:2, 2:], np.sqrt(3.5), rtol=1e-12)
    np.testing.assert_allclose(rebuilt(e), squared, atol=1e-12)


def test_inpca__one_time_like_axis_alone_can_be_asked_for() -> None:
    e = tk.inpca(as_distance(-np.square(np.subtract.outer([0.0, 1, 5], [0.0, 1, 5]))), 1)
    assert e.signature.values.tolist() == [-1]
    np.testing.assert_allclose(np.abs(np.diff(e.coordinate.values[:, 0])), [1, 4])


# --- the same as other methods where they apply -------------------------------------------------------------------


@given(st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_inpca__of_euclidean_distances_is_classical_scaling(m: int, dim: int, seed: int) -> None:
    from sklearn.manifold import ClassicalMDS

    dim = min(dim, m - 1)
    x = np.random.default_rng(seed).standard_normal((m, dim)) * np.array([8.0, 4.0, 2.0, 1.0])[:dim]
    length = np.sqrt(np.square(x[:, None] - x).sum(-1))
    theirs = ClassicalMDS(n_components=dim, metric="precomputed").fit_transform(length)
    for distance in (as_distance(length, "length"), as_distance(length**2)):
        ours = tk.inpca(distance, dim)
        assert (ours.signature == 1).all()
        # Coordinates are unique up to a sign per component; compare inner products, which are unique.
        gap = np.abs(ours.coordinate.values @ ours.coordinate.values.T - theirs @ theirs.T).max()
        within("InPCA against ClassicalMDS, inner products", gap / np.square(theirs).sum(), 1e-12)
        for k in range(dim):
            mine, other = ours.coordinate.values[:, k], theirs[:, k]
            value = ours.eigenvalue.values
            apart = all(abs(value[k] - v) > 1e-3 * value[0] for i, v in enumerate(value) if i != k)
            if apart:
                gap = min(np.abs(mine - other).max(), np.abs(mine + other).max())
                within("InPCA against ClassicalMDS, coordinates", gap, 1e-8)


def test_inpca__of_hellinger_is_the_pca_of_stacked_amplitudes() -> None:
    from sklearn.decomposition import PCA

    ds = tk.simulate(runs=5, checkpoints=8, spread=0.3, samples=12, classes=6)
    p = tk.points(ds).log_prob.values.astype(np.float64)
    amplitude = np.exp(0.5 * (p - np.logaddexp.reduce(p, axis=-1, keepdims=True))).reshape(len(p), -1)
    # 1 - BC is half a squared Euclidean distance, and a mean over samples.
    theirs = PCA(3, svd_solver="full").fit_transform(amplitude / np.sqrt(2 * ds.sizes["sample"]))
    ours = tk.inpca(tk.pairwise(ds, metric="hellinger"), 3)
    assert (ours.signature == 1).all()
    sign = np.sign((ours.coordinate.values * theirs).sum(0))
    within("hellinger InPCA against PCA of amplitudes", np.abs(ours.coordinate.values - sign * theirs).max(), 1e-9)


def test_inpca__lanczos_agrees_with_the_dense_solver() -> None:
    d = simulated(540)
    lanczos = tk.inpca(d, 4)
    assert lanczos.attrs["solver"] == "lanczos"
    dense = tk.inpca(d, 40).isel(component=slice(4))
    assert dense.attrs["solver"] == "dense"  # too many components for iterations
    assert (dense.signature == lanczos.signature).all()
    for name in ("coordinate", "eigenvalue", "explained_stress", "explained_distance"):
        within(f"lanczos against dense, {name}", float(np.abs(dense[name] - lanczos[name]).max()), 1e-9)


def test_inpca__lanczos_is_the_same_each_time() -> None:
    d = simulated(510)
    assert tk.inpca(d, 3).identical(tk.inpca(d, 3))


# --- what is explained --------------------------------------------------------------------------------------------


@given(symmetric(3))
def test_inpca__explained_stress_and_distance_are_their_definitions(squared: NDArray[np.float64]) -> None:
    n = len(squared) - 1
    e = tk.inpca(as_distance(squared), n)
    stress, distance = oracles.explained(squared, e.coordinate.values, e.signature.values)
    # Near 1 the square root in the stress turns 1e-16 into 1e-8.
    within("explained stress against loops", np.abs(e.explained_stress - stress).max(), 1e-6)
    within(
        "explained stress against loops, squared",
        np.abs((1 - e.explained_stress) ** 2 - (1 - np.array(stress)) ** 2).max(),
        1e-12,
    )
    within("explained distance against loops", np.abs(e.explained_distance - distance).max(), 1e-11)
    assert (np.diff(e.explained_stress) >= 0).all()


@given(symmetric(4, 10), st.integers(1, 3))
def test_inpca__the_first_components_do_not_depend_on_how_many_are_asked_for(
    squared: NDArray[np.float64], n: int
) -> None:
    few, all_of_them = tk.inpca(as_distance(squared), n), tk.inpca(as_distance(squared), None)
    xr.testing.assert_allclose(few, all_of_them.sel(component=slice(1, n)), rtol=1e-9)


# --- signs, permutations and copies -------------------------------------------------------------------------------


@given(symmetric(3))
def test_inpca__signs_are_deterministic(squared: NDArray[np.float64]) -> None:
    e = tk.inpca(as_distance(squared), None)
    assert e.identical(tk.inpca(as_distance(squared.copy()), None))
    x = e.coordinate.values
    largest = x[np.abs(x).argmax(0), np.arange(x.shape[1])]
    assert (largest >= 0).all()


@given(symmetric(4), st.randoms(use_true_random=False))
def test_inpca__permuting_points_permutes_coordinates(squared: NDArray[np.float64], random: Any) -> None:
    order = random.sample(range(len(squared)), len(squared))
    before, after = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(squared[np.ix_(order, order)]), 2)
    value = np.abs(tk.inpca(as_distance(squared), 4).eigenvalue.values)
    if np.diff(value[:3]).max() < -1e-3 * value[0]:  # no axis is ambiguous
        gap = np.abs(before.coordinate.values[order] - after.coordinate.values).max() / np.sqrt(value[0])
        within("InPCA of permuted points, relative", gap, 1e-9)


@given(symmetric(3, 8), st.data())
def test_inpca__weights_in_proportion_to_multiplicities_equal_repetition(
    squared: NDArray[np.float64], data: st.DataObject
) -> None:
    m = len(squared)
    times = data.draw(st.lists(st.integers(1, 4), min_size=m, max_size=m))
    repeat = np.repeat(np.arange(m), times)
    repeated = tk.inpca(as_distance(squared[np.ix_(repeat, repeat)]), m - 1)
    weighted = tk.inpca(as_distance(squared), m - 1, weights=times)
    value = weighted.eigenvalue.values
    top = np.abs(value).max()
    within(
        "weighted eigenvalues times points, relative",
        np.abs(value * len(repeat) - repeated.eigenvalue.values).max() / top,
        1e-10,
    )
    for name in ("explained_stress", "explained_distance"):
        within(f"weights equal repetition, {name}", float(np.abs(weighted[name] - repeated[name]).max()), 1e-6)
    # Distances within the picture are unique even where axes of equal eigenvalue are not.
    first = np.concatenate([[0], np.cumsum(times)[:-1]])
    gap = np.abs(rebuilt(weighted) - rebuilt(repeated.isel(point=first))).max() / squared.max()
    within("weights equal repetition, distances in the picture", gap, 1e-9)
    size = np.abs(value)
    apart = [
        k
        for k in range(m - 1)
        if all(abs(size[k] - s) > 1e-3 * top for i, s in enumerate(size) if i != k) and size[k] > 1e-3 * top
    ]
    gap = np.abs(weighted.coordinate.values - repeated.coordinate.values[first])[:, apart] / np.sqrt(squared.max())
    within("weights equal repetition, coordinates", gap.max() if apart else 0.0, 1e-8)


@given(symmetric(3))
def test_inpca__equal_weights_change_the_eigenvalues_by_the_number_of_points_alone(
    squared: NDArray[np.float64],
) -> None:
    m = len(squared)
    plain, weighted = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(squared), 2, weights=np.full(m, 7))
    np.testing.assert_allclose(weighted.eigenvalue * m, plain.eigenvalue, rtol=1e-9)
    within("equal weights, coordinates", np.abs(rebuilt(plain) - rebuilt(weighted)).max() / squared.max(), 1e-9)
    np.testing.assert_allclose(plain.weight, 1 / m, rtol=1e-15)
    np.testing.assert_allclose(weighted.weight.sum(), 1)


@given(symmetric(3), st.sampled_from([1e-6, 4.0, 1e9]))
def test_inpca__scaling_the_distances_scales_the_picture(squared: NDArray[np.float64], factor: float) -> None:
    before, after = tk.inpca(as_distance(squared), 2), tk.inpca(as_distance(factor * squared), 2)
    gap = np.abs(after.coordinate / np.sqrt(factor) - before.coordinate).max() / np.sqrt(squared.max())
    within("InPCA of scaled distances, relative", float(gap), 1e-8)
    np.testing.assert_allclose(after.explained_distance, before.explained_distance, atol=1e-9)


@given(symmetric())
def test_inpca__a_length_is_squared_first(squared: NDArray[np.float64]) -> None:
    plain, from_length = tk.inpca(as_distance(squared), 1), tk.inpca(as_distance(np.sqrt(squared), "length"), 1)
    within("length against squared length", relative(from_length.eigenvalue, plain.eigenvalue.values), 1e-10)


def test_inpca__edits_nothing_and_keeps_attributes() -> None:
    d = simulated(30)
    before = d.copy(deep=True)
    e = tk.inpca(d, weights=np.arange(1, 31))
    assert d.identical(before)
    kept = e.copy(deep=True)
    tk.project(e, d)
    assert e.identical(kept)
    assert e.attrs == {"solver": "dense", "metric": "bhattacharyya", "scale": "squared length"}
    for name in ("run", "checkpoint", "architecture", "seed", "kind"):
        xr.testing.assert_equal(e[name].variable, d[name].variable)
    assert e.component.values.tolist() == [1, 2, 3]


# --- project ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "steep"])
@pytest.mark.parametrize("metric", METRICS)
def test_project__an_embedded_point_gets_its_own_coordinates(metric: str, weights: str | None) -> None:
    d = simulated(40, metric)
    e = tk.inpca(d, 6, weights=None if weights is None else np.linspace(1, 9, 40))
    assert metric == "hellinger" or (e.signature == -1).any()
    again = tk.project(e, d)
    for sign, kind in ((1, "space-like"), (-1, "time-like")):
        gap = np.abs(again.coordinate - e.coordinate).values[:, e.signature.values == sign]
        within(f"project of an embedded point, {kind} axes", gap.max(initial=0), 1e-8)
    xr.testing.assert_equal(again.run.variable, d.run.variable)


@given(symmetric(4), st.data())
def test_project__is_gowers_formula(squared: NDArray[np.float64], data: st.DataObject) -> None:
    m = len(squared)
    e = tk.inpca(as_distance(squared), 2)
    new = np.array(data.draw(st.lists(st.floats(0, 10), min_size=m, max_size=m))) * squared.max()
    got = tk.project(e, as_distance(new[None])).coordinate.values[0]
    mean = squared.mean(0)
    b = [-0.5 * (new[j] - new.mean() - mean[j] + squared.mean()) for j in range(m)]
    value = e.eigenvalue.values
    vector = e.coordinate.values / np.sqrt(np.abs(value))
    exact = [
        sum(b[j] * vector[j, k] for j in range(m)) / (np.sign(value[k]) * np.sqrt(abs(value[k]))) for k in range(2)
    ]
    scale = max(np.abs(b).max(), squared.max()) / np.sqrt(np.abs(value[-1]))
    within("project against Gower's formula, relative", np.abs(got - exact).max() / scale, 1e-10)


def test_project__points_of_a_flat_space_land_where_they_are() -> None:
    random = np.random.default_rng(0)
    old, new = random.standard_normal((12, 3)), random.standard_normal((5, 3))
    e = tk.inpca(as_distance(np.square(old[:, None] - old).sum(-1)), 3)
    x = tk.project(e, as_distance(np.square(new[:, None] - old).sum(-1))).coordinate.values
    lengths = np.square(x[:, None] - e.coordinate.values).sum(-1)
    within("project in a flat space, distances", np.abs(lengths - np.square(new[:, None] - old).sum(-1)).max(), 1e-11)


def test_project__components_of_rounding_noise_are_refused() -> None:
    # The points of one line have one component; whatever stands in others is noise.
    x = np.linspace(0, 1, 9)
    d = as_distance(np.square(np.subtract.outer(x, x)))
    e = tk.inpca(d, 3)
    with pytest.raises(
        ValueError, match=r"components \[2, 3\] have eigenvalues that are rounding noise.*slice\(1, k\)"
    ):
        tk.project(e, d)
    again = tk.project(e.sel(component=slice(1, 1)), d)
    np.testing.assert_allclose(again.coordinate, e.coordinate[:, :1], atol=1e-14)
    full = tk.inpca(simulated(30), None)
    with pytest.raises(ValueError, match="rounding noise"):
        tk.project(full, simulated(30))


def test_project__wrong_columns_are_refused() -> None:
    ds = tk.simulate(runs=4, checkpoints=5)
    old, new = ds.isel(run=[0, 1, 2]), ds.isel(run=[3])
    e = tk.inpca(tk.pairwise(old))
    d = tk.pairwise(new, old)
    with pytest.raises(ValueError, match=r"wanted distances .* to the 15 embedded points, got"):
        tk.project(e, tk.pairwise(new, ds.isel(run=[0])))
    with pytest.raises(ValueError, match=r"wanted distances \(point, point2\)"):
        tk.project(e, d.T)
    with pytest.raises(ValueError, match="not the embedded points in their order: run2 differs"):
        tk.project(e, tk.pairwise(new, ds.isel(run=[1, 0, 2])))
    with pytest.raises(ValueError, match="metric 'bhattacharyya', the distances 'hellinger'"):
        tk.project(e, tk.pairwise(new, old, metric="hellinger"))
    with pytest.raises(ValueError, match="embedding has cap None, the distances 9"):
        tk.project(e, tk.pairwise(new, old, cap=9))
    with pytest.raises(ValueError, match="1 distances are NaN or infinite"):
        tk.project(e, d.copy(data=np.where(np.arange(75).reshape(5, 15) == 7, np.nan, d.values)))
    with pytest.raises(ValueError, match=r"wanted an embedding along 'point'.*points\(embedding\)"):
        tk.project(tk.unstack(e.drop_vars("mean_distance")), d)


# --- embed --------------------------------------------------------------------------------------------------------


@given(datasets(least_points=2), metrics)
def test_embed__is_references_pairwise_and_inpca_in_one_go(ds: xr.Dataset, metric: str) -> None:
    before = ds.copy(deep=True)
    e = tk.embed(ds, 2, metric=metric, cap=1e5 if metric == "bhattacharyya" else None)
    assert ds.identical(before)
    full = tk.with_references(ds)
    step_by_step = tk.inpca(tk.pairwise(full, metric=metric, cap=1e5 if metric == "bhattacharyya" else None), 2)
    assert e.coordinate.dims == ("run", "checkpoint", "component")
    assert (tk.points(e).coordinate.values == step_by_step.coordinate.values).all()
    assert (e.coordinate.isnull().any("component") == (full.step < 0)).all()
    assert (e.step.values == full.step.values).all()
    for name in ("architecture", "learning_rate", "width", "augmentation", "kind"):
        xr.testing.assert_equal(e[name].variable, full[name].variable)


@pytest.mark.parametrize("references", [True, False])
def test_embed__merges_with_its_dataset(references: bool) -> None:
    ds = tk.simulate(runs=4, ragged=True, spread=0.2).assign_coords(weight_decay=("run", [0.1, np.nan, np.nan, 0.1]))
    if references:
        ds = tk.with_references(ds)
    e = tk.embed(ds, references=references)
    merged = ds.merge(e, compat="no_conflicts")
    assert merged.log_prob.identical(ds.log_prob)
    assert merged.coordinate.variable.identical(e.coordinate.variable)
    assert dict(merged.sizes) == dict(ds.sizes) | {"component": 3}
    assert merged.drop_vars([n for n in merged.variables if n not in ds.variables]).equals(ds)
    # The variables alone are simply assigned.
    assert ds.assign(e[["coordinate"]]).coordinate.variable.identical(e.coordinate.variable)
    # And the merged dataset is still one: it can be selected from, embedded anew and saved.
    tk.validate(merged)
    assert tk.select(merged, kind="network", step=(0, 5)).coordinate.notnull().any()


def test_embed__existing_references_are_not_added_again() -> None:
    ds = tk.with_references(tk.simulate(runs=2), n_geodesic=4)
    assert tk.embed(ds).run.equals(ds.run)
    assert tk.embed(tk.simulate(runs=2), references=False).run.values.tolist() == ["A-0", "B-0"]


def test_embed__project_takes_it_back_as_points() -> None:
    ds = tk.simulate(runs=4, checkpoints=6, spread=0.2, ragged=True)
    e = tk.points(tk.embed(ds, references=False))
    again = tk.project(e, tk.pairwise(ds))
    within(
        "project of an embedded point, back from (run, checkpoint)",
        float(np.abs(again.coordinate - e.coordinate).max()),
        1e-8,
    )


def test_embed__runs_of_one_point_keep_their_attributes() -> None:
    ds = tk.simulate(runs=3, checkpoints=1)
    log_prob = tk.simulate(runs=3, checkpoints=5, spread=0.3).log_prob.isel(checkpoint=[3]).values
    e = tk.embed(ds.assign(log_prob=(ds.log_prob.dims, log_prob)), 1, references=False)
    assert e.architecture.dims == e.seed.dims == ("run",)
    assert e.step.dims == ("run", "checkpoint")


def test_embed__bad_inputs() -> None:
    ds = tk.simulate(runs=2)
    with pytest.raises(tk.SchemaError, match="'kind' is missing"):
        tk.embed(ds.drop_vars("kind"))
    with pytest.raises(ValueError, match="unknown metric 'euclid'"):
        tk.embed(ds, metric="euclid")
    with pytest.raises(ValueError, match=r"n_components: wanted 1 to 92 .* got 93"):
        tk.embed(ds, 93)
    lost = ds.log_prob.values.copy()
    lost[1, 3] = tk.truth(ds.assign_coords(label=(ds.label + 1) % 5)).values
    with pytest.raises(ValueError, match=r"infinite.*run 'B-0', checkpoint 3"):
        tk.embed(ds.assign(log_prob=(ds.log_prob.dims, lost)))
    assert tk.embed(ds.assign(log_prob=(ds.log_prob.dims, lost)), cap=30).attrs["cap"] == 30


# --- bad matrices -------------------------------------------------------------------------------------------------

SQUARE = np.array([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])


def changed(at: tuple[int, int], value: float) -> NDArray[np.float64]:
    out = SQUARE.copy()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        (as_distance(SQUARE[:2]), r"wanted a square matrix \(point, point2\), got \{'point': 2, 'point2': 3\}"),
        (as_distance(SQUARE).rename(point2="other"), "wanted a square matrix"),
        (as_distance(SQUARE).drop_attrs(), r'attrs\["scale"\] is None: set it to "squared length"'),
        (as_distance(SQUARE, "metres"), "is 'metres'"),
        (as_distance(changed((0, 1), 1.5)), r"not symmetric.*symmetrise it first"),
        (as_distance(changed((1, 1), 0.5)), "the diagonal .* is not zero"),
        (as_distance(changed((0, 2), np.nan)), "1 distances are NaN or infinite; drop their points or pass cap="),
        (as_distance(changed((0, 2), np.inf)), "1 distances are NaN or infinite"),
        (as_distance(np.zeros((3, 3))), r"all points coincide \(every distance is zero\)"),
        (as_distance(np.zeros((1, 1))), "all points coincide"),
    ],
)
def test_inpca__bad_matrices_are_refused(distance: xr.DataArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.inpca(distance, 1)


@pytest.mark.parametrize("n", [0, -1, 4])
def test_inpca__as_many_components_as_points_at_most(n: int) -> None:
    with pytest.raises(ValueError, match=rf"n_components: wanted 1 to 3 \(the number of points\), got {n}"):
        tk.inpca(as_distance(SQUARE), n)


def test_inpca__wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"wanted an xarray.DataArray \(point, point2\), got ndarray"):
        tk.inpca(SQUARE)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        tk.inpca(as_distance(SQUARE), 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [[], [1, 2], [1, 0, 1], [1, -1, 1], [1, np.nan, 1], [1, np.inf, 1], 1, [[1, 1, 1]]])
def test_inpca__weights_are_one_positive_number_per_point(weights: Any) -> None:
    with pytest.raises(ValueError, match="weights: wanted 3 positive numbers, one per point"):
        tk.inpca(as_distance(SQUARE), 1, weights=weights)


@pytest.mark.parametrize("known", [None, 7])
def test_points_with_references__are_those_of_runs_side_by_side(known) -> None:
    ds = tk.simulate(runs=4, ragged=True, spread=0.3)
    ds = ds.assign(progress=tk.progress(ds))
    ds = ds if known is None else tk.with_references(ds, known)
    xr.testing.assert_identical(
        points_with_references(ds).drop_attrs(), tk.points(with_missing_references(ds)).drop_attrs()
    )


def test_embed__takes_datasets_with_results_of_their_own() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
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


def test_align__gives_what_figures_draw_and_takes_what_project_gives() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    distance = tk.pairwise(ds)
    embedding = tk.inpca(distance)
    np.testing.assert_allclose(
        tk.align(embedding, tk.project(embedding, distance)).coordinate, embedding.coordinate, atol=1e-8
    )
    aligned = tk.align(tk.embed(ds), tk.embed(ds.isel(run=[0, 1, 2, 3])))
    assert "explained" not in tk.figures.manifold(aligned).layout.scene.xaxis.title.text


def test_project__onto_landmarks_alone() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    stacked = tk.points(tk.embed(ds, landmarks=80))
    everything = tk.points(tk.with_references(ds))
    with pytest.raises(ValueError, match="is_landmark"):
        tk.project(stacked, tk.pairwise(ds, everything))
    chosen = stacked.is_landmark.values
    placed = tk.project(stacked.isel(point=chosen), tk.pairwise(ds, everything.isel(point=chosen)))
    assert np.isfinite(placed.coordinate).all()
