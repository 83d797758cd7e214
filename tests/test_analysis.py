"""Laws of what is said about trajectories: nulls, trees, groups, intervals."""

from __future__ import annotations

import inspect
import itertools
import re

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import trajkit as tk
from trajkit.analysis.bootstrap_units import with_copies


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.with_references(tk.simulate(runs=5, samples=60, spread=0.3, ragged=True), n_geodesic=9)


@pytest.mark.parametrize(
    "measure",
    [tk.loss, tk.error, tk.progress, lambda d: tk.progress(d, "bhattacharyya"), tk.distance_to_geodesic, tk.length],
)
@pytest.mark.parametrize("split", [None, "train", "test"])
def test_shuffle__keeps_what_depends_on_labels_alone(ds, measure, split):
    null = tk.shuffle_within_class(ds, seed=1)
    if split:
        ds, null = tk.select(ds, split=split), tk.select(null, split=split)
    np.testing.assert_allclose(measure(null), measure(ds), atol=1e-6)


def test_shuffle__permutes_each_run_its_own_way_within_class_and_split(ds):
    null = tk.shuffle_within_class(ds)
    permutations = set()
    for run in ds.run.values[:5]:
        before, after = ds.log_prob.sel(run=run).values, null.log_prob.sel(run=run).values
        place = [int(np.flatnonzero((before[3] == row).all(-1))[0]) for row in after[3]]
        assert sorted(place) == list(range(60))
        np.testing.assert_array_equal(after, before[:, place])
        np.testing.assert_array_equal(ds.label.values[place], ds.label.values)
        np.testing.assert_array_equal(ds.split.values[place], ds.split.values)
        permutations.add(tuple(place))
    assert len(permutations) == 5


def test_shuffle__leaves_references_and_its_input(ds):
    before = ds.copy(deep=True)
    null = tk.shuffle_within_class(ds)
    assert ds.identical(before)
    references = ds.kind == "reference"
    assert null.sel(run=references).identical(ds.sel(run=references))


def test_shuffle__the_same_seed_gives_the_same_and_another_another(ds):
    assert tk.shuffle_within_class(ds, 3).identical(tk.shuffle_within_class(ds, 3))
    assert not tk.shuffle_within_class(ds, 3).equals(tk.shuffle_within_class(ds, 4))


@pytest.mark.parametrize("measure", [tk.loss, tk.error, tk.progress, tk.distance_to_geodesic])
def test_shuffle_confusions__keeps_what_does_not_tell_wrong_classes_apart(ds, measure):
    null = tk.shuffle_confusions(ds, seed=1)
    np.testing.assert_allclose(measure(null), measure(ds), atol=1e-6)
    confidence = tk.data_map(ds).confidence
    np.testing.assert_allclose(tk.data_map(null).confidence, confidence, atol=1e-6)


def test_shuffle_confusions__permutes_wrong_classes_alike_at_all_checkpoints(ds):
    before = ds.copy(deep=True)
    null = tk.shuffle_confusions(ds)
    assert ds.identical(before)
    references = ds.kind == "reference"
    assert null.sel(run=references).identical(ds.sel(run=references))
    orders = set()
    for sample in range(20):
        a, b = (d.log_prob.values[0, 5:8, sample] for d in (ds, null))
        order = [int(np.flatnonzero(a[0] == value)[0]) for value in b[0]]
        np.testing.assert_array_equal(b, a[:, order])
        assert order[int(ds.label[sample])] == int(ds.label[sample])
        orders.add(tuple(order))
    assert len(orders) > 5
    assert tk.shuffle_confusions(ds, 3).identical(tk.shuffle_confusions(ds, 3))


def test_shuffle_confusions__parts_runs_that_confuse_alike():
    """Simulated runs of a group bend towards the same wrong classes, and in nothing else."""
    ds = tk.simulate(runs=3, samples=60, checkpoints=8, groups=1, spread=0.3)
    found = tk.null_test(ds, null_draws=4, null=tk.shuffle_confusions)
    assert found.attrs["null"] == "shuffle_confusions"
    assert float(found.median_ratio) < 0.3
    assert float(found.share_below) == 1


def test_shuffle__parts_runs_that_bend_alike(ds):
    """What runs of one group have in common is lost, what all share with the geodesic is not."""
    alike = ds.sel(run=["A-0", "A-1"])
    apart = tk.trajectory_distance(tk.shuffle_within_class(alike), n=20)
    assert float(tk.trajectory_distance(alike, n=20)[0, 1]) < 0.5 * float(apart[0, 1])


# null_test


@pytest.mark.parametrize("metric", ["bhattacharyya", "hellinger", "fisher_rao", "jeffreys", "jensen_shannon"])
def test_null_test__by_default_compares_trajectory_distances(metric):
    ds = tk.simulate(runs=4, samples=30, spread=0.3, ragged=True)
    cap = 9.0 if metric == "jeffreys" else None
    test = tk.null_test(ds, null_draws=1, seed=5, metric=metric, cap=cap)
    distance = tk.trajectory_distance(ds, n=20, metric=metric, cap=cap)
    same = tk.null_test(ds, lambda d: tk.trajectory_distance(d, n=20, metric=metric, cap=cap), null_draws=1, seed=5)
    assert test.observed.attrs["units"] == distance.attrs["units"]
    assert test.sizes == {"pair": 6, "draw": 1}
    np.testing.assert_allclose(test.observed, same.observed, rtol=1e-6)
    np.testing.assert_allclose(test.null, same.null, rtol=1e-6)
    for pair in range(6):
        at = test.isel(pair=pair)
        expected = float(distance.sel(run=at.run.item(), run2=at.run2.item()))
        assert float(at.observed) == pytest.approx(expected, rel=1e-6)
        assert float(at.ratio) == pytest.approx(expected / float(at.null.mean()), rel=1e-6)


