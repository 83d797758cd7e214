"""Intervals over samples, runs and seeds."""

import inspect
import re

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from strategies import distances_of

import trajkit as tk


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


@pytest.mark.parametrize("interval", ["percentile", "bca", "jackknife"])
def test_bootstrap__intervals_cover_at_the_nominal_rate(interval):
    """The mean of a Dirichlet distribution is alpha_c / sum alpha."""
    mean = 3 / (3 + 3 * 0.7)
    covered = 0
    for seed in range(100):
        found = tk.bootstrap(iid(100, seed), confidence, 199, seed=seed, level=0.9, interval=interval)
        covered += bool(found.lower <= mean <= found.upper)
    # 100 repetitions have a standard error of 3 %, and 25 samples in a class cost 1 %.
    assert 0.82 <= covered / 100 <= 0.97


@pytest.mark.parametrize("over", ["sample", "run"])
def test_bootstrap__reweighting_is_computing_again(over):
    ds = tk.simulate(runs=12, samples=40, checkpoints=3)
    values = xr.DataArray(np.random.default_rng(0).exponential(size=ds.sizes[over]), {over: ds[over]}, (over,))
    fast = tk.bootstrap(ds, lambda d: values, 30, over=over)
    slow = tk.bootstrap(ds.assign(values=values), lambda d: d["values"].mean(), 30, over=over)
    for name in ("estimate", "lower", "upper", "standard_error"):
        assert float(fast[name]) == pytest.approx(float(slow[name]), rel=1e-9)


def test_bootstrap__draws_within_classes():
    """A statistic of labels alone does not vary; its standard error follows from the classes' own variances."""
    ds = iid(60, 1)
    assert float(tk.bootstrap(ds, lambda d: d.label * 1.0, 20).standard_error) < 1e-12
    value = confidence(ds)
    within = np.mean([value[ds.label == c].var() for c in range(4)])
    found = tk.bootstrap(ds, confidence, 2000).standard_error
    assert float(found) == pytest.approx(np.sqrt(within / 60), rel=0.06)


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
    ds = tk.simulate(runs=12, checkpoints=3)
    values = xr.DataArray(np.arange(12.0) ** 2, {"run": ds["run"]}, ("run",))
    of_runs = tk.bootstrap(ds, lambda d: values, over="run", interval="jackknife").standard_error
    assert float(of_runs) == pytest.approx(float(values.std(ddof=1)) / np.sqrt(12))


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


def within_and_networks(distance: xr.DataArray) -> xr.DataArray:
    return within_and_between(distance.sel(run=distance.kind == "network", run2=distance.kind.values == "network"))


def test_bootstrap__pairs_weighted_are_copies_left_out():
    """Weights of pairs agree with statistics of matrices, and of datasets, that hold copies."""
    ds = tk.with_references(tk.simulate(runs=8, groups=2, spread=0.3, checkpoints=4, samples=12), 3)
    distance = tk.trajectory_distance(ds, n=3)

    def means(found):
        return found[["within", "between"]].to_dataarray("quantity").isel(attribute=0)

    for over in ({"over": "seed"}, {"over": "run", "by": "architecture"}):
        fast = tk.bootstrap(distance, within_and_networks, 8, **over)
        slow = tk.bootstrap(
            distance, lambda d: means(tk.compare_groups(d, "architecture", unit="run", permutations=1)), 8, **over
        )
        whole = tk.bootstrap(ds, lambda d: within_and_networks(tk.trajectory_distance(d, n=3)), 8, **over)
        for name in ("estimate", "lower", "upper"):
            np.testing.assert_allclose(fast[name], slow[name], rtol=1e-6)
            np.testing.assert_allclose(fast[name], whole[name], rtol=1e-6)


