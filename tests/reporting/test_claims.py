"""Each claim on simulated runs whose answer is known, and all claims as a table."""

import re

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.distances import Metric
from trajkit.reporting.claims import CLAIMS, stable_picture
from trajkit.reporting.claims_table import examine, table_of
from trajkit.reporting.finding import FAILS, HOLDS, UNKNOWN, Finding, Number, Settings, decided, judged
from trajkit.reporting.part import Part


def asked(name: str, ds: xr.Dataset, **settings) -> Finding:
    (claim,) = (c for c in CLAIMS if c.name == name)
    found = claim.ask(Part(ds, "all", Settings(**({"null_draws": 19, "permutations": 99} | settings))))
    return decided([found], 0.05, correct=False)[0]


def test_architecture__distinguishes_where_groups_bend_their_own_way(simulated):
    found = asked("architecture distinguishes", simulated())
    assert found.verdict == HOLDS
    first = found.numbers[0]
    assert 1 < first.lower < first.value < first.upper
    exact = tk.compare_groups(tk.trajectory_distance(simulated(), n=20), "architecture", permutations=1)
    assert first.value == pytest.approx(float(exact.matched_ratio.item()), rel=1e-6)


def test_architecture__of_no_effect_does_not_distinguish(simulated):
    names = ("architecture", "optimizer", "width", "seed")
    ds = simulated(groups=1).assign_coords({name: simulated()[name].variable for name in names})
    assert asked("architecture distinguishes", ds).verdict == FAILS


