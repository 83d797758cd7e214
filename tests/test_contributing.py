"""The recipes of CONTRIBUTING.md, each followed once and undone at the end of its test."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

import trajkit as tk

CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


def recipe(what: str) -> str:
    """Return the paragraph of a recipe, on one line."""
    (paragraph,) = (p for p in CONTRIBUTING.split("\n\n") if p.startswith(f"**{what}**"))
    return " ".join(paragraph.split())


def module(folder: Path, name: str, text: str) -> ModuleType:
    """Write a module into `folder` and import it under the name that it would have in the package."""
    path = folder / f"{name.rpartition('.')[2]}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


# A distance: the chord, half of |sqrt p - sqrt q|. Its formula in numpy is enough for all that is built on it.


def chord(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.exp(p / 2) - np.exp(q / 2), axis=-1) / 2


@pytest.fixture
def with_chord(monkeypatch: pytest.MonkeyPatch) -> Callable[[xr.DataArray, xr.DataArray], xr.DataArray]:
    """Follow the recipe and give the public function."""
    from trajkit.distances.divergences import mean_over_samples
    from trajkit.distances.metric import METRICS, Formula, Metric

    monkeypatch.setitem(METRICS, "chord", Formula(chord, "length", "1", bounded=True))
    return lambda a, b: mean_over_samples(Metric("chord"), a, b)


def test_recipe__a_distance(with_chord: Callable[[xr.DataArray, xr.DataArray], xr.DataArray]) -> None:
    for part in ("`METRICS`", "`mean_over_samples`", "`compiled.py`", "`FORMS`", "`_PER_SAMPLE`", "`formulas.py`"):
        assert part in recipe("a distance")
    ds = tk.simulate(runs=3, checkpoints=4, spread=0.3)
    a, b = ds.log_prob.isel(run=0, checkpoint=1), ds.log_prob.isel(run=2, checkpoint=3)
    pairs = zip(np.exp(a.values / 2), np.exp(b.values / 2), strict=True)
    slow = np.mean([np.sqrt(((p - q) ** 2).sum()) / 2 for p, q in pairs])
    assert with_chord(a, b).item() == pytest.approx(slow, rel=1e-6)
    assert with_chord(a, a).item() == pytest.approx(0, abs=1e-12)
    # With the loop over pairs there is all that is built on it.
    matrix = tk.pairwise(ds, metric="chord")
    assert matrix.attrs["scale"] == "length"
    np.testing.assert_allclose(matrix.values, matrix.values.T, atol=1e-12)
    assert matrix.values[1, 11] == pytest.approx(slow, rel=1e-6)
    assert tk.trajectory_distance(ds, metric="chord", n=4).sizes == {"run": 3, "run2": 3}
    # All amplitudes are real vectors: no time-like axes.
    assert (tk.inpca(matrix, 3).signature == 1).all()


# A figure


FIGURE = '''
"""Lengths of runs."""

import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.coloring import coloring_of_runs
from trajkit.figures.template import TEMPLATE


def lengths(length: xr.DataArray, *, color: str | None = None) -> go.Figure:
    """Draw the length of each run as a bar."""
    colors = coloring_of_runs(length, color)
    paint = [colors.palette(code) for code in colors.code]
    figure = go.Figure(go.Bar(x=length["run"].values, y=length.values, marker_color=paint))
    return figure.update_layout(template=TEMPLATE, yaxis_title=f"length [{length.attrs['units']}]")
'''


def test_recipe__a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("its own file of `trajkit/figures/`", "`figures.__all__`", "no distance", "looking at its traces"):
        assert part in recipe("a figure")
    made = module(tmp_path, "trajkit.figures.lengths", FIGURE)
    monkeypatch.setattr(tk.figures, "lengths", made.lengths, raising=False)
    length = tk.length(tk.simulate(runs=4, groups=2))
    figure = tk.figures.lengths(length, color="architecture")
    assert isinstance(figure, go.Figure)
    assert figure.data[0].y == pytest.approx(length.values)
    assert len(set(figure.data[0].marker.color)) == 2


# A panel of the Explorer


def test_recipe__a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ("`trajkit/widgets/explorer/panels.py`", "`RIGHT`", "`trajkit.figures`", "Python", "in a browser")
    for part in (*wanted, "`title`", "`key`", "`figure`", "`code`", "`marks`"):
        assert part in recipe("a panel")
    from trajkit.widgets.explorer import explorer, panels
    from trajkit.widgets.explorer.panel import Panel
    from trajkit.widgets.explorer.state import ExplorerState

    class SpreadPanel(Panel):
        """The tubes of the groups that colours make."""

        title = "Spread"

        def key(self) -> Any:
            return self.state.runs_key, self.state.run_color

        def figure(self) -> go.Figure:
            return tk.figures.tube(tk.tube(self.state.selected, "architecture", n=5), color="architecture")

        def code(self) -> str:
            return "tk.figures.tube(tk.tube(selected, 'architecture', n=5), color='architecture')"

        def marks(self, figure: go.Figure, runs: list[str]) -> list[dict[str, Any]]:
            return []

    ds = tk.simulate(runs=6, groups=2, spread=0.3)
    figure = SpreadPanel(ExplorerState(ds)).figure()
    assert {trace.name for trace in figure.data} == {"A", "B"}
    monkeypatch.setattr(explorer, "RIGHT", (*panels.RIGHT, SpreadPanel))
    shown = tk.explore(ds)
    assert shown.panels[-1].figures == [], "nothing is measured before it is seen"
    view = shown.show_panel("Spread")
    assert view.figures[0].figure == figure
    assert eval(view.code_line.code, {"tk": tk, "selected": shown.selected}) == figure
    shown.close()


# An architecture


ARCHITECTURE = '''
"""One hidden layer."""

from math import prod

from torch import nn

SIZES = {"paper": {"width": 512}, "small": {"width": 16}}


def shallow(shape: tuple[int, ...], classes: int, *, width: int) -> nn.Sequential:
    """Build one hidden layer with `width` units."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), width), nn.ReLU(), nn.Linear(width, classes))
