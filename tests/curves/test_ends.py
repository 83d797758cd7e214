"""Laws of ignorance, truth and other ends of geodesics."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from strategies import (
    datasets,
)

import trajkit as tk


@given(datasets())
def test_ignorance_and_truth__are_what_their_names_say(ds: xr.Dataset) -> None:
    ignorance, truth = np.exp(tk.ignorance(ds)), np.exp(tk.truth(ds))
    assert ignorance.dims == truth.dims == ("sample", "class")
    np.testing.assert_allclose(ignorance, 1 / ds.sizes["class"], rtol=1e-15)
    assert (truth.sum("class") == 1).all()
    assert (truth.argmax("class") == ds.label).all()
    assert set(np.unique(truth)) == {0, 1}
    for x in (ignorance, truth):
        assert x.sample.equals(ds.sample)
        assert x["class"].equals(ds["class"])


def test_truth__a_label_that_is_no_class_is_refused() -> None:
    ds = tk.simulate(samples=3, classes=3)
    with pytest.raises(ValueError, match=r"'label' holds \[-1, 3\]: wanted class indices from 0 to 2"):
        tk.truth(ds.assign_coords(label=("sample", [3, 0, -1])))


def test_ends__are_names_references_or_predictions() -> None:
    ds = tk.simulate(runs=3, checkpoints=5, spread=0.3)
    model = ds.log_prob.sel(run="A-1", checkpoint=2)
    full = tk.add_references(tk.with_references(ds, 5), {"mine": model})
    for start, same in (("mine", model), ("mine", model.values), ("ignorance", tk.ignorance(ds))):
        wanted = tk.progress(full, start=same, end="truth")
        assert np.abs(tk.progress(full, start=start, end="truth") - wanted).max() < 1e-6
        here = tk.geodesic(start, "truth", 0.3, ds=full)
        assert np.abs(here - tk.geodesic(tk.ignorance(ds).copy(data=same), tk.truth(ds), 0.3)).max() < 1e-5
    # A run of several points is no end, and neither is a network.
    for name, of in (("geodesic", "ds.log_prob.sel(run='geodesic'"), ("A-0", "ds.log_prob.sel(run='A-0'")):
        with pytest.raises(ValueError, match="'start': no reference of one point is called") as caught:
            tk.progress(full, start=name)
        assert of in str(caught.value)
    with pytest.raises(ValueError, match=r"'end': no .* 'unigram'; known are \['ignorance', 'truth', 'mine'\]"):
        tk.distance_to_geodesic(full, end="unigram")
    with pytest.raises(ValueError, match="a='truth' is a name: pass ds="):
        tk.geodesic("truth", tk.ignorance(ds), 0.5)
    with pytest.raises(ValueError, match=r"'start': wanted log-probabilities of shape \(50, 5\)"):
        tk.progress(full, start=np.zeros((1, 1)))


def test_ends__that_coincide_everywhere_are_refused() -> None:
    ds = tk.simulate(runs=1, checkpoints=3)
    for start, end in (("truth", "truth"), (ds.log_prob[0, 1], ds.log_prob[0, 1].astype(np.float64))):
        with pytest.raises(ValueError, match="start and end coincide on every sample"):
            tk.progress(ds, start=start, end=end)
    # On one sample they may.
    mixed = xr.where(ds.sample == 0, ds.log_prob[0, 1], tk.truth(ds))
    values = tk.progress(ds, start=ds.log_prob[0, 1], end=mixed.transpose("sample", "class"))
    np.testing.assert_allclose(values[0, 1], 0, atol=1e-6)
    np.testing.assert_allclose(values[0, 2], 1, atol=1e-6)
