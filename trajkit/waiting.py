"""Long work shows itself."""

from __future__ import annotations

from typing import Any

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