'''


def test_recipe__an_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("`trajkit/zoo/architectures/`", "its sizes", "`ARCHITECTURES`", "parameters by hand"):
        assert part in recipe("an architecture")
    from trajkit.zoo import Settings
    from trajkit.zoo.architectures import ARCHITECTURES, Architecture

    made = module(tmp_path, "trajkit.zoo.architectures.shallow", ARCHITECTURE)
    shallow = Architecture(made.shallow, made.SIZES, needs_images=False)
    monkeypatch.setitem(ARCHITECTURES, "shallow", shallow)
    network = shallow.build((1, 8, 8), 10, size="small")
    assert sum(p.numel() for p in network.parameters()) == 64 * 16 + 16 + 16 * 10 + 10
    assert Settings("shallow", "adam", 0.01, width_factor=0.5).run == "shallow-8-adam-0.01-0"


# An importer


IMPORTER = '''
"""Probabilities in one text file for each run and step."""

from pathlib import Path

import numpy as np
import xarray as xr

from trajkit.from_arrays import from_arrays
from trajkit.importers.checks import refuse_nan
from trajkit.schema import SchemaError


def read_text(path: Path) -> xr.Dataset:
    """Read `run-step.txt`, a row of probabilities for each sample, and `label.txt`."""
    label = np.loadtxt(Path(path) / "label.txt", dtype=int)
    found: dict[str, dict[int, np.ndarray]] = {}
    for file in sorted(Path(path).glob("*-*.txt")):
        run, _, step = file.stem.rpartition("-")
        prob = np.loadtxt(file, ndmin=2)
        if len(prob) != len(label):
            raise SchemaError([f"{file.name}: wanted {len(label)} rows, one for each label, got {len(prob)}"])
        refuse_nan(prob, where=file.name)
        found.setdefault(run, {})[int(step)] = prob
    steps = [sorted(checkpoints) for checkpoints in found.values()]
    prob = [np.stack([c[s] for s in own]) for c, own in zip(found.values(), steps, strict=True)]
    return from_arrays(prob=prob, label=label, step=steps, runs={"run": list(found)})
