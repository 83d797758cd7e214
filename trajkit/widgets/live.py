"""Networks drawn into a manifold while they are being trained."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit import figures
from trajkit.curves import progress
from trajkit.distances import METRICS
from trajkit.embedding.trajectories import with_missing_references
from trajkit.points import points
from trajkit.schema import normalize, validate
from trajkit.storage import Probe
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.panels import FigurePanel

Array = NDArray[np.float64]

# Seconds after a cell's end in which what was put off is drawn.
_SOON = 0.05


class _Checkpoint(NamedTuple):
    run: str
    step: int
    log_prob: NDArray[np.float32]


class LiveView(ipywidgets.VBox):  # type: ignore[misc]
    """A listener of `tk.Recorder` that draws runs into a manifold while they are being trained.

    Each checkpoint is placed by its distances to some points of the manifold, and drawn; progress and loss stand
    beside it. Several runs may be recorded at once, one after another or together.

    With all points of the manifold this is `tk.project`. With fewer, from their distances d to the new point and D to
    one another, b_j = -1/2 (d_j - mean d - mean_i D_ij + mean D), and the place x is where sum_k signature_k y_jk x_k
    is nearest to b_j in least squares, y being their coordinates about their mean; `placement_error` says how far this
    is from the places of points that are embedded.

    Placing and drawing take no more than `share` of the time since the first checkpoint: what would take more is put
    off until there is time again, or until the cell has ended; outside of a notebook, `flush` draws it.

    Parameters
    ----------
    embedding
        What `tk.embed` returned.
    ds
        The dataset that was embedded: its predictions are what distances are measured to.
    color
        Of the manifold, as for `ManifoldView`; the new runs stand out by themselves.
    landmarks
        To how many points of the manifold distances are measured.
    share
        Of the training's time that drawing may take.
    height
        In pixels.

    Attributes
    ----------
    view : ManifoldView
        The manifold.
    panel : FigurePanel
        Progress and loss against step.
    runs : xarray.Dataset
        `progress`, `loss`, `step` and `coordinate` of the runs so far, those that wait included only once drawn.
    waiting : int
        Checkpoints that are not drawn yet.
    placement_error : float
        Median distance between the places of up to 200 embedded points and where they are put, in units of the
        embedding's spread.

    Raises
    ------
    ValueError
        If the embedding is not of this dataset; when called, if predictions are not on its probe.

    Examples
    --------
    >>> import tempfile, numpy as np, trajkit as tk
    >>> ds = tk.simulate(samples=20)
    >>> live = tk.widgets.LiveView(tk.embed(ds), ds, share=1.0)
    >>> probe = tk.Probe(np.eye(20), label=ds.label.values, classes=ds["class"].values, sample=ds.sample.values,
    ...                  split=ds.split.values)
    >>> weights = np.zeros((20, ds.sizes["class"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tk.Recorder(folder, probe, run="mine", listeners=[live]) as record:
    ...         record(lambda inputs: inputs @ weights, step=0)
    >>> live.flush()
    >>> live.runs.run.values.tolist(), float(live.runs.progress.item()) < 1e-6
    (['mine'], True)
    """

    def __init__(
        self,
        embedding: xr.Dataset,
        ds: xr.Dataset,
        *,
        color: str | xr.DataArray | None = None,
        landmarks: int = 300,
        share: float = 0.05,
        height: int = 460,
    ) -> None:
        validate(ds)
        if not 0 < share <= 1:
            raise ValueError(f"share: wanted a share of the training's time, above 0 and at most 1, got {share}")
        self._probe = ds.drop_vars([n for n in ds.variables if n not in ("sample", "class", "label", "split")])
        self._place = _Placement(embedding, ds, landmarks)
        self.placement_error = self._place.error
        self.view = ManifoldView(embedding, color=color, height=height, opacity=0.35)
        self.panel = FigurePanel(height - 40)
        self._note = ipywidgets.HTML()
        self._share, self._spent, self._started, self._last = share, 0.0, 0.0, 0.0
        self._queue: deque[_Checkpoint] = deque()
        self._rows: dict[str, list[tuple[int, float, float, Array]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.view.layout.flex, self.view.layout.width, self.view.layout.min_width = "3 1 420px", "auto", "0"
        self.panel.layout.flex, self.panel.layout.width, self.panel.layout.min_width = "2 1 320px", "auto", "0"
        row = ipywidgets.HBox([self.view, self.panel], layout={"width": "100%", "flex_flow": "row wrap"})
        super().__init__([row, self._note])
        self.add_class("trajkit-live")
        # The first call of everything compiles: not during the training.
        self._place(ds["log_prob"].values[np.nonzero(ds["step"].values >= 0)][:1])
        self._measured(_Checkpoint("", 0, ds["log_prob"].values[np.nonzero(ds["step"].values >= 0)][0]))

    def __repr__(self) -> str:
        return f"LiveView({len(self._rows)} runs, {self.waiting} checkpoints waiting)"

    @property
    def waiting(self) -> int:
        """How many checkpoints are not drawn yet."""
        return len(self._queue)

    @property
    def runs(self) -> xr.Dataset:
        """What was drawn of the runs: progress, loss, step and coordinate on (run, checkpoint)."""
        longest = max((len(rows) for rows in self._rows.values()), default=0)
        shape = (len(self._rows), longest)
        step = np.full(shape, -1)
        values = np.full((2, *shape), np.nan)
        coordinate = np.full((*shape, len(self._place.components)), np.nan)
        for i, rows in enumerate(self._rows.values()):
            for k, (at, along, loss, x) in enumerate(rows):
                step[i, k], values[0, i, k], values[1, i, k], coordinate[i, k] = at, along, loss, x
        dims = ("run", "checkpoint")
        return xr.Dataset(
            {
                "step": (dims, step),
                "progress": (dims, values[0], {"long_name": "progress", "units": "1"}),
                "loss": (dims, values[1], {"long_name": "mean cross-entropy", "units": "nat"}),
                "coordinate": ((*dims, "component"), coordinate),
            },
            coords={
                "run": list(self._rows),
                "kind": ("run", ["network"] * len(self._rows)),
                "checkpoint": np.arange(longest),
                "component": self._place.components,
            },
        )

    def check_probe(self, probe: Probe) -> None:
        """Compare a probe with that of the manifold; a `Recorder` does so before it records.

        Raises
        ------
        ValueError
            If they differ; the message says how.
        """
        for name, given in (("sample", probe.sample), ("label", probe.label), ("class", probe.classes)):
            own, given = self._probe[name].values, np.asarray(given)
            if own.shape != given.shape:
                raise ValueError(
                    f"the manifold's probe has {len(own)} entries of {name!r}, the recorder's {len(given)}: wanted the "
                    "same probe; record with the inputs that ds was recorded on"
                )
            if (own.astype(str) != given.astype(str)).any():
                at = int(np.flatnonzero(own.astype(str) != given.astype(str))[0])
                raise ValueError(
                    f"the manifold's probe and the recorder's differ in {name!r}, first at place {at}: "
                    f"{own[at].item()!r} and {given[at].item()!r}; record with the inputs that ds was recorded on"
                )

    def __call__(self, run: str, step: int, epoch: float | None, log_prob: NDArray[np.float32]) -> None:
        """Take a checkpoint; place and draw it, and those that wait, if there is time.

        Raises
        ------
        ValueError
            If the predictions are not on the manifold's probe.
        """
        start = time.perf_counter()
        wanted = (self._probe.sizes["sample"], self._probe.sizes["class"])
        if np.shape(log_prob) != wanted:
            raise ValueError(
                f"predictions of run {run!r} have shape {np.shape(log_prob)}: the manifold's probe has {wanted[0]} "
                f"samples and {wanted[1]} classes; record on the probe that the manifold was made on"
            )
        if not self._started:
            self._started = start
        self._queue.append(_Checkpoint(run, int(step), log_prob))
        allowed = self._share * (start - self._started) - self._spent
        if self._last <= allowed or not self._rows:
            self._draw_waiting()
            self._last = time.perf_counter() - start
        else:
            self._later()
        self._spent += time.perf_counter() - start

    def flush(self) -> None:
        """Draw every checkpoint that waits."""
        if self._queue:
            self._draw_waiting()

    def clear(self) -> None:
        """Take the runs away, for another training."""
        self._queue.clear()
        self._rows.clear()
        self._spent = self._started = self._last = 0.0
        self.view.clear_live()
        self._draw_panel()

    def close(self) -> None:
        """Close the view and the panel, and let the predictions go."""
        if hasattr(self, "panel") and self.comm is not None:
            if self._timer is not None:
                self._timer.cancel()
            for widget in (self.view, self.panel, self._note):
                widget.close()
            self._queue.clear()
            self._place.clear()
        super().close()

    def _later(self) -> None:
        """Have what waits drawn when the cell has ended; without a loop (in a script) somebody calls `flush`."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._timer is None:
            self._timer = loop.call_later(_SOON, self._now)

    def _now(self) -> None:
        self._timer = None
        self.flush()

    def _draw_waiting(self) -> None:
        waiting = list(self._queue)
        self._queue.clear()
        places = self._place(np.stack([c.log_prob for c in waiting]))
        with self.view.hold_sync():
            for checkpoint, x in zip(waiting, places, strict=True):
                along, loss = self._measured(checkpoint)
                rows = self._rows.setdefault(checkpoint.run, [])
                rows.append((checkpoint.step, along, loss, x))
                name = checkpoint.run if checkpoint.run not in self._place.names else f"{checkpoint.run} (live)"
                self.view.append(name, len(rows) - 1, x, loss)
        self._draw_panel()

    def _draw_panel(self) -> None:
        runs = self.runs
        if runs.sizes["run"]:
            # With one run alone a colour says nothing.
            color = runs["run"] if 1 < runs.sizes["run"] <= 12 else None
            figure = figures.learning_curves(runs, ["progress", "loss"], color=color)
            self.panel.draw(figure.update_traces(line_width=2, opacity=1, mode="lines+markers", marker_size=4))
        self._note.value = (
            f"<small>{sum(map(len, self._rows.values()))} checkpoints of {len(self._rows)} runs; drawing took "
            f"{self._spent:.2f} s</small>"
        )

    def _measured(self, checkpoint: _Checkpoint) -> tuple[float, float]:
        """Progress and loss of one checkpoint."""
        one = self._probe.assign(
            log_prob=(("run", "checkpoint", "sample", "class"), checkpoint.log_prob[None, None]),
            step=(("run", "checkpoint"), [[0]]),
        ).assign_coords(run=["live"], kind=("run", ["network"]), checkpoint=[0])
        label = self._probe["label"].values
        loss = -float(np.mean(checkpoint.log_prob[np.arange(len(label)), label], dtype=np.float64))
        return float(progress(one).item()), loss


class _Placement:
    """Where new predictions lie in an embedding, from their distances to some of its points."""

    def __init__(self, embedding: xr.Dataset, ds: xr.Dataset, landmarks: int) -> None:
        self._metric = METRICS[embedding.attrs.get("metric", "bhattacharyya")]
        self._cap = embedding.attrs.get("cap")
        self.components = embedding["component"].values
        self.names = set(embedding["run"].values.tolist())
        stacked = points(with_missing_references(ds))
        where = points(embedding[["coordinate", "step"]])
        at = _matched(where, stacked)
        x = where["coordinate"].transpose("point", "component").values
        chosen = _spread(len(at), landmarks, stacked["kind"].values[at] == "reference")
        self._log_prob = normalize(stacked["log_prob"].values[at[chosen]])
        self._signature = embedding["signature"].values.astype(float)
        self._center = x[chosen].mean(0)
        self._coordinate = x[chosen] - self._center
        between = self._distances(stacked["log_prob"].values[at[chosen]])
        self._mean, self._total = between.mean(1), float(between.mean())
        seen = np.random.default_rng(0).permutation(len(at))[:200]
        apart = np.linalg.norm(self(stacked["log_prob"].values[at[seen]]) - x[seen], axis=1)
        self.error = float(np.median(apart) / np.sqrt(np.square(x - x.mean(0)).sum(1).mean()))
        if not self.error < 0.2:
            raise ValueError(
                f"points of ds do not lie where the embedding has them (off by {self.error:.2g} of its spread): wanted "
                "the dataset that was embedded, on the same samples, or more landmarks or components"
            )

    def __call__(self, log_prob: NDArray[Any]) -> Array:
        """Place predictions (point, sample, class): coordinates (point, component)."""
        d = self._distances(log_prob)
        inner = -0.5 * (d - d.mean(1, keepdims=True) - self._mean + self._total)
        x: Array = np.linalg.lstsq(self._coordinate, inner.T, rcond=None)[0].T * self._signature + self._center
        return x

    def clear(self) -> None:
        """Let the predictions go."""
        self._log_prob = self._log_prob[:0]

    def _distances(self, log_prob: NDArray[Any]) -> Array:
        """Squared distances (point, landmark)."""
        out = np.empty((len(log_prob), len(self._log_prob)))
        for row, p in enumerate(normalize(log_prob)):
            each = self._metric.per_sample(self._log_prob, p)
            out[row] = (each if self._cap is None else np.minimum(each, self._cap)).mean(-1)
        return np.square(out) if self._metric.scale == "length" else out


def _matched(where: xr.Dataset, stacked: xr.Dataset) -> NDArray[np.intp]:
    """Place in the dataset of each point of the embedding."""
    place = {k: i for i, k in enumerate(zip(stacked["run"].values, stacked["checkpoint"].values, strict=True))}
    names = list(zip(where["run"].values, where["checkpoint"].values, strict=True))
    if lacking := [n for n in names if n not in place]:
        run, checkpoint = lacking[0]
        raise ValueError(
            f"{len(lacking)} points of the embedding are not in ds, run {str(run)!r} at checkpoint {checkpoint} for one"
            ": wanted the dataset that was embedded"
        )
    return np.array([place[n] for n in names])


def _spread(length: int, landmarks: int, is_reference: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Choose points evenly in their order, which is that of runs, and the references."""
    even = np.unique(np.linspace(0, length - 1, min(landmarks, length)).astype(np.intp))
    return np.union1d(even, np.flatnonzero(is_reference))
