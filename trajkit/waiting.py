"""Long work shows itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

# Work that takes longer than this shows a bar by itself.
PATIENCE_S = 4


def progress_bar(total: float, what: str, progress: bool | None) -> Any:
    """Make a bar of tqdm; `update` takes the work done, in the units of `total`.

    True shows it, False does not, and None shows it while work goes on that takes more than a few seconds.

    Examples
    --------
    >>> with progress_bar(3, "reading", progress=None) as bar:
    ...     bar.update(2)
    """
    from tqdm.auto import tqdm

    return tqdm(
        total=total,
        desc=what,
        # Done and total are no whole numbers everywhere.
        bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
        delay=PATIENCE_S if progress is None else 0,
        disable=progress is False,
        leave=progress is True,
    )


def watched(items: Collection[Item], what: str, progress: bool | None) -> Iterator[Item]:
    """Give one item after the other, and count them on a `progress_bar`.

    Examples
    --------
    >>> list(watched("abc", "reading", progress=None))
    ['a', 'b', 'c']
    """
    with progress_bar(len(items), what, progress) as bar:
        for item in items:
            yield item
            bar.update()
