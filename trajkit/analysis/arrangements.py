"""Arrangements of labels within blocks: all of them where they are few, random ones otherwise."""

from __future__ import annotations

import itertools
from math import factorial, prod
from typing import NamedTuple

import numpy as np

from trajkit.typing import Array, Indices

# Statistics that are equal up to rounding count as equal.
_ROUNDING = 1e-9


class Arrangements(NamedTuple):
    """Labels (arrangement, unit), the observed ones first; `distinct` of them can give different statistics."""

    label: Indices
    distinct: int

    @property
    def are_all(self) -> bool:
        """Whether these are all arrangements, and not a random part of them."""
        return len(self.label) == self.distinct


def arrangements(label: Indices, block: Indices, permutations: int, random: np.random.Generator) -> Arrangements:
    """Permute labels within blocks.

    Labels that are in the same blocks can change their names: that gives the same differences. Of arrangements that
    are equal in this sense, one is listed.

    Parameters
    ----------
    label
        Label of each unit, from 0. A block has each label once at most.
    block
        Block of each unit.
    permutations
        Number of random arrangements, if there are more distinct ones.
    random
        Source of random numbers.

    Returns
    -------
    Arrangements
        All distinct arrangements, or the observed one and random ones.

    Examples
    --------
    >>> label, block = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    >>> arrangements(label, block, 99, np.random.default_rng(0)).label
    array([[0, 1, 0, 1],
           [0, 1, 1, 0]])
    """
    members = [np.flatnonzero(block == value) for value in np.unique(block)]
    blocks_of = [tuple(np.unique(block[label == value])) for value in range(label.max(initial=-1) + 1)]
    twins = [np.flatnonzero([other == own for other in blocks_of]) for own in dict.fromkeys(blocks_of)]
    total = prod(factorial(len(inside)) for inside in members)
    distinct = total // prod(factorial(len(some)) for some in twins)
    if distinct <= permutations + 1:
        # Twins keep their order in the first block that has them.
        first = [block[label == some[0]].min() for some in twins]
        orders = [
            _orders(label[inside], [some for some, at in zip(twins, first, strict=True) if at == block[inside[0]]])
            for inside in members
        ]
        every = np.tile(label, (distinct, 1))
        for row, choice in zip(every, itertools.product(*orders), strict=True):
            for inside, order in zip(members, choice, strict=True):
                row[inside] = order
        return Arrangements(every, distinct)
    every = np.tile(label, (permutations + 1, 1))
    for inside in members:
        every[1:, inside] = random.permuted(every[1:, inside], axis=1)
    return Arrangements(every, distinct)


def _orders(labels: Indices, twins: list[Indices]) -> list[tuple[int, ...]]:
    """List the orders of the labels of a block in which twins keep their order; the given one comes first."""
    wanted = [[value for value in labels.tolist() if value in some] for some in twins]
    return [
        order
        for order in itertools.permutations(labels.tolist())
        if all([value for value in order if value in some] == some for some in wanted)
    ]


def p_values(statistic: Array) -> Array:
    """Compute for each arrangement the share of arrangements whose statistic is as large or larger.

    Examples
    --------
    >>> p_values(np.array([3.0, 1.0, 3.0, 0.0]))
    array([0.5 , 0.75, 0.5 , 1.  ])
    """
    ordered = np.sort(statistic)
    least = statistic - np.where(np.isfinite(statistic), _ROUNDING * np.abs(statistic), 0.0)
    return (len(statistic) - np.searchsorted(ordered, least, side="left")) / len(statistic)
