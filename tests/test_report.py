"""Claims put to simulated data whose answers are known, and the page made of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import trajkit as tk
from trajkit.reporting import questions
from trajkit.reporting.claims import CLAIMS, _asked, examine, table_of
from trajkit.reporting.finding import FAILS, HOLDS, UNKNOWN, Number, Part, Settings
from trajkit.reporting.report import _cells, _failed, _title

QUICK = Settings(draws=19, permutations=99)
AWKWARD = '<b>"wide" & </script>'


def simulated(runs: int = 12, groups: int = 2) -> xr.Dataset:
    """Runs of one split, alike but for architecture; each width of an architecture has two seeds."""
    ds = tk.simulate(runs=runs, samples=30, checkpoints=6, groups=groups, spread=0.3)
    ds = ds.isel(sample=ds.split.values == "test").drop_vars("known_progress")
    place = np.arange(runs) // groups
    return ds.assign_coords(width=("run", 2 ** (place // 2)), seed=("run", place % 2))


def asked(claim: str, ds: xr.Dataset, **settings):
    (found,) = (c for c in CLAIMS if c.name == claim)
    return _asked(found, Part(ds, "all", Settings(**({"draws": 19, "permutations": 99} | settings))))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    path = tmp_path_factory.mktemp("report") / "page.html"
    ds = simulated()
    names = ds.architecture.values.astype(object)
    names[names == "A"] = AWKWARD
    ds = ds.assign_coords(architecture=("run", names.astype(str)), maker=("run", np.full(12, "<i>")))
    return tk.report(ds, path, title="Runs & <others>", permutations=99, progress_bar=False), path


# Single claims


def test_architecture__distinguishes_where_groups_bend_their_own_way():
    found = asked("architecture distinguishes", simulated())
    assert found.verdict == HOLDS
    first = found.numbers[0]
    assert first.lower < first.value < first.upper <= 1
    exact = tk.compare_groups(tk.trajectory_distance(simulated(), n=20), "architecture", permutations=1)
    assert first.value == pytest.approx(float(exact.r_squared.item()), abs=1e-6)


def test_architecture__of_no_effect_does_not_distinguish():
    ds = simulated(groups=1)
    mixed = np.random.default_rng(3).permutation(np.repeat(["A", "B"], 6))
    assert asked("architecture distinguishes", ds.assign_coords(architecture=("run", mixed))).verdict == FAILS


def test_others__matter_less_where_only_architecture_matters_and_not_where_its_names_are_swapped():
    ds = simulated()
    assert asked("others matter less", ds).verdict == HOLDS
    swapped = ds.assign_coords(architecture=ds.optimizer if "optimizer" in ds else ("run", ["A", "A", "B", "B"] * 3))
    swapped = swapped.assign_coords(optimizer=("run", ds.architecture.values))
    assert asked("others matter less", swapped).verdict == FAILS


def test_larger__is_faster_where_wide_runs_take_fewer_steps():
    ds = simulated()
    for factor, verdict in ((1.0, HOLDS), (-1.0, FAILS)):
        slow = 16 * ds.width.values ** (-factor) if factor > 0 else ds.width.values
        faster = ds.assign(step=(ds.step * xr.DataArray(slow, dims="run")).astype(np.int64))
        found = asked("larger is faster", faster)
        assert found.verdict == verdict
        assert np.sign(found.numbers[0].value) == -factor
    assert "same number of steps" in asked("larger is faster", ds).because


def test_strata__compare_like_with_like():
    ds = simulated()
    part = Part(ds, "all", QUICK)
    group = part.strata("width")
    for g in np.unique(group):
        assert len(np.unique(ds.architecture.values[group == g])) == 1
        assert len(np.unique(ds.width.values[group == g])) == 3
    # Another optimizer has one width only: nothing to compare it with.
    optimizer = np.where(np.arange(12) < 10, "sgd", "adam")
    assert (Part(ds.assign_coords(optimizer=("run", optimizer)), "all", QUICK).strata("width") == -1).sum() == 2
    # What follows from the width does not count as another setting.
    described = ds.assign_coords(parameters=ds.width**2, shape=("run", [f"w{w}" for w in ds.width.values]))
    np.testing.assert_array_equal(Part(described, "all", QUICK).strata("width"), group)


def test_starts__converge_where_they_start_apart():
    init = np.where(np.arange(12) % 2, "corner", "default")
    ds = (
        simulated(groups=1)
        .isel(checkpoint=slice(0, 5))
        .assign_coords(init=("run", init), width=("run", np.ones(12, int)))
    )
    log_prob, random = ds.log_prob.values.astype(float), np.random.default_rng(0)
    assert asked("starts converge", ds).verdict == UNKNOWN  # all are at ignorance
    # From one corner, away from it at once; seeds differ a little.
    log_prob[1::2, 0] = np.log(np.where(np.arange(5) == 0, 0.6, 0.1))
    log_prob[:, 0] += 0.05 * random.standard_normal(log_prob[:, 0].shape)
    log_prob -= np.log(np.exp(log_prob).sum(-1, keepdims=True))
    found = asked("starts converge", ds.assign(log_prob=ds.log_prob.copy(data=log_prob.astype(np.float32))))
    assert found.verdict == HOLDS
    assert found.numbers[1].value > found.numbers[0].value


def test_one_manifold__holds_for_runs_that_bend_alike_and_not_for_those_that_do_not():
    alike = asked("one manifold", simulated(runs=4, groups=1))
    assert alike.verdict == HOLDS
    assert alike.numbers[0].upper < 1
    apart = simulated(runs=4, groups=4).assign_coords(architecture=("run", [*"ABCD"]))
    assert asked("one manifold", apart).verdict == FAILS


def test_attributes__that_follow_from_others_or_are_outcomes_are_left_out():
    ds = simulated().assign_coords(
        depth=("run", np.where(np.arange(12) % 2, 3, 7)), test_error=("run", np.arange(12) % 5 / 10),
        empty=("run", np.full(12, "")), name=("run", [f"n{i}" for i in range(12)]),
    )  # fmt: skip
    assert Part(ds, "all", QUICK).attributes == ["architecture", "seed", "width"]


@pytest.mark.parametrize(
    ("claim", "change", "why"),
    [
        ("architecture distinguishes", lambda ds: ds.drop_vars("architecture"), "no run attribute 'architecture'"),
        ("architecture predicts", lambda ds: ds.assign_coords(architecture=("run", ["A"] * 12)), "1 value"),
        ("others matter less", lambda ds: ds.drop_vars(["width", "seed"]), "no other setting varies"),
        ("larger is faster", lambda ds: ds.drop_vars("width"), "how large"),
        ("starts converge", lambda ds: ds, "no run attribute 'init'"),
        ("architecture distinguishes", lambda ds: ds.isel(run=[0, 1]), "2 value"),
        ("same order", lambda ds: ds.isel(run=[0]), "two runs"),
    ],
)
def test_claims__that_the_data_cannot_tell_say_why(claim, change, why):
    found = asked(claim, change(simulated()))
    assert found.verdict == UNKNOWN
    assert why in found.because
    assert not found.numbers


def test_picture__of_other_kinds_of_axes_in_any_draw_is_not_stable(monkeypatch):
    ds = simulated()
    assert asked("stable picture", ds).verdict == HOLDS

    def lost(*arguments, **options):
        found = tk.stability(*arguments, **options)
        return found.assign(misfit=found.misfit.where((found.change != change) | (found.repeat > 0)))

    monkeypatch.setattr(questions, "stability", lost)
    for change, said in (("50 % of runs", "(1 of 3)"), ("without architecture A", "(1 of 1)")):
        found = asked("stable picture", ds)
        assert found.verdict == FAILS
        assert f"other kinds of axes: {change} {said}" in found.because


def various() -> xr.Dataset:
    """Runs that all claims can be put to, with settings that are missing for some, and references."""
    ds = tk.simulate(runs=16, samples=24, checkpoints=7, groups=2, spread=0.3).drop_vars("known_progress")
    # Without the last, at which all are at the truth.
    ds = ds.isel(checkpoint=slice(0, 6))
    place, random = np.arange(16), np.random.default_rng(0)
    log_prob = ds.log_prob.values + 0.05 * random.standard_normal(ds.log_prob.shape)
    log_prob[8:, 0, :, 0] += 1
    log_prob -= np.log(np.exp(log_prob).sum(-1, keepdims=True))
    width, init = 2 ** (place // 2 % 2), np.where(place < 8, "default", "corner")
    init[[3, 12]] = ""
    ds = ds.assign(
        log_prob=ds.log_prob.copy(data=log_prob.astype(np.float32)),
        step=ds.step * xr.DataArray(4 // width + place // 4 % 2, dims="run"),
    ).assign_coords(
        width=("run", width),
        parameters=("run", width**2),
        seed=("run", place // 4 % 2),
        init=("run", init),
        rate=("run", np.where(place % 8 == 5, np.nan, 0.1)),
    )
    return tk.with_references(ds, 5)


def test_code__of_every_number_runs_and_gives_it():
    ds = various()
    part = Part(ds, "test", Settings(draws=2, permutations=19, metric="hellinger", seed=3))
    found = {claim.name: {"test": claim.examine(part)} for claim in CLAIMS}
    table = table_of(found)
    assert table.value.notna().groupby(table.claim).sum().min() >= 1
    known: dict[str, dict] = {}
    for row in table.itertuples():
        *lines, last = row.code.splitlines()
        before = "\n".join(lines)
        if before not in known:
            known[before] = {"ds": ds, "np": np, "tk": tk}
            exec(before, known[before])
        value = float(eval(last, known[before]))
        assert value == pytest.approx(row.value, rel=1e-5, abs=1e-9, nan_ok=True), row.statistic


@pytest.mark.parametrize(("p_value", "draws", "text"), [(0.05, 19, "≤ 0.05"), (0.05, 999, ">0.05"), (np.nan, 0, ">-")])
def test_page__gives_the_least_p_value_as_a_bound(p_value, draws, text):
    assert f"{text}</td>" in _cells(Number("statistic", 1.0, p_value=p_value, draws=draws))


def test_claims__of_too_few_draws_cannot_be_told():
    assert "never reach" in asked("one manifold", simulated(), draws=18).because


@pytest.mark.parametrize("change", [{"metric": "kullback_leibler"}, {"draws": 1}, {"permutations": 0}, {"level": 1.0}])
def test_claims__refuse_what_makes_no_sense(change):
    with pytest.raises(ValueError, match="wanted"):
        tk.claims(simulated(), **change)


# Runs without structure


def unstructured(seed: int) -> xr.Dataset:
    """Runs that learn each the samples in an order of its own and confuse classes of their own; names say nothing."""
    random, label = np.random.default_rng(seed), np.arange(24) % 4
    right, t = label[:, None] == np.arange(4), np.linspace(0, 1, 6)[:, None, None]
    ease, drift = random.uniform(0.3, 1.7, (8, 1, 24, 1)), random.standard_normal((8, 1, 24, 4))
    names = {"architecture": random.permutation(list("AABBCCDD")), "seed": np.arange(8)}
    return tk.from_arrays(logits=6 * t * ease * right + 6 * t * (1 - t) * drift, label=label, runs=names)


def test_groups_and_nulls__find_nothing_in_runs_without_structure():
    p_groups, p_null, ratio = [], [], []
    for seed in range(10):
        ds = unstructured(seed)
        p_groups.append(
            tk.compare_groups(tk.trajectory_distance(ds, n=5), "architecture", permutations=199).p_value.item()
        )
        null = tk.null_test(ds, null_draws=2, seed=seed)
        p_null.append(float(null.overall_p_value))
        ratio.append(float(null.median_ratio))
    assert sum(p > 0.05 for p in p_groups) >= 9
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    # Of two draws p is 1/3, 2/3 or 1, each as often.
    assert 0.45 < np.mean(p_null) < 0.88


def test_claims__do_not_hold_for_runs_without_structure_and_hold_where_it_is_put_in():
    """Learnt by all mostly in one order, with confusions of two architectures and a little of their own."""
    ds = unstructured(0)
    asked_for = ("low-dimensional", "architecture distinguishes", "same order")
    assert [asked(claim, ds).verdict for claim in (*asked_for, "one manifold")] == [FAILS] * 4
    first = ds.log_prob.values.astype(float)[[0, 0, 0, 0, 1, 1, 1, 1]]
    mixed = 0.8 * ds.log_prob.values[0] + 0.15 * first + 0.05 * ds.log_prob.values
    mixed -= np.log(np.exp(mixed).sum(-1, keepdims=True))
    alike = ds.assign(log_prob=ds.log_prob.copy(data=mixed.astype(np.float32)))
    alike = alike.assign_coords(architecture=("run", list("AAAABBBB")))
    assert [asked(claim, alike).verdict for claim in asked_for] == [HOLDS] * 3


# The page


@pytest.mark.parametrize(
    ("attrs", "title"),
    [
        ({"metadata": '{"data": "CIFAR-10 (JPEG)"}'}, "Trajectories of 2 networks on CIFAR-10 (JPEG)"),
        ({"metadata": '{"data": {"name": "folder"}}', "source": "zoo"}, "Trajectories of 2 networks from zoo"),
        ({"metadata": "by hand", "source": "zoo"}, "Trajectories of 2 networks from zoo"),
        ({}, "Trajectories of 2 networks"),
    ],
)
def test_title__says_what_was_analysed(attrs, title):
    ds = tk.with_references(tk.simulate(runs=2, samples=8, checkpoints=3))
    ds.attrs = attrs
    assert _title(ds) == title


def test_page__counts_failed_runs_where_they_are_recorded():
    ds = tk.simulate(runs=3, samples=8, checkpoints=3)
    assert _failed(ds) == "not recorded"
    assert _failed(ds.assign_attrs(metadata='{"failed_runs": {"a": "crashed: killed"}}')).startswith("1 runs")
    assert _failed(ds.assign_coords(diverged_at=("run", [np.nan, 7.0, 9.0]))).startswith("2 runs")


def test_report__gives_the_table_of_claims(written):
    table, _ = written
    assert set(table.claim) == {c.name for c in CLAIMS}
    assert set(table.samples) == {"all"}  # the probe has one split
    assert set(table.verdict) <= {HOLDS, FAILS, UNKNOWN}
    verdict = table.drop_duplicates("claim").set_index("claim").verdict
    assert verdict["architecture distinguishes"] == HOLDS
    assert verdict["starts converge"] == UNKNOWN
    assert (table.code == "").equals(table.verdict == UNKNOWN)
    assert (table.p_least.dropna().round(6).isin([0.05, 0.01])).all()
    at_least = table[(table.claim == "one manifold") & (table.p_value == table.p_least)]
    assert at_least.because.str.contains("p ≤ 0.05").all()
    assert table[table.verdict == UNKNOWN].value.isna().all()
    assert table[table.verdict != UNKNOWN].groupby("claim").value.count().min() >= 1


def test_report__holds_every_claim_and_number_and_escapes_names(written):
    table, path = written
    page = path.read_text(encoding="utf-8")
    text = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert page.count("<h2") == len(CLAIMS) + 2
    assert "Runs &amp; &lt;others&gt;" in text
    assert "&lt;i&gt; (12)" in text
    assert '<b>"wide"' not in page.replace("<b>all samples</b>", "")
    for value in table.value.dropna():
        assert f"{value:.3g}" in text
    # Plotly's library and little beside it.
    assert 4.8e6 < path.stat().st_size < 5.2e6
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert not re.search(r"(src|href)=\"https?:", text)
    assert str(path.parent) not in page


@pytest.mark.browser
def test_report__opens_without_a_network_and_draws_its_figures(written):
    from lab import browser_page

    _, path = written
    with browser_page(width=1100, height=900) as page:
        faults, asked_for = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked_for.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("() => document.querySelectorAll('figure .plotly').length > 0")
        drawn = page.evaluate("() => [...document.querySelectorAll('figure')].map(f => !!f.querySelector('.main-svg'))")
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert all(drawn)
    assert len(drawn) >= 6
    assert wide <= 0
    assert not faults
    assert [url for url in asked_for if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.slow
def test_report__of_digits(tmp_path):
    table = tk.report(tk.sample_data("digits"), tmp_path / "digits.html")
    verdict = table[table.samples == "all"].drop_duplicates("claim").set_index("claim").verdict
    assert verdict[["low-dimensional", "one manifold", "architecture distinguishes"]].tolist() == [HOLDS] * 3
    assert (verdict != UNKNOWN).all()
    assert 5e6 < (tmp_path / "digits.html").stat().st_size < 7e6
    title = "Trajectories of 129 networks on handwritten digits, 8x8 pixels (sklearn.datasets.load_digits)"
    assert f"<title>{title}</title>" in (tmp_path / "digits.html").read_text(encoding="utf-8")


def test_examine__asks_each_split_where_there_are_two():
    ds = tk.simulate(runs=2, samples=20, checkpoints=3)
    found = examine(ds, Settings(draws=2, permutations=1), progress_bar=False)
    assert all(list(of) == ["all", "train", "test"] for of in found.values())
    assert {f.verdict for of in found.values() for f in of.values()} == {UNKNOWN}