def mean_distance(ds: xr.Dataset) -> xr.DataArray:
    """Mean over pairs of runs of -log of the mean overlap at the middle checkpoint."""
    root = np.exp(0.5 * ds.log_prob.values[:, ds.sizes["checkpoint"] // 2])
    pairs = np.triu_indices(len(root), 1)
    return xr.DataArray(-np.log(np.einsum("unc,vnc->uv", root, root)[pairs] / root.shape[1]).mean())


def test_null_test__shuffling_both_runs_is_as_good_as_shuffling_one():
    ds = tk.simulate(runs=2, samples=100, groups=1, spread=0.3)
    both = tk.null_test(ds, mean_distance, null_draws=40).null.values
    one = []
    for seed in range(40):
        null = tk.shuffle_within_class(ds, seed)
        one.append(mean_distance(ds.assign(log_prob=ds.log_prob.where(ds.seed == 0, null.log_prob))))
    assert both.mean() == pytest.approx(np.mean(one), rel=0.03)


def test_null_test__runs_that_bend_alike_are_closer_than_their_null_and_others_as_far():
    ds = tk.simulate(runs=6, samples=100, groups=2, spread=0.3)
    apart = tk.null_test(ds, null_draws=4, by="architecture")
    assert apart.sizes["pair"] == 9
    assert float(apart.median_ratio) == pytest.approx(1, abs=0.2)
    alike = tk.null_test(ds.sel(run=ds.architecture == "A"), null_draws=4)
    assert float(alike.median_ratio) < 0.3
    assert float(alike.share_below) == 1
    assert float(alike.overall_p_value) == 0.2
    assert (alike.p_value == 0.2).all()


@pytest.mark.parametrize(("metric", "power"), [("bhattacharyya", 1), ("hellinger", 1), ("fisher_rao", 2)])
def test_null_test__the_straight_road_is_the_sum_of_both_distances_to_the_geodesic(metric, power):
    ds = tk.simulate(runs=3, samples=100, groups=3, spread=0.3)
    test = tk.null_test(ds, null_draws=1, metric=metric)
    distance = tk.trajectory_distance(tk.with_references(ds), n=20, metric=metric).sel(run="geodesic") ** power
    expected = distance.sel(run2=test.run.values).values + distance.sel(run2=test.run2.values).values
    np.testing.assert_allclose(test.straight, expected ** (1 / power), rtol=1e-3)
    # Three groups bend in unrelated directions.
    np.testing.assert_allclose(test.observed / test.straight, 1, atol=0.2)


def test_null_test__has_no_straight_road_where_truth_is_infinitely_far():
    ds = tk.simulate(runs=2, samples=20, checkpoints=4, spread=0.3).isel(checkpoint=slice(0, 3))
    assert "straight" not in tk.null_test(ds, null_draws=1, metric="jeffreys")
    assert "straight" in tk.null_test(ds, null_draws=1, metric="jeffreys", cap=5.0)


def test_null_test__p_values_are_uniform_where_the_null_is_true():
    ds = tk.from_arrays(
        prob=np.random.default_rng(0).dirichlet(np.ones(4), (3, 1, 20)),
        label=np.arange(20) % 2,
        runs={"seed": [0, 1, 2]},
    )
    p = [
        float(tk.null_test(tk.shuffle_within_class(ds, s), mean_distance, null_draws=9, seed=s + 1).p_value)
        for s in range(99)
    ]
    assert stats.kstest(np.array(p) - np.random.default_rng(0).random(99) / 10, "uniform").pvalue > 0.01
    greater = tk.null_test(ds, mean_distance, null_draws=9, alternative="greater")
    less = tk.null_test(ds, mean_distance, null_draws=9)
    assert float(greater.p_value + less.p_value) == pytest.approx(1.1)


def test_null_test__takes_any_statistic_and_leaves_its_input():
    ds = tk.simulate(runs=2, spread=0.3)
    before = ds.copy(deep=True)
    test = tk.null_test(ds, tk.loss, null_draws=2)
    np.testing.assert_allclose(test.null, np.stack([test.observed] * 2), atol=1e-6)
    assert ds.identical(before)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"null_draws": 0}, "null_draws: wanted one draw"),
        ({"alternative": "two-sided"}, "alternative: wanted 'less' or 'greater'"),
        ({"by": "optimizer"}, "no run attribute 'optimizer'"),
        ({"metric": "kullback_leibler"}, "not symmetric: wanted one of"),
        ({"statistic": mean_distance, "metric": "hellinger"}, "give them to it"),
        ({"statistic": lambda d: 1.0}, "wanted one that returns a DataArray"),
        ({"statistic": lambda d: xr.DataArray(np.nan)}, "finite"),
        ({"statistic": lambda d: xr.DataArray(1.0), "by": "architecture"}, "picks pairs of runs"),
    ],
)
def test_null_test__refuses_what_makes_no_sense(ds, arguments, match):
    with pytest.raises(ValueError, match=match):
        tk.null_test(ds.sel(run=ds.kind == "network"), **arguments)