'''


def test_recipe__an_importer(tmp_path: Path) -> None:
    for part in ("its own file in `trajkit/importers/`", "`from_arrays`", "`importers/checks.py`", "refused"):
        assert part in recipe("an importer")
    read_text = module(tmp_path, "trajkit.importers.text", IMPORTER).read_text
    ds = tk.simulate(runs=2, checkpoints=3, samples=6, classes=3)
    folder = tmp_path / "text"
    folder.mkdir()
    np.savetxt(folder / "label.txt", ds.label.values, fmt="%d")
    for run in ds.run.values:
        for k in range(3):
            np.savetxt(folder / f"{run}-{k}.txt", np.exp(ds.log_prob.sel(run=run, checkpoint=k).values))
    np.testing.assert_allclose(read_text(folder).log_prob, ds.log_prob, atol=1e-5)
    np.savetxt(folder / "A-0-3.txt", np.full((5, 3), 1 / 3))
    with pytest.raises(tk.SchemaError, match="wanted 6 rows"):
        read_text(folder)
    np.savetxt(folder / "A-0-3.txt", np.full((6, 3), np.nan))
    with pytest.raises(tk.SchemaError, match="NaN for 6 samples"):
        read_text(folder)


# A claim

CLAIM = '''
"""Claim: later epochs add less."""

from trajkit import figures
from trajkit.curves import length
from trajkit.reporting.claim import Claim
from trajkit.reporting.finding import CannotTellError, Finding, Number, judged
from trajkit.reporting.part import Part


def examine(part: Part) -> Finding:
    """Compare the length of the second half of the checkpoints with that of the first."""
    half = part.ds.sizes["checkpoint"] // 2
    if half < 2:
        raise CannotTellError("there are fewer than four checkpoints")
    first, second = (length(part.ds.isel(checkpoint=some)).mean() for some in (slice(half), slice(half, None)))
    ratio = float(second / first)
    code = [*part.code_of_ds, "first, second = (tk.length(ds.isel(checkpoint=some)).mean() for some in "
            f"(slice({half}), slice({half}, None)))"]
    number = Number("length, second / first half", "half", ratio, null=1.0, code="second / first")
    return judged(ratio < 1, f"the second half is {ratio:.2f} times as long", [number], code, part.distance)


CLAIM = Claim(
    name="late is little",
    statement="Late training moves networks <less> than early training.",
    rule="Holds if the second half of the checkpoints is shorter.",
    examine=examine,
    draw=figures.distance_matrix,
    caption="Distances between <runs>.",
)
'''


def test_recipe__a_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("`trajkit/reporting/claims/`", "`Claim`", "`CLAIMS`", "`Part`", "`trajkit/analysis/`", "null"):
        assert part in recipe("a claim")
    from trajkit.reporting import claims_table

    late = module(tmp_path, "trajkit.reporting.claims.late_is_little", CLAIM).CLAIM
    monkeypatch.setattr(claims_table, "CLAIMS", (late,))
    ds = tk.with_references(tk.simulate(runs=3, samples=20, checkpoints=6), 3)
    table = tk.report(ds, tmp_path / "page.html", permutations=19)
    assert table.samples.tolist() == ["all", "train", "test"]
    assert set(table.verdict) <= {"holds", "does not hold"}
    # The Python of a number gives the number.
    for row in table.itertuples():
        *lines, last = row.code.splitlines()
        known = {"ds": ds, "tk": tk}
        exec("\n".join(lines), known)
        assert float(eval(last, known)) == pytest.approx(row.value)
    page = (tmp_path / "page.html").read_text()
    assert page.count("Late training moves networks &lt;less&gt;") == 2
    assert 'id="late-is-little-figure"' in page
    assert "<runs>" not in page
    # What cannot be told is said.
    few = tk.claims(ds.isel(checkpoint=slice(3)), permutations=19)
    assert few.because.tolist() == ["there are fewer than four checkpoints"] * 3