def test_bootstrap__a_copy_is_as_far_as_others_of_its_kind():
    """R^2 of a draw is that of runs of which none is a copy."""
    random = np.random.default_rng(0)
    x = random.standard_normal((12, 30)) + 0.7 * (np.arange(12) % 2)[:, None]
    distance = distances_of(x, a=np.arange(12) % 2)

    def r_squared(drawn):
        return tk.compare_groups(drawn, "a", unit="run", permutations=1).r_squared[0]

    found = tk.bootstrap(distance, r_squared, 40, over="run", by="a")
    assert found.lower < found.estimate < found.upper
    kept = tk.bootstrap(distance, lambda d: r_squared(d.drop_vars("copy_of", errors="ignore")), 40, over="run", by="a")
    assert kept.lower > found.estimate


def test_bootstrap__says_where_an_interval_falls_short():
    distance, _ = of_seeds(4, 0)
    few = tk.bootstrap(distance, within_and_between, 20, over="seed")
    assert "few units to draw (seed: 4)" in few.limitations
    assert tk.bootstrap(distance, within_and_between, over="seed", interval="jackknife").limitations == ""
    some = distance.isel(run=[0, 1, 2, 3, 4, 5, 8], run2=[0, 1, 2, 3, 4, 5, 8])
    said = tk.bootstrap(some, within_and_between, 20, over="run", by="architecture").limitations
    assert "1 of 3 strata have one unit" in said
    assert "1 of 3 strata have two units" in said
    alone = tk.bootstrap(distance, lambda d: d.where(d.run == "0").where(d.run2 == "1"), 50, over="seed")
    assert np.isnan(alone.lower)
    assert "draws give NaN" in alone.limitations


@pytest.mark.parametrize("interval", ["percentile", "bca", "jackknife"])
def test_bootstrap__infinite_values_have_no_interval_and_say_so(interval: str):
    """One sample to which a run gives no probability: its mean loss is infinite, that of other runs is not."""
    ds = tk.simulate(runs=2, checkpoints=3, samples=20, classes=2)
    ds.log_prob[0, 2, 4] = np.where(np.arange(2) == ds.label.values[4], -np.inf, 0.0)
    for statistic in (lambda d: tk.loss(d).isel(checkpoint=-1), lambda d: _loss_of_samples(d).isel(checkpoint=-1)):
        found = tk.bootstrap(ds, statistic, 20, interval=interval)
        assert np.isposinf(found.estimate[0])
        assert found.lower.isnull().values.tolist() == found.standard_error.isnull().values.tolist() == [True, False]
        assert "draws give NaN or infinity" in found.limitations


def _loss_of_samples(ds):
    own = ds.log_prob.values[:, :, np.arange(ds.sizes["sample"]), ds.label.values]
    return xr.DataArray(-own, dims=("run", "checkpoint", "sample"))


def test_bootstrap__over_runs_values_of_references_do_not_count():
    ds = tk.with_references(tk.simulate(runs=6, spread=0.3))
    network = ds.kind == "network"
    for fill in (np.nan, np.inf):
        found, plain = (
            tk.bootstrap(ds, lambda d, x=x: tk.loss(d).isel(checkpoint=-1).where(network, x), 50, over="run")
            for x in (fill, 0.0)
        )
        assert found.identical(plain)


def test_bootstrap__over_configurations_weights_them_equally_and_covers_their_mean():
    """Each of 14 configurations has a place of its own; those with one seed count as much as those with five."""
    random, covered = np.random.default_rng(5), []
    seeds = np.arange(14) % 5 + 1
    of = np.repeat(np.arange(14), seeds)
    for _ in range(100):
        place = random.standard_normal(14)
        values = xr.DataArray(place[of] + 0.1 * random.standard_normal(len(of)), dims="run")
        distance = distances_of(np.zeros((len(of), 1)), width=of, seed=np.arange(len(of)))
        means = [values.values[of == k].mean() for k in range(14)]
        found = tk.bootstrap(
            distance, lambda d, v=values: v.assign_coords(run=d.run), 2, over="configuration", interval="jackknife"
        )
        assert float(found.estimate) == pytest.approx(np.mean(means))
        covered.append(bool(found.lower <= 0 <= found.upper))
    assert 0.95 - 3 * np.sqrt(0.05 * 0.95 / 100) <= np.mean(covered)