def test_null_test__refuses_one_run_and_groups_of_one_value(ds):
    with pytest.raises(ValueError, match="2 runs"):
        tk.null_test(ds.isel(run=[0]))
    with pytest.raises(ValueError, match="one value, 'A', for all runs"):
        tk.null_test(ds.sel(run=ds.architecture == "A"), by="architecture", null_draws=1)


# compare_groups


def distances_of(x: np.ndarray, **attributes: np.ndarray) -> xr.DataArray:
    """Squared Euclidean distances of rows."""
    values = np.square(x[:, None] - x).sum(-1)
    names = [str(i) for i in range(len(x))]
    coords = {"run": names, "run2": names} | {k: ("run", v) for k, v in attributes.items()}
    return xr.DataArray(values, coords, ("run", "run2"), attrs={"scale": "squared length", "units": "1"})


@pytest.fixture
def table() -> dict[str, np.ndarray]:
    """Two crossed attributes of three and two values, unbalanced, and the coordinates they move."""
    random = np.random.default_rng(1)
    a, b = random.permutation(np.arange(30) % 3), random.permutation(np.arange(30) % 2)
    x = random.standard_normal((30, 4)) + 1.5 * random.standard_normal((3, 4))[a] + 0.5 * b[:, None]
    return {"x": x, "a": np.array(["p", "q", "r"])[a], "b": b}


def test_compare_groups__of_one_coordinate_is_the_analysis_of_variance(table):
    x = table["x"][:, :1]
    found = tk.compare_groups(distances_of(x, a=table["a"]), "a", permutations=1)
    f = stats.f_oneway(*(x[table["a"] == v, 0] for v in "pqr")).statistic
    r_squared = float(found.r_squared.item())
    assert r_squared / 2 / ((1 - r_squared) / 27) == pytest.approx(f, rel=1e-9)


def test_compare_groups__agrees_with_sums_over_pairs(table):
    """SS_total = sum of squared distances / N; SS_within = sum over groups of theirs / n_g (Anderson 2001)."""
    distance = distances_of(table["x"], a=table["a"])
    d, a = distance.values, table["a"]
    pairs = list(itertools.combinations(range(30), 2))
    total = sum(d[i, j] for i, j in pairs) / 30
    within = sum(d[i, j] / (a == a[i]).sum() for i, j in pairs if a[i] == a[j])
    found = tk.compare_groups(distance, "a", permutations=1)
    assert float(found.r_squared.item()) == pytest.approx(1 - within / total, rel=1e-9)
    assert float(found.within.item()) == pytest.approx(np.mean([d[i, j] for i, j in pairs if a[i] == a[j]]))
    assert float(found.between.item()) == pytest.approx(np.mean([d[i, j] for i, j in pairs if a[i] != a[j]]))


def sum_left(x: np.ndarray, *attributes: np.ndarray) -> float:
    """Sum of squares that least squares leave."""
    columns = [np.ones(len(x)), *(v == value for v in attributes for value in np.unique(v))]
    design = np.stack(columns, axis=1).astype(float)
    return float(np.square(x - design @ np.linalg.lstsq(design, x, rcond=None)[0]).sum())


def test_compare_groups__jointly_and_beyond_the_others_is_what_least_squares_explain(table):
    x, a, b = table["x"], table["a"], table["b"]
    found = tk.compare_groups(distances_of(x, a=a, b=b), ["a", "b"], permutations=1)
    total = sum_left(x)
    assert float(found.joint_r_squared) == pytest.approx(1 - sum_left(x, a, b) / total, rel=1e-9)
    unique = [(sum_left(x, b) - sum_left(x, a, b)) / total, (sum_left(x, a) - sum_left(x, a, b)) / total]
    np.testing.assert_allclose(found.unique_r_squared, unique, rtol=1e-9)


def test_compare_groups__a_length_is_squared_and_a_squared_length_is_not(table):
    distance = distances_of(table["x"], a=table["a"])
    length = np.sqrt(distance).assign_attrs(distance.attrs | {"scale": "length"})
    squared, of_length = (
        tk.compare_groups(distance, "a", permutations=9),
        tk.compare_groups(length, "a", permutations=9),
    )
    np.testing.assert_allclose(of_length.r_squared, squared.r_squared, rtol=1e-9)
    assert float(of_length.ratio.item()) < float(squared.ratio.item())


def test_compare_groups__recovers_groups_of_known_size():
    """A mean square of 1 within, groups 2 apart in mean square: R^2 = 1/2 and between / within = (2 + 2) / 2."""
    random = np.random.default_rng(0)
    a = np.arange(200) % 2
    x = random.standard_normal((200, 500)) / np.sqrt(500)
    x[:, 0] += np.where(a == 0, 1.0, -1.0)
    found = tk.compare_groups(distances_of(x, a=a, b=random.integers(0, 4, 200)), ["a", "b"], permutations=99)
    assert float(found.r_squared[0]) == pytest.approx(0.5, abs=0.02)
    assert float(found.ratio[0]) == pytest.approx(3, rel=0.03)
    assert float(found.p_value[0]) == 0.01
    assert float(found.p_value[1]) > 0.05
    assert float(found.alone_ratio[0]) == pytest.approx(3, rel=0.03)
    assert float(found.replicates) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("which", ["p_value", "unique_p_value"])
