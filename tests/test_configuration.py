"""Configurations of runs."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.configuration import checked_configurations

RUNS = 12


def runs(**attributes: object) -> xr.Dataset:
    """Twelve runs: two architectures, two optimizers, seeds 0 to 2."""
    i = np.arange(RUNS)
    known = {
        "architecture": np.array(["fc", "conv"])[i % 2],
        "optimizer": np.array(["sgd", "adam"])[i // 2 % 2],
        "seed": i // 4,
    }
    ds = tk.simulate(runs=RUNS, samples=4, checkpoints=2).drop_vars(["architecture", "seed"])
    return ds.assign_coords({k: ("run", np.asarray(v)) for k, v in {**known, **attributes}.items() if v is not None})


def test_configuration__is_what_runs_share_that_differ_in_seeds_and_outcomes() -> None:
    label = tk.configuration(runs(init_seed=np.arange(RUNS), test_error=np.arange(RUNS) / 99, epochs=np.full(RUNS, 9)))
    assert label.dims == ("run",)
    names, counts = np.unique(label, return_counts=True)
    assert names.tolist() == [f"architecture={a}, optimizer={o}" for a in ("conv", "fc") for o in ("adam", "sgd")]
    assert counts.tolist() == [3] * 4


def test_configuration__missing_is_a_value_and_references_have_none() -> None:
    width = np.where(np.arange(RUNS) < 6, np.nan, 8.0)
    ds = runs(width=width, init=np.where(np.arange(RUNS) % 2, "", "corner"))
    label = tk.configuration(tk.with_references(ds, 2))
    assert label.values[0] == "architecture=fc, optimizer=sgd, width=(not set), init=corner"
    assert label.values[-1] == ""
    np.testing.assert_array_equal(label[:RUNS], tk.configuration(ds))
    assert set(tk.configuration(runs(architecture=None, optimizer=None)).values) == {"all settings equal"}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (["1, b=2", "1"], ["3", "2, b=3"]),
        (["(not set)", ""], ["x", "x"]),
        (["'1'", "1"], ["x", "x"]),
        ([0.1, np.nextafter(0.1, 1)], ["x", "x"]),
    ],
)
def test_configuration__different_settings_have_different_labels(a: list, b: list) -> None:
    ds = tk.simulate(runs=2, samples=4, checkpoints=2).drop_vars("architecture")
    label = tk.configuration(ds.assign_coords(a=("run", a), b=("run", b)))
    assert len(set(label.values)) == 2


def test_configuration__of_a_distance_matrix_is_that_of_the_runs() -> None:
    ds = runs()
    np.testing.assert_array_equal(tk.configuration(tk.trajectory_distance(ds, n=2)), tk.configuration(ds))
    beside = ds.assign_coords(configuration=tk.configuration(ds))
    np.testing.assert_array_equal(tk.configuration(beside), tk.configuration(ds))


K = np.arange(RUNS)
UNKNOWN = {
    "a loss": ({"final_loss": K / 7}, ["final_loss"]),
    "a host": ({"host": np.array(list("abbbabaaabab"))}, ["host"]),
    "two at once": ({"final_loss": K / 7, "host": K % 5}, ["final_loss", "host"]),
    "twins": ({"final_loss": K / 7, "perplexity": np.exp(K / 7)}, ["final_loss", "perplexity"]),
    "a name for each run": ({"name": [f"run {i}" for i in K]}, ["name"]),
    "without seeds": ({"final_loss": K / 7, "seed": None}, ["final_loss"]),
    "with one seed for each run": ({"host": np.array(list("abbbabaaabab")), "seed": K}, ["host"]),
    "numbers of repetitions": ({"draw": K // 4, "seed": K}, ["draw"]),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_checked_configurations__refuse_what_may_be_an_outcome_and_name_the_line(case: str) -> None:
    attributes, names = UNKNOWN[case]
    with pytest.raises(ValueError, match="may be an outcome") as error:
        checked_configurations(runs(**attributes))
    assert f"tk.set_roles(ds, outcome={names})" in str(error.value)
    marked = tk.set_roles(runs(**attributes), outcome=names)
    assert checked_configurations(marked).code.max() == 3
    # The other way out is open too.
    assert checked_configurations(tk.set_roles(runs(**attributes), setting=names)).code.max() > 3


@pytest.mark.parametrize(
    "attributes",
    [
        {"temperature": K // 4, "seed": K // 2 % 2},
        {"temperature": K % 3, "optimizer": None, "seed": K},
        {"temperature": K // 4, "seed": np.zeros(RUNS)},
        {"shape": np.array(["s0", "s1"])[K % 2]},
        {"learning_rate": K / 99},
        {"width": 2**K, "seed": K},
        {"constant": np.full(RUNS, "x")},
    ],
)
def test_checked_configurations__let_settings_pass(attributes: dict) -> None:
    """Crossed with seeds, or with replicates of its own; a function of another setting; a known name."""
    assert checked_configurations(runs(**attributes)).code.max() >= 1


def test_checked_configurations__know_pairs_with_different_seeds_and_whether_there_are_replicates() -> None:
    found = checked_configurations(runs(order_seed=K // 4 + K % 2))
    assert found.seeds == ["seed", "order_seed"]
    expected = (K[:, None] // 4 != K // 4) & ((K // 4 + K % 2)[:, None] != K // 4 + K % 2)
    np.testing.assert_array_equal(found.different_seeds, expected)
    assert found.limitations == []
    single = checked_configurations(runs(width=K // 4, seed=np.zeros(RUNS)))
    assert "seeds were not measured" in single.limitations[0]
    np.testing.assert_array_equal(single.different_seeds, ~np.eye(RUNS, dtype=bool))