def test_architecture__that_never_differs_alone_cannot_be_told_and_has_estimates(simulated):
    ds = simulated()
    rate = (np.arange(48) // 4 % 3 + (ds.architecture.values == "B")) % 3
    ds = ds.assign_coords(learning_rate=("run", 10.0**-rate))
    found = asked("architecture distinguishes", ds)
    assert found.verdict == UNKNOWN
    assert (
        found.because
        == "no pair of configurations differs in architecture alone: optimizer or learning_rate always differs too"
    )
    assert found.numbers[1].value > 1
    assert asked("others matter less", ds).verdict == UNKNOWN


def test_others__matter_less_where_only_architecture_matters_and_not_where_its_name_is_swapped(simulated):
    ds = simulated()
    assert asked("others matter less", ds).verdict == HOLDS
    swapped = ds.assign_coords(architecture=ds.optimizer.variable, optimizer=ds.architecture.variable)
    found = asked("others matter less", swapped)
    assert found.verdict == FAILS
    assert {number.subject for number in found.numbers} == {"architecture", "width", "optimizer"}
    assert found.because.startswith("of the other settings, optimizer moves runs farthest")


def test_others__that_move_runs_farthest_are_named_also_without_an_interval(simulated):
    """Two of the runs have an augmentation that moves them farther than architecture does."""
    ds = simulated()
    changed = ds.isel(run=[0, 2]).assign_coords(run=["x", "y"])
    # Other wrong classes, with the same progress.
    order = (np.arange(5) + ds.label.values[:, None] + 1) % 5
    mixed = np.empty_like(changed.log_prob.values)
    for n, (label, *wrong) in enumerate(np.roll(order, 1, axis=1)):
        mixed[:, :, n, [label, *wrong]] = changed.log_prob.values[:, :, n, [label, *wrong[1:], wrong[0]]]
    changed = changed.assign(log_prob=changed.log_prob.copy(data=mixed))
    ds = tk.concat([ds, changed]).assign_coords(augmentation=("run", ["none"] * 48 + ["simple"] * 2))
    found = asked("others matter less", ds)
    assert found.verdict == UNKNOWN
    ratio = {number.subject: number for number in found.numbers}
    assert ratio["augmentation"].value > ratio["architecture"].value
    assert np.isnan(ratio["augmentation"].upper)
    said = f"augmentation moves runs farthest, by {ratio['augmentation'].value:.2f} (no interval) times the distance"
    assert said in found.because
    assert "of those with an interval, " in found.because


def test_larger__is_faster_where_wide_runs_take_fewer_steps(simulated):
    ds = simulated()
    for factor, slow, verdict in ((1, 8 // ds.width.values, HOLDS), (-1, ds.width.values, FAILS)):
        faster = ds.assign(step=ds.step * xr.DataArray(slow, dims="run"))
        found = asked("larger is faster", faster)
        assert found.verdict == verdict
        assert np.sign(found.numbers[0].value) == -factor
    assert "same number of steps" in asked("larger is faster", ds).because


def with_factors(ds: xr.Dataset) -> xr.Dataset:
    """Give runs the settings of tuned grids: sizes and rates are factors, their values and seeds follow."""
    place = np.arange(ds.sizes["run"]) // 2
    rate = 0.001 * np.where(ds.architecture.values == "A", 1.0, 3.0) / ds.width.values
    ds = ds.drop_vars(["seed", "width"]).assign_coords(
        width_factor=("run", ds.width.values / 4),
        width=("run", ds.width.values * np.where(ds.architecture.values == "A", 16, 64)),
        learning_rate_factor=("run", np.full(len(place), 1.0)),
        learning_rate=("run", rate),
        init_seed=("run", 100 + np.arange(len(place))),
        order_seed=("run", 900 - np.arange(len(place))),
    )
    return tk.set_roles(ds, outcome=["width", "learning_rate"])


def test_larger__is_faster_by_width_factors_at_the_tuned_rate_whatever_other_rates_do(simulated):
    ds = simulated()
    faster = ds.assign(step=ds.step * xr.DataArray(8 // ds.width.values, dims="run"))
    tuned = with_factors(faster)
    # At a tenth of the rate, large networks are slow, and reach the same loss.
    other = with_factors(ds.assign(step=ds.step * xr.DataArray(10 * ds.width.values, dims="run")))
    other = other.assign_coords(
        learning_rate_factor=("run", np.full(48, 0.1)),
        init_seed=other.init_seed + 1000,
        order_seed=other.order_seed + 1000,
        run=[f"{name}-slow" for name in other.run.values],
    )
    found = asked("larger is faster", tk.concat([tuned, other]))
    assert found.verdict == HOLDS
    assert found.numbers[0].subject == "width_factor"
    assert found.because.startswith("24 configurations in 6 groups that differ only in width_factor; two width_factors")
    # Widths and rates that nobody marked follow from the factors all the same.
    marked = {name: tuned[name].copy() for name in ("width", "learning_rate")}
    for values in marked.values():
        values.attrs = {}
    assert asked("larger is faster", tuned.assign_coords(marked)).numbers == asked("larger is faster", tuned).numbers


@pytest.mark.parametrize("size", ["width", "parameters"])
def test_larger__is_faster_by_a_size_that_is_an_outcome(size, simulated):
    ds = simulated()
    faster = ds.assign(step=ds.step * xr.DataArray(8 // ds.width.values, dims="run"))
    outcome = faster.rename(width=size).assign_coords({size: ("run", ds.width.values)})
    found = asked("larger is faster", tk.set_roles(outcome, outcome=[size]))
    assert (found.verdict, found.numbers[0].subject) == (HOLDS, size)
    assert np.isfinite(found.numbers[1].value)


def test_starts__converge_where_they_start_apart(simulated):
    init = np.where(np.arange(12) % 2, "corner", "default")
    ds = simulated(runs=12, groups=1).isel(checkpoint=slice(0, 5))
    ds = ds.assign_coords(init=("run", init), width=("run", np.ones(12, int)))
    log_prob, random = ds.log_prob.values.astype(float), np.random.default_rng(0)
    all_at_ignorance = asked("starts converge", ds)
    assert all_at_ignorance.verdict == UNKNOWN
    assert "runs of one init coincide" in all_at_ignorance.because
    # From one corner, which they leave at once; seeds differ a little.
    log_prob[1::2, 0] = np.log(np.where(np.arange(5) == 0, 0.6, 0.1))
    log_prob[:, 0] += 0.05 * random.standard_normal(log_prob[:, 0].shape)
    log_prob -= np.log(np.exp(log_prob).sum(-1, keepdims=True))
    found = asked("starts converge", ds.assign(log_prob=ds.log_prob.copy(data=log_prob.astype(np.float32))))
    assert found.verdict == HOLDS
    assert found.because.startswith("converge with the default: corner (")
    by_name = {number.statistic: number.value for number in found.numbers}
    end, start = (by_name[f"corner: between / within inits, at the {stage}"] for stage in ("end", "start"))
    assert start > 1 > 0.9 * end


def corners(simulated, away: dict[str, float]) -> xr.Dataset:
    """Make runs of "default" that start at ignorance, and of corners that come to their road, or keep away from it."""
    ds, random = simulated(runs=6, groups=1).isel(checkpoint=slice(0, 5)), np.random.default_rng(0)
    p, t = np.exp(ds.log_prob.values.astype(float)), np.linspace(0, 1, 5)[:, None, None]
    corner, other = np.where(np.arange(5) == 0, 0.6, 0.1), np.eye(5)[(ds.label.values + 1) % 5]
    made, names = [], []
    for k, (name, far) in enumerate({"default": 0.0, **away}.items()):
        at_corner, beside = (k > 0) * (1 - t) ** 4, far * np.sin(np.pi * t)
        mixed = (1 - beside) * ((1 - at_corner) * p + at_corner * corner) + beside * other
        mixed = mixed * np.exp(0.05 * random.standard_normal(mixed.shape))
        made.append(mixed / mixed.sum(-1, keepdims=True))
        names += [name] * 6
    runs = {"init": names, "init_seed": np.arange(len(names))}
    return tk.from_arrays(prob=np.concatenate(made), label=ds.label.values, split=ds.split.values, runs=runs)


def test_starts__are_asked_each_by_itself_and_the_sentence_names_them(simulated):
    ds = corners(simulated, {"corner-a": 0.0, "corner-b": 0.6})
    both = asked("starts converge", ds)
    assert both.verdict == FAILS
    assert re.match(r"converge with the default: corner-a \(.*; do not: corner-b \(", both.because)
    # What one does, does not depend on the others.
    alone = {name: asked("starts converge", tk.select(ds, init=["default", name])) for name in ("corner-a", "corner-b")}
    assert [found.verdict for found in alone.values()] == [HOLDS, FAILS]
    assert [*alone["corner-a"].numbers, *alone["corner-b"].numbers] == list(both.numbers)
    # Runs that start where the default does cannot converge to it.
    same = tk.concat([ds, corners(simulated, {}).assign_coords(init=("run", ["twin"] * 6), run=[*"abcdef"])])
    found = asked("starts converge", tk.select(same, init=["default", "twin"]))
    assert found.verdict == UNKNOWN
    assert "cannot be told: twin (does not start apart" in found.because


def test_starts__begin_where_the_training_does(simulated):
    ds = corners(simulated, {"corner-a": 0.0})
    first = ds.log_prob.isel(run=slice(0, 6), checkpoint=[0]).values
    log_prob = np.concatenate([np.concatenate([first, first]), ds.log_prob.values], axis=1)
    runs = {name: ds[name].values for name in ("init", "init_seed")} | {"start_step": [1] * 12}
    later = tk.from_arrays(log_prob=log_prob, label=ds.label.values, split=ds.split.values, runs=runs)
    values = [[number.value for number in asked("starts converge", some).numbers] for some in (later, ds)]
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_nearer_than_shuffled__holds_for_runs_that_bend_in_one_way_and_not_for_those_that_do_not(simulated):
    alike = asked("nearer than shuffled", simulated(runs=4, groups=1))
    assert alike.verdict == HOLDS
    assert alike.numbers[0].upper < 1
    apart = simulated(runs=4, groups=4).assign_coords(architecture=("run", [*"ABCD"]))
    assert asked("nearer than shuffled", apart).verdict == FAILS


def test_picture__with_other_kinds_of_axes_in_any_draw_is_not_stable(monkeypatch, simulated):
    ds = simulated()
    found = asked("stable picture", ds)
    assert found.verdict == HOLDS
    assert "50 % of samples" in [number.subject for number in found.numbers]

    def lost(*arguments, **options):
        found = tk.stability(*arguments, **options)
        return found.assign(misfit=found.misfit.where((found.change != change) | (found.repeat > 0)))

    monkeypatch.setattr(stable_picture, "stability", lost)
    for change, said in (("50 % of runs", "(1 of 3)"), ("without architecture A", "(1 of 1)")):
        found = asked("stable picture", ds)
        assert found.verdict == FAILS
        assert f"the number of time-like components changes: {change} {said}" in found.because


@pytest.mark.parametrize(
    ("claim", "change", "why"),
    [
        ("architecture distinguishes", lambda ds: ds.drop_vars("architecture"), "no run attribute 'architecture'"),
        ("architecture predicts", lambda ds: ds.assign_coords(architecture=("run", ["A"] * 48)), "1 value"),
        (
            "others matter less",
            lambda ds: ds.drop_vars(["width", "optimizer", "seed"]),
            "no setting other than architecture",
        ),
        ("larger is faster", lambda ds: ds.drop_vars("width"), "how large"),
        ("starts converge", lambda ds: ds, "no run attribute 'init'"),
        ("architecture distinguishes", lambda ds: ds.isel(run=[0, 1]), "2 value"),
        ("same order", lambda ds: ds.isel(run=[0]), "two runs"),
    ],
)
def test_claims__that_the_data_cannot_tell_say_why(claim, change, why, simulated):
    found = asked(claim, change(simulated()))
    assert found.verdict == UNKNOWN
    assert why in found.because
    assert not found.numbers


def of_p(p: float, draws: int, holds: bool = True) -> Finding:
    return judged(holds, "why", [Number("a", "b", 1.0, p_value=p, p_least=1 / (1 + draws), decisive=True)], [])


def test_decided__corrects_for_the_number_of_claims_that_rest_on_a_p_value():
    """Holm's p-values of 0.01, 0.02, 0.03 and 0.3, by hand."""
    every = [of_p(0.02, 999), judged(True, "no p", [], []), of_p(0.01, 999), of_p(0.3, 999), of_p(0.03, 999)]
    found = decided(every, 0.05, correct=True)
    p = [finding.numbers[0].p_corrected for finding in found if finding.numbers]
    np.testing.assert_allclose(p, [0.06, 0.04, 0.3, 0.06])
    assert [finding.verdict for finding in found] == [FAILS, HOLDS, HOLDS, FAILS, FAILS]
    alone = decided(every, 0.05, correct=False)
    assert [finding.verdict for finding in alone] == [HOLDS, HOLDS, HOLDS, FAILS, HOLDS]


def test_decided__a_smallest_p_value_that_is_too_large_tells_nothing_and_a_broken_rule_fails():
    found = decided([of_p(0.05, 19), of_p(0.05, 19)], 0.05, correct=True)
    assert [finding.verdict for finding in found] == [UNKNOWN] * 2
    assert found[0].because == "why; too few draws or permutations for a verdict"
    assert found[0].numbers[0].value == 1.0
    assert decided([of_p(0.001, 999, holds=False)], 0.05, correct=True)[0].verdict == FAILS


def test_holm__keeps_the_chance_of_any_false_alarm():
    """The estimand is the family of five claims of which none is true: any that holds is a false alarm."""
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        every = [of_p(p, 10**9) for p in random.random(5)]
        alarms += any(finding.verdict == HOLDS for finding in decided(every, 0.05, correct=True))
    assert 0.035 < alarms / 2000 < 0.065


def test_claims__show_estimates_even_with_too_few_draws_for_a_verdict(simulated):
    found = asked("nearer than shuffled", simulated(runs=4, groups=1), null_draws=9)
    assert found.verdict == UNKNOWN
    assert found.numbers[0].value < 1
    assert found.numbers[0].p_value == 0.1


@pytest.mark.parametrize("metric", [Metric("hellinger"), Metric("bhattacharyya", cap=0.2)])
def test_code__of_every_number_runs_and_gives_it(various, metric):
    part = Part(various, "test", Settings(null_draws=2, permutations=19, seed=3, metric=metric))
    table = table_of({claim: {"test": claim.examine(part)} for claim in CLAIMS})
    assert table.value.notna().groupby(table.claim).sum().min() >= 1
    assert (table.subject != "").all()
    known: dict[str, dict] = {}
    for row in table.itertuples():
        *lines, last = row.code.splitlines()
        before = "\n".join(lines)
        if before not in known:
            known[before] = {"ds": various, "np": np, "tk": tk}
            exec(before, known[before])
        value = float(eval(last, known[before]))
        assert value == pytest.approx(row.value, rel=1e-5, abs=1e-9, nan_ok=True), row.statistic


# Runs without structure


def unstructured(seed: int) -> xr.Dataset:
    """Each run learns samples in its own order and has its own confusions; its attributes say nothing."""
    random, label = np.random.default_rng(seed), np.arange(24) % 4
    right, t = label[:, None] == np.arange(4), np.linspace(0, 1, 6)[:, None, None]
    ease, drift = random.uniform(0.3, 1.7, (16, 1, 24, 1)), random.standard_normal((16, 1, 24, 4))
    run = np.arange(16)
    names = {"architecture": np.where(run % 2, "A", "B"), "width": 2 ** (run // 2), "seed": run}
    return tk.from_arrays(logits=6 * t * ease * right + 6 * t * (1 - t) * drift, label=label, runs=names)


def test_groups_and_nulls__find_nothing_in_runs_without_structure():
    p_groups, p_null, ratio = [], [], []
    for seed in range(10):
        ds = unstructured(seed)
        groups = tk.compare_groups(tk.trajectory_distance(ds, n=5), "architecture", permutations=199)
        p_groups.append(groups.p_value.item())
        null = tk.null_test(ds, null_draws=2, seed=seed)
        p_null.append(float(null.overall_p_value))
        ratio.append(float(null.median_ratio))
    assert sum(p > 0.05 for p in p_groups) >= 9
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    # With two draws p is 1/3, 2/3 or 1, each as often.
    assert 0.45 < np.mean(p_null) < 0.88


def test_claims__do_not_hold_for_runs_without_structure_and_hold_where_structure_is_added():
    ds = unstructured(0)
    names = ("low-dimensional", "architecture distinguishes", "same order")
    assert [asked(name, ds).verdict for name in (*names, "nearer than shuffled")] == [FAILS] * 4
    # Mostly one order for all runs, the confusions of two architectures, and a little of each run's own.
    first = ds.log_prob.values.astype(float)[[0, 1] * 8]
    mixed = 0.8 * ds.log_prob.values[0] + 0.15 * first + 0.05 * ds.log_prob.values
    mixed -= np.log(np.exp(mixed).sum(-1, keepdims=True))
    alike = ds.assign(log_prob=ds.log_prob.copy(data=mixed.astype(np.float32)))
    assert [asked(name, alike).verdict for name in names] == [HOLDS] * 3


def test_examine__asks_each_split_where_there_are_two():
    ds = tk.simulate(runs=2, samples=20, checkpoints=3)
    found = examine(ds, Settings(null_draws=2, permutations=1), progress_bar=False)
    assert all(list(of) == ["all", "train", "test"] for of in found.values())
    assert {f.verdict for of in found.values() for f in of.values()} <= {UNKNOWN, FAILS}


def test_examine__uses_fewer_draws_and_no_correction_where_nothing_is_decided(monkeypatch):
    seen = {}
    for claim in CLAIMS:
        monkeypatch.setattr(
            type(claim), "ask", lambda claim, part: seen.setdefault(part.name, part.settings) and of_p(0.02, 999)
        )
    found = examine(tk.simulate(runs=2, samples=20, checkpoints=3), Settings(null_draws=500), progress_bar=False)
    assert {name: how.null_draws for name, how in seen.items()} == {"all": 199, "train": 199, "test": 500}
    verdicts = {name: {of[name].verdict for of in found.values()} for name in seen}
    assert verdicts == {"all": {HOLDS}, "train": {HOLDS}, "test": {FAILS}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "kullback_leibler"}, "not symmetric: wanted one of"),
        ({"metric": "hellinger", "cap": 3.0}, "takes no cap"),
        ({"cap": -1.0}, "cap: wanted a positive number"),
        ({"null_draws": 1}, "wanted null_draws of 2 or more"),
        ({"permutations": 0}, "permutations of 1 or more"),
        ({"level": 1.0}, "level between 0 and 1"),
    ],
)
def test_claims__refuse_settings_that_make_no_sense(change, message, simulated):
    with pytest.raises(ValueError, match=message):
        tk.claims(simulated(), **change)


def test_claims__refuse_the_old_keywords(simulated):
    with pytest.raises(TypeError, match="write null_draws="):
        tk.claims(simulated(), draws=19)
