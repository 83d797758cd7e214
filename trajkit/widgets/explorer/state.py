"""What the Explorer knows: the dataset, what is selected, and how it is shown. No widgets here."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import traitlets
import xarray as xr

from trajkit.distances import BHATTACHARYYA, as_metric
from trajkit.figures.coloring import coloring
from trajkit.schema import is_network, run_attributes, validated
from trajkit.select import select
from trajkit.widgets.explorer.measurements import N_COMPONENTS, Measurements, aligned, metrics, only
from trajkit.widgets.manifold_packing import ALWAYS
from trajkit.widgets.slicer_selection import Selection

FRAMES = ("all runs", "selection")


class ExplorerState(traitlets.HasTraits):
    """The state of an Explorer. Panels read it and never see the widget.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    landmarks
        As for `trajkit.explore`.

    Attributes
    ----------
    color, components, metric, frame, highlighted, hovered
        Traits; see `Explorer`.
    selection : Selection
        What the reader has selected. Its `conditions` are a trait.
    measured : Measurements
        What was measured so far.

    Examples
    --------
    >>> import trajkit as tk
    >>> state = ExplorerState(tk.simulate(runs=6, groups=3))
    >>> state.selection.conditions = {"architecture": ["B"]}
    >>> state.runs, state.color
    (['B-0', 'B-1'], 'architecture')
    """

    color = traitlets.Unicode()
    components = traitlets.Tuple((1, 2, 3))
    metric = traitlets.Unicode()
    frame = traitlets.Unicode("all runs")
    highlighted: Any = traitlets.List()
    hovered = traitlets.Unicode()

    def __init__(
        self,
        ds: xr.Dataset,
        *,
        metric: str = "bhattacharyya",
        cap: float | None = None,
        landmarks: int | None = None,
    ) -> None:
        as_metric(metric, cap, symmetric=True, optional_cap=True)
        ds = validated(ds)
        super().__init__()
        self.measured = Measurements(ds, cap=cap, landmarks=landmarks)
        self.selection = Selection(ds, progress=lambda split: self.measured.part(split)["progress"])
        self._embedded: tuple[Hashable, xr.Dataset, xr.Dataset] | None = None
        self.metric = metric
        self.color = next((f.name for f in self.selection.facets if f.name in run_attributes(ds)), "")

    def close(self) -> None:
        """Let distances and embeddings go."""
        self._embedded = None
        self.measured.close()
        self.selection.close()

    # Checks

    @traitlets.validate("frame", "metric")
    def _check_choice(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, str(proposal["value"])
        allowed = list(FRAMES) if name == "frame" else self.metrics
        if value not in allowed:
            hint = "" if name == "frame" or self.measured.cap else "; some other metrics need cap=, a number of nats"
            raise traitlets.TraitError(f"{name}: wanted one of {allowed}, got {value!r}{hint}")
        return value

    @traitlets.validate("components")
    def _check_components(self, proposal: Any) -> tuple[int, ...]:
        value = tuple(proposal["value"])
        if len(set(value)) != 3 or len(value) != 3 or not set(value) <= set(range(1, N_COMPONENTS + 1)):
            raise traitlets.TraitError(f"components: wanted three different ones from 1 to {N_COMPONENTS}, got {value}")
        return value

    @traitlets.validate("color")
    def _check_color(self, proposal: Any) -> str:
        value = str(proposal["value"])
        if value not in self.colors:
            named = [name for name in self.colors if name]
            raise traitlets.TraitError(f"color: wanted one of {named}, or '' for one colour, got {value!r}")
        return value

    @traitlets.validate("highlighted")
    def _check_runs(self, proposal: Any) -> list[str]:
        known = set(self.dataset["run"].values.tolist())
        if unknown := [r for r in proposal["value"] if r not in known]:
            raise traitlets.TraitError(f"highlighted: {unknown[:5]} are no runs of the dataset")
        return list(proposal["value"])

    # What is selected

    @property
    def dataset(self) -> xr.Dataset:
        """The dataset that is explored."""
        return self.measured.dataset

    @property
    def split(self) -> str | None:
        """The split whose samples are measured; None for all samples."""
        return self.selection.split

    @property
    def part(self) -> xr.Dataset:
        """All runs on the samples of the split, with progress, loss and error."""
        return self.measured.part(self.split)

    @property
    def shown_part(self) -> xr.Dataset:
        """`part`, without the checkpoints that a condition on progress or step leaves out."""
        return only(self.part, self.selection.points) if self.selection.has_window else self.part

    @property
    def runs(self) -> list[str]:
        """Names of the selected runs."""
        return self.selection.runs

    @property
    def selected(self) -> xr.Dataset:
        """The selected runs, checkpoints and samples as a dataset, with progress, loss and error.

        Raises
        ------
        ValueError
            If nothing meets all conditions.
        """
        conditions = {k: v for k, v in self.selection.select_arguments.items() if k != "split"}
        return select(self.part, **conditions)

    @property
    def has_references(self) -> bool:
        """Whether the dataset holds reference runs."""
        return not bool(is_network(self.dataset).all())

    # What is marked

    @property
    def marked(self) -> list[str]:
        """Runs to mark: the highlighted runs and the run under the mouse, as far as they are selected."""
        hovered = [self.hovered] if self.hovered and self.hovered not in self.highlighted else []
        there = set(self.runs)
        return [r for r in (*self.highlighted, *hovered) if r in there]

    def toggle(self, runs: list[str], *, more: bool = False) -> None:
        """Highlight runs; if they are highlighted already, stop highlighting them.

        Parameters
        ----------
        runs
            Their names.
        more
            Whether the other highlighted runs stay highlighted.
        """
        if not more:
            self.highlighted = [] if self.highlighted == runs else runs
        elif set(runs) <= set(self.highlighted):
            self.highlighted = [r for r in self.highlighted if r not in runs]
        else:
            self.highlight_too(runs)

    def highlight_too(self, runs: list[str]) -> None:
        """Highlight runs beside those that are highlighted already."""
        self.highlighted = list(dict.fromkeys([*self.highlighted, *runs]))

    def keep_highlighted(self) -> None:
        """Select only the highlighted runs."""
        if self.highlighted:
            self.selection.conditions = {**self.selection.conditions, "run": list(self.highlighted)}

    # Colours and distances

    @property
    def colors(self) -> list[str]:
        """What `color` can be: run attributes, quantities of points with finite values, and "" for one colour."""
        attributes = [name for name in run_attributes(self.dataset) if name != "kind"]
        return list(dict.fromkeys(["", *attributes, *self.measured.quantities(self.split), *ALWAYS]))

    @property
    def color_name(self) -> str | None:
        """`color`, or None for one colour."""
        return self.color or None

    @property
    def run_color(self) -> str | None:
        """`color` if it is a run attribute, None otherwise."""
        return self.color if self.color in run_attributes(self.dataset) else None

    def categories(self, name: str) -> int:
        """Count the categories that an attribute has as a colour; with a colour scale, as many as there are runs."""
        return len(coloring(self.part, name).categories) or self.part.sizes["run"]

    @property
    def metrics(self) -> list[str]:
        """What `metric` can be."""
        return metrics(self.measured.cap)

    @property
    def metric_options(self) -> dict[str, Any]:
        """The metric and its cap as keyword arguments, where they are not the defaults."""
        options = {} if self.metric == BHATTACHARYYA.name else {"metric": self.metric}
        cap = self.measured.cap_of(self.metric)
        return options | ({} if cap is None else {"cap": cap})

    def distance(self) -> xr.DataArray:
        """Distances between the whole trajectories of the selected runs that reach enough to be compared."""
        whole = self.measured.distances(self.split, self.metric)
        there = whole["run"].isin(self.runs).values
        return whole.isel(run=there, run2=there)

    @property
    def geodesic_options(self) -> dict[str, str]:
        """The metric of `distance_to_geodesic` as keyword argument, where it is not the default."""
        metric = self.measured.geodesic_metric(self.metric)
        return {} if metric == BHATTACHARYYA.name else {"metric": metric}

    def distance_to_geodesic(self) -> xr.DataArray:
        """Distance of each point to the geodesic, by `metric` if progress is defined by it."""
        return self.measured.distance_to_geodesic(self.split, self.metric)

    # The embedding

    @property
    def own(self) -> xr.Dataset:
        """The embedding of what `frame` says, before it is aligned with the embedding of all runs."""
        return self._embed()[0]

    @property
    def embedding(self) -> xr.Dataset:
        """What is drawn.

        Raises
        ------
        ValueError
            If the selection cannot be embedded, or has no components to align.
        """
        return self._embed()[1]

    def _embed(self) -> tuple[xr.Dataset, xr.Dataset]:
        """Embed what `frame` says, once for each state: as it is by itself, and as it is drawn."""
        key = (self.metric, self.frame, self.selection_key, self.components if self.frame == "selection" else None)
        if self._embedded is None or self._embedded[0] != key:
            self._embedded = (key, *self._measured_embedding())
        return self._embedded[1:]

    def _measured_embedding(self) -> tuple[xr.Dataset, xr.Dataset]:
        chosen = self.selection.points
        frame = self.measured.embedding(self.split, self.metric)
        if self.frame == "all runs":
            return frame, only(frame, chosen) if self.selection.has_window else frame
        own = self.measured.embedding(self.split, self.metric, chosen)
        return own, aligned(frame, own, self.components)

    # Keys: values that change when what they describe changes. A panel is drawn again when its key has changed.

    @property
    def selection_key(self) -> Hashable:
        """Changes with the selected points or samples."""
        return self.split, self.selection.mask.tobytes()

    @property
    def runs_key(self) -> Hashable:
        """Changes with the selected runs or samples."""
        return self.split, tuple(self.runs)

    @property
    def frame_key(self) -> Hashable:
        """Changes with the embedding."""
        return self.metric, self.frame, self.selection_key if self.frame == "selection" else self.split
