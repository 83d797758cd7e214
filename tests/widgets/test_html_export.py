"""Exported pages: one file, opened from disk without network, in which keys and clicks work."""

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from trajkit.widgets.html_export import write_page
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.slicer import Board
from trajkit.widgets.table import RunTable

HOSTILE = "</script><script>window.hit = 1</script>\u2028<!-- & \"quoted\" 'it'"


def table() -> RunTable:
    return RunTable(columns=["run", "loss"], rows=[["A-0", 0.5], ["B-0", 0.25]])


def test_page__holds_state_buffers_and_title_whatever_text_they_contain(embedding, tmp_path: Path):
    view = ManifoldView(embedding.assign_coords(note=("run", [HOSTILE] * embedding.sizes["run"])), color="seed")
    page = view.to_html(tmp_path / "page.html", title=HOSTILE).read_text("utf-8")
    assert page.count("</script>") == 2
    assert "https://" not in re.sub(r"http://www\.w3\.org/\S+", "", page)
    (title,) = re.findall(r"<title>(.*?)</title>", page)
    assert not set(title) & set("<>\"'")
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    (one,) = json.loads(data)["views"]
    assert one["state"]["color"] == "seed"
    assert next(a for a in one["state"]["_attributes"] if a["name"] == "note")["categories"] == [HOSTILE]
    assert base64.b64decode(dict((path[0], text) for path, text in one["buffers"])["_coordinate"]) == view._coordinate


def test_page__needs_one_or_more_views_of_one_class(tmp_path: Path):
    for views in ([], [table(), Board()]):
        with pytest.raises(ValueError, match=r"wanted one or more widgets of one class, got .*; write a page"):
            write_page(tmp_path / "page.html", views, title="none")


def test_page__of_a_number_that_json_lacks_is_refused_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_page(tmp_path / "page.html", [RunTable(rows=[["A", float("nan")]])], title="nan")
    assert list(tmp_path.iterdir()) == []


def board() -> Board:
    values = {"kind": "values", "name": "optimizer", "values": ["adam", "sgd"], "search": False, "window": False}
    numbers = {"kind": "range", "name": "learning_rate", "scale": "log", "low": 0.001, "high": 1.0, "unit": 1.0}
    facets = [values, {**numbers, "whole": False, "missing": True, "window": False}]
    spec = {"facets": facets, "splits": ["train", "test"], "same": []}
    state = {"facets": [None, None], "split": None, "where": "", "serial": 0}
    shown = {"serial": 0, "runs": 4, "of": 4, "points": 8, "counts": [[2, 2], [1, 2, 1, 0]]}
    return Board(spec=spec, state=state, shown=shown)


@pytest.mark.browser
def test_links__carry_a_click_from_one_view_to_the_other(opened):
    page = opened(table(), table(), links=[(0, 1, ["highlighted"])], columns=2)
    page.locator("tbody tr").first.click()
    expect(page.locator("tr.on")).to_have_count(2)
    assert page.evaluate("() => page.models[1].get('highlighted')") == ["A-0"]


@pytest.mark.browser
def test_table__is_one_stop_of_tab_with_arrows_between_its_rows(opened):
    page = opened(table(), table())

    def where() -> list[object]:
        return page.evaluate(
            "() => { const e = document.activeElement; const all = [...document.querySelectorAll('main > div')];"
            " return [all.findIndex((t) => t.contains(e)), e.dataset.run ?? e.textContent]; }"
        )

    def press(*keys: str) -> list[object]:
        for key in keys:
            page.keyboard.press(key)
        return where()

    assert press("Tab", "Tab") == [0, "loss"]
    assert press("Tab") == [0, "A-0"]
    assert press("ArrowDown") == press("ArrowDown") == [0, "B-0"]
    assert page.evaluate("() => page.models[0].get('highlighted')") == []
    press("Enter")
    assert page.evaluate("() => page.models[0].get('highlighted')") == ["B-0"]
    assert press("Tab") == [1, "run"]
    # Back to the row that was left.
    assert press("Shift+Tab") == [0, "B-0"]
    assert [press("Home"), press("End"), press("ArrowUp")] == [[0, "A-0"], [0, "B-0"], [0, "A-0"]]
    press("Shift+Space")
    assert page.evaluate("() => page.models[0].get('highlighted')") == ["B-0", "A-0"]
    # The head keeps the focus while the rows are sorted, and sorting leaves the current row.
    assert press("Shift+Tab", "Enter") == [0, "loss ▴"]
    expect(page.locator("main > div").first.locator("tbody tr td:first-child")).to_have_text(["B-0", "A-0"])
    assert press("Tab") == [0, "A-0"]


@pytest.mark.browser
def test_table__sorts_missing_values_last_in_both_directions(opened):
    page = opened(RunTable(columns=["run", "loss"], rows=[["A", None], ["B", 2.0], ["C", 10.0], ["D", None]]))
    head = page.get_by_title("sort by loss")
    names = page.locator("tbody tr td:first-child")
    head.click()
    expect(names).to_have_text(["B", "C", "A", "D"])
    head.click()
    expect(names).to_have_text(["C", "B", "A", "D"])


@pytest.mark.browser
def test_board__takes_what_is_typed_key_by_key(opened):
    page = opened(board())
    # What the stand-in has no kernel for.
    page.evaluate("() => { window.sent = []; page.models[0].send = (message) => sent.push(message); }")
    name = page.get_by_label("name of a preset")
    name.click()
    page.keyboard.type("mine")
    expect(name).to_have_value("mine")
    page.keyboard.press("Enter")
    expect(name).to_have_value("")
    assert page.evaluate("() => sent") == [{"do": "save", "with": ["mine"]}]
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Save"
    lowest = page.get_by_label("lowest value of learning_rate")
    lowest.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.01")
    page.keyboard.press("Enter")
    chosen = {"low": 0.01, "high": None, "none": False, "single": []}
    assert page.evaluate("() => page.models[0].get('state').facets[1]") == chosen


@pytest.mark.browser
def test_board__chooses_one_split_and_several_values(opened):
    page = opened(board())
    # As the kernel answers: what was chosen has been seen.
    answer = "m => { m.set('shown', { ...m.get('shown'), serial: m.get('state').serial }); return m.get('state'); }"

    def press(name: str) -> dict[str, object]:
        page.get_by_role("button", name=name, exact=name == "all").click()
        return page.evaluate(f"() => ({answer})(page.models[0])")

    assert [press(name)["split"] for name in ("test", "test", "all")] == ["test", "test", None]
    press("adam")
    assert press("sgd")["facets"][0] == {"chosen": [0, 1]}
    page.get_by_role("region", name="optimizer").get_by_title("lift this restriction").click()
    assert page.evaluate("() => page.models[0].get('state').facets[0]") is None
