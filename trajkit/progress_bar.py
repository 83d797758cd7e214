"""Long work shows itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

# Work that takes longer than this shows a bar by itself.
PATIENCE_S = 4


def open_bar(total: float, what: str, progress_bar: bool | None) -> Any:
    """Make a bar of tqdm; `update` takes the work done, in the units of `total`.

    True shows it, False does not, and None shows it while work goes on that takes more than a few seconds.

    Examples
    --------
    >>> with open_bar(3, "reading", progress_bar=None) as bar:
    ...     bar.update(2)
    """
    from tqdm.auto import tqdm

    return tqdm(
        total=total,
        desc=what,
        # Done and total are no whole numbers everywhere.
        bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
        delay=PATIENCE_S if progress_bar is None else 0,
        disable=progress_bar is False,
        leave=progress_bar is True,
    )


def iterate_with_bar(items: Collection[Item], what: str, progress_bar: bool | None) -> Iterator[Item]:
    """Give one item after the other, and count them on a `progress_bar`.

    Examples
    --------
    >>> list(iterate_with_bar("abc", "reading", progress_bar=None))
    ['a', 'b', 'c']
    """
    with open_bar(len(items), what, progress_bar) as bar:
        for item in items:
            yield item
            bar.update()
