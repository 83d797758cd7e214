"""Binder builds its image from `binder/`; these tests check what can be checked without docker."""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import binder_image
import pytest

ROOT = Path(__file__).parents[1]
ENVIRONMENT = (ROOT / "binder" / "environment.yml").read_text()
POST_BUILD = (ROOT / "binder" / "postBuild").read_text()


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


def install_command() -> list[str]:
    (line,) = re.findall(r"^python -m pip install .*$", POST_BUILD, flags=re.MULTILINE)
    return shlex.split(line)


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """The Dockerfile of repo2docker, which it prints without using docker."""
    # The command and not `python -m`: repo2docker reads its own name from the command line.
    program = Path(sys.executable).with_name("jupyter-repo2docker")
    done = run(program, "--no-build", "--debug", ".")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_repo2docker__takes_our_environment(dockerfile: str) -> None:
    assert "COPY --chown=0:0 src/binder/environment.yml" in dockerfile
    assert re.search(r'env update .*--file "binder/environment.yml"', dockerfile)


def test_repo2docker__runs_our_post_build_last(dockerfile: str) -> None:
    steps = [line for line in dockerfile.splitlines() if line.startswith("RUN ")]
    assert steps[-1] == "RUN ./binder/postBuild"


def test_repo2docker__builds_on_the_python_that_we_pin(dockerfile: str) -> None:
    (version,) = re.findall(r"^  - python=(\d+\.\d+)$", ENVIRONMENT, flags=re.MULTILINE)
    # The name of a lock file has the version, with punctuation in hexadecimal ("." is -2e, "-" is -2d).
    assert f"environment-2epy-2d{version.replace('.', '-2e')}-2d" in dockerfile


def test_environment__comes_from_conda_forge_without_torch() -> None:
    assert re.search(r"^channels:\n  - conda-forge\ndependencies:\n", ENVIRONMENT, flags=re.MULTILINE)
    names = re.findall(r"^  - ([a-z-]+)", ENVIRONMENT.partition("dependencies:")[2], flags=re.MULTILINE)
    assert names == ["python", "pip"]


def test_post_build__is_an_executable_script_without_errors_of_syntax() -> None:
    assert (ROOT / "binder" / "postBuild").stat().st_mode & stat.S_IXUSR
    checked = run(shutil.which("bash") or "bash", "-n", "binder/postBuild")
    assert checked.returncode == 0, checked.stderr


def test_post_build__works_once_trajkit_is_installed(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nif [ "$2" = pip ]; then exit 0; fi\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = run(ROOT / "binder" / "postBuild", env=os.environ | {"PATH": path, "NB_PYTHON_PREFIX": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "share" / "jupyter" / "lab" / "settings" / "overrides.json").read_text())
    assert settings == {"@jupyterlab/notebook-extension:tracker": {"kernelShutdown": True}}


@pytest.mark.slow
@pytest.mark.browser
def test_image__is_as_large_and_takes_as_much_memory_as_the_readme_says(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    said = re.search(r"(\d\.\d) GB installed.*?at most (\d\.\d) GB of memory", readme, flags=re.DOTALL)
    assert said
    python = binder_image.build(tmp_path / "environment")
    assert binder_image.size(tmp_path / "environment") == pytest.approx(float(said[1]), abs=0.1)
    peaks = binder_image.peaks(python, tmp_path / "lab", close=True)
    assert max(peaks.values()) < 1000 * float(said[2]) <= 1000


def test_post_build__installs_no_torch() -> None:
    # pip resolves for an empty environment and installs nothing. Only this test asks the package index.
    python, *rest = [part for part in install_command() if part != "--no-cache-dir"]
    assert python == "python"
    options = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-")
    done = run(sys.executable, *rest, *options)
    assert done.returncode == 0, done.stderr
    names = {package["metadata"]["name"].lower() for package in json.loads(done.stdout)["install"]}
    assert {"trajkit", "jupyterlab", "anywidget"} <= names
    assert not {name for name in names if "torch" in name or name.startswith(("nvidia", "triton"))}
