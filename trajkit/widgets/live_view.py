"""Networks drawn into a manifold while they are being trained."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray

from trajkit.embedding.projector import Projector
from trajkit.schema import validated
from trajkit.storage import Probe
from trajkit.widgets.figure_panel import FigurePanel
from trajkit.widgets.layout import share_row, wrapping_row
from trajkit.widgets.live_runs import Checkpoint, Drawn, colored_runs, curves, drawn_runs, extend, progress_and_loss
from trajkit.widgets.manifold_view import ManifoldView
from trajkit.widgets.time_budget import TimeBudget

# A training counts as finished when no checkpoint has come for twice the time between the last two, and at least for
# these seconds.
_QUIET = 0.05
# Checkpoints that wait at the end are drawn in pieces of about this many seconds, so that the notebook can answer in
# between.
_PIECE = 1.0


class LiveView(ipywidgets.VBox):  # type: ignore[misc]
    """A listener of `tk.Recorder` that draws runs into a manifold while they are being trained.

    Each checkpoint is placed by its distances to some points of the manifold, as `tk.project` does with all points.
    Progress and loss are drawn beside the manifold. Several runs may be recorded, one after another or at the same
    time.

    Drawing takes at most `share` of the training's own time, counted from the first checkpoint; its cost is measured
    once beforehand. A checkpoint over budget waits: newer checkpoints are drawn first, and the view says how many
    wait. They are drawn when time permits, or after the training. A notebook does that by itself; elsewhere call
    `flush`.

    Parameters
    ----------
    embedding
        What `tk.embed` returned.
    ds
        The dataset that was embedded. Distances are measured to its predictions.
    color
        Colour of the manifold, as for `ManifoldView`. The runs that are being trained have a colour of their own.
    landmarks
        Number of points of the manifold to which distances are measured.
    share
        Share of the training's own time that drawing may take. The default is below a twentieth because some work is
        not counted, such as that of the threads that send the pictures.
    height
        Height in pixels.
    clock
        Function that gives the time in seconds. A clock that a test sets makes the schedule reproducible.

    Attributes
    ----------
    view : ManifoldView
        The manifold.
    panel : FigurePanel
        Progress and loss against step.
    runs : xarray.Dataset
        `progress`, `loss`, `step` and `coordinate` of the checkpoints that are drawn, on (run, checkpoint).
    waiting : int
        Number of checkpoints that are not drawn yet.
    budget : TimeBudget
        The time that drawing may take and has taken.
    placement_error : float
        Median distance between the coordinates of up to 200 embedded points and the places that their distances give
        them, in units of the embedding's spread.

    Raises
    ------
    ValueError
        If the embedding is not of this dataset; when called, if the predictions are not on its probe.

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
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        ds = validated(ds)
        self.budget = TimeBudget(share, clock)
        # Without predictions: a view may stay open long after the dataset is closed.
        self._probe = ds.drop_vars([n for n in ds.variables if n not in ("sample", "class", "label", "split")])
        self._place = Projector(embedding, ds, landmarks)
        self._components = embedding["component"].values
        self._known = set(embedding["run"].values.tolist())
        self.placement_error = self._place.error
        self.view = ManifoldView(embedding, color=color, height=height, opacity=0.35)
        self.panel = FigurePanel(height - 40)
        self._note = ipywidgets.HTML()
        self._queue: list[Checkpoint] = []
        self._came: dict[str, int] = {}
        self._rows: dict[str, dict[int, Drawn]] = {}
        self._last, self._interval = 0.0, 0.0
        self._colored: tuple[str, ...] | None = None
        # A training in another thread and the notebook's loop may draw at the same time.
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
        """Number of checkpoints that are not drawn yet."""
        return len(self._queue)

    @property
    def runs(self) -> xr.Dataset:
        """What is drawn: `progress`, `loss`, `step` and `coordinate` on (run, checkpoint)."""
        return drawn_runs(self._rows, self._components)

    def check_probe(self, probe: Probe) -> None:
        """Compare a probe with that of the manifold. A `Recorder` calls this before it records.

        Raises
        ------
        ValueError
            If the probes differ; the message names the first difference.
        """
        for name, given in (("sample", probe.sample), ("label", probe.label), ("class", probe.classes)):
            own, given = self._probe[name].values, np.asarray(given)
            if own.shape != given.shape:
                raise ValueError(
                    f"the manifold's probe has {len(own)} entries of {name!r}, the recorder's has {len(given)}: wanted "
                    "the same probe; record with the inputs on which ds was recorded"
                )
            pairs = zip(own.tolist(), given.tolist(), strict=True)
            if differing := [place for place, (a, b) in enumerate(pairs) if str(a) != str(b)]:
                at = differing[0]
                raise ValueError(
                    f"the manifold's probe and the recorder's differ in {name!r}, first at position {at}: "
                    f"{own.tolist()[at]!r} and {given.tolist()[at]!r}; record with the inputs on which ds was recorded"
                )

    def __call__(self, run: str, step: int, epoch: float | None, log_prob: NDArray[np.float32]) -> None:
        """Take a checkpoint, and draw it together with those that wait if time permits.

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
            self._queue.append(Checkpoint(run, self._came[run], int(step), log_prob))
            self._draw_if_affordable()
            if self._queue:
                self._call_later(self._quiet_in())

    def flush(self) -> None:
        """Draw every checkpoint that waits."""
        with self._lock, self.budget.spending():
            self._draw(self._queue)

    def clear(self) -> None:
        """Remove all runs, before another training."""
        with self._lock:
            self._queue.clear()
            self._rows.clear()
            self._came.clear()
            self.budget.restart()
            self.view.clear_live()
            self._empty_panel()
            self._write_note()

    def close(self) -> None:
        """Close the view and the panel, and release the predictions."""
        # ipywidgets calls this once more when the widget is deleted, and also if __init__ failed.
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
        """Draw two checkpoints and remove them, twice: the first time loads and compiles, the second is timed."""
        for _ in range(2):
            self.budget = TimeBudget(self.budget.share, self.budget.clock)
            for k in range(2):
                self._draw([Checkpoint("(rehearsal)", k, k, log_prob)])
            self.clear()

    def _draw_if_affordable(self) -> None:
        """Draw all checkpoints that wait, or the newest of each run, or nothing yet."""
        # The newest tell where the training is now; the others only fill the line.
        newest = list({checkpoint.run: checkpoint for checkpoint in self._queue}.values())
        for some in (self._queue, newest):
            if self.budget.wait(self._expected(some)) == 0:
                self._draw(some)
                return
        if self.budget.wait(self.budget.expected("note")) == 0:
            self._write_note()

    def _expected(self, some: list[Checkpoint]) -> float:
        """Seconds that drawing some checkpoints is expected to take."""
        runs = {*self._rows, *(c.run for c in some)}
        return len(some) * self.budget.expected("point") + sum(
            self.budget.expected(task) for task in (self._panel_task(list(runs)), "note")
        )

    def _quiet_in(self) -> float:
        """Seconds after which the training counts as finished if no checkpoint comes."""
        return max(_QUIET, self._last + 2 * self._interval - self.budget.clock())

    def _call_later(self, seconds: float) -> None:
        """Let the notebook's loop look again. A script has no loop and calls `flush`."""
        if self._loop is None or self._loop.is_closed() or self._called:
            return
        self._called = True

        def call() -> None:
            assert self._loop is not None
            self._timer = self._loop.call_later(seconds, self._look_again)

        # The training may run in another thread, and only this method of a loop may be called from there.
        self._loop.call_soon_threadsafe(call)

    def _look_again(self) -> None:
        """Draw what waits if time permits or the training has finished. The loop calls this only between cells."""
        with self._lock, self.budget.spending():
            self._called, self._timer = False, None
            if self.budget.clock() - self._last >= max(_QUIET, 2 * self._interval):
                self._draw(self._queue[: max(1, int(_PIECE / max(self.budget.expected("point"), 1e-6)))])
                left = 0.0
            else:
                self._draw_if_affordable()
                left = self._quiet_in()
            if self._queue:
                self._call_later(left)

    # Drawing

    def _draw(self, some: list[Checkpoint]) -> None:
        """Place, measure and draw some of the checkpoints that wait."""
        if not some:
            return
        some = list(some)
        # One message to the browser for all points, instead of one for each.
        with self.budget.spending("point", len(some)), self.view.hold_sync():
            log_prob = np.stack([c.log_prob for c in some])
            measured = progress_and_loss(self._probe, log_prob)
            for c, x, along, loss in zip(some, self._place(log_prob), *measured, strict=True):
                self._rows.setdefault(c.run, {})[c.number] = Drawn(c.step, float(along), float(loss), x)
                self.view.append(c.run if c.run not in self._known else f"{c.run} (live)", c.number, x, float(loss))
        drawn = {(c.run, c.number) for c in some}
        self._queue = [c for c in self._queue if (c.run, c.number) not in drawn]
        self._draw_panel()
        self._write_note()

    def _panel_task(self, runs: list[str]) -> str:
        return "same panel" if colored_runs(runs) == self._colored else "new panel"

    def _draw_panel(self) -> None:
        """Draw the curves. A figure that shows the same runs is extended, because making one is slow."""
        runs, task = self.runs, self._panel_task(list(self._rows))
        with self.budget.spending(task):
            if task == "same panel":
                extend(self.panel.figure, runs)
                self.panel.draw(self.panel.figure)
            else:
                self.panel.draw(curves(runs))
            self._colored = colored_runs(list(self._rows))

    def _empty_panel(self) -> None:
        """Remove the curves. A figure with one trace per curve is kept, because it can take any run."""
        if self._colored == ():
            self.panel.draw(self.panel.figure.update_traces(x=[], y=[], text=[]))
        else:
            self.panel.draw(go.Figure())
            self._colored = None

    def _write_note(self) -> None:
        """Write below the pictures what is drawn, what waits and why, and the time it took."""
        with self.budget.spending("note"):
            drawn = sum(map(len, self._rows.values()))
            parts = [f"{_counted(drawn, 'checkpoint')} of {_counted(len(self._rows), 'run')}"]
            if self._queue:
                parts += [f"{self.waiting} wait: drawing may take {self.budget.share:.2g} of the training's time"]
            parts += [f"drawing took {self.budget.spent:.2f} s"]
            self._note.value = f"<small>{'; '.join(parts)}</small>"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
