"""Views that share some of their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from trajkit.widgets.manifold_traits import ManifoldTraits

# What can be linked, and the traits that each word stands for.
LINKED = {
    "camera": ("camera",),
    "selection": ("selection",),
    "hovered": ("hovered",),
    "pinned": ("pinned",),
    "highlighted": ("highlighted",),
    "time": ("time_axis", "duration", "playing", "time"),
    "color": ("color", "hidden"),
    "filters": ("filters",),
    "components": ("components",),
    "tool": ("tool",),
}


def link(one: ManifoldTraits, other: ManifoldTraits, what: Iterable[str]) -> Callable[[], None]:
    """Link two views in Python and in the browser; the function that is returned unlinks them.

    Raises
    ------
    ValueError
        If `what` holds a word that is not in `LINKED`.
    """
    what = list(what)
    if unknown := sorted(set(what) - set(LINKED)):
        raise ValueError(f"cannot link {unknown}: wanted some of {list(LINKED)}")
    names = [name for word in what for name in LINKED[word]]
    one._linked.append(other)
    other._linked.append(one)
    in_browser = [ipywidgets.jslink((one, name), (other, name)) for name in names]
    in_python = [_follow(one, other, names), _follow(other, one, names)]

    def unlink() -> None:
        for browser_link in in_browser:
            browser_link.unlink()
        for stop in in_python:
            stop()
        one._linked.remove(other)
        other._linked.remove(one)

    return unlink


def _follow(leader: ManifoldTraits, follower: ManifoldTraits, names: list[str]) -> Callable[[], None]:
    """Let one view follow what Python sets in another."""

    def follow(change: Any) -> None:
        # A change that comes from the browser has been linked there. Were Python to answer it too, its late answer
        # would move the view back to where the mouse was a moment ago.
        if change["name"] not in leader._property_lock:
            setattr(follower, change["name"], change["new"])

    leader.observe(follow, names)
    return lambda: leader.unobserve(follow, names)
