"""Whether groups lie on one manifold, on simulated manifolds whose relation is known."""

import numpy as np
import pytest
import xarray as xr
from manifolds import on_manifolds

import trajkit as tk
from trajkit.analysis.cross_embedding import _distance_ratio, _exchanged
from trajkit.analysis.cross_splits import jackknife

ONE = ("one", "two speeds")
TWO = ("same difficulty", "unrelated", "parallel")


def told(kind: str, **options: int) -> xr.Dataset:
    return tk.cross_embedding(on_manifolds(kind, **options), "architecture", null_draws=2, progress_bar=False)


@pytest.fixture(scope="module")
def found() -> dict[str, xr.Dataset]:
    return {kind: told(kind) for kind in (*ONE, *TWO)}


@pytest.mark.parametrize("kind", ONE)
def test_cross_embedding__holds_for_one_manifold_also_at_two_speeds(found: dict[str, xr.Dataset], kind: str) -> None:
    got = found[kind]
    assert got.verdict.values.tolist() == [["", "holds"], ["holds", ""]]
    assert (got.ratio_lower.min(), got.distance_ratio.max()) == (
        pytest.approx(0.96, abs=0.06),
        pytest.approx(0.95, abs=0.1),
    )


@pytest.mark.parametrize("kind", TWO)
def test_cross_embedding__fails_for_two_manifolds_and_for_parallel_copies(
    found: dict[str, xr.Dataset], kind: str
) -> None:
    assert (found[kind].verdict.values[[0, 1], [1, 0]] == "does not hold").all()


def test_cross_embedding__difficulty_alone_explains_much_but_no_more_than_the_null(
    found: dict[str, xr.Dataset],
) -> None:
    """That the same samples are easy is not one manifold, though one group then explains 0.7 of the other."""
    got = found["same difficulty"].sel(group="A", group2="B")
    assert float(got.cross) > 0.65
    assert float(got.half) > 0.95
    assert (abs(got.ratio) < 0.2).all()


def test_cross_embedding__in_sample_is_what_embed_and_project_give() -> None:
    ds = on_manifolds("one", 5, 1)
    got = tk.cross_embedding(ds, "architecture", splits=2, null_draws=1, n=5)
    even = tk.resample(ds, 5, extend="shared")
    a, b = (tk.points(tk.select(even, architecture=name)) for name in "AB")
    embedding = tk.inpca(tk.pairwise(a))
    explained = tk.explained_distance(tk.project(embedding, tk.pairwise(b, a)), tk.pairwise(b))[-1]
    assert float(got.explained.sel(group="A", group2="B")) == pytest.approx(float(explained))
    assert float(got.explained.sel(group="A", group2="A")) == pytest.approx(float(embedding.explained_distance[-1]))


def test_cross_embedding__distances_between_configurations_are_those_of_different_seeds() -> None:
    ds = on_manifolds("parallel", 4, 2)
    got = tk.cross_embedding(ds, "architecture", splits=1, null_draws=1)
    d = tk.trajectory_distance(ds, n=6)
    is_a, rate, seed = d.architecture.values == "A", d.learning_rate.values, d.seed.values
    apart = seed[:, None] != seed
    between = d.values[apart & (is_a[:, None] & ~is_a)].mean()
    other = apart & (rate[:, None] != rate)
    within = [d.values[other & (side[:, None] & side)].mean() for side in (is_a, ~is_a)]
    assert float(got.distance_ratio.sel(group="A", group2="B")) == pytest.approx(between / np.mean(within), rel=1e-6)


def test_cross_embedding__few_configurations_give_estimates_and_the_reason() -> None:
    ds = on_manifolds("one", 5, 2, samples=30)
    few = ds.isel(run=(ds.architecture.values == "A") | (ds.learning_rate.values < 0.35))
    got = tk.cross_embedding(few, "architecture", splits=2, null_draws=1)
    assert got.configurations.values.tolist() == [5, 3]
    assert got.ratio.sel(group="A", group2="B").notnull().all()
    assert got.ratio_lower.isnull().all()
    assert got.verdict.sel(group="A", group2="B") == "cannot be told"
    assert "too few configurations for an interval, wanted 6 or more: A (5), B (3)" in got.attrs["limitations"]
    single = tk.cross_embedding(tk.simulate(runs=4, spread=0.3), "architecture", splits=2, null_draws=1)
    assert np.isnan(single.cross.values).all()
    assert (single.verdict.values[[0, 1], [1, 0]] == "cannot be told").all()


