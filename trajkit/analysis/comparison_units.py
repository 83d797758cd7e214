"""Units of a comparison: configurations for a setting, runs for a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.analysis.compare_runs import copies_as_replicates
from trajkit.analysis.configuration_distances import complete, configuration_distances
from trajkit.analysis.run_groups import own_copies
from trajkit.configuration import Configurations, codes, is_function, joint_codes
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.typing import Array, Indices


class ComparisonUnits(NamedTuple):
    """Units with their distances, and with all attributes in which they can differ."""

    kind: str
    distance: Array
    """Distances (unit, unit), in the metric's units; 0 on the diagonal."""
    squared: Array
    """Squared lengths (unit, unit)."""
    attributes: dict[str, Indices]
    run: Indices
    """A run of each unit, which has its attributes."""

    def others(self, name: str) -> list[str]:
        """Name what two units must share to differ in one attribute alone; what this attribute determines is left out.

        Examples
        --------
        >>> codes = {"a": np.array([0, 1, 0, 1]), "b": np.array([0, 0, 1, 1]), "c": np.array([1, 0, 1, 0])}
        >>> ComparisonUnits("run", np.zeros((4, 4)), np.zeros((4, 4)), codes, np.arange(4)).others("a")
        ['b']
        """
        own = self.attributes[name]
        return [n for n, code in self.attributes.items() if n != name and code.max() > 0 and not is_function(code, own)]

    def joint(self, names: list[str]) -> Indices:
        """Give each combination of values of several attributes a number.

        Examples
        --------
        >>> codes = {"a": np.array([0, 1, 0, 1]), "b": np.array([0, 0, 1, 1])}
        >>> ComparisonUnits("run", np.zeros((4, 4)), np.zeros((4, 4)), codes, np.arange(4)).joint(["a", "b"])
        array([0, 1, 2, 3])
        """
        return joint_codes([self.attributes[name] for name in names], len(self.run))

    def differs_alone(self, name: str, others: list[str]) -> bool:
        """Decide whether two units share the other attributes and differ in this one.

        Examples
        --------
        >>> codes = {"a": np.array([0, 1, 0, 1]), "b": np.array([0, 0, 1, 1])}
        >>> ComparisonUnits("run", np.zeros((4, 4)), np.zeros((4, 4)), codes, np.arange(4)).differs_alone("a", ["b"])
        True
        """
        return not is_function(self.attributes[name], self.joint(others))


def configuration_units(distance: xr.DataArray, table: Configurations) -> ComparisonUnits:
    """Make a unit of each configuration; those without a distance to some other one are left out.

    Examples
    --------
    >>> import trajkit as tk
    >>> from trajkit.configuration import checked_configurations
    >>> distance = tk.trajectory_distance(tk.simulate(runs=6, groups=2), n=3)
    >>> configuration_units(distance, checked_configurations(distance)).distance.shape
    (2, 2)
    """
    pairs = table.different_seeds & ~own_copies(distance)
    apart, squared = (
        configuration_distances(values, table.code, pairs) for values in (distance.values, squared_lengths(distance))
    )
    kept = complete(squared)
    run = np.unique(table.code, return_index=True)[1][kept]
    for matrix in (apart, squared):
        np.fill_diagonal(matrix, 0.0)
    at = np.ix_(kept, kept)
    return ComparisonUnits("configuration", apart[at], squared[at], _attributes(distance, table.settings, run), run)


def run_units(distance: xr.DataArray, table: Configurations) -> ComparisonUnits:
    """Make a unit of each run.

    Examples
    --------
    >>> import trajkit as tk
    >>> from trajkit.configuration import checked_configurations
    >>> distance = tk.trajectory_distance(tk.simulate(runs=6, groups=2), n=3)
    >>> list(run_units(distance, checked_configurations(distance)).attributes)
    ['architecture', 'seed']
    """
    run = np.arange(distance.sizes["run"])
    squared = copies_as_replicates(squared_lengths(distance), [table.code], own_copies(distance))
    names = [*table.settings, *table.seeds]
    return ComparisonUnits("run", distance.values, squared, _attributes(distance, names, run), run)


def _attributes(distance: xr.DataArray, names: list[str], run: Indices) -> dict[str, Indices]:
    # Numbered again: a value that only units had that are left out is gone.
    return {name: joint_codes([codes(distance, name)[run]], len(run)) for name in names}
