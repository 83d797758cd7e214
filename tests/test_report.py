"""Claims put to simulated data whose answers are known, and the page made of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import trajkit as tk
from trajkit.reporting.claims import CLAIMS, _asked, examine
from trajkit.reporting.findings import FAILS, HOLDS, UNKNOWN, Part, Settings

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
    return tk.report(ds, path, title="Runs & <others>", permutations=99, progress=False), path


# Single claims


def test_architecture__distinguishes_where_groups_bend_their_own_way():
    found = asked("architecture distinguishes", simulated())
    assert found.verdict == HOLDS
    first = found.numbers[0]
    assert first.lower < first.value < first.upper <= 1
    exact = tk.compare_groups(tk.trajectory_distance(simulated(), n=20), "architecture", n=1)
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


def test_claims__of_too_few_draws_cannot_be_told():
    assert "never reach" in asked("one manifold", simulated(), draws=18).because


@pytest.mark.parametrize("change", [{"metric": "kullback_leibler"}, {"draws": 1}, {"permutations": 0}, {"level": 1.0}])
def test_claims__refuse_what_makes_no_sense(change):
    with pytest.raises(ValueError, match="wanted"):
        tk.claims(simulated(), **change)


# The page


def test_report__gives_the_table_of_claims(written):
    table, _ = written
    assert set(table.claim) == {c.name for c in CLAIMS}
    assert set(table.samples) == {"all"}  # the probe has one split
    assert set(table.verdict) <= {HOLDS, FAILS, UNKNOWN}
    verdict = table.drop_duplicates("claim").set_index("claim").verdict
    assert verdict["architecture distinguishes"] == HOLDS
    assert verdict["starts converge"] == UNKNOWN
    for line in table.code.unique():
        compile(line, "the line of Python", "exec")
    assert not table.code.str.contains("{", regex=False).any()
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
    assert path.stat().st_size < 6e6
    assert not list(path.parent.glob("*.part"))
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
    assert (tmp_path / "digits.html").stat().st_size < 8e6


def test_examine__asks_each_split_where_there_are_two():
    ds = tk.simulate(runs=2, samples=20, checkpoints=3)
    found = examine(ds, Settings(draws=2, permutations=1), progress=False)
    assert all(list(of) == ["all", "train", "test"] for of in found.values())
    assert {f.verdict for of in found.values() for f in of.values()} == {UNKNOWN}
