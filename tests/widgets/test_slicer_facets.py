"""The controls of single attributes."""

from __future__ import annotations

import numpy as np
import pytest

from trajkit.widgets.slicer_facets import RangeFacet, facet


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.arange(12.0), "linear"),
        (np.logspace(-3, 0, 12), "log"),
        (np.concatenate([[0.0], np.logspace(-5, -1, 12)]), "log1"),
        (np.linspace(-100, 1000, 12), "linear"),
    ],
)
def test_range__is_logarithmic_where_positive_values_span_decades(values: np.ndarray, scale: str) -> None:
    found = facet("x", values)
    assert isinstance(found, RangeFacet)
    assert found.spec()["scale"] == scale
    assert found.counts(np.ones(len(values), dtype=bool))[0] >= 1


def test_facet__of_equal_values_or_of_nothing_but_missing_ones_is_none() -> None:
    assert facet("x", np.full(3, np.nan)) is None
    assert facet("x", np.array(["a", "a"])) is None
    infinite = facet("x", np.concatenate([np.arange(20.0), [np.inf]]))
    assert infinite is not None
    assert infinite.spec()["kind"] == "values"
