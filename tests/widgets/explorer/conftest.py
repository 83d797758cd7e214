"""An Explorer, and its state alone."""

from collections.abc import Iterator

import pytest
import xarray as xr

import trajkit as tk
from trajkit.widgets.explorer.state import ExplorerState


@pytest.fixture
def state(ds: xr.Dataset) -> ExplorerState:
    return ExplorerState(ds)


@pytest.fixture
def explorer(ds: xr.Dataset) -> Iterator[tk.widgets.Explorer]:
    explorer = tk.explore(ds)
    yield explorer
    explorer.close()
