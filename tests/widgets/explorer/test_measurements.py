"""Distances and embeddings of a slice are those of the dataset that holds only the slice."""

import pytest
import xarray as xr

import trajkit as tk
from trajkit.widgets.explorer.measurements import Measurements, aligned


@pytest.mark.parametrize("metric", ["bhattacharyya", "fisher_rao"])
@pytest.mark.parametrize("references", [False, True], ids=["networks", "with references"])
def test_measurements__embed_a_slice_as_embed_does(ds, metric, references) -> None:
    whole = tk.with_references(ds, n_geodesic=60) if references else ds
    selected = tk.select(whole, architecture=["A", "B"], step=(1, 6))
    chosen = (ds.step >= 1) & (ds.step <= 6) & (ds.architecture != "C")
    found = Measurements(whole).embedding(None, metric, chosen.reset_coords(drop=True))
    if references:
        selected = tk.concat([selected, tk.select(whole, kind="reference")])
    expected = tk.embed(selected, 6, metric=metric)
    assert found.run.values.tolist() == expected.run.values.tolist()
    xr.testing.assert_allclose(found.coordinate, expected.coordinate.reindex_like(found.coordinate), atol=1e-9)
    xr.testing.assert_equal(found.step, expected.step.reindex_like(found.step))


def test_aligned__slice_comes_near_the_frame_and_keeps_its_signatures(ds) -> None:
    measured = Measurements(ds)
    frame = measured.embedding(None, "bhattacharyya")
    own = measured.embedding(None, "bhattacharyya", (ds.architecture != "C").broadcast_like(ds.step) & (ds.step >= 0))
    moved = aligned(frame, own, (1, 2, 3))
    assert moved.attrs["misfit"] < 0.3
    assert moved.signature.values.tolist() == frame.signature.values[:3].tolist()


def test_aligned__refuses_a_slice_without_a_component_of_the_signature(ds) -> None:
    frame = Measurements(ds).embedding(None, "bhattacharyya")
    time_like = frame.component.values[frame.signature.values < 0]
    own = frame.sel(component=frame.component.values[frame.signature.values > 0])
    with pytest.raises(ValueError, match="no components with the signatures"):
        aligned(frame, own, (1, 2, int(time_like[0])))
