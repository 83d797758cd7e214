"""What the report says about the dataset itself."""

import numpy as np
import pytest

import trajkit as tk
from trajkit.reporting.contents import contents, failures, title_of


@pytest.mark.parametrize(
    ("attrs", "title"),
    [
        ({"metadata": '{"data": "CIFAR-10 (JPEG)"}'}, "Trajectories of 2 networks on CIFAR-10 (JPEG)"),
        ({"metadata": '{"data": {"name": "folder"}}', "source": "zoo"}, "Trajectories of 2 networks from zoo"),
        ({"metadata": "by hand", "source": "zoo"}, "Trajectories of 2 networks from zoo"),
        ({}, "Trajectories of 2 networks"),
    ],
)
def test_title__says_what_was_analysed(attrs, title):
    ds = tk.with_references(tk.simulate(runs=2, samples=8, checkpoints=3))
    ds.attrs = attrs
    assert title_of(ds) == title


def test_failures__are_counted_where_they_are_recorded():
    ds = tk.simulate(runs=3, samples=8, checkpoints=3)
    assert failures(ds) == "not recorded"
    assert failures(ds.assign_attrs(metadata='{"failed_runs": {"a": "crashed: killed"}}')).startswith("1 runs")
    assert failures(ds.assign_coords(diverged_at=("run", [np.nan, 7.0, 9.0]))).startswith("2 runs")


def test_contents__count_values_that_are_few_and_give_the_range_of_many():
    ds = tk.simulate(runs=14, samples=8, checkpoints=3, groups=2)
    ds = ds.assign_coords(
        rate=("run", np.arange(14) / 8),
        init=("run", ["", *["default"] * 13]),
        name=("run", [f"n{i}" for i in range(14)]),
    )
    said = dict(contents(tk.with_references(ds, 3)))
    assert said["runs"] == "14 networks, 3 references"
    assert said["architecture"] == "A (7), B (7)"
    assert said["rate"] == "14 values from 0 to 1.625"
    assert said["init"] == "default (13); missing for 1"
    assert said["name"] == "14 values"
