"""Laws of the whole repository: imports, files, CONTRIBUTING, the README, `.ci/run`."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from public_names import NAMES, groups

import trajkit as tk

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
TEST_COMMAND = 'pip install -e ".[test]" && pytest'
OPEN_COMMAND = 'pip install -e ".[lab]" && jupyter lab notebooks/01_quickstart.ipynb'

# From left to right: each layer imports only from those before it.
LAYERS = (
    "typing",
    "renamed",
    "workspace",
    "progress_bar",
    "probabilities",
    "storable",
    "arranged",
    "limitations",
    "schema",
    "roles",
    "configuration",
    "numbers",
    "from_arrays",
    "points",
    "concat",
    "storage",
    "simulate",
    "distances",
    "curves",
    "select",
    "embedding",
    "analysis",
    "theory",
    "figures",
    "widgets",
)
DATA = set(LAYERS[: LAYERS.index("storage") + 1])
ALLOWED = {layer: set(LAYERS[:i]) for i, layer in enumerate(LAYERS)} | {
    "recording": DATA,
    "importers": DATA,
    "integrations": DATA | {"recording"},
    "text": DATA,
    "zoo": DATA | {"recording", "text"},
    "imprint": DATA - {"storage"},
    "theory": set(LAYERS[: LAYERS.index("analysis")]),
    "reporting": set(LAYERS[: LAYERS.index("widgets")]),
}

TOP_LEVEL = {
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "binder",
    "data",
    "notebooks",
    "pyproject.toml",
    "tests",
    "trajkit",
}


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=600)


def tracked() -> list[Path]:
    listed = run("git", "-c", "safe.directory=*", "ls-files", "-z")
    assert listed.returncode == 0, listed.stderr
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


# Imports


def test_import__loads_nothing_heavy() -> None:
    heavy = {"torch", "torchvision", "plotly", "ipywidgets", "anywidget", "dask", "sklearn", "numba", "zarr", "jinja2"}
    loaded = run(sys.executable, "-c", "import sys, trajkit; print(*{m.partition('.')[0] for m in sys.modules})")
    assert loaded.returncode == 0, loaded.stderr
    assert not heavy & set(loaded.stdout.split())


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT / "trajkit").parts[0].removesuffix(".py")


def imported_layers(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Give the part of trajkit that each import statement reaches, at any depth; "" is `trajkit` itself."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            # `from trajkit import points` reaches the layer of that name, `from trajkit import load` the whole package.
            modules = ALLOWED if base == ["trajkit"] else {}
            names = [".".join([*base, alias.name] if alias.name in modules else base) for alias in node.names]
        else:
            continue
        yield from (name.partition(".")[2].partition(".")[0] for name in names if name.partition(".")[0] == "trajkit")


@pytest.mark.parametrize(
    ("source", "layers"),
    [
        ("import numpy as np", []),
        ("import trajkit as tk", [""]),
        ("import trajkit.schema", ["schema"]),
        ("from trajkit.figures.manifold import manifold", ["figures"]),
        ("from trajkit import schema, load", ["schema", ""]),
        ("from ..schema import validate", ["schema"]),
        ("from . import traces", ["zoo"]),
        ("def f():\n    from trajkit import storage", ["storage"]),
        ("if TYPE_CHECKING:\n    from trajkit.widgets import Explorer", ["widgets"]),
    ],
)
def test_imported_layers__finds_every_form_of_import(source: str, layers: list[str]) -> None:
    assert list(imported_layers(source, "trajkit.zoo.digits")) == layers


def test_layers__import_one_way() -> None:
    problems = []
    for path in sorted((ROOT / "trajkit").rglob("*.py")):
        layer = layer_of(path)
        where = path.relative_to(ROOT)
        if layer in ("__init__", "conftest"):
            continue  # the first imports from all layers, the second is part of the tests
        if layer not in ALLOWED:
            problems.append(f"{where}: {layer!r} has no place in the table of layers; give it one")
            continue
        module = ".".join(where.with_suffix("").parts).removesuffix(".__init__")
        found = set(imported_layers(path.read_text(), module, is_package=path.name == "__init__.py"))
        if above := found - ALLOWED[layer] - {layer}:
            names = sorted(name or "trajkit (the whole package)" for name in above)
            problems.append(f"{where} imports {names}: {layer} may use {sorted(ALLOWED[layer])}")
    assert not problems, "\n".join(problems)


# CONTRIBUTING


def test_contributing__maps_every_room_in_the_order_of_imports() -> None:
    rows = re.findall(r"^\| ((?:`\w+/?`(?:, )?)+) \| ", CONTRIBUTING, flags=re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)/?`", row)]
    assert sorted(named) == sorted(ALLOWED)
    assert [name for name in named if name in LAYERS] == list(LAYERS)


def test_contributing__names_every_script_with_its_command() -> None:
    scripts = [path for path in (ROOT / "tests").rglob("*.py") if '__name__ == "__main__"' in path.read_text()]
    commands = {f"`python {path.relative_to(ROOT)}" for path in scripts if path != Path(__file__)}
    assert "`python tests/house.py" in commands
    assert not {command for command in commands if command not in CONTRIBUTING}


# Tests

# These test the repository, or what several rooms do together.
WHOLE = {
    *("binder", "contributing", "habits", "house", "install", "notebooks", "notebooks_browser", "readme", "reference"),
    *("repository", "user_script", "every_widget", "jupyterlab", "written_by_0_1", "validation", "user_paths"),
    *("ways_of_opening", "wrong_kinds"),
}


def test_tests__have_the_name_of_what_they_test() -> None:
    """`tests/X/test_Y.py` tests `trajkit/X/Y.py` or the folder `trajkit/X/Y/`; `tests/X/test_X.py` tests all of X."""
    homeless = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        room, name = path.parent.relative_to(ROOT / "tests"), path.stem.removeprefix("test_")
        tested = [ROOT / "trajkit" / room / tested for tested in (name, f"{name}.py", f"{name}.js", f"__{name}__.py")]
        if name not in {*WHOLE, room.name} and not any(file.exists() for file in tested):
            homeless.append(str(path.relative_to(ROOT)))
    assert not homeless, f"no file or folder of trajkit/ has their name: {homeless}"


# Public names


def test_public_names__resolve_once_and_in_groups() -> None:
    assert [name for names in groups().values() for name in names] == tk.__all__
    assert len(set(tk.__all__)) == len(tk.__all__)
    assert all(names == sorted(names) for names in groups().values())
    assert set(tk.__all__) <= set(dir(tk))
    assert all(value is not None for value in NAMES.values())


# Tools


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_tools__find_nothing(command: str) -> None:
    done = run(sys.executable, "-m", *command.split())
    assert done.returncode == 0, done.stdout + done.stderr


# Files


def test_top_level__holds_only_what_is_meant_to_be_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL


def test_notebooks__hold_no_outputs_and_no_widget_state() -> None:
    problems = []
    for path in tracked():
        if path.suffix != ".ipynb":
            continue
        notebook = json.loads(path.read_text())
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        if any(cell["outputs"] or cell["execution_count"] for cell in cells):
            problems.append(f"{path.name} holds outputs: clear them")
        if "widgets" in notebook["metadata"]:
            problems.append(f"{path.name} holds the state of widgets: remove metadata.widgets")
    assert not problems, "\n".join(problems)


def test_data__is_small_enough_to_clone() -> None:
    sizes = {path.name: path.stat().st_size / 1e6 for path in tracked() if path.is_relative_to(ROOT / "data")}
    assert sum(sizes.values()) <= 40
    assert max(sizes.values(), default=0) <= 25


def test_files__name_no_folder_of_one_machine() -> None:
    of_one_machine = re.compile(rb"(?<![\w.:/])/(?:work|home|root|Users)/[\w.-]+")
    found = {str(path.relative_to(ROOT)): of_one_machine.findall(path.read_bytes()) for path in tracked()}
    assert not {name: hits for name, hits in found.items() if hits}


# README


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_readme__holds_both_commands_on_lines_of_their_own() -> None:
    lines = "".join(code_blocks("bash")).splitlines()
    assert [line for line in lines if line.endswith("pytest")] == [TEST_COMMAND]
    assert [line for line in lines if "jupyter" in line] == [OPEN_COMMAND]
    assert (ROOT / "notebooks" / "01_quickstart.ipynb").is_file()


def test_readme__links_to_files_that_exist() -> None:
    targets = {t for t in re.findall(r"\]\(([^)#\s]+)\)|src=\"([^\"]+)\"", README) for t in t if t}
    local = {t for t in targets if not t.startswith("https://")}
    assert "notebooks/images/explorer.png" in local
    assert not [t for t in local if not (ROOT / t).exists()]


def test_readme__examples_run_and_show_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shown: list[object] = []
    monkeypatch.setattr("plotly.io.show", lambda figure, *args, **kwargs: shown.append(figure))
    blocks = code_blocks("python")
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert len(shown) == 3


# .ci/run


def ci_run(folder: Path, readme: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/run in a folder with this README and an empty file for Chromium."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "README.md").write_text(readme)
    (folder / "tmp").mkdir()
    chromium = folder / "bin" / "chromium"
    chromium.parent.mkdir()
    chromium.touch(mode=0o755)
    environment = os.environ | {
        "PATH": f"{chromium.parent}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(folder / "tmp"),
    }
    return run(folder / ".ci" / "run", cwd=folder.parent, env=environment)


def test_ci__is_executable() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR


def test_ci__runs_the_line_of_the_readme_in_a_fresh_environment(tmp_path: Path) -> None:
    # pip is installed already, so no index is asked; the shell takes "# && pytest" as a comment.
    line = "pip install pip && python -c 'import sys; print(sys.prefix)' && cat README.md # && pytest"
    done = ci_run(tmp_path, f"The front page.\n\n```bash\n{line}\n```\n")
    assert done.returncode == 0, done.stderr
    assert f"\n{tmp_path}/tmp/" in done.stdout
    assert "\nThe front page.\n" in done.stdout
    assert not list((tmp_path / "tmp").iterdir())


def test_ci__fails_as_the_command_fails_and_tidies_up(tmp_path: Path) -> None:
    done = ci_run(tmp_path, "pip install pip && (exit 3) && pytest\n")
    assert done.returncode == 3
    assert not list((tmp_path / "tmp").iterdir())


def test_ci__fails_without_a_command(tmp_path: Path) -> None:
    done = ci_run(tmp_path, "Run pytest.\n")
    assert done.returncode == 1
    assert "README.md" in done.stderr
