"""Every public name has an entry in the reference, with the sections that its user needs."""

import inspect
import re
from pathlib import Path

import pytest
import reference
from public_names import FUNCTIONS, NAMES, described, groups

import trajkit as tk

# Functions that measure: their results have dimensions and units.
MEASURING = ("trajkit.analysis", "trajkit.curves", "trajkit.distances", "trajkit.embedding", "trajkit.theory")
DIMENSION = re.compile(r"\b(run|checkpoint|point|sample|class|component|attribute|group|progress|join|feature|t)\b")
UNIT = re.compile(r"\b(nats?|rad|radians|units?|steps?|share|scale|1|log-prob\w*)\b", re.IGNORECASE)
# Functions that return a trajectory dataset: `trajkit.schema` describes it.
DATASETS = re.compile(r"trajectory dataset|`ds` with")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    reference.write(folder)
    return folder


def test_page__has_an_entry_for_every_public_name(page: Path) -> None:
    missing = []
    for full in NAMES:
        module, _, name = full.rpartition(".")
        file = page / f"{module.replace('.', '/')}.html"
        if not file.is_file() or f'id="{name}"' not in file.read_text():
            missing.append(full)
    assert not missing


def test_page__lists_every_name_in_its_group(page: Path) -> None:
    text = (page / "trajkit.html").read_text()
    below = re.split(r'<h2 id="[\w-]+">', text)[1:]
    for (title, names), part in zip(groups().items(), below, strict=True):
        assert part.startswith(f"{title}</h2>")
        assert [name for name in names if not re.search(rf'<li><code><a href="[^"]*">trajkit\.{name}</a>', part)] == []


def test_page__is_one_command() -> None:
    command = "python tests/reference.py"
    root = Path(reference.__file__).parents[1]
    assert command in (root / "README.md").read_text()
    assert command in (root / "CONTRIBUTING.md").read_text()


def test_docstring__of_every_name_has_an_example() -> None:
    # An error is shown where it is raised.
    shown = {
        name: v for name, v in NAMES.items() if callable(v) and not (inspect.isclass(v) and issubclass(v, Exception))
    }
    assert [name for name, value in shown.items() if ">>>" not in (inspect.getdoc(value) or "")] == []


@pytest.mark.parametrize("full", sorted(FUNCTIONS))
def test_docstring__has_its_sections(full: str) -> None:
    text = inspect.getdoc(FUNCTIONS[full]) or ""
    assert re.match(r"[A-Z].*\.", text), "begins with a sentence"
    if inspect.signature(FUNCTIONS[full]).parameters:
        assert re.search(r"^Parameters\n-+$", text, flags=re.MULTILINE)
    for parameter in inspect.signature(FUNCTIONS[full]).parameters.values():
        assert re.search(rf"\b{parameter.name}\b", text), f"says what {parameter.name!r} is"


@pytest.mark.parametrize("full", sorted(n for n, f in FUNCTIONS.items() if f.__module__.startswith(MEASURING)))
def test_docstring__of_what_measures_names_dimensions_and_units(full: str) -> None:
    text = inspect.getdoc(FUNCTIONS[full]) or ""
    returns = re.search(r"^Returns\n-+$(.*?)(?=^\w+( \w+)?\n-+$|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert returns is not None
    if not DATASETS.search(text):
        assert DIMENSION.search(text)
        assert UNIT.search(text)


def test_completion__offers_what_is_public_and_nothing_else() -> None:
    shown = {name for name in dir(tk) if not name.startswith("_")}
    assert shown == set(tk.__all__)


def test_signatures__say_their_defaults_and_take_options_by_name() -> None:
    """Few arguments by position: options given by name are easy to read and can be reordered."""
    many = {}
    for name in tk.__all__:
        value = getattr(tk, name)
        if inspect.isfunction(value):
            by_place = [p for p in inspect.signature(value).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
            if len(by_place) > 4:
                many[name] = [p.name for p in by_place]
    assert not many


def test_signatures__take_a_cap_with_each_metric() -> None:
    parameters = {name: inspect.signature(f).parameters for name, f in FUNCTIONS.items()}
    assert not [name for name, known in parameters.items() if "metric" in known and "cap" not in known]


# What a parameter means wherever it occurs; a sentence of its own may follow.
SHARED = {
    "metric": "Name of the distance",
    "cap": "Largest contribution of one sample, in nats, applied before the mean over samples.",
    "n": "Number of points of the progress grid.",
    "n_components": "Number of components.",
    "seed": "Seed for the random draws.",
    "draws": "Number of bootstrap draws.",
    "permutations": "Number of permutations.",
    "null_draws": "Number of draws from the null.",
    "level": "Confidence level of the intervals, between 0 and 1.",
    "progress_bar": "Whether to show a progress bar.",
    "overwrite": "Whether to replace an existing f",
}


@pytest.mark.parametrize("parameter", SHARED)
def test_parameter__is_described_in_the_same_words(parameter: str) -> None:
    said = {
        name: described(f, parameter) for name, f in FUNCTIONS.items() if parameter in inspect.signature(f).parameters
    }
    if parameter == "seed":
        # There it is the role of run attributes.
        del said["trajkit.set_roles"]
    assert not {name: words for name, words in said.items() if not words.startswith(SHARED[parameter])}
