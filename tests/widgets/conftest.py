"""A browser for exported pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import browser_page
from playwright.sync_api import Page


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
