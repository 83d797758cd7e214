"""The form of the tutorials. nbmake executes each, `test_notebooks_browser.py` opens them in JupyterLab."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
TUTORIALS = [path for path in ALL if path.name != "00_glossary.ipynb"]
ORDER = [
    *("01_quickstart", "02_prediction_space", "03_inpca", "04_one_manifold", "05_slice_and_compare"),
    *("06_record_your_own", "07_far_apart_starts", "08_sloppy_inputs", "09_samples", "10_at_scale"),
]
# JupyterLab's mark of a heading whose cells are folded.
COLLAPSED = "jp-MarkdownHeadingCollapsed"

tutorial = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
notebook = pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def cells(path: Path, kind: str, tag: str | None = None) -> list[dict[str, Any]]:
    of_kind = [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]
    return of_kind if tag is None else [cell for cell in of_kind if tag in cell["metadata"].get("tags", [])]


def prose(path: Path) -> str:
    return "\n\n".join(source(cell) for cell in cells(path, "markdown"))


def test_tutorials__are_the_ten_of_the_readme() -> None:
    assert [path.stem for path in TUTORIALS] == ORDER


@notebook
def test_notebook__is_clean(path: Path) -> None:
    content = read(path)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert set(content["metadata"]) <= {"kernelspec", "language_info"}
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    assert all(set(cell["metadata"]) <= {"jupyter", "tags", COLLAPSED} for cell in content["cells"])


@tutorial
def test_tutorial__begins_with_a_question(path: Path) -> None:
    head = source(read(path)["cells"][0])
    assert head.startswith("# ")
    assert "?" in head.partition("**The question.**")[2]


@tutorial
def test_tutorial__has_no_long_cell(path: Path) -> None:
    lengths = {cell["id"]: len(source(cell).splitlines()) for cell in cells(path, "code")}
    assert not {name: n for name, n in lengths.items() if n > 15}


@tutorial
def test_tutorial__has_two_exercises(path: Path) -> None:
    exercises = prose(path).partition("## Exercises")[2]
    assert re.findall(r"^### ([12])\. ", exercises, flags=re.MULTILINE) == ["1", "2"]


@tutorial
def test_tutorial__folds_its_solutions_away_with_their_outputs(path: Path) -> None:
    """Below a collapsed heading: JupyterLab forgets a cell's own `outputs_hidden` when the cell runs."""
    both = [cell for cell in read(path)["cells"] if "solution" in cell["metadata"].get("tags", [])]
    assert [cell["cell_type"] for cell in both] == ["markdown", "code"] * 2
    assert [source(cell) for cell in both[::2]] == ["#### Solution 1", "#### Solution 2"]
    assert all(cell["metadata"][COLLAPSED] is True for cell in both[::2])
    # Folded once only: one click shows code and output.
    assert not any("jupyter" in cell["metadata"] for cell in both)


@tutorial
def test_tutorial__checks_the_numbers_of_its_text_in_folded_cells(path: Path) -> None:
    checks = cells(path, "code", "check")
    assert checks
    for cell in checks:
        assert cell["metadata"]["jupyter"]["source_hidden"]
        assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source(cell))))


@tutorial
def test_tutorial__says_what_to_read_next_by_doi(path: Path) -> None:
    after = prose(path).partition("## Exercises")[2]
    assert re.findall(r"\]\(https://doi\.org/10\.\d{4,}/\S+\)", after)
    assert "00_glossary.ipynb" in prose(path)


@tutorial
def test_tutorial__has_something_to_move(path: Path) -> None:
    code = "\n".join(source(cell) for cell in cells(path, "code"))
    assert re.search(r"ipywidgets\.interact|tk\.explore\(|ManifoldView\(|LiveView\(|tk\.figures\.manifold\(", code)


@notebook
def test_links__lead_to_files_that_exist(path: Path) -> None:
    local = re.findall(r"\]\((?!https?://)([^)#\s]+)", prose(path))
    assert not [target for target in local if not (NOTEBOOKS / target).exists()]


def test_optional_packages__are_imported_in_guarded_cells_only() -> None:
    """Binder has none of them: such an import is below an `if` or a `try`."""
    optional = {"torch", "sklearn", "dask", "zarr", "lightning", "keras", "transformers"}
    bare = []
    for path in TUTORIALS:
        for cell in cells(path, "code"):
            for node in ast.parse(source(cell)).body:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                bare += [(path.stem, name) for name in names if name.partition(".")[0] in optional]
    assert not bare
