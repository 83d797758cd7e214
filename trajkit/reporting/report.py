"""One HTML page with every claim about a dataset; it opens without a network connection."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from trajkit.distances import as_metric
from trajkit.renamed import renamed
from trajkit.reporting.claims_table import Findings, examine, parts_of, table_of
from trajkit.reporting.contents import contents, overview, title_of
from trajkit.reporting.finding import HOLDS, UNKNOWN, WAITING, Number, Settings
from trajkit.reporting.part import CHEAP_DRAWS
from trajkit.schema import installed_version
from trajkit.storage.atomic import atomic_write, check_destination, user_path


@renamed(draws="null_draws", progress="progress_bar")
def report(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    metric: str = "bhattacharyya",
    cap: float | None = None,
    null_draws: int = 999,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Write a page with every claim about a dataset: statement, numbers, intervals, nulls, verdict, figure and code.

    The page can serve as the supplement of a paper. It has a table of all claims, a description of the dataset, and a
    section per claim: its rule, its numbers for all samples and for each split, and, for the primary part, a figure and
    the Python that gives the numbers. It is one file of five to seven megabytes, of which 4.8 are plotly's library; it
    opens without a network connection, prints well, and follows the browser's dark mode. It is written as answers come,
    quick ones first; until it is complete, it says how many are missing.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    path
        The page to write. An existing file is replaced.
    title
        Title of the page. By default it says how many networks there are, and on which data if the metadata say so.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    null_draws
        Number of draws from the null. The smallest possible p-value is 1 / (null_draws + 1). Parts that are not the
        primary one use at most 199.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    level
        Confidence level of the intervals, between 0 and 1.
    seed
        Seed for the random draws.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    pandas.DataFrame
        The table of `trajkit.claims`.

    Raises
    ------
    ValueError
        As `trajkit.claims` does.
    FileNotFoundError
        If the folder of the file does not exist.

    Examples
    --------
    >>> import tempfile, trajkit as tk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = tk.report(tk.simulate(runs=2, samples=20, checkpoints=3), f"{folder}/page.html", null_draws=2)
    >>> table[table.claim == "architecture distinguishes"].verdict.unique().tolist()
    ['cannot be told']
    """
    target = user_path(path)
    check_destination(target, overwrite=True)  # before minutes of work
    settings = Settings(as_metric(metric, cap, symmetric=True), null_draws, permutations, level, seed)
    page = _Page(target, ds, settings, title)
    found = examine(ds, settings, progress_bar, page.show)
    page.write(found)
    return table_of(found)


class _Page:
    """The page at a path, which is written several times while answers come."""

    def __init__(self, path: Path, ds: xr.Dataset, settings: Settings, title: str | None) -> None:
        self._path, self._ds, self._settings, self._title = path, ds, settings, title or title_of(ds)
        self._ready = 0.0

    @cached_property
    def _overview(self) -> list[tuple[go.Figure, str]]:
        return list(overview(self._ds, self._settings))

    def show(self, found: Findings) -> None:
        """Write what there is, but spend a tenth of the time on it at most."""
        if time.monotonic() >= self._ready:
            # The figures of the overview are made once: they must not delay the next page.
            _, began = self._overview, time.monotonic()
            self.write(found)
            ended = time.monotonic()
            self._ready = ended + 9 * (ended - began)

    def write(self, found: Findings) -> None:
        """Write the page with what was found; answers that are missing are counted at its head."""
        page = page_of(self._ds, found, self._settings, self._title, self._overview)
        with atomic_write(self._path, overwrite=True) as part:
            part.write_text(page, encoding="utf-8")


def page_of(
    ds: xr.Dataset, found: Findings, settings: Settings, title: str, figures: list[tuple[go.Figure, str]]
) -> str:
    """Write the page as HTML. Jinja2 escapes every name and value that the templates show."""
    waiting = [finding.verdict == WAITING for parts in found.values() for finding in parts.values()]
    environment = Environment(
        loader=PackageLoader("trajkit.reporting", ""),
        # For all templates: `select_autoescape` goes by the ending .html, and these end in .j2.
        autoescape=True,
        # A misspelt name in a template is an error, not an empty text.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": _short, "value": _value, "interval": _interval, "spec": _spec}
    environment.filters |= {"p_value": p_text, "p_corrected": _corrected_text}
    return environment.get_template("page.html.j2").render(
        title=title,
        # Our own style sheet and plotly's library: they are no text to escape.
        style=Markup(files("trajkit.reporting").joinpath("page.css").read_text(encoding="utf-8")),
        plotly=Markup(get_plotlyjs()),
        found=found,
        primary=parts_of(ds)[1],
        too_few=_too_few(found, parts_of(ds)[1], settings),
        looks={HOLDS: "holds", UNKNOWN: "unknown", WAITING: "unknown"},
        waiting=sum(waiting),
        answers=len(waiting),
        contents=list(contents(ds)),
        overview=figures,
        settings=settings,
        cheap_draws=CHEAP_DRAWS,
        fewer=settings.with_fewer_draws().null_draws,
        version=installed_version(),
        date=datetime.now(UTC).date().isoformat(),
    )


def _short(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "-"


def _value(number: Number) -> str:
    return f"{_short(number.value)} {number.unit}".strip()


def _interval(number: Number) -> str:
    return f"{_short(number.lower)} to {_short(number.upper)}" if np.isfinite(number.lower) else "-"


def p_text(number: Number) -> str:
    """Write a p-value, with ≤ if more draws could give a smaller one."""
    return ("≤ " if number.p_is_bound else "") + _short(number.p_value)


def _corrected_text(number: Number) -> str:
    return ("≤ " if number.p_is_bound else "") + _short(number.p_corrected) if np.isfinite(number.p_corrected) else ""


def _too_few(found: Findings, primary: str, settings: Settings) -> str:
    """Say that there are too few draws to reach significance, or nothing."""
    tests = [of for parts in found.values() for of in parts[primary].numbers if np.isfinite(of.p_corrected)]
    needed = int(np.ceil(len(tests) / settings.significant)) - 1
    short = [name for name in ("null_draws", "permutations") if getattr(settings, name) < needed]
    if not short:
        return ""
    return (
        f"{' and '.join(f'{name}={getattr(settings, name)}' for name in short)} gives no p-value of "
        f"{settings.significant:g} after correction for {len(tests)} claims: ask for {needed} or more, such as 999."
    )


def _spec(figure: go.Figure) -> Markup:
    """Write a figure as JSON inside a script element; a name in it may hold "</script>"."""
    figure.update_layout(height=None, width=None, autosize=True)
    return Markup((figure.to_json() or "{}").replace("<", "\\u003c"))
