"""The networks on one part of the samples, with results that several claims share."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from trajkit.analysis import compare_groups
from trajkit.analysis.strata import comparable_settings, other_settings, strata, value_codes
from trajkit.curves.resample import resampled
from trajkit.curves.trajectory_distance import matched_distance
from trajkit.distances import Metric
from trajkit.reporting.finding import CannotTellError, Number, Settings, written
from trajkit.roles import role_of
from trajkit.schema import networks, run_attributes
from trajkit.select import select
from trajkit.storable import kind_of
from trajkit.typing import Indices, Mask

# Some claims are about this attribute by name.
ARCHITECTURE = "architecture"
# Points of the progress grid, as many as `null_test` uses.
PROGRESS = 20
# Draws for intervals that cost almost nothing.
CHEAP_DRAWS = 399
# Points in embeddings that are made many times.
_POINTS = 700


class Part:
    """The networks on one part of the samples: "all", "train" or "test".

    Shared results are computed once, when first used. `code_of_X` is the Python that gives X from the dataset `ds`.
    """

    def __init__(self, ds: xr.Dataset, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.ds = networks(ds if name == "all" else select(ds, split=name))
        wanted = {} if self.ds.sizes["run"] == ds.sizes["run"] else {"kind": "network"}
        wanted |= {} if name == "all" else {"split": name}
        self.code_of_ds = [f"ds = tk.select(ds, {written(**wanted)})"] if wanted else []

    @cached_property
    def even(self) -> xr.Dataset:
        """The runs at equal progress, without those that reach too little."""
        return resampled(self.ds, PROGRESS, extend="shared")

    @cached_property
    def is_compared(self) -> Mask:
        """Mark the runs of `ds` that are in `even`."""
        return self.ds["run"].isin(self.even["run"]).values

    @property
    def compared(self) -> xr.Dataset:
        """The runs of `even` as they were recorded."""
        return self.ds.isel(run=self.is_compared)

    @cached_property
    def distance(self) -> xr.DataArray:
        """Distances (run, run2) of whole trajectories."""
        return self.distance_under(self.settings.metric)

    def distance_under(self, metric: Metric) -> xr.DataArray:
        """Compute what `trajectory_distance` does, from the runs that are at equal progress already."""
        runs = self.even["run"].values
        coords = {"run": runs, "run2": runs} | {name: self.even[name] for name in run_attributes(self.even)}
        # `trajectory_distance` would resample the runs for each metric.
        return xr.DataArray(matched_distance(self.even, metric), coords, ("run", "run2"), attrs=metric.attrs)

    def code_of_distance_under(self, metric: Metric) -> str:
        """Write the line that gives `distance_under`."""
        return f"distance = tk.trajectory_distance(ds, n={PROGRESS}, {written(**metric.identity)})"

    @property
    def code_of_distance(self) -> list[str]:
        """Write the lines that give `distance`."""
        return [*self.code_of_ds, self.code_of_distance_under(self.settings.metric)]

    @cached_property
    def attributes(self) -> list[str]:
        """The settings by which the runs can be compared."""
        return comparable_settings(self.compared)

    @property
    def architecture_if_any(self) -> str | None:
        """The attribute "architecture" if runs can be compared by it."""
        return ARCHITECTURE if ARCHITECTURE in self.attributes else None

    def need_architecture(self) -> None:
        """Refuse, with the reason, runs that cannot be compared by architecture."""
        if ARCHITECTURE in self.attributes:
            return
        if ARCHITECTURE not in self.ds.coords:
            raise CannotTellError(f"there is no run attribute {ARCHITECTURE!r}")
        count = len(np.unique(self.ds[ARCHITECTURE].values))
        raise CannotTellError(
            f"runs cannot be grouped by {ARCHITECTURE!r}: it is missing for some run, follows from another setting, "
            f"or has {count} value(s) for {self.ds.sizes['run']} runs"
        )

    @property
    def compared_settings(self) -> list[str]:
        """The settings that can be compared; seeds are what they are compared with."""
        return [name for name in self.attributes if role_of(self.ds, name) == "setting"]

    @cached_property
    def groups(self) -> xr.Dataset:
        """Comparison of configurations by all settings."""
        return compare_groups(self.distance, self.compared_settings, **self._of_groups)

    @property
    def code_of_groups(self) -> list[str]:
        """Write the lines that give `groups`."""
        arguments = written(**self._of_groups)
        return [*self.code_of_distance, f"groups = tk.compare_groups(distance, {self.compared_settings}, {arguments})"]

    @property
    def _of_groups(self) -> dict[str, Any]:
        how = self.settings
        return {"permutations": how.permutations, "level": how.level, "seed": how.seed}

    @cached_property
    def _thinned(self) -> list[int]:
        recorded = self.ds.sizes["checkpoint"]
        wanted = min(max(3, _POINTS // self.ds.sizes["run"]), recorded)
        return np.unique(np.linspace(0, recorded - 1, wanted).round().astype(int)).tolist()

    @property
    def thin(self) -> xr.Dataset:
        """The networks at so few checkpoints that their points can be embedded many times."""
        return self.ds.isel(checkpoint=self._thinned)

    @property
    def code_of_thin(self) -> list[str]:
        """Write the lines that give `thin`."""
        return [*self.code_of_ds, f"thin = ds.isel(checkpoint={self._thinned})"]

    def strata(self, varying: str) -> Indices:
        """Give numbers to the groups of runs that differ in one setting and the seed only; -1 for the other runs."""
        return strata(self.ds, varying)

    def code_of_strata(self, varying: str) -> list[str]:
        """Write the lines that give `some`, the runs in `strata`."""
        return [*self.code_of_ds, *self.code_of_some(self.ds, varying)]

    @staticmethod
    def code_of_some(ds: xr.Dataset, varying: str) -> list[str]:
        """Write the lines that give `some`, the runs in `strata`, from `ds`."""
        lines: list[str] = []
        others = other_settings(ds, varying)
        if (value_codes(ds, varying) < 0).any():
            is_text = kind_of(ds[varying].dtype) == "U"
            known = f"ds[{varying!r}] != ''" if is_text else f"ds[{varying!r}].notnull()"
            lines.append(f"ds = ds.isel(run=({known}).values)")
        if not others:
            return [*lines, "some = ds"]
        return [
            *lines,
            f"alike = tk.run_table(ds).groupby({others}, dropna=False)",
            f"some = ds.isel(run=(alike[{varying!r}].transform('nunique') > 1).values)",
        ]


def matched_number(groups: xr.Dataset, name: str, *, decisive: bool = False) -> Number:
    """Write the matched ratio of a setting, with its interval over configurations and the p-value of the setting."""
    at = groups.sel(attribute=name)
    value, lower, upper = (float(at[f"matched_{part}"]) for part in ("ratio", "lower", "upper"))
    pairs = int(at["matched_pairs"])
    return Number(
        f"matched ratio of {name} ({pairs} pair{'' if pairs == 1 else 's'})", name, value, lower, upper, 1.0,
        float(at["p_value"]), float(at["least_p_value"]), code=f"groups.matched_ratio.sel(attribute={name!r})",
        decisive=decisive,
    )  # fmt: skip


def limitations_of(groups: xr.Dataset, name: str) -> str:
    """Give what `compare_groups` says that it lacks for a setting."""
    said = str(groups.attrs["limitations"]).split("; ")
    own = [text.removeprefix(f"{name}: ") for text in said if text.startswith(f"{name}: ")]
    return "; ".join(own or said)
