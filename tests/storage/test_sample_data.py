"""Laws of the shipped data: valid, small, and made by the grid they name."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import trajkit as tk
from trajkit.roles import role_of

DATA = Path(__file__).parents[2] / "data"


def test_sample_data__unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no sample data 'imagenet': wanted one of \['digits', 'cifar10', 'sloppy'\]"):
        tk.sample_data("imagenet")


# Megabytes at most, samples of each split, and how many of the runs at least fit their training set.
SHIPPED = {"digits": (12, 100, 0.95), "cifar10": (25, 300, 0.5), "sloppy": (4, 60, 0.5)}


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request):
    ds = tk.sample_data(request.param)
    ds.attrs["name"] = request.param
    return ds


def test_shipped__all_files_are_named_and_small():
    assert tk.sample_data() == list(SHIPPED)
    assert sorted(path.name for path in DATA.iterdir()) == sorted(f"{name}.nc" for name in SHIPPED)
    assert sum((DATA / f"{name}.nc").stat().st_size for name in SHIPPED) <= 40e6


def test_shipped__comes_from_the_grid_of_its_name(shipped):
    tk.validate(shipped)
    name = shipped.attrs["name"]
    assert (DATA / f"{name}.nc").stat().st_size <= SHIPPED[name][0] * 1e6
    assert shipped.attrs["source"] == "trajkit.zoo"
    metadata = json.loads(shipped.attrs["metadata"])
    assert re.fullmatch("[0-9a-f]{40}", metadata["commit"])
    from trajkit.zoo import read_grid

    grid = read_grid(metadata["grid"], data="anywhere" if name == "cifar10" else None)
    assert metadata["grid"].startswith(name)
    trained = set(shipped.run.values.tolist())
    assert trained | set(metadata["failed_runs"]) == {s.run for s in grid.runs}
    assert not trained & set(metadata["failed_runs"])


def test_shipped__probe_is_balanced_in_both_splits(shipped):
    size = SHIPPED[shipped.attrs["name"]][1]
    for split in ("train", "test"):
        counts = np.bincount(shipped.label[shipped.split == split], minlength=shipped.sizes["class"])
        assert counts.sum() == size
        if shipped.attrs["name"] != "sloppy":  # a teacher's classes are not equally frequent
            assert np.ptp(counts) == 0


def test_shipped__networks_learn_and_most_fit_their_training_set(shipped):
    last = tk.select(shipped, split="train").isel(checkpoint=[-1])
    assert (tk.loss(shipped).isel(checkpoint=0) > 0.85 * np.log(shipped.sizes["class"])).mean() > 0.9
    assert float((shipped.train_error < 0.1).mean()) >= SHIPPED[shipped.attrs["name"]][2]
    # The errors in the table are those of all samples: the probe's are near them.
    assert float(abs(tk.error(last).isel(checkpoint=0) - shipped.train_error).max()) < 0.12


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_shipped__has_every_architecture_with_every_optimizer_and_three_seeds(name):
    ds = tk.sample_data(name)
    table = tk.run_table(tk.select(ds, init="default"))
    seeds = table.groupby(["architecture", "optimizer"])["seed"].nunique()
    assert len(seeds) == 18
    assert seeds.min() >= 3
    widths = table.groupby("architecture")["width"].nunique()
    assert (widths >= (3 if name == "digits" else 2)).sum() >= 3
    for attribute in ("learning_rate", "batch_size", "weight_decay", "augmentation"):
        assert table[attribute].nunique() >= 2
    corners = tk.select(ds, where="init.str.startswith('corner')")
    assert len(set(corners.architecture.values)) >= 2
    assert 25 <= ds.sizes["checkpoint"] <= 40


@pytest.mark.parametrize("name", ["sloppy"])
def test_shipped__no_seed_is_used_twice(name):
    ds = tk.sample_data(name)
    for seed in ("init_seed", "order_seed"):
        assert len(set(ds[seed].values.tolist())) == ds.sizes["run"]
        assert role_of(ds, seed) == "seed"


def test_shipped__sloppy_has_several_decays():
    table = tk.run_table(tk.sample_data("sloppy"))
    assert table["decay"].nunique() >= 5
    assert table["architecture"].nunique() >= 2


def test_shipped__probe_of_digits_is_of_the_digits():
    ds = tk.sample_data("digits")
    _, label = load_digits(return_X_y=True)
    np.testing.assert_array_equal(label[ds.sample], ds.label)
    assert ds["class"].values.tolist() == [str(c) for c in range(10)]
