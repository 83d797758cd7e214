"""Angles between runs at their starts and ends."""

import itertools

import numpy as np
import pytest

import trajkit as tk


def test_tangent_angles__are_sums_over_samples_of_great_circle_tangents():
    ds = tk.simulate(runs=3, samples=12, checkpoints=41, spread=0.4)
    found = tk.tangent_angles(tk.with_references(ds, 3), near=0.2)
    even = tk.resample(ds, 21)
    for end, here, there, at in (
        ("start", tk.ignorance(ds), tk.truth(ds), 4),
        ("end", tk.truth(ds), tk.ignorance(ds), 16),
    ):
        road = tk.tangent(here, there)
        towards = [tk.tangent(here, even.log_prob[r, at]) for r in range(3)]
        aside = [v - float((v * road).sum() / (road**2).sum()) * road for v in towards]
        for u, v in itertools.combinations(range(3), 2):
            for name, vectors in (("angle", towards), ("sideways", aside)):
                a, b = vectors[u], vectors[v]
                cosine = float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
                expected = np.degrees(np.arccos(cosine))
                assert float(found[name].sel(end=end)[u, v]) == pytest.approx(expected, abs=1e-5)
        cosine = [float((v * road).sum() / np.sqrt((v**2).sum() * (road**2).sum())) for v in towards]
        np.testing.assert_allclose(found.to_geodesic.sel(end=end), np.degrees(np.arccos(cosine)), atol=1e-5)


def test_tangent_angles__are_symmetric_and_do_not_depend_on_the_order_of_runs():
    ds = tk.simulate(runs=4, samples=30, spread=0.3)
    found = tk.tangent_angles(ds)
    order = [2, 0, 3, 1]
    mixed = tk.tangent_angles(ds.isel(run=order))
    for name in ("angle", "sideways"):
        np.testing.assert_allclose(found[name], found[name].values.swapaxes(1, 2))
        assert (found[name].values[:, range(4), range(4)] == 0).all()
        np.testing.assert_allclose(mixed[name], found[name].values[:, order][:, :, order], atol=1e-6)


def test_tangent_angles__runs_on_the_geodesic_have_no_sideways_direction():
    ds = tk.simulate(runs=2, samples=10)
    found = tk.tangent_angles(ds)
    assert found.angle.max() < 1e-3
    assert found.sideways.isnull().all()
