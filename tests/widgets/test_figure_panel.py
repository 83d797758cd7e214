"""The panel of a figure by its state, without a browser."""

import gzip
import json

import plotly.graph_objects as go
import pytest

import trajkit as tk


@pytest.fixture
def panel() -> tk.widgets.FigurePanel:
    panel = tk.widgets.FigurePanel(200)
    panel.draw(go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="line")))
    return panel


def test_draw__sends_the_figure_and_removes_marks(panel):
    panel.mark([{"type": "scatter", "x": [1], "y": [3]}], faded=True)
    assert json.loads(panel._marks)["data"] == panel.marks
    assert panel._faded
    panel.draw(go.Figure(go.Scatter(x=[5], y=[6], name="dot")))
    assert json.loads(panel._drawn)["data"][0]["name"] == "dot"
    assert (json.loads(panel._marks)["data"], panel.marks, panel._faded) == ([], [], False)


def test_listener__is_told_events_and_points(panel):
    told: list[object] = []
    panel.listen(lambda *event: told.append(event))
    panel._handle_custom_msg({"event": "click", "points": [{"trace": 0, "point": 1}], "more": True}, [])
    panel._handle_custom_msg({"event": "leave"}, [])
    assert told == [("click", [{"trace": 0, "point": 1}], True), ("leave", [], False)]


def test_library__is_sent_when_a_page_asks_for_it(panel, monkeypatch):
    sent: list[bytes] = []
    monkeypatch.setattr(panel, "send", lambda content, buffers: sent.extend(buffers))
    panel._handle_custom_msg({"need": "plotly"}, [])
    assert b"plotly.js v" in gzip.decompress(sent[0])