def test_bootstrap__over_configurations_refuses_what_may_be_an_outcome():
    loss = np.arange(12) / 7
    distance = distances_of(np.eye(12), width=np.arange(12) // 3, seed=np.arange(12) % 3, final_loss=loss)
    with pytest.raises(ValueError, match="may be an outcome"):
        tk.bootstrap(distance, lambda d: d, 2, over="configuration")


def of_documents(documents: int, seed: int) -> xr.Dataset:
    """Confidences that a document moves more than a sample does: their mean is 0.5, the label's class 0 or 1."""
    random = np.random.default_rng(seed)
    size = random.integers(4, 13, documents)
    document = np.repeat(np.arange(documents), size)
    right = 0.5 + 0.2 * random.uniform(-1, 1, documents)[document] + 0.1 * random.uniform(-1, 1, size.sum())
    label = random.integers(0, 2, size.sum())
    prob = np.where(np.arange(2) == label[:, None], right[:, None], 1 - right[:, None])
    ds = tk.from_arrays(prob=prob[None, None], label=label, runs={"seed": [0]})
    return ds.assign_coords(document=("sample", [f"text {k}" for k in document]))


def test_bootstrap__of_documents_covers_where_single_samples_do_not() -> None:
    covered = {"document": 0, "sample": 0, "jackknife": 0}
    for seed in range(100):
        ds = of_documents(20, seed)
        found = {
            "document": tk.bootstrap(ds, confidence, 199, seed=seed, level=0.9),
            "sample": tk.bootstrap(ds, confidence, 199, seed=seed, level=0.9, cluster="sample"),
            "jackknife": tk.bootstrap(ds, confidence, level=0.9, interval="jackknife"),
        }
        for name, interval in found.items():
            covered[name] += bool(interval.lower <= 0.5 <= interval.upper)
    # 100 repetitions have a standard error of 3 %, and 20 documents cost 2 %.
    assert 80 <= covered["document"] <= 96
    assert 83 <= covered["jackknife"] <= 98
    assert covered["sample"] < 65


def test_bootstrap__of_documents_draws_each_with_all_its_samples() -> None:
    ds = of_documents(12, 1)
    found = tk.bootstrap(ds, confidence, 50)
    assert found.attrs["cluster"] == "document"
    assert "cluster" not in tk.bootstrap(ds, confidence, 50, cluster="sample").attrs
    # By weights as by computing again, which sees whole documents.
    seen: list[xr.Dataset] = []

    def watched(some: xr.Dataset) -> xr.DataArray:
        seen.append(some)
        return confidence(some).mean()

    again = tk.bootstrap(ds, watched, 50)
    assert float(again.lower) == pytest.approx(float(found.lower), rel=1e-6)
    size = ds.document.to_series().value_counts()
    for some in seen[:5]:
        drawn = some.document.to_series().value_counts()
        times = drawn / size[drawn.index]
        assert (times == times.round()).all()
        assert times.sum() == 12
    # Documents as strata of training and testing: as many of each as there are.
    halves = ds.assign_coords(
        split=("sample", np.where(np.isin(ds.document, [f"text {k}" for k in range(5)]), "train", "test"))
    )
    seen.clear()
    tk.bootstrap(halves, watched, 20)
    for some in seen:
        trained = some.isel(sample=some.split.values == "train").document.to_series().value_counts()
        assert (trained / size[trained.index]).sum() == 5
    few = tk.bootstrap(of_documents(5, 1), confidence, 20)
    assert few.limitations.startswith("few units to draw (document: 5)")


def test_bootstrap__clusters_that_cannot_be_drawn_are_refused() -> None:
    ds = of_documents(2, 1)
    with pytest.raises(ValueError, match=r"cluster='document': 2 are too few .* cluster='sample' draws single samples"):
        tk.bootstrap(ds, confidence)
    with pytest.raises(ValueError, match=r"cluster: wanted one of \['sample', 'document'\], .* got 'page'"):
        tk.bootstrap(ds, confidence, cluster="page")
    with pytest.raises(ValueError, match="cluster='document' is for over='sample'"):
        tk.bootstrap(tk.simulate(runs=4), lambda d: tk.loss(d), over="run", cluster="document")
