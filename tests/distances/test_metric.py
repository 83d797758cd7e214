"""Laws of metrics: every function that takes a metric takes a cap, and refuses the same with the same words."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from public_names import NAMES

import trajkit as tk
from trajkit.distances import Metric, as_metric, capped_names, metric_names

PACKAGE = Path(tk.__file__).parent
# Tables keyed by name: the metrics themselves, those of progress, and means that are named after their metric.
TABLES = {"curves/progress.py", "curves/means.py"}


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


TAKES_METRIC = {name: f for name, f in NAMES.items() if "metric" in parameters(f)}


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return tk.simulate(runs=6, groups=2, checkpoints=6, samples=10, spread=0.3)


@pytest.fixture
def called(ds: xr.Dataset, tmp_path: Path) -> Callable[..., object]:
    """Call a public function with a metric, and otherwise with what it needs."""
    needed = {"ds": ds, "by": "architecture", "linear": ds, "networks": ds, "at": 0.5, "path": tmp_path / "report.html"}
    needed["reference"] = "ignorance"

    def call(function: Any, **options: Any) -> object:
        required = [n for n, p in parameters(function).items() if p.default is p.empty]
        return function(**{n: needed[n] for n in required}, **options)

    return call


@pytest.mark.parametrize("name", TAKES_METRIC)
def test_functions_of_a_metric__take_a_cap_and_refuse_what_makes_no_sense(
    name: str, called: Callable[..., object]
) -> None:
    function = TAKES_METRIC[name]
    assert "cap" in parameters(function)
    with pytest.raises(ValueError, match=r"^unknown metric 'euclid': wanted one of \['bhattacharyya'"):
        called(function, metric="euclid")
    with pytest.raises(ValueError, match=r"cap: wanted a positive number of nats, got -1"):
        called(function, metric="bhattacharyya", cap=-1)
    # In the Explorer the cap is for metrics that are chosen later.
    if not name.startswith(("trajkit.explore", "trajkit.widgets")):
        with pytest.raises(ValueError, match="'fisher_rao' is bounded and takes no cap; bhattacharyya, kullback"):
            called(function, metric="fisher_rao", cap=3)


@pytest.mark.parametrize("cap", [0, -1, float("nan")])
def test_cap__is_a_positive_number(cap: float) -> None:
    with pytest.raises(ValueError, match=f"cap: wanted a positive number of nats, got {cap}"):
        Metric("bhattacharyya", cap)


def test_cap__is_for_metrics_without_an_upper_bound() -> None:
    for name in metric_names():
        if name in capped_names():
            assert Metric(name, 3).attrs["cap"] == 3
        else:
            with pytest.raises(ValueError, match=f"'{name}' is bounded and takes no cap"):
                Metric(name, 3)
            # Functions that compare several metrics give the cap to those that take one.
            assert as_metric(name, 3, optional_cap=True) == Metric(name)


def test_metric__is_made_once() -> None:
    metric = Metric("jeffreys", 2)
    assert as_metric(metric) is metric
    with pytest.raises(ValueError, match="'kullback_leibler' is not symmetric: wanted one of"):
        as_metric("kullback_leibler", symmetric=True)
    with pytest.raises(ValueError, match=r"length is defined by \['fisher_rao'\], not by metric 'jeffreys'"):
        as_metric(metric, among=["fisher_rao"], what="length")


def test_names_of_metrics__are_compared_nowhere_else() -> None:
    """What depends on the metric is an attribute of `Metric`: a new metric then works everywhere."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE)
        if where.parts[0] == "distances" or str(where) in TABLES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare | ast.match_case):
                texts = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                found += [f"{where}:{getattr(node, 'lineno', '')} {name}" for name in texts & set(metric_names())]
    assert not found
