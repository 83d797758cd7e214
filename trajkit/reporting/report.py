"""One HTML page of everything a dataset says to every claim; it needs no network."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr
from plotly.offline import get_plotlyjs

from trajkit.renamed import renamed
from trajkit.reporting.claims import CLAIMS, Claim, Findings, examine, table_of
from trajkit.reporting.finding import HOLDS, UNKNOWN, Finding, Number, Settings
from trajkit.reporting.pictures import overview, picture
from trajkit.schema import installed_version, is_network, run_attributes
from trajkit.storage.atomic import atomic_write, check_destination

# Values of an attribute that are counted one by one.
_LISTED = 12


@renamed(draws="null_draws", progress="progress_bar")
def report(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    metric: str = "bhattacharyya",
    null_draws: int = 19,
    permutations: int = 999,
    level: float = 0.95,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> pd.DataFrame:
    """Write a page with every claim about a dataset: statement, numbers, intervals, nulls, verdict, figure and code.

    What `trajkit.claims` gives, as the supplement of a paper: a table of all claims, what is in the dataset, then each
    claim with all its numbers for all samples and for each split, the rule of its verdict, a figure of all samples, and
    the Python that gives the numbers. One file of five to seven megabytes, of which plotly's library is 4.8; it opens
    without a network, on paper and in the dark.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out of all comparisons.
    path
        The page to write; a file of that name is replaced.
    title
        Of the page; by default it says how many networks there are, and on which data where the metadata do.
    metric, null_draws, permutations, level, seed, progress_bar
        As for `trajkit.claims`.

    Returns
    -------
    pandas.DataFrame
        What `trajkit.claims` returns.

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
    >>> table.verdict.unique().tolist()
    ['cannot be told']
    """
    target = Path(path)
    check_destination(target, overwrite=True)  # now, and not after minutes of work
    settings = Settings(metric, null_draws, permutations, level, seed=seed)
    found = examine(ds, settings, progress_bar)
    page = _page(ds, found, settings, title or _title(ds))
    with atomic_write(target, overwrite=True) as part:
        part.write_text(page, encoding="utf-8")
    return table_of(found)


def _title(ds: xr.Dataset) -> str:
    """Say what was analysed: how many networks, on which data or, where that is not known, from where."""
    count, data, source = int(is_network(ds).sum()), _metadata(ds).get("data"), ds.attrs.get("source")
    what = f" on {data}" if isinstance(data, str) and data else f" from {source}" if source else ""
    return f"Trajectories of {count} network{'' if count == 1 else 's'}{what}"


def _metadata(ds: xr.Dataset) -> dict[str, Any]:
    """Read the free metadata; they need not be JSON."""
    try:
        told = json.loads(str(ds.attrs.get("metadata") or "{}"))
    except json.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _page(ds: xr.Dataset, found: Findings, settings: Settings, title: str) -> str:
    style = files("trajkit.reporting").joinpath("page.css").read_text(encoding="utf-8")
    sections = [_summary(found), _contents(ds, settings), *(_section(c, found[c.name], settings) for c in CLAIMS)]
    when = datetime.now(UTC).date().isoformat()
    how = (
        f"trajkit {installed_version()}, {when}. Distances: {settings.metric}. Nulls and bootstraps: {settings.draws} "
        f"draws, 399 for those that cost little; tests of groups: {settings.permutations} permutations; seed "
        f"{settings.seed}. Intervals cover {settings.level:.0%}; they are over samples of the probe unless stated "
        f"otherwise, and say nothing of other runs. Evidence is p ≤ {settings.significant:g}; p-values are not "
        f"corrected for the number of claims. A p-value with ≤ is the least that its draws can show, "
        f"{1 / (1 + settings.draws):.3g} of {settings.draws}: more draws may show less. Lines of Python take the "
        "dataset as ds, numpy as np and trajkit as tk."
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{style}</style>\n'
        f"<script>{get_plotlyjs()}</script>\n</head><body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="soft">What these trajectories say to the claims that are made of the training of networks.</p>\n'
        f"{''.join(sections)}\n<footer><h2>How</h2><p>{escape(how)}</p></footer>\n</body></html>\n"
    )


def _summary(found: Findings) -> str:
    parts = list(next(iter(found.values())))
    head = "".join(f"<th>{escape(_samples(part))}</th>" for part in parts)
    rows = []
    for claim in CLAIMS:
        of = found[claim.name]
        cells = "".join(f"<td>{_verdict(of[part])}{_headline(of[part])}</td>" for part in parts)
        link = f'<a href="#{_anchor(claim)}">{escape(claim.statement)}</a>'
        rows.append(f"<tr><td>{link}</td>{cells}</tr>")
    return f'<div class="wide"><table><tr><th>claim</th>{head}</tr>{"".join(rows)}</table></div>\n'


def _headline(finding: Finding) -> str:
    """Write the first number below the verdict, or the reason why there is none."""
    if not finding.numbers:
        return f'<br><span class="soft">{escape(finding.because)}</span>'
    first = finding.numbers[0]
    return f'<br><span class="soft">{escape(first.statistic)}: {_value(first)}</span>'


def _contents(ds: xr.Dataset, settings: Settings) -> str:
    """Say what is in the dataset: runs by attribute, samples, checkpoints, and what is missing."""
    of = ds.isel(run=is_network(ds))
    recorded = (of["step"] >= 0).sum("checkpoint").values
    last = of["step"].max("checkpoint").values
    split = Counter(ds["split"].values.tolist())
    counts = np.bincount(ds["label"].values, minlength=ds.sizes["class"])
    rows = [
        ("runs", f"{of.sizes['run']} networks, {ds.sizes['run'] - of.sizes['run']} references"),
        ("samples", f"{ds.sizes['sample']}: " + ", ".join(f"{n} {name}" for name, n in split.items())),
        ("classes", f"{ds.sizes['class']}, of {counts.min()} to {counts.max()} samples"),
        ("checkpoints", f"{recorded.min()} to {recorded.max()} a run, {recorded.sum()} in all"),
        ("last step", f"{last.min()} to {last.max()}"),
        ("missing", f"{int((recorded < of.sizes['checkpoint']).sum())} runs lack some of {of.sizes['checkpoint']}"),
        ("failed", _failed(of)),
    ]
    rows += [(name, _values(of[name])) for name in run_attributes(of) if name not in ("kind", "diverged_at")]
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows)
    figures = "".join(_figure(figure, f"overview-{k}", text) for k, (figure, text) in enumerate(overview(of, settings)))
    return f'<h2 id="dataset">What is in the dataset</h2><div class="wide"><table>{body}</table></div>{figures}\n'


def _failed(ds: xr.Dataset) -> str:
    """Say how many runs diverged or crashed: a recorder keeps what there is of them, the zoo's packs name them."""
    if "diverged_at" in ds.coords:
        return f"{int(np.isfinite(ds['diverged_at'].values.astype(float)).sum())} runs diverged, kept up to there"
    failed = _metadata(ds).get("failed_runs")
    return f"{len(failed)} runs diverged or crashed, left out" if isinstance(failed, dict) else "not recorded"


