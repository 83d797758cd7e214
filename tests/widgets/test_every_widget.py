"""What holds for every widget."""

import gc
import weakref

import pytest

import trajkit as tk


@pytest.mark.parametrize("name", ["FigurePanel", "LiveView", "ManifoldView", "Slicer"])
def test_widgets__leave_nothing_behind_when_closed(ds, embedding, name) -> None:
    arguments = {"LiveView": (embedding, ds), "ManifoldView": (embedding,), "Slicer": (ds,)}.get(name, ())
    widget = getattr(tk.widgets, name)(*arguments)
    gone = weakref.ref(widget)
    widget.close()
    del widget
    gc.collect()
    assert gone() is None
