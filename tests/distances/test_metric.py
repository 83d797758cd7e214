"""Laws of metrics: what functions that take one accept and refuse."""

from __future__ import annotations

from typing import Any

import pytest

import trajkit as tk


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "euclid"}, r"unknown metric 'euclid': wanted one of \['bhattacharyya'"),
        ({"metric": "hellinger", "cap": 3}, "'hellinger' is bounded and takes no cap"),
        ({"cap": 0}, "cap: wanted a positive number of nats, got 0"),
        ({"cap": -1}, "got -1"),
        ({"cap": float("nan")}, "got nan"),
    ],
)
def test_pairwise__senseless_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.pairwise(tk.simulate(runs=1, checkpoints=2), **options)
