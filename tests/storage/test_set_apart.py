"""Laws of what is set apart: everything comes back, also from JSON, and the dataset given stays as it was."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from trajkit.storage.set_apart import put_back, set_apart


@pytest.mark.parametrize(
    "attributes",
    [
        {"units": "nat", "long_name": "progress", "steps": [1, 2], "share": 0.5},
        {"scale_factor": 2.0, "_FillValue": -1, "coordinates": "label", "dtype": "bool"},
        {"units": "days since 2000-01-01", "calendar": "noleap", "tried": [8], "nothing": None, "settings": {"a": 1}},
        {"NAME": "x", "_NCProperties": "x", "a/b": 1, "": 1, "trajkit_apart": "x", "half": "\ud800", "cut": "a\0b"},
    ],
)
def test_set_apart__is_undone_by_put_back(attributes: dict[str, Any]) -> None:
    ds = xr.Dataset({"x": ("run", [1.5, 2], attributes)}, {"batch size": ("run", [1, 2], attributes)}, attributes)
    before = ds.copy(deep=True)
    apart = set_apart(ds)
    assert put_back(apart).identical(ds)
    assert ds.identical(before)
    assert "batch size" not in apart.coords
    # What a file keeps by itself stays where other programs look for it.
    plain = attributes.get("units") == "nat"
    assert (apart.x.attrs == attributes) == plain


def test_set_apart__dates_have_units_of_their_own_in_a_file() -> None:
    ds = xr.Dataset({"when": ("run", np.array(["2000-01-01"], "M8[ns]"), {"units": "local time"})})
    assert "units" not in set_apart(ds).when.attrs
    assert put_back(set_apart(ds)).identical(ds)


@pytest.mark.parametrize("text", ["", "[1", "[]", "{}", '{"coordinates": 3, "attributes": {"y": {}}}', "[" * 10**5])
def test_put_back__says_that_what_was_set_apart_is_damaged(text: str) -> None:
    with pytest.raises(OSError, match="the attribute 'trajkit_apart' is damaged"):
        put_back(xr.Dataset({"x": ("run", [1])}, attrs={"trajkit_apart": text}))