def test_compare_groups__p_values_are_uniform_without_an_effect(which):
    random = np.random.default_rng(3)
    p = []
    for seed in range(200):
        a, b = random.permutation(np.arange(18) % 3), random.permutation(np.arange(18) % 2)
        # For the unique p-value, the other attribute has an effect.
        x = random.standard_normal((18, 3)) + (3 * b[:, None] if which == "unique_p_value" else 0)
        found = tk.compare_groups(distances_of(x, a=a, b=b), ["a", "b"], permutations=39, seed=seed)
        p.append(float(found[which][0]))
    assert stats.kstest(np.array(p) - random.random(200) / 40, "uniform").pvalue > 0.01


def test_compare_groups__does_not_mind_the_order_of_runs_and_leaves_references_out():
    ds = tk.with_references(tk.simulate(runs=8, groups=2, spread=0.3), n_geodesic=3)
    distance = tk.trajectory_distance(ds)
    found = tk.compare_groups(distance, "architecture", permutations=99)
    xr.testing.assert_allclose(tk.compare_groups(ds, "architecture", permutations=99), found)
    mixed = np.random.default_rng(0).permutation(ds.sizes["run"])
    again = tk.compare_groups(distance.isel(run=mixed, run2=mixed), "architecture", permutations=99)
    permuted = [name for name in found if "p_value" in str(name)]
    xr.testing.assert_allclose(again.drop_vars(permuted), found.drop_vars(permuted))


def test_compare_groups__says_what_it_cannot_tell():
    x = np.random.default_rng(0).standard_normal((6, 2))
    found = tk.compare_groups(
        distances_of(x, a=np.array(list("ppqqrs")), b=np.array([0, 0, 1, 1, 2, 2])), ["a", "b"], permutations=9
    )
    assert np.isnan(found.unique_p_value.sel(attribute="b"))
    assert "b: the other attributes determine it" in found.limitations
    assert "a: 2 of its 4 values have one run" in found.limitations
    assert "b: no two runs differ in it alone" in found.limitations


