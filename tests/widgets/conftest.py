"""Datasets, embeddings and a browser that the tests of several widgets share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import anywidget
import numpy as np
import pytest
import xarray as xr
from lab import browser_page, settle
from playwright.sync_api import Page

import trajkit as tk
from trajkit.widgets.html_export import write_page


@pytest.fixture(scope="session")
def ds() -> xr.Dataset:
    """Runs with attributes of every kind. Tests must not change them in place."""
    ds = tk.simulate(runs=24, groups=3, spread=0.3, checkpoints=8, samples=30)
    rates = np.logspace(-4, 0, 24)
    rates[3] = np.nan
    return ds.assign_coords(
        {
            "width": ("run", np.arange(24) * 2),
            "learning_rate": ("run", rates),
            "dropout": ("run", np.arange(24) % 2 == 0),
            "banana": ("run", np.where(np.arange(24) % 3 == 0, np.nan, 1.0)),
            "optimizer": ("run", ["adam"] * 24),
            'it\'s <b>bold "x"': ("run", ["nan", "<script>alert(1)</script>"] * 12),
        }
    )


@pytest.fixture(scope="session")
def embedding(ds: xr.Dataset) -> xr.Dataset:
    return tk.embed(ds)


@pytest.fixture(scope="session")
def ragged_ds() -> xr.Dataset:
    """Runs of different numbers of checkpoints."""
    return tk.simulate(runs=12, groups=3, spread=0.3, checkpoints=8, ragged=True)


@pytest.fixture(scope="session")
def ragged_embedding(ragged_ds: xr.Dataset) -> xr.Dataset:
    return tk.embed(ragged_ds, 4)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """A page without network; `faults` collects its errors and whatever it asks the network for."""
    with browser_page(1000, 640) as page:
        page.faults = []
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))
        page.on("request", lambda r: r.url.startswith(("file:", "blob:", "data:")) or page.faults.append(r.url))
        page.context.set_offline(True)
        yield page
        page.context.set_offline(False)


@pytest.fixture
def opened(browser: Page, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open the exported page of one widget or several, and see to it that it made no fault."""

    def open_page(*views: anywidget.AnyWidget, title: str = "page", **options: object) -> Page:
        browser.goto(write_page(tmp_path / "page.html", views, title=title, **options).as_uri())
        browser.wait_for_function("() => globalThis.page?.close.length === page.models.length", timeout=60_000)
        settle(browser)
        settle(browser)
        return browser

    yield open_page
    assert browser.faults == []
