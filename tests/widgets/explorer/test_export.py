"""The Explorer as a page."""

import numpy as np

import trajkit as tk
from trajkit.widgets.explorer.export import training_course


def test_to_html__is_one_file_with_nothing_from_outside(explorer, tmp_path) -> None:
    explorer.slicer.conditions = {"step": (1, None)}
    page = explorer.to_html(tmp_path / "view.html", title="<i>mine</i>").read_text()
    assert "<title>&lt;i&gt;mine&lt;/i&gt;</title>" in page
    assert "default-src 'none'" in page
    assert "src=" not in page
    assert len(page) < 3e6
    assert "log10(1 + step)" in page


def test_training_course__has_every_network_also_one_without_a_mistake(ds) -> None:
    log_prob = ds.log_prob.values.copy()
    log_prob[0, -1] = np.where(np.arange(5) == ds.label.values[:, None], 0.0, -200.0)
    whole = tk.with_references(ds.assign(log_prob=(ds.log_prob.dims, log_prob)))
    measured = {name: getattr(tk, name)(whole) for name in ("progress", "loss", "error")}
    course = training_course(tk.embed(whole.assign(measured)))
    assert course.run.values.tolist() == ds.run.values.tolist()
    recorded = (course.step >= 0).values
    assert np.isfinite(course.coordinate.values[recorded]).all()
    assert np.isnan(course.coordinate.sel(component=1).values[~recorded]).all()
    at = dict(run=ds.run.values[0], checkpoint=ds.sizes["checkpoint"] - 1)
    assert float(measured["loss"].sel(at)) == 0
    np.testing.assert_allclose(course.coordinate.sel(at), [np.log10(1 + ds.step.values[0, -1]), 1, 0], atol=1e-12)
