"""Laws of tangents, of the four-point basis and of the order in which samples are learned."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import trajkit as tk

# tangent_angles


def test_tangent_angles__are_sums_over_samples_of_great_circle_tangents():
    ds = tk.simulate(runs=3, samples=12, checkpoints=41, spread=0.4)
    found = tk.tangent_angles(tk.with_references(ds, 3), near=0.2)
    even = tk.resample(ds, 21)
    for end, here, there, at in (
        ("start", tk.ignorance(ds), tk.truth(ds), 4),
        ("end", tk.truth(ds), tk.ignorance(ds), 16),
    ):
        road = tk.tangent(here, there)
        towards = [tk.tangent(here, even.log_prob[r, at]) for r in range(3)]
        aside = [v - float((v * road).sum() / (road**2).sum()) * road for v in towards]
        for u, v in itertools.combinations(range(3), 2):
            for name, vectors in (("angle", towards), ("sideways", aside)):
                a, b = vectors[u], vectors[v]
                cosine = float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
                expected = np.degrees(np.arccos(cosine))
                assert float(found[name].sel(end=end)[u, v]) == pytest.approx(expected, abs=1e-5)
        cosine = [float((v * road).sum() / np.sqrt((v**2).sum() * (road**2).sum())) for v in towards]
        np.testing.assert_allclose(found.to_geodesic.sel(end=end), np.degrees(np.arccos(cosine)), atol=1e-5)


def test_tangent_angles__are_symmetric_and_the_order_of_runs_is_no_matter():
    ds = tk.simulate(runs=4, samples=30, spread=0.3)
    found = tk.tangent_angles(ds)
    order = [2, 0, 3, 1]
    mixed = tk.tangent_angles(ds.isel(run=order))
    for name in ("angle", "sideways"):
        np.testing.assert_allclose(found[name], found[name].values.swapaxes(1, 2))
        assert (found[name].values[:, range(4), range(4)] == 0).all()
        np.testing.assert_allclose(mixed[name], found[name].values[:, order][:, :, order], atol=1e-6)


def test_tangent_angles__runs_on_the_geodesic_have_no_sideways_direction():
    ds = tk.simulate(runs=2, samples=10)
    found = tk.tangent_angles(ds)
    assert found.angle.max() < 1e-3
    assert found.sideways.isnull().all()


def test_tangent_angles__refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="near: wanted"):
        tk.tangent_angles(tk.simulate(), near=0.7)
    still = tk.from_arrays(prob=np.full((2, 2, 4, 2), 0.5), label=[0, 1, 0, 1], runs={"seed": [0, 1]})
    with pytest.raises(ValueError, match="take a larger near"):
        tk.tangent_angles(still)


# four_point_basis


def test_four_point_basis__gives_its_own_points_back_and_explains_no_more_than_all():
    ds = tk.simulate(runs=4, samples=20, spread=0.4)
    found = tk.four_point_basis(ds)
    x, sign = found.basis_coordinate.values, found.signature.sel(basis="few points").values
    even = tk.resample(ds, 21).log_prob
    means = [np.log(np.exp(even[:, at]).mean("run")) for at in (6, 14)]
    four = [tk.ignorance(ds), *means, tk.truth(ds)]
    for i, j in itertools.combinations(range(4), 2):
        expected = float(tk.bhattacharyya(four[i], four[j]))
        assert float((sign * (x[i] - x[j]) ** 2).sum()) == pytest.approx(expected, rel=1e-5)
    stress = found.explained_stress.isel(component=-1)
    assert float(stress.sel(basis="few points")) < float(stress.sel(basis="inpca"))
    whole = tk.embed(ds, 3, references=False)
    np.testing.assert_allclose(found.explained_distance.sel(basis="inpca"), whole.explained_distance, rtol=1e-6)
    assert found.coordinate.sizes == {"run": 4, "checkpoint": 20, "component": 3}


def test_four_point_basis__takes_other_points_and_refuses_none():
    ds = tk.simulate(runs=3, samples=10, spread=0.3)
    found = tk.four_point_basis(ds, at=(0.5,))
    assert found.basis_point.values.tolist() == ["ignorance", "mean at 0.5", "truth"]
    assert found.sizes["component"] == 2
    for arguments, match in [
        ({"at": ()}, "at: wanted"),
        ({"at": (0.0, 0.5)}, "at: wanted"),
        ({"at": (0.3, 0.31)}, "at: wanted"),
        ({"n_components": 4}, "n_components: wanted 1 to 3"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.four_point_basis(ds, **arguments)


# learning_order


def with_ease(shared: float, of_group: float, own: float, seed: int = 0) -> xr.Dataset:
    """Runs in two groups of four that learn samples as easily as all, their group, or they alone find them."""
    random, label = np.random.default_rng(seed), np.arange(80) % 4
    group = np.repeat([0, 1], 4)
    ease = shared * random.random(80) + of_group * random.random((2, 80))[group] + own * random.random((8, 80))
    logits = 8 * np.linspace(0, 1, 6)[:, None, None] * ease[:, None, :, None] * np.eye(4)[label]
    return tk.from_arrays(logits=logits, label=label, runs={"architecture": list("aaaabbbb"), "seed": [0, 1, 2, 3] * 2})


def test_learning_order__is_spearmans_correlation_of_confidences():
    ds = with_ease(1, 0.5, 0.5)
    found = tk.learning_order(ds, "architecture", null_draws=2)
    confidence = tk.data_map(ds).confidence
    expected = stats.spearmanr(confidence, axis=1).statistic
    np.testing.assert_allclose(found.agreement, expected, atol=1e-12)
    alike = ds.architecture.values[:, None] == ds.architecture.values
    upper = np.triu(np.ones((8, 8), dtype=bool), 1)
    within, between = expected[alike & upper].mean(), expected[~alike & upper].mean()
    np.testing.assert_allclose(found.estimate, [within, between, between / within])
    np.testing.assert_allclose(found.of_groups[0, 1], between)
    assert (found.lower < found.estimate).all()
    assert (found.estimate < found.upper).all()


def test_learning_order__the_share_of_the_ceiling_is_one_where_groups_do_not_matter():
    alike = tk.learning_order(with_ease(1, 0, 0.5), "architecture", null_draws=19)
    share = alike.sel(quantity="share of ceiling")
    assert share.lower < 1 < share.upper
    assert (alike.p_value.sel(quantity=["within", "between"]) == 0.05).all()
    apart = tk.learning_order(with_ease(1, 1, 0.3), "architecture", null_draws=19)
    assert apart.upper.sel(quantity="share of ceiling") < 0.9
    none = tk.learning_order(with_ease(0, 0, 1), "architecture", null_draws=19)
    assert (none.p_value.sel(quantity=["within", "between"]) > 0.05).all()


@pytest.mark.parametrize("measure", ["correctness", "learned"])
def test_learning_order__of_other_measures_and_over_samples(measure):
    random = np.random.default_rng(1)
    label = np.arange(60) % 3
    right = random.random((6, 1, 60)) * 0.5 + random.random(60) < np.linspace(0, 1.2, 7)[:, None]
    prob = np.where(right[..., None], np.eye(3)[label] * 0.7 + 0.1, np.eye(3)[(label + 1) % 3] * 0.7 + 0.1)
    ds = tk.from_arrays(prob=prob, label=label, runs={"architecture": list("aabbcc"), "seed": [0, 1] * 3})
    found = tk.learning_order(
        ds, "architecture", measure=measure, over="sample", interval="percentile", draws=50, null_draws=9
    )
    assert (found.lower < found.upper).all()
    assert float(found.estimate[1]) > 0.3
    with pytest.raises(ValueError, match="too few"):
        tk.learning_order(ds, "architecture")


def test_learning_order__refuses_what_makes_no_sense():
    ds = with_ease(1, 0, 1)
    for arguments, match in [
        ({"by": "depth"}, "no run attribute"),
        ({"measure": "loss"}, "measure: wanted one of"),
        ({"null_draws": 0}, "null_draws: wanted one draw"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.learning_order(ds, **({"by": "architecture"} | arguments))
    with pytest.raises(ValueError, match="differs for every run"):
        tk.learning_order(ds.isel(run=[0, 4]), "architecture")
    with pytest.raises(ValueError, match="all samples alike"):
        tk.learning_order(with_ease(0, 0, 0), "architecture")