def test_compare_groups__refuses_attributes_without_groups(table):
    distance = distances_of(
        table["x"], a=table["a"], one=np.ones(30), each=np.arange(30), hole=np.array(["", "x"] * 15)
    )
    for by, match in [
        ("one", "one value, '1.0'"),
        ("each", "differ for every run"),
        ("hole", "missing for 15 runs"),
        ("c", "no run attribute 'c'"),
        ([], "one run attribute or more"),
        (["a", "a"], "each once"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.compare_groups(distance, by)
    with pytest.raises(ValueError, match="set it to"):
        tk.compare_groups(distance.assign_attrs(scale=""), "a")
    with pytest.raises(ValueError, match="all distances are zero"):
        tk.compare_groups((distance * 0).assign_attrs(distance.attrs), "a")
    with pytest.raises(ValueError, match="permutations: wanted one permutation"):
        tk.compare_groups(distance, "a", permutations=0)


# bootstrap


def iid(samples: int, seed: int) -> xr.Dataset:
    """One prediction of random samples, classes alternating."""
    label = np.arange(samples) % 4
    alpha = np.where(np.arange(4) == label[:, None], 3.0, 0.7)
    random = np.random.default_rng(seed)
    prob = np.array([random.dirichlet(a) for a in alpha])
    return tk.from_arrays(prob=prob[None, None], label=label, runs={"seed": [0]})


def confidence(ds: xr.Dataset) -> xr.DataArray:
    """Probability of the label, sample by sample."""
    return np.exp(ds.log_prob).isel({"class": ds.label})[0, 0]


def test_bootstrap__intervals_cover_at_the_nominal_rate():
    """The mean of a Dirichlet distribution is alpha_c / sum alpha."""
    mean = 3 / (3 + 3 * 0.7)
    covered = 0
    for seed in range(200):
        found = tk.bootstrap(iid(100, seed), confidence, 199, seed=seed, level=0.9)
        covered += bool(found.lower <= mean <= found.upper)
    # 200 repetitions have a standard error of 2 %, and 25 samples in a class cost 1 %.
    assert 0.84 <= covered / 200 <= 0.95


def test_bootstrap__reweighting_is_computing_again():
    ds = iid(40, 0)
    fast = tk.bootstrap(ds, confidence, 20)
    slow = tk.bootstrap(ds, lambda d: confidence(d).mean("sample"), 20)
    for name in ("estimate", "lower", "upper", "standard_error"):
        assert float(fast[name]) == pytest.approx(float(slow[name]), rel=1e-6)


def test_bootstrap__draws_within_classes():
    """A statistic of labels alone does not vary; its standard error follows from the classes' own variances."""
    ds = iid(60, 1)
    assert float(tk.bootstrap(ds, lambda d: d.label * 1.0, 20).standard_error) < 1e-12
    value = confidence(ds)
    within = np.mean([value[ds.label == c].var() for c in range(4)])
    found = tk.bootstrap(ds, confidence, 2000).standard_error
    assert float(found) == pytest.approx(np.sqrt(within / 60), rel=0.06)


def test_bootstrap__then_is_applied_to_means():
    ds = iid(40, 2)

    def both(d):
        value = confidence(d)
        return xr.concat([value, value**2], dim="power")

    found = tk.bootstrap(ds, both, 50, then=lambda mean: mean.isel(power=0) / mean.isel(power=1))
    value = confidence(ds)
    assert float(found.estimate) == pytest.approx(float(value.mean() / (value**2).mean()))
    assert found.lower < found.estimate < found.upper


def test_bootstrap__refuses_what_makes_no_sense():
    ds = iid(40, 0)
    for arguments, match in [
        ({"draws": 1}, "two draws"),
        ({"level": 95}, "level"),
        ({"statistic": lambda d: 1.0}, "returns a DataArray"),
        ({"statistic": lambda d: confidence(d)[:3]}, "a value for each of 40 samples"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.bootstrap(**({"ds": ds, "statistic": confidence, "draws": 5} | arguments))
    with pytest.raises(ValueError, match="no class has two samples"):
        tk.bootstrap(iid(4, 0), confidence, 5)


@pytest.mark.parametrize("interval", ["bca", "jackknife"])
def test_bootstrap__other_intervals_cover_too(interval):
    mean, covered = 3 / (3 + 3 * 0.7), 0
    for seed in range(50):
        found = tk.bootstrap(iid(100, seed), confidence, 199, seed=seed, level=0.9, interval=interval)
        covered += bool(found.lower <= mean <= found.upper)
    assert 0.8 <= covered / 50 <= 0.98


def test_bootstrap__bca_of_one_class_agrees_with_scipy():
    """Both from many draws of a skewed ratio."""
    x = np.random.default_rng(0).exponential(size=40)
    ds = tk.simulate(samples=40, runs=1)
    ds = ds.assign_coords(label=ds.label * 0)
    values = xr.DataArray(np.stack([x**2, x]), dims=("power", "sample"))

    def ratio(mean):
        return mean.isel(power=0) / mean.isel(power=1) ** 2

    found = tk.bootstrap(ds, lambda d: values, 10000, then=ratio, interval="bca")
    expected = stats.bootstrap(
        (x,), lambda v, axis: (v**2).mean(axis) / v.mean(axis) ** 2, n_resamples=10000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert float(found.lower) == pytest.approx(expected.low, rel=0.01)
    assert float(found.upper) == pytest.approx(expected.high, rel=0.02)
    percentile = tk.bootstrap(ds, lambda d: values, 10000, then=ratio)
    assert float(found.upper) > float(percentile.upper) * 1.02


def test_bootstrap__of_classes_the_jackknife_is_the_variance_of_a_mean_in_strata():
    ds = iid(60, 1)
    value = confidence(ds)
    expected = np.sqrt(sum(value[ds.label == c].var(ddof=1) * 15 for c in range(4))) / 60
    found = tk.bootstrap(ds, confidence, interval="jackknife").standard_error
    assert float(found) == pytest.approx(float(expected), rel=0.02)


def of_seeds(seeds: int, seed: int, groups: int = 4, size: int = 20) -> tuple[xr.DataArray, np.ndarray]:
    """Squared distances of runs about the centres of their groups, and what they are on average within and between."""
    centre = np.random.default_rng(99).standard_normal((groups, size))
    own = np.random.default_rng(seed).standard_normal((groups, seeds, size))
    x = (centre[:, None] + own).reshape(-1, size) / np.sqrt(size)
    attributes = {
        "architecture": np.repeat(list("abcdefgh")[:groups], seeds),
        "seed": np.tile(np.arange(seeds), groups),
    }
    apart = 2 + np.square(centre[:, None] - centre).sum(-1)[np.triu_indices(groups, 1)].mean() / size
    return distances_of(x, **attributes), np.array([2, apart, apart / 2])


def within_and_between(distance: xr.DataArray) -> xr.DataArray:
    group = distance.architecture.values
    alike = xr.DataArray(group[:, None] == group, dims=("run", "run2"))
    return xr.concat([distance.where(alike), distance.where(~alike)], dim="quantity")


def with_ratio(mean: xr.DataArray) -> xr.DataArray:
    return xr.concat([mean, mean.isel(quantity=1) / mean.isel(quantity=0)], dim="quantity")


def share_covered(repetitions: int, seeds: int, **arguments) -> np.ndarray:
    covered = np.zeros(3)
    for seed in range(repetitions):
        distance, known = of_seeds(seeds, seed)
        found = tk.bootstrap(distance, within_and_between, then=with_ratio, seed=seed, **arguments)
        covered += (found.lower.values <= known) & (known <= found.upper.values)
    return covered / repetitions


def test_bootstrap__over_seeds_the_jackknife_covers():
    assert (share_covered(60, 4, over="seed", interval="jackknife") >= 0.88).all()


def coverage_of_the_docstring() -> list[tuple[str, str, int, float, float]]:
    """Interval, what is drawn and how many, lowest and highest coverage."""
    rows = re.findall(r'\| "(\w+)"\s+\|((?: \d+-\d+ %\s+\|){6})', inspect.getdoc(tk.bootstrap) or "")
    return [
        (interval, over, number, int(low) / 100, int(high) / 100)
        for interval, cells in rows
        for (over, number), (low, high) in zip(
            [(over, number) for over in ("seed", "run") for number in (3, 5, 8)],
            re.findall(r"(\d+)-(\d+)", cells),
            strict=True,
        )
    ]


def test_bootstrap__docstring_tells_coverage_of_every_interval():
    assert len(coverage_of_the_docstring()) == 3 * 2 * 3


@pytest.mark.slow
@pytest.mark.parametrize(("interval", "over", "number", "low", "high"), coverage_of_the_docstring())
def test_bootstrap__covers_over_seeds_and_runs_as_its_docstring_says(interval, over, number, low, high):
    """Up to three standard errors of a share of 200."""
    strata = {"by": "architecture"} if over == "run" else {}
    share = share_covered(200, number, draws=299, interval=interval, over=over, **strata)
    assert low - 3 * np.sqrt(low * (1 - low) / 200) <= share.min()
    assert share.max() <= high + 3 * np.sqrt(high * (1 - high) / 200)


def test_bootstrap__pairs_weighted_are_copies_left_out():
    """Weights of pairs agree with statistics of matrices, and of datasets, that hold copies."""
    ds = tk.with_references(tk.simulate(runs=8, groups=2, spread=0.3, checkpoints=4, samples=12), 3)
    distance = tk.trajectory_distance(ds, n=3)

    def means(found):
        return found[["within", "between"]].to_dataarray("quantity").isel(attribute=0)

    for over in ({"over": "seed"}, {"over": "run", "by": "architecture"}):
        fast = tk.bootstrap(distance, within_and_networks, 8, **over)
        slow = tk.bootstrap(distance, lambda d: means(tk.compare_groups(d, "architecture", permutations=1)), 8, **over)
        whole = tk.bootstrap(ds, lambda d: within_and_networks(tk.trajectory_distance(d, n=3)), 8, **over)
        for name in ("estimate", "lower", "upper"):
            np.testing.assert_allclose(fast[name], slow[name], rtol=1e-6)
            np.testing.assert_allclose(fast[name], whole[name], rtol=1e-6)


def within_and_networks(distance: xr.DataArray) -> xr.DataArray:
    return within_and_between(distance.sel(run=distance.kind == "network", run2=distance.kind.values == "network"))


def test_bootstrap__a_copy_is_as_far_as_others_of_its_kind():
    """R^2 of a draw is that of runs of which none is a copy."""
    random = np.random.default_rng(0)
    x = random.standard_normal((12, 30)) + 0.7 * (np.arange(12) % 2)[:, None]
    distance = distances_of(x, a=np.arange(12) % 2)

    def r_squared(drawn):
        return tk.compare_groups(drawn, "a", permutations=1).r_squared[0]

    found = tk.bootstrap(distance, r_squared, 40, over="run", by="a")
    assert found.lower < found.estimate < found.upper
    kept = tk.bootstrap(distance, lambda d: r_squared(d.drop_vars("copy_of", errors="ignore")), 40, over="run", by="a")
    assert kept.lower > found.estimate


def test_bootstrap__means_over_runs_are_weighted():
    ds = tk.simulate(runs=12, groups=2, spread=0.3)
    last = tk.loss(ds).isel(checkpoint=-2) + xr.DataArray(np.arange(12) ** 2 / 9, dims="run")
    fast = tk.bootstrap(ds, lambda d: last, 30, over="run")
    slow = tk.bootstrap(ds.assign(last=last), lambda d: d["last"].mean("run"), 30, over="run")
    for name in ("estimate", "lower", "upper", "standard_error"):
        assert float(fast[name]) == pytest.approx(float(slow[name]), rel=1e-9)
    exact = tk.bootstrap(ds, lambda d: last, over="run", interval="jackknife")
    assert float(exact.standard_error) == pytest.approx(float(last.std(ddof=1)) / np.sqrt(12))


def test_bootstrap__says_where_an_interval_falls_short():
    distance, _ = of_seeds(4, 0)
    few = tk.bootstrap(distance, within_and_between, 20, over="seed")
    assert "4 of seed are few" in few.limitations
    assert tk.bootstrap(distance, within_and_between, over="seed", interval="jackknife").limitations == ""
    some = distance.isel(run=[0, 1, 2, 3, 4, 5, 8], run2=[0, 1, 2, 3, 4, 5, 8])
    said = tk.bootstrap(some, within_and_between, 20, over="run", by="architecture").limitations
    assert "1 of 3 strata hold one run" in said
    assert "1 of 3 strata hold two of run" in said
    alone = tk.bootstrap(distance, lambda d: d.where(d.run == "0").where(d.run2 == "1"), 50, over="seed")
    assert np.isnan(alone.lower)
    assert "draws give NaN" in alone.limitations


def test_bootstrap__of_runs_refuses_what_makes_no_sense():
    distance, _ = of_seeds(2, 0)
    ds = tk.simulate(runs=6)
    for given, arguments, match in [
        (distance, {"over": "seed"}, "too few"),
        (distance, {"over": "run", "by": "architecture"}, "fewer attributes"),
        (distance, {"over": "sample"}, "no samples left"),
        (distance, {"over": "run", "by": "depth"}, "no run attribute"),
        (distance, {"over": "seed", "by": "seed"}, "stratum of its own"),
        (ds, {"over": "epoch"}, "over: wanted one of"),
        (ds, {"over": "sample", "by": "architecture"}, "groups of runs"),
        (ds, {"over": "run", "interval": "normal"}, "interval: wanted one of"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.bootstrap(given, lambda d: xr.DataArray(1.0), 5, **arguments)
    with pytest.raises(ValueError, match="each network"):
        tk.bootstrap(ds, lambda d: tk.loss(d).isel(run=[0, 1], checkpoint=0), 5, over="run")


def test_importance__refuses_copies_of_runs():
    distance, _ = of_seeds(8, 0)
    with pytest.raises(ValueError, match="copies"):
        tk.importance(with_copies(distance, np.append(np.arange(32), 0)), "architecture")


# dimensionality


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
    with pytest.raises(ValueError, match="share: wanted"):
        tk.dimensionality(ds, share=1.5)


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
    with pytest.raises(ValueError, match="same probe"):
        tk.dimensionality(ds, 2, null_draws=2, nulls={"x": tk.simulate(samples=9)})


# speed_comparison


def at_speeds(speed: list[float], width: list[int]) -> xr.Dataset:
    """Runs on the geodesic that progress by their speed each step."""
    label = np.arange(6) % 3
    ds = tk.from_arrays(prob=np.full((len(speed), 11, 6, 3), 1 / 3), label=label, runs={"width": width})
    t = np.minimum(np.multiply.outer(speed, np.arange(11)), 1)
    roads = tk.geodesic(tk.ignorance(ds), tk.truth(ds), t.ravel())
    values = roads.transpose("t", "sample", "class").values.reshape(ds.log_prob.shape)
    return ds.assign(log_prob=ds.log_prob.copy(data=values.astype(np.float32)))


def test_speed_comparison__finds_the_steps_that_speeds_imply():
    speed = [0.01, 0.02, 0.04, 0.08, 0.09, 0.1]
    found = tk.speed_comparison(at_speeds(speed, [1, 1, 1, 2, 2, 2]), "width", at=[0.1, 0.3])
    # Ten steps are recorded: the slowest reaches a tenth at the last one, up to rounding.
    expected = np.array([[wanted / v for wanted in (0.1, 0.3)] for v in speed])
    np.testing.assert_allclose(found.steps[1:], np.where(expected > 10, np.inf, expected)[1:], rtol=1e-4)
    np.testing.assert_allclose(found["median"].sel(group=2), [0.1 / 0.09, 0.3 / 0.09], rtol=1e-4)
    np.testing.assert_allclose(found["median"].sel(group=1), [5, np.inf], rtol=1e-4)
    np.testing.assert_allclose(found.reached.sel(group=1, progress=0.3), 1 / 3)
    assert np.isnan(found.lower).all()
    assert found.runs.values.tolist() == [3, 3]
    assert float(found.p_value[0]) == pytest.approx(stats.kruskal([1, 2, 3], [4, 5, 6]).pvalue)
    assert float(found.trend[0]) == pytest.approx(stats.spearmanr([1, 1, 1, 2, 2, 2], [6, 5, 4, 3, 2, 1]).statistic)


def test_speed_comparison__intervals_of_medians_cover():
    """Bounds are order statistics: of ten values the second and the ninth, which cover 1 - 2 * 11 / 1024."""
    random = np.random.default_rng(0)
    speed = random.uniform(0.05, 0.1, 20)
    found = tk.speed_comparison(at_speeds(speed, [1] * 10 + [2] * 10), "width", at=[0.25])
    ordered = np.sort(found.steps.values[:10, 0])
    assert float(found.lower[0, 0]) == ordered[1]
    assert float(found.upper[0, 0]) == ordered[8]
    assert float(found["median"][0, 0]) == pytest.approx(np.median(ordered))


def test_speed_comparison__equal_runs_have_no_p_value_and_bad_input_is_refused():
    ds = at_speeds([0.05] * 4, [1, 1, 2, 2])
    assert np.isnan(tk.speed_comparison(ds, "width", at=[0.9]).p_value).all()
    for arguments, match in [({"at": []}, "at: wanted"), ({"at": [1.5]}, "at: wanted"), ({"level": 2}, "level")]:
        with pytest.raises(ValueError, match=match):
            tk.speed_comparison(ds, "width", **arguments)
    with pytest.raises(ValueError, match="no run attribute"):
        tk.speed_comparison(ds, "depth")


# convergence


def test_convergence__agrees_with_pairwise_distances_at_equal_progress():
    ds = tk.simulate(runs=5, samples=20, groups=2, spread=0.3)
    found = tk.convergence(ds, "architecture", n=4, draws=20, metric="fisher_rao")
    even = tk.resample(ds, 4)
    for k in range(4):
        distance = tk.pairwise(even.isel(checkpoint=[k]), metric="fisher_rao").values
        alike = ds.architecture.values[:, None] == ds.architecture.values
        upper = np.triu(np.ones((5, 5), dtype=bool), 1)
        at = found.estimate.isel(progress=k)
        np.testing.assert_allclose(at.sel(quantity="within"), distance[alike & upper].mean(), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(at.sel(quantity="between"), distance[~alike & upper].mean(), rtol=1e-6, atol=1e-9)
    ratio = found.estimate.sel(quantity="between") / found.estimate.sel(quantity="within")
    np.testing.assert_allclose(found.estimate.sel(quantity="ratio")[1:], ratio[1:])
    inside = (found.lower <= found.estimate) & (found.estimate <= found.upper)
    assert inside.isel(progress=[1, 2]).all()


def test_convergence__groups_that_start_apart_come_together():
    """Groups lean to classes 0 and 1 at first; runs of a group differ by as much at all times."""
    random = np.random.default_rng(0)
    label, t = np.arange(60) % 5, np.linspace(0, 1, 9)[:, None, None]
    logits = []
    for group in (0, 0, 1, 1):
        lean = 1.5 * (np.arange(5) == group) * (1 - t)
        logits.append(4 * t * (np.arange(5) == label[:, None]) + lean + 0.3 * random.standard_normal((60, 5)))
    ds = tk.from_arrays(logits=np.array(logits), label=label, runs={"init": ["a", "a", "b", "b"]})
    ratio = tk.convergence(ds, "init", n=5, draws=20).estimate.sel(quantity="ratio")
    assert float(ratio[1]) > 3
    assert float(ratio[3]) < 0.5 * float(ratio[1])


def test_convergence__over_seeds_and_runs_is_that_of_samples_with_other_intervals():
    ds = tk.simulate(runs=8, samples=20, groups=2, spread=0.3)
    found = tk.convergence(ds, "architecture", n=4, draws=20)
    for over in ("seed", "run"):
        other = tk.convergence(ds, "architecture", n=4, over=over, interval="jackknife")
        np.testing.assert_allclose(other.estimate[:, 1:], found.estimate[:, 1:], rtol=1e-5, atol=1e-12)
        assert (other.lower <= other.estimate).isel(progress=[1, 2]).all()
        assert other.attrs["over"] == over
    with pytest.raises(ValueError, match="too few"):
        tk.convergence(ds.isel(run=slice(4)), "architecture", over="run")


def test_convergence__refuses_groups_of_one_and_unknown_metrics():
    ds = tk.simulate(runs=3, groups=3)
    with pytest.raises(ValueError, match="differs for every run"):
        tk.convergence(ds, "architecture")
    with pytest.raises(ValueError, match="not symmetric: wanted one of"):
        tk.convergence(ds, "architecture", metric="kullback_leibler")


# importance


def test_importance__finds_the_attribute_that_parts_runs():
    random = np.random.default_rng(0)
    a, b, c = (random.permutation(np.arange(60) % k) for k in (3, 4, 5))
    x = 0.1 * random.standard_normal((60, 8)) + 2 * np.eye(3, 8)[a] + 1 * np.eye(4, 8)[b][:, ::-1]
    found = tk.importance(distances_of(x, a=a, b=b, c=c), ["a", "b", "c"], folds=3, repeats=3)
    mean = found.importance.mean("fold")
    assert (found.r_squared > 0.8).all()
    assert mean.sel(attribute="a") > 2 * mean.sel(attribute="b") > 0.1
    assert abs(mean.sel(attribute=["c", "(random)"])).max() < 0.03


def test_importance__is_not_fooled_by_runs_it_knows():
    """Each run has a distance of its own to all others: whoever has seen the run in training could tell it."""
    random = np.random.default_rng(1)
    own = random.exponential(size=40)
    values = (own[:, None] + own) * (1 - np.eye(40))
    names = [str(i) for i in range(40)]
    coords = {"run": names, "run2": names, "identity": ("run", random.permutation(40))}
    distance = xr.DataArray(values, coords, ("run", "run2"), attrs={"scale": "squared length"})
    assert tk.importance(distance, "identity", folds=4, repeats=1).r_squared.mean() < 0.2


def test_importance__refuses_too_few_runs():
    distance = distances_of(np.random.default_rng(0).random((8, 2)), a=np.arange(8) % 2)
    for arguments, match in [
        ({"folds": 3}, "three runs each"),
        ({"folds": 1}, "folds: wanted 2"),
        ({"repeats": 0}, "rep"),
    ]:
        with pytest.raises(ValueError, match=match):
            tk.importance(distance, "a", **arguments)


# data_map


def test_data_map__agrees_with_loops_over_checkpoints():
    random, label = np.random.default_rng(0), np.arange(12) % 4
    logits = [
        2 * random.standard_normal((n, 12, 4)) + np.linspace(0, 4, n)[:, None, None] * np.eye(4)[label]
        for n in (7, 5, 6, 1)
    ]
    ds = tk.from_arrays(logits=logits, label=label, runs={"seed": range(4)})
    found = tk.data_map(ds)
    for run, name in itertools.product(ds.run.values, ds["sample"].values):
        one = ds.sel(run=run, sample=name)
        p, right, step = [], [], []
        for k in np.flatnonzero(one.step.values >= 0):
            row = np.exp(one.log_prob.values[k])
            p.append(row[int(one.label)])
            right.append(bool(row.argmax() == int(one.label)))
            step.append(int(one.step.values[k]))
        at = found.sel(run=run, sample=name)
        assert float(at.confidence) == pytest.approx(np.mean(p), rel=1e-5)
        assert float(at.variability) == pytest.approx(np.std(p), rel=1e-4)
        assert float(at.correctness) == pytest.approx(np.mean(right))
        assert int(at.forgetting) == sum(a and not b for a, b in itertools.pairwise(right))
        always = [s for k, s in enumerate(step) if all(right[k:])]
        assert float(at.learned) == (always[0] if always else np.inf)
    expected = stats.spearmanr(found.confidence[0], found.confidence[1]).statistic
    assert float(found.agreement[0, 1]) == pytest.approx(expected)


def test_data_map__groups_are_means_of_their_runs_and_references_are_left_out():
    ds = tk.with_references(tk.simulate(runs=5, spread=0.3), n_geodesic=3)
    single, grouped = tk.data_map(ds), tk.data_map(ds, by="architecture")
    assert single.sizes["run"] == 5
    of_b = [run for run in single.run.values if run.startswith("B")]
    np.testing.assert_allclose(grouped.confidence.sel(group="B"), single.confidence.sel(run=of_b).mean("run"))
    np.testing.assert_allclose(grouped.learned.sel(group="B"), single.learned.sel(run=of_b).median("run"))
    np.testing.assert_allclose(np.diag(grouped.agreement), 1)


def test_data_map__a_run_that_knows_nothing_and_a_run_that_knows_all():
    ds = tk.from_arrays(
        prob=np.array([[[[0.25] * 4] * 8] * 3, [np.eye(4)[np.arange(8) % 4]] * 3]),
        label=np.arange(8) % 4,
        runs={"seed": [0, 1]},
    )
    found = tk.data_map(ds)
    assert (found.confidence[0] == 0.25).all()
    assert (found.confidence[1] == 1).all()
    assert (found.learned[1] == 0).all()
    assert (found.forgetting == 0).all()
    assert (found.variability == 0).all()
    assert np.isnan(found.agreement).all()