def test_cross_embedding__where_half_explains_no_more_than_the_null_it_cannot_be_told() -> None:
    """Runs of pure noise have no manifold: neither half explains the other."""
    random = np.random.default_rng(0)
    label = np.arange(30) % 3
    grown = 3 * np.linspace(0.1, 1, 6)[:, None, None] * np.eye(3)[label]
    logits = grown + random.standard_normal((12, 6, 30, 3))
    runs = {"architecture": list("AB") * 6, "learning_rate": np.arange(12) // 2, "seed": [0] * 12}
    got = tk.cross_embedding(tk.from_arrays(logits=logits, label=label, runs=runs), "architecture", null_draws=1)
    assert got.ratio_lower.isnull().all()
    assert "cannot be told under shuffle_within_class" in got.attrs["limitations"]
    assert (got.verdict.values[[0, 1], [1, 0]] != "holds").all()


def test_cross_embedding__does_not_depend_on_the_order_of_runs_and_names_those_left_out() -> None:
    ds = on_manifolds("one", 4, 1, samples=20)
    short = ds.isel(run=[7], checkpoint=slice(0, 5))
    ds = tk.concat([ds.isel(run=slice(0, 7)), short])
    got = tk.cross_embedding(ds, "architecture", splits=1, null_draws=1)
    assert got.attrs["left_out"] == short.run.values[0]
    assert got.configurations.values.tolist() == [4, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": 0}, "splits: wanted one or more, got 0"),
        ({"null_draws": 0}, "null_draws: wanted one or more, got 0"),
        ({"n_components": 0}, "n_components: wanted one or more, got 0"),
        ({"level": 1.0}, "level: wanted a number between 0 and 1, got 1.0"),
        ({"by": "colour"}, "no run attribute 'colour'"),
        ({"by": "width"}, "'width' has one value"),
    ],
)
def test_cross_embedding__bad_inputs(options: dict, message: str) -> None:
    ds = tk.simulate(runs=4).assign_coords(width=("run", [8] * 4))
    with pytest.raises(ValueError, match=message):
        tk.cross_embedding(ds, **({"by": "architecture"} | options))


def tried(kind: str, configurations: int, draws: int) -> list[xr.Dataset]:
    """Try configurations at random places, drawn again each time, with one seed each."""
    options = {"configurations": configurations, "seeds": 1, "even": False}
    return [told(kind, run_seed=k, **options) for k in range(draws)]


def share_of(found: list[xr.Dataset], verdict: str) -> float:
    return float(np.mean([of.verdict.values[0, 1] == verdict for of in found]))


def covered(found: list[xr.Dataset]) -> float:
    """Share of intervals that hold the mean estimate."""
    at = [of.sel(group="A", group2="B").isel(null=0) for of in found]
    ratio = np.mean([float(of.ratio) for of in at])
    return float(np.mean([of.ratio_lower <= ratio <= of.ratio_upper for of in at]))


def test_cross_embedding__intervals_hold_the_ratio_of_the_population_short() -> None:
    found = tried("one", 12, 4)
    assert covered(found) >= 0.75
    assert share_of(found, "does not hold") == 0


@pytest.mark.slow
def test_cross_embedding__intervals_hold_the_ratio_of_the_population() -> None:
    """The estimand is the ratio in the population of configurations, for halves of six."""
    assert covered(tried("one", 12, 100)) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "configurations", "least_holds", "most_holds", "most_fails"),
    [
        ("one", 12, 0.6, 1.0, 0.15),
        ("one", 6, 0.05, 1.0, 0.35),
        ("two speeds", 12, 0.5, 1.0, 0.2),
        ("same difficulty", 12, 0.0, 0.0, 1.0),
        ("unrelated", 12, 0.0, 0.0, 1.0),
        ("parallel", 12, 0.0, 0.0, 1.0),
        ("same difficulty", 6, 0.0, 0.0, 1.0),
    ],
)
def test_power__table(
    kind: str, configurations: int, least_holds: float, most_holds: float, most_fails: float, capsys
) -> None:
    """Two manifolds never pass as one; one manifold mostly does from 12 configurations on. Printed with -s."""
    found = tried(kind, configurations, 24)
    holds, fails = (share_of(found, verdict) for verdict in ("holds", "does not hold"))
    with capsys.disabled():
        print(f"\n{kind}, {configurations} configurations: holds {holds:.0%}, does not hold {fails:.0%}")
    assert least_holds <= holds <= most_holds
    assert fails <= most_fails


def test_distance_ratio__intervals_cover_also_where_groups_are_alike() -> None:
    """The estimand is the ratio in the population: 1 for one population, 1.42 for two that are one deviation apart."""
    random = np.random.default_rng(1)
    a, b = np.arange(12), np.arange(12, 24)
    for apart, true in ((0.0, 1.0), (1.0, 1.42)):
        held = []
        for _ in range(60):
            x = np.sqrt(12) * random.random((24, 1))
            x = np.concatenate([x, 0.1 * random.standard_normal((24, 20))], axis=1)
            x[12:, -1] += apart
            d = np.square(x[:, None] - x).sum(-1)
            spread = _exchanged(d, a, b, random)
            found = jackknife(_distance_ratio(d, a, b), [a, b], 0.95, spread)
            held.append(found.lower <= true <= found.upper)
        assert np.mean(held) >= 0.92
