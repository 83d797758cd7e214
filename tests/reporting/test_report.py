"""The page: every claim and number, and what it says of the data, escaped, in one file that needs no network."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import trajkit as tk
from trajkit.reporting.claim import Claim
from trajkit.reporting.claims import CLAIMS
from trajkit.reporting.contents import contents, failures, title_of
from trajkit.reporting.finding import FAILS, HOLDS, UNKNOWN, Number, judged
from trajkit.reporting.report import _Page, p_text

AWKWARD = '<b>"wide" & </script>'


def awkward(simulated) -> xr.Dataset:
    ds = simulated()
    names = ds.architecture.values.astype(object)
    names[names == "A"] = AWKWARD
    return ds.assign_coords(architecture=("run", names.astype(str)), maker=("run", np.full(48, "<i>")))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, simulated) -> tuple[pd.DataFrame, Path]:
    path = tmp_path_factory.mktemp("report") / "page.html"
    title, how = "Runs & <others>", {"null_draws": 99, "permutations": 199}
    return tk.report(awkward(simulated), path, title=title, **how, progress_bar=False), path


@pytest.mark.parametrize(
    ("p_value", "least", "text"), [(0.05, 0.05, "≤ 0.05"), (0.05, 0.001, "0.05"), (np.nan, np.nan, "-")]
)
def test_p_text__gives_the_smallest_possible_p_value_as_a_bound(p_value, least, text):
    assert p_text(Number("statistic", "subject", 1.0, p_value=p_value, p_least=least)) == text


def test_report__gives_the_table_of_claims(written):
    table, _ = written
    assert set(table.claim) == {c.name for c in CLAIMS}
    assert set(table.samples) == {"all"}  # the probe has one split
    assert set(table.verdict) <= {HOLDS, FAILS, UNKNOWN}
    verdict = table.drop_duplicates("claim").set_index("claim").verdict
    assert verdict["architecture distinguishes"] == HOLDS
    assert verdict["starts converge"] == UNKNOWN
    assert (table.code == "").equals(table.value.isna() & (table.statistic == ""))
    assert (table.subject == "").equals(table.statistic == "")
    assert (table.p_least.dropna() >= 0.005).all()
    at_least = table[(table.claim == "nearer than shuffled") & (table.p_value == table.p_least)]
    assert at_least.because.str.contains("p ≤ 0.01").all()
    assert table[table.verdict != UNKNOWN].groupby("claim").value.count().min() >= 1


def test_report__shows_answers_while_others_are_missing_and_no_verdict_before_its_p_value_is_corrected(
    tmp_path, monkeypatch
):
    """Quick claims on the part that decides come first; after each one the page can be opened."""
    seen, asked = [], []

    def ask(claim, part):
        asked.append((part.name, claim.slowness))
        decisive = claim.name == "nearer than shuffled"
        return judged(True, "why", [Number("a", "b", 1.0, p_value=0.001, p_least=0.001, decisive=decisive)], [])

    monkeypatch.setattr(Claim, "ask", ask)
    monkeypatch.setattr(_Page, "show", lambda page, found: seen.append((page, found)))
    path = tmp_path / "page.html"
    tk.report(tk.simulate(runs=4, samples=24, checkpoints=4), path, progress_bar=False)
    assert asked == sorted(asked, key=lambda at: (["test", "all", "train"].index(at[0]), at[1]))
    assert "answers are not told yet" not in path.read_text("utf-8")
    # After the first claim, after the last one of the part that decides, and after the first one of another part.
    for place, left, shows in ((0, 32, False), (10, 23, False), (11, 21, True)):
        page, found = seen[place]
        page.write(found)
        text = path.read_text("utf-8")
        assert f"{left} of 33 answers are not told yet" in text
        row = re.search("#nearer-than-shuffled.*?</tr>", text, re.DOTALL)[0].split("<td>")[-1]
        assert ("not yet told" not in row) == shows


def test_report__that_is_stopped_leaves_what_it_found(tmp_path, monkeypatch, simulated):
    ask = Claim.ask

    def stop(claim, part):
        if claim.slowness:
            raise KeyboardInterrupt
        return ask(claim, part)

    monkeypatch.setattr(Claim, "ask", stop)
    with pytest.raises(KeyboardInterrupt):
        tk.report(simulated(runs=12), tmp_path / "page.html", permutations=19, progress_bar=False)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "answers are not told yet" in page
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_report__holds_every_claim_and_number_and_escapes_names(written):
    table, path = written
    page = path.read_text(encoding="utf-8")
    text = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert page.count("<h2") == len(CLAIMS) + 2
    assert "Runs &amp; &lt;others&gt;" in text
    assert "&lt;i&gt; (48)" in text
    # In the facts of the dataset, in numbers, in figures and in code.
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


def check_report(table: pd.DataFrame, ds: xr.Dataset, primary: str) -> None:
    """What networks do is not asserted: these laws hold for any runs."""
    assert set(table.verdict) <= {HOLDS, FAILS, UNKNOWN}
    assert (table.groupby("samples").claim.nunique() == len(CLAIMS)).all()
    bounded, tested = table[table.lower.notna()], table[table.p_corrected.notna()]
    assert (bounded.lower <= bounded.upper).all()
    assert (tested.p_corrected >= tested.p_value).all()
    assert (tested.p_corrected == tested.p_value)[tested.samples != primary].all()
    assert (tested.p_corrected <= 0.05)[tested.verdict == HOLDS].all()
    decided = table[table.samples == primary]
    known: dict[str, dict] = {}
    quick = decided.claim.isin(["architecture distinguishes", "others matter less", "starts converge"])
    for row in decided[quick & (decided.code != "")].itertuples():
        *lines, last = row.code.splitlines()
        before = "\n".join(lines)
        if before not in known:
            known[before] = {"ds": ds, "np": np, "tk": tk}
            exec(before, known[before])
        assert float(eval(last, known[before])) == pytest.approx(row.value, rel=1e-5, nan_ok=True), row.statistic
    first = decided.drop_duplicates("claim").set_index("claim")
    for claim, said in {
        "architecture distinguishes": "{:.2f} times as far apart",
        "low-dimensional": "three components explain {:.2f}",
        "same order": "rank correlation of {:.2f}",
    }.items():
        if first.verdict[claim] != UNKNOWN:
            assert said.format(first.value[claim]) in first.because[claim]


def test_report__says_what_its_numbers_say(written, simulated):
    check_report(written[0], awkward(simulated), "all")


@pytest.mark.slow
def test_report__of_digits_says_what_its_numbers_say(tmp_path):
    ds, path = tk.sample_data("digits"), tmp_path / "digits.html"
    check_report(tk.report(ds, path), ds, "test")
    page = path.read_text(encoding="utf-8")
    assert f"<title>Trajectories of {ds.sizes['run']} networks on handwritten digits" in page
    assert "answers are not told yet" not in page
    assert 5e6 < len(page) < 9e6


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
    assert title_of(ds) == title


def test_failures__are_counted_where_they_are_recorded():
    ds = tk.simulate(runs=3, samples=8, checkpoints=3)
    assert failures(ds) == "not recorded"
    assert failures(ds.assign_attrs(metadata='{"failed_runs": {"a": "crashed: killed"}}')).startswith("1 runs")
    assert failures(ds.assign_coords(diverged_at=("run", [np.nan, 7.0, 9.0]))).startswith("2 runs")


def test_contents__count_values_that_are_few_and_give_the_range_of_many():
    ds = tk.simulate(runs=14, samples=8, checkpoints=3, groups=2)
    ds = ds.assign_coords(
        rate=("run", np.arange(14) / 8),
        init=("run", ["", *["default"] * 13]),
        name=("run", [f"n{i}" for i in range(14)]),
    )
    said = dict(contents(tk.with_references(ds, 3)))
    assert said["runs"] == "14 networks, 3 references"
    assert said["architecture"] == "A (7), B (7)"
    assert said["rate"] == "14 values from 0 to 1.625"
    assert said["init"] == "default (13); missing for 1"
    assert said["name"] == "14 values"
