"""The geodesic from the start of a run to truth, at given progress."""

import numpy as np

import trajkit as tk
from trajkit.curves.straight_road import straight_roads


def test_straight_roads__have_the_progress_that_is_asked_for_and_lie_on_the_geodesic() -> None:
    ds = tk.simulate(runs=3, checkpoints=9, samples=30, spread=0.4).isel(checkpoint=slice(2, None))
    ds = ds.assign_coords(start_step=("run", [2, 3, 4]))
    first = np.array([tk.progress(ds).values[r, r] for r in range(3)])
    at = np.column_stack([first, np.full(3, 0.7), np.full(3, 0.9)])
    roads = straight_roads(ds, at)
    # Made a dataset, to use the public functions.
    made = tk.from_arrays(log_prob=roads, label=ds.label.values, runs={"seed": [0, 1, 2]})
    np.testing.assert_allclose(tk.progress(made), at, atol=1e-4)
    np.testing.assert_allclose(np.exp(roads[:, 0]), np.exp(ds.log_prob.values[[0, 1, 2], [0, 1, 2]]), atol=1e-5)
    for r in range(3):
        road = tk.geodesic(ds.log_prob[r, r].drop_vars(["run", "checkpoint"]), tk.truth(ds), np.linspace(0, 1, 400))
        near = np.exp(road.values)[:, None] - np.exp(roads[r])[None]
        assert np.abs(near).max((2, 3)).min(0).max() < 5e-3
