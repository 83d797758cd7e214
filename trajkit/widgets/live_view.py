"""Networks drawn into a manifold while they are being trained."""

from __future__ import annotations

import asyncio
import threading
from typing import NamedTuple

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray

from trajkit import figures
from trajkit.curves import progress
from trajkit.embedding.projector import Projector
from trajkit.figures.run_lines import Strands
from trajkit.schema import validate
from trajkit.storage import Probe
from trajkit.typing import Array
from trajkit.widgets.figure_panel import FigurePanel
from trajkit.widgets.layout import share_row, wrapping_row
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.narrow import widen_gap
from trajkit.widgets.time_budget import Budget

# A training is taken to have ended when no checkpoint came for twice the time between the last two, and for so long.
_SOON = 0.05
# Then what waits is drawn, in pieces that take about so long: the notebook answers in between.
_PIECE = 1.0
_CURVES = ("progress", "loss")
# With more runs, as with one alone, a colour says nothing.
_MOST_COLORS = 12


class _Checkpoint(NamedTuple):
    run: str
    number: int
    step: int
    log_prob: NDArray[np.float32]


class _Drawn(NamedTuple):
    step: int
    progress: float
    loss: float
    coordinate: Array


class LiveView(ipywidgets.VBox):  # type: ignore[misc]
    """A listener of `tk.Recorder` that draws runs into a manifold while they are being trained.

    Each checkpoint is placed by its distances to some points of the manifold (as `tk.project` does, which it is with
    all of them), and drawn; progress and loss stand beside it. Several runs may be recorded at once, one after another
    or together.

    Drawing takes no more than `share` of the training's time, counted from the first checkpoint; how long it takes is
    tried before. A checkpoint that would take more waits: it is passed over for newer ones, the view says how many are,
    and all are drawn when there is time, or once the training has ended: in a notebook by itself, and by `flush`
    anywhere.

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
        Of the training's own time that drawing may take. A twentieth is what is to be kept: the rest of it is left to
        what has no place in this count, such as the threads that send what is drawn.
    height
        In pixels.

    Attributes
    ----------
    view : ManifoldView
        The manifold.
    panel : FigurePanel
        Progress and loss against step.
    runs : xarray.Dataset
        `progress`, `loss`, `step` and `coordinate` of the checkpoints that are drawn, on (run, checkpoint).
    waiting : int
        Checkpoints that are not drawn yet.
    budget : Budget
        What drawing may take and has taken.
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
    >>> live = tk.widgets.LiveView(tk.embed(ds), ds)
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
        share: float = 0.04,
        height: int = 460,
    ) -> None:
        validate(ds)
        self.budget = Budget(share)
        self._probe = ds.drop_vars([n for n in ds.variables if n not in ("sample", "class", "label", "split")])
        self._place = Projector(embedding, ds, landmarks)
        self._components = embedding["component"].values
        self._known = set(embedding["run"].values.tolist())
        self.placement_error = self._place.error
        self.view = ManifoldView(embedding, color=color, height=height, opacity=0.35)
        self.panel = FigurePanel(height - 40)
        self._note = ipywidgets.HTML()
        self._queue: list[_Checkpoint] = []
        self._came: dict[str, int] = {}
        self._rows: dict[str, dict[int, _Drawn]] = {}
        self._last, self._interval = 0.0, 0.0
        self._panel_key: tuple[str, ...] | None = None
        # A training in another thread and the notebook's loop may both want to draw.
        self._lock = threading.RLock()
        self._loop = _running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._called = False
        row = wrapping_row(share_row(self.view, "3 1 420px"), share_row(self.panel, "2 1 320px"))
        super().__init__([row, self._note])
        self.add_class("trajkit-live")
        self._rehearse(ds["log_prob"].values[np.nonzero(ds["step"].values >= 0)][0])

    def __repr__(self) -> str:
        return f"LiveView({len(self._rows)} runs, {self.waiting} checkpoints waiting)"

    @property
    def waiting(self) -> int:
        """How many checkpoints are not drawn yet."""
        return len(self._queue)

    @property
    def runs(self) -> xr.Dataset:
        """What was drawn of the runs: progress, loss, step and coordinate on (run, checkpoint)."""
        shape = (len(self._rows), max((max(rows) + 1 for rows in self._rows.values()), default=0))
        step = np.full(shape, -1)
        values = np.full((2, *shape), np.nan)
        coordinate = np.full((*shape, len(self._components)), np.nan)
        for i, rows in enumerate(self._rows.values()):
            for k, row in rows.items():
                step[i, k], values[:, i, k], coordinate[i, k] = row.step, (row.progress, row.loss), row.coordinate
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
                "checkpoint": np.arange(shape[1]),
                "component": self._components,
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
        """Take a checkpoint, and draw it and those that wait if there is time.

        Raises
        ------
        ValueError
            If the predictions are not on the manifold's probe.
        """
        wanted = (self._probe.sizes["sample"], self._probe.sizes["class"])
        if np.shape(log_prob) != wanted:
            raise ValueError(
                f"predictions of run {run!r} have shape {np.shape(log_prob)}: the manifold's probe has {wanted[0]} "
                f"samples and {wanted[1]} classes; record on the probe that the manifold was made on"
            )
        self.budget.start()
        with self._lock, self.budget.spending():
            now = self.budget.clock()
            self._interval, self._last = (now - self._last if self._came else 0.0), now
            self._came[run] = self._came.get(run, -1) + 1
            self._queue.append(_Checkpoint(run, self._came[run], int(step), log_prob))
            self._draw_if_affordable()
            if self._queue:
                self._call_later(self._quiet_in())

    def flush(self) -> None:
        """Draw every checkpoint that waits."""
        with self._lock, self.budget.spending():
            self._draw(self._queue)

    def clear(self) -> None:
        """Take the runs away, for another training."""
        with self._lock:
            self._queue.clear()
            self._rows.clear()
            self._came.clear()
            self.budget.restart()
            self.view.clear_live()
            self._empty_panel()
            self._say()

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

    # When to draw

    def _rehearse(self, log_prob: NDArray[np.float32]) -> None:
        """Draw something and take it away: what is compiled or loaded is so before the training, and how long it takes.

        A second time, for the first is no measure.
        """
        for again in (False, True):
            if again:
                self.budget = Budget(self.budget.share, self.budget.clock)
            for k in range(2):
                self._draw([_Checkpoint("a run that is no run", k, k, log_prob)])
            self.clear()

    def _draw_if_affordable(self) -> None:
        """Draw all that wait, or of each run the newest, or nothing yet."""
        newest = list({checkpoint.run: checkpoint for checkpoint in self._queue}.values())
        for some in (self._queue, newest):
            if self.budget.wait(self._expected(some)) == 0:
                self._draw(some)
                return
        if self.budget.wait(self.budget.expected("note")) == 0:
            self._say()

    def _expected(self, some: list[_Checkpoint]) -> float:
        """How many seconds it takes to draw some checkpoints."""
        runs = {*self._rows, *(c.run for c in some)}
        kind = "same panel" if _panel_key(list(runs)) == self._panel_key else "new panel"
        return len(some) * self.budget.expected("point") + sum(self.budget.expected(t) for t in (kind, "note"))

    def _quiet_in(self) -> float:
        """In how many seconds the training is taken to have ended, if nothing comes."""
        return max(_SOON, self._last + 2 * self._interval - self.budget.clock())

    def _call_later(self, seconds: float) -> None:
        """Have the notebook's loop look again. Without one, in a script, somebody calls `flush`."""
        if self._loop is None or self._loop.is_closed() or self._called:
            return
        self._called = True

        def call() -> None:
            assert self._loop is not None
            self._timer = self._loop.call_later(seconds, self._look_again)

        self._loop.call_soon_threadsafe(call)

    def _look_again(self) -> None:
        """Draw what waits if there is time or the training has ended; a cell that runs keeps the loop from calling."""
        with self._lock, self.budget.spending():
            self._called, self._timer = False, None
            if self.budget.clock() - self._last >= max(_SOON, 2 * self._interval):
                self._draw(self._queue[: max(1, int(_PIECE / max(self.budget.expected("point"), 1e-6)))])
                left = 0.0
            else:
                self._draw_if_affordable()
                left = self._quiet_in()
            if self._queue:
                self._call_later(left)

    # Drawing

    def _draw(self, some: list[_Checkpoint]) -> None:
        """Place, measure and draw some of the checkpoints that wait."""
        if not some:
            return
        some = list(some)
        with self.budget.spending("point", len(some)), self.view.hold_sync():
            log_prob = np.stack([c.log_prob for c in some])
            for c, x, along, loss in zip(some, self._place(log_prob), *self._measured(log_prob), strict=True):
                self._rows.setdefault(c.run, {})[c.number] = _Drawn(c.step, float(along), float(loss), x)
                self.view.append(c.run if c.run not in self._known else f"{c.run} (live)", c.number, x, float(loss))
        drawn = {(c.run, c.number) for c in some}
        self._queue = [c for c in self._queue if (c.run, c.number) not in drawn]
        self._draw_panel()
        self._say()

    def _measured(self, log_prob: NDArray[np.float32]) -> tuple[Array, Array]:
        """Progress and loss of predictions (point, sample, class)."""
        many = self._probe.assign(
            log_prob=(("run", "checkpoint", "sample", "class"), log_prob[None]),
            step=(("run", "checkpoint"), np.arange(len(log_prob))[None]),
        ).assign_coords(run=["live"], kind=("run", ["network"]), checkpoint=np.arange(len(log_prob)))
        label = self._probe["label"].values
        loss: Array = -log_prob[:, np.arange(len(label)), label].mean(1, dtype=np.float64)
        return progress(many).values[0], loss

    def _draw_panel(self) -> None:
        """Draw the curves; a figure of the same runs only gets the new points, for making one takes longest."""
        runs = self.runs
        key = _panel_key(list(self._rows))
        with self.budget.spending("same panel" if key == self._panel_key else "new panel"):
            if key == self._panel_key:
                _extend(self.panel.figure, runs)
                self.panel.draw(self.panel.figure)
            else:
                self.panel.draw(_curves(runs))
            self._panel_key = key

    def _empty_panel(self) -> None:
        """Draw the axes alone; a figure that can take any runs is kept."""
        if self._panel_key == ():
            self.panel.draw(self.panel.figure.update_traces(x=[], y=[], text=[]))
        else:
            self.panel.draw(go.Figure())
            self._panel_key = None

    def _say(self) -> None:
        """Write below the pictures what is drawn, what waits and why, and what it took."""
        with self.budget.spending("note"):
            count, share = sum(map(len, self._rows.values())), self.budget.share
            parts = [f"{_counted(count, 'checkpoint')} of {_counted(len(self._rows), 'run')}"]
            if self._queue:
                parts += [
                    f"{self.waiting} passed over until there is time: drawing may take {share:.2g} of the training's"
                ]
            parts += [f"drawing took {self.budget.spent:.2f} s"]
            self._note.value = f"<small>{'; '.join(parts)}</small>"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _panel_key(runs: list[str]) -> tuple[str, ...]:
    """Name the runs that have traces of their own: with one trace for all, the figure can take any runs."""
    return tuple(sorted(runs)) if 1 < len(runs) <= _MOST_COLORS else ()


def _curves(runs: xr.Dataset) -> go.Figure:
    """Progress and loss against step."""
    color = runs["run"] if _panel_key(runs["run"].values.tolist()) else None
    figure = widen_gap(figures.learning_curves(runs, _CURVES, color=color))
    return figure.update_traces(line_width=2, opacity=1, mode="lines+markers", marker_size=4)


def _extend(figure: go.Figure, runs: xr.Dataset) -> None:
    """Give the traces of a figure that `_curves` made the points of the same runs by now."""
    along = 1.0 + runs["step"].values
    groups = len(figure.data) // len(_CURVES)
    for k, trace in enumerate(figure.data):
        shown = runs["run"].values == trace.name if groups > 1 else np.ones(runs.sizes["run"], dtype=bool)
        strands = Strands(runs, shown)
        trace.x, trace.text = strands.take(along), strands.names()
        trace.y = strands.take(runs[_CURVES[k // groups]].values)
    for axis in (figure.layout.xaxis, figure.layout.xaxis2):
        axis.range = [-0.05, np.log10(along.max()) + 0.05]
