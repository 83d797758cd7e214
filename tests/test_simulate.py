"""Laws of simulated trajectories: their geometry is what was asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import within

import trajkit as tk


@given(st.integers(1, 5), st.integers(4, 7), st.integers(1, 8), st.integers(2, 9), st.booleans(), st.floats(0, 1))
def test_simulate__is_a_trajectory_dataset_of_the_sizes_asked_for(
    runs: int, checkpoints: int, samples: int, classes: int, ragged: bool, bend: float
) -> None:
    spread = bend * np.arctan(1 / np.sqrt(classes - 1)) if classes > 2 else 0.0
    ds = tk.simulate(runs, checkpoints, samples, classes, ragged=ragged, spread=spread)
    tk.validate(ds)
    assert dict(ds.sizes) == {"run": runs, "checkpoint": checkpoints, "sample": samples, "class": classes}
    missing = np.arange(runs) % 3 if ragged else np.zeros(runs)
    assert ((ds.step < 0).sum("checkpoint").values == missing).all()
    assert (ds.known_progress.isnull() == (ds.step < 0)).all()


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_simulate__starts_at_ignorance_and_ends_where_the_spread_says(spread: float) -> None:
    ds = tk.simulate(runs=4, checkpoints=9, classes=6, spread=spread)
    within("simulated start is ignorance", float(tk.fisher_rao(ds.log_prob[:, 0], tk.ignorance(ds)).max()), 1e-6)
    within("simulated end is truth", float(tk.fisher_rao(ds.log_prob[:, -1], tk.truth(ds)).max()), 1e-6)
    # Half way, the angle off the geodesic's plane is that of sin psi sin d.
    middle = ds.log_prob[:, 4]
    nearest = [tk.geodesic(tk.ignorance(ds), tk.truth(ds), float(t)) for t in ds.known_progress[:, 4]]
    off = [float(tk.fisher_rao(p, g)) for p, g in zip(middle, nearest, strict=True)]
    wanted = np.arcsin(np.sin(0.5 * np.arccos(6**-0.5)) * np.sin(0.5 * spread))
    within("simulated angle off the geodesic", float(np.abs(np.array(off) - wanted).max()), 1e-6)


def test_simulate__runs_of_one_group_are_nearer_to_each_other() -> None:
    ds = tk.simulate(runs=6, groups=2, classes=8, spread=0.3)
    late = ds.log_prob[:, 15].drop_vars(["kind", "seed", "checkpoint"])
    d = tk.hellinger(late, late.rename(run="run2", architecture="architecture2"))
    same = d.architecture == d.architecture2
    assert float(d.where(same).max()) < float(d.where(~same).min()) / 3


def test_simulate__is_the_same_for_the_same_seed_alone() -> None:
    def created_away(seed: int) -> Any:
        return tk.simulate(spread=0.1, seed=seed).drop_attrs()

    assert created_away(1).identical(created_away(1))
    assert not created_away(1).equals(created_away(2))


def test_simulate__names_many_groups() -> None:
    ds = tk.simulate(runs=30, groups=30, checkpoints=1, samples=2)
    assert ds.run.values[[0, 29]].tolist() == ["group-0-0", "group-29-0"]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"runs": 0}, "runs: wanted at least 1, got 0"),
        ({"checkpoints": 0}, "checkpoints: wanted at least 1, got 0"),
        ({"checkpoints": 3, "ragged": True}, "checkpoints: wanted at least 4, got 3"),
        ({"samples": 0}, "samples: wanted at least 1"),
        ({"classes": 1}, "classes: wanted at least 2, got 1"),
        ({"groups": 0}, "groups: wanted at least 1"),
        ({"spread": -0.1}, r"spread: wanted 0 to 0.4636 rad for 5 classes, got -0.1"),
        ({"spread": 0.5}, "got 0.5"),
        ({"spread": float("nan")}, "got nan"),
        ({"spread": 0.1, "classes": 2}, "wanted 0 to 0.0000 rad for 2 classes"),
    ],
)
def test_simulate__refuses_sizes_out_of_range(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.simulate(**sizes)
