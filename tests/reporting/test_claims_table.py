"""All claims on a dataset as a table."""

import pytest

import trajkit as tk
from trajkit.reporting.claims_table import examine
from trajkit.reporting.finding import UNKNOWN, Settings


def test_examine__asks_each_split_where_there_are_two():
    ds = tk.simulate(runs=2, samples=20, checkpoints=3)
    found = examine(ds, Settings(null_draws=2, permutations=1), progress_bar=False)
    assert all(list(of) == ["all", "train", "test"] for of in found.values())
    assert {f.verdict for of in found.values() for f in of.values()} == {UNKNOWN}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "kullback_leibler"}, "not symmetric: wanted one of"),
        ({"metric": "hellinger", "cap": 3.0}, "takes no cap"),
        ({"cap": -1.0}, "cap: wanted a positive number"),
        ({"null_draws": 1}, "wanted null_draws of 2 or more"),
        ({"permutations": 0}, "permutations of 1 or more"),
        ({"level": 1.0}, "level between 0 and 1"),
    ],
)
def test_claims__refuse_settings_that_make_no_sense(change, message, simulated):
    with pytest.raises(ValueError, match=message):
        tk.claims(simulated(), **change)


def test_claims__refuse_the_old_keywords(simulated):
    with pytest.raises(TypeError, match="write null_draws="):
        tk.claims(simulated(), draws=19)
