"""A wheel that is installed away from the checkout finds its data."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def python(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that holds the wheel and borrows only the dependencies of this one; give its Python."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", built[1], cwd=folder)
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # Folders in a .pth file come after its own, and Python ignores their .pth files: no editable trajkit is found.
    borrowed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (own / "borrowed.pth").write_text("\n".join(borrowed))
    return python


def names_in(folder: str) -> set[str]:
    """List the files of a folder of the checkout by the names that archives give them."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_sdist__holds_the_package_its_data_and_what_explains_them(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in sdist.getnames()}
    assert names_in("trajkit") | names_in("data") | names_in("binder") | names_in(".github") <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml"} <= names
    assert {".ci/run", ".pre-commit-config.yaml"} <= names
    assert "data/digits.nc" in names


def test_wheel__holds_the_package_with_its_data_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = names_in("trajkit") - {"trajkit/conftest.py"}
    assert names == package | {f"trajkit/{name}" for name in names_in("data")}


def test_wheel__finds_its_data_from_another_folder(python: Path, tmp_path: Path) -> None:
    program = """
import json, trajkit as tk
from trajkit.schema import run_table
ds = tk.sample_data("digits")
tk.validate(ds)
print(json.dumps([tk.__file__, len(run_table(ds))]))
"""
    file, runs = json.loads(run(python, "-c", program, cwd=tmp_path))
    package = Path(file).parent
    # The checkout has the same data, but it was not imported.
    assert package.is_relative_to(python.parents[1])
    assert not package.is_relative_to(ROOT)
    assert (package / "data" / "digits.nc").is_file()
    assert runs > 0


def test_version__stands_in_one_place(python: Path, tmp_path: Path) -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert run(python, "-c", "import trajkit as tk; print(tk.__version__)", cwd=tmp_path).strip() == version
    written = [path for path in (ROOT / "trajkit").rglob("*.py") if f'"{version}"' in path.read_text()]
    assert not written


def test_wheel__is_known_to_python_as_trajkit(python: Path, tmp_path: Path) -> None:
    program = "from importlib.metadata import files; print(len(files('trajkit')))"
    files = run(python, "-c", program, cwd=tmp_path)
    assert int(files) > 10


def test_lowest_versions__are_those_that_pyproject_declares() -> None:
    """`pip install -c tests/lowest_versions.txt` installs them; each dependency names its lowest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {*project["dependencies"]}.union(*project["optional-dependencies"].values())
    bounds = {need for need in needed if not need.startswith("trajkit[")}
    constraints = (ROOT / "tests" / "lowest_versions.txt").read_text().split()
    assert constraints == sorted(bound.replace(">=", "==") for bound in bounds)
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in constraints)
