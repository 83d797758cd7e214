"""Laws of what surrounds the code: workflows, hooks and the citation say what the project says of itself."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README, CONTRIBUTING = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md"))
DOCUMENTED = {
    line.partition("  #")[0].strip()
    for block in re.findall(r"^```bash\n(.*?)^```$", README + CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
}
YAML = sorted([*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"])


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def commands(workflow: str) -> list[str]:
    """List the commands of a workflow; those that its matrix names stand in for themselves."""
    jobs = read(workflow)["jobs"].values()
    rows = [row for job in jobs for row in job.get("strategy", {}).get("matrix", {}).get("include", [])]
    run = [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]
    return [command for command in run if "matrix.command" not in command] + [row["command"] for row in rows]


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml__can_be_read(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_tests__run_the_commands_that_are_documented() -> None:
    found = commands(".github/workflows/test.yml")
    assert 'pip install -e ".[test]" && pytest' in found
    assert not set(found) - DOCUMENTED


def test_tests__run_on_the_first_and_last_python_and_on_every_system() -> None:
    rows = read(".github/workflows/test.yml")["jobs"]["pytest"]["strategy"]["matrix"]["include"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert PROJECT["requires-python"] == f">={named[0]}"
    everything = {(row["os"].partition("-")[0], row["python"]) for row in rows if "what" not in row}
    assert everything >= {("ubuntu", named[0]), ("ubuntu", named[-1])}
    assert {system for system, _ in everything} == {"ubuntu", "macos", "windows"}
    assert {row["python"] for row in rows} == set(named)
    # A number would be read as 3.1 where 3.10 is meant.
    assert all(isinstance(row["python"], str) for row in rows)
    assert [row["python"] for row in rows if "lowest_versions" in row["command"]] == [named[0]]


def test_release__is_tested_built_and_checked_before_it_is_published_without_a_password() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert set(jobs["publish"]["needs"]) == {"test", "build"}
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert not re.search(r"secrets\.|password:", text)
    assert [c for c in commands(".github/workflows/release.yml") if c == "python -m build" or "twine check" in c]


def test_hooks__are_the_tools_of_the_project_and_nothing_else() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert (local["repo"], {hook["language"] for hook in local["hooks"]}) == ("local", {"system"})
    assert " && ".join(hook["entry"] for hook in local["hooks"]) in DOCUMENTED
    assert all(hook["pass_filenames"] is False for hook in local["hooks"])


def test_citation__says_what_the_project_says() -> None:
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    assert citation["repository-code"] == PROJECT["urls"]["Source"]
    assert all(f"https://doi.org/{work['doi']}" in NOTEBOOKS for work in citation["references"])


NOTEBOOKS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_urls__are_those_that_the_readme_names() -> None:
    assert all(address.startswith(PROJECT["urls"]["Source"]) for address in PROJECT["urls"].values())
    assert PROJECT["urls"]["Source"] in README


def test_text_files__are_read_and_written_in_one_encoding_on_every_system() -> None:
    """Windows takes another encoding unless it is told."""
    silent = []
    for path in (ROOT / "trajkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                reads = node.func.attr in ("read_text", "write_text")
                if reads and "encoding" not in {keyword.arg for keyword in node.keywords}:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not silent
