"""Networks in the embedding of linear models."""

import numpy as np
import pytest

import trajkit as tk


def test_embed_in__places_linear_models_where_they_are():
    x, label = tk.theory.sloppy_inputs(60, 6, decay=0.3, classes=3)
    ds = tk.theory.linear_runs(x, label, steps=100, scale=[0.0, 1.0])
    found = tk.theory.embed_in(ds, ds.assign_coords(run=[f"{r}, again" for r in ds.run.values]), 4)
    again = found.coordinate.sel(run=[f"{r}, again" for r in ds.run.values])
    np.testing.assert_allclose(again, found.coordinate.sel(run=ds.run.values), atol=1e-7)
    assert tk.figures.manifold(found, color="scale").data
    by_themselves = found.explained_distance.sel(which="networks by themselves")
    assert by_themselves[-1] > 0.9


def test_embed_in__networks_lie_mostly_in_the_directions_of_linear_models_on_digits():
    from sklearn.datasets import load_digits

    digits = tk.select(tk.sample_data("digits"), seed=0).isel(run=slice(None, None, 6))
    images = load_digits()
    pixels = images.data / 16
    probe = digits["sample"].values
    assert (images.target[probe] == digits.label.values).all()
    outside = np.setdiff1d(np.arange(len(pixels)), probe)
    linear = tk.theory.linear_runs(
        pixels[probe], digits.label.values, train=(pixels[outside], images.target[outside]), steps=200, scale=[0, 1, 3],
        seeds=1, classes=digits["class"].values.tolist(), split=digits.split.values, sample=probe,
    )  # fmt: skip
    digits = digits.drop_vars("epoch", errors="ignore")
    found, null = (
        tk.theory.embed_in(linear, networks, 3).explained_distance.sel(component=3)
        for networks in (digits, tk.shuffle_within_class(digits))
    )
    assert found.sel(which="networks") > null.sel(which="networks")
    assert found.sel(which="networks by themselves") > found.sel(which="networks") > 0.5


def test_embed_in__a_cap_bounds_distances_between_networks_without_overlap():
    x, label = tk.theory.sloppy_inputs(40, 4, decay=0.3, classes=3)
    linear = tk.theory.linear_runs(x, label, steps=20, scale=1.0, seeds=1)
    certain = np.eye(3)[[label, (label + 1) % 3]][:, None]
    classes = linear["class"].values.tolist()
    networks = tk.from_arrays(
        prob=certain, label=label, runs={"run": ["right", "wrong"]}, classes=classes, split=linear.split.values
    )
    with pytest.raises(ValueError, match="cap="):
        tk.theory.embed_in(linear, networks, 1)
    found = tk.theory.embed_in(linear, networks, 1, cap=20.0)
    assert np.isfinite(found.coordinate.sel(run=["right", "wrong"]).isel(checkpoint=0)).all()