def _values(attribute: xr.DataArray) -> str:
    """Count the values of an attribute, or give their range."""
    values = pd.Series(attribute.values)
    missing = int((values.isna() | (values == "")).sum())
    known = values[~(values.isna() | (values == ""))]
    count = Counter(known.tolist())
    if len(count) <= _LISTED:
        text = ", ".join(f"{_plain(value)} ({n})" for value, n in sorted(count.items()))
    elif attribute.dtype.kind in "if":
        text = f"{len(count)} values from {_plain(known.min())} to {_plain(known.max())}"
    else:
        text = f"{len(count)} values"
    return f"{text}; missing for {missing}" if missing else text or "none"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _section(claim: Claim, found: dict[str, Finding], settings: Settings) -> str:
    head = "".join(
        f'<th class="number">{name}</th>' for name in ("value", f"{settings.level:.0%} interval", "null", "p")
    )
    rows = []
    for part, finding in found.items():
        cells = f'<td rowspan="{max(1, len(finding.numbers))}">{escape(_samples(part))}<br>{_verdict(finding)}</td>'
        for k, number in enumerate(finding.numbers):
            rows.append(f"<tr{' class=first' if k == 0 else ''}>{cells if k == 0 else ''}{_cells(number)}</tr>")
        if not finding.numbers:
            rows.append(f'<tr class="first">{cells}<td colspan="5">{escape(finding.because)}</td></tr>')
    why = "".join(
        f"<p><b>{escape(_samples(part))}</b>: {escape(finding.because)}.</p>"
        for part, finding in found.items()
        if finding.numbers
    )
    shown = next(iter(found.values()))
    drawn = picture(claim.name, shown) if shown.verdict != UNKNOWN else None
    return (
        f'<h2 id="{_anchor(claim)}">{escape(claim.statement)}</h2><p class="soft">{escape(claim.rule)}</p>{why}'
        f'<div class="wide"><table><tr><th>samples</th><th>statistic</th>{head}</tr>{"".join(rows)}</table></div>'
        f"{'' if drawn is None else _figure(drawn[0], _anchor(claim) + '-figure', drawn[1])}"
        f"{_code(shown)}\n"
    )


def _code(finding: Finding) -> str:
    """Write the Python that gives the numbers, each in a line named by what it gives."""
    if not finding.numbers:
        return ""
    lines = [f"{number.code}  # {number.statistic}" for number in finding.numbers]
    return f"<pre>{escape(chr(10).join([*finding.code.splitlines(), '', *lines]))}</pre>"


def _cells(number: Number) -> str:
    interval = f"{_short(number.lower)} to {_short(number.upper)}" if np.isfinite(number.lower) else "-"
    bound = "≤ " if number.p_value <= number.p_least * (1 + 1e-9) else ""
    numbers = (_value(number), interval, _short(number.null), bound + _short(number.p_value))
    return f"<td>{escape(number.statistic)}</td>" + "".join(f'<td class="number">{text}</td>' for text in numbers)


def _value(number: Number) -> str:
    return escape(f"{_short(number.value)} {number.unit}".strip())


def _short(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "-"


def _verdict(finding: Finding) -> str:
    look = {HOLDS: "holds", UNKNOWN: "unknown"}.get(finding.verdict, "fails")
    return f'<span class="verdict {look}">{escape(finding.verdict)}</span>'


def _samples(part: str) -> str:
    return "all samples" if part == "all" else f"{part} samples"


def _anchor(claim: Claim) -> str:
    return claim.name.replace(" ", "-")


def _figure(figure: go.Figure, anchor: str, text: str) -> str:
    """Write a figure as its JSON, drawn by the page's one copy of plotly."""
    figure.update_layout(height=None, width=None, autosize=True)
    # A name may hold "</script>".
    spec = (figure.to_json() or "{}").replace("<", "\\u003c")
    return (
        f'<figure><div id="{anchor}"></div><figcaption>{escape(text)}</figcaption></figure>\n'
        f'<script>(() => {{ const f = {spec}; Plotly.newPlot("{anchor}", f.data, f.layout, '
        "{responsive: true, displaylogo: false}); })()</script>\n"
    )
