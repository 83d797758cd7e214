"""Measure how easily the code is read: `python tests/house.py`.

It prints sizes, comments, short helpers and circles of imports of `trajkit/` and of each of its folders, then the
files above a limit. `tests/test_house.py` holds the limits.

| column | what is counted |
|---|---|
| files | Python files |
| median | lines of the median Python file |
| python, js | lines of the longest file, `compiled.py` left out |
| body | median lines, without docstring, of public functions that have an example |
| > 20 | share of these functions with more than 20 lines |
| comments | lines with a comment, in a hundred lines of Python code (no blank lines, no docstrings) |
| js comments | the same for JavaScript |
| helpers | share of private functions that are used once and have at most 4 lines |
| tests | lines of the tests / lines of the Python code |
| circles | groups of files that import each other |
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "trajkit"
MOST_PYTHON, MOST_JAVASCRIPT = 400, 300
LONG_FUNCTION, SHORT_HELPER = 20, 4
# numba's cache looks at one file: cut in two, a change in the other half would go unnoticed.
EXEMPT = {"compiled.py"}


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def javascript_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.js"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def length(path: Path) -> int:
    return len(path.read_text().splitlines())


def share(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / max(len(values), 1)


# Functions


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Give the functions that stand in no class and in no other function."""
    yield from (node for node in tree(path).body if isinstance(node, ast.FunctionDef))


def lines_of(function: ast.FunctionDef) -> int:
    """Count the lines of a function from `def` to its end, without its docstring."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return whole - ((first.end_lineno or 0) - first.lineno + 1 if documented else 0)


def public_lengths(files: Iterable[Path]) -> list[int]:
    public = (f for path in files for f in functions(path) if not f.name.startswith("_"))
    return [lines_of(f) for f in public if ">>>" in (ast.get_docstring(f) or "")]


def short_helpers(files: Iterable[Path]) -> list[bool]:
    """Tell for each private function whether it is as short as its call and called in one place."""
    used = Counter(re.findall(r"\w+", "\n".join(path.read_text() for path in python_files())))
    private = [f for path in files for f in functions(path) if f.name.startswith("_") and not f.name.startswith("__")]
    # The name stands once in its definition.
    return [used[f.name] == 2 and lines_of(f) - 1 <= SHORT_HELPER for f in private]


# Comments


def docstring_lines(path: Path) -> int:
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [node.body[0] for node in ast.walk(tree(path)) if isinstance(node, holders) and ast.get_docstring(node)]
    return sum((text.end_lineno or 0) - text.lineno + 1 for text in texts)


def python_comments(files: Iterable[Path]) -> float:
    """Count the comments in a hundred lines of code."""
    comments = code = 0
    for path in files:
        text = path.read_text()
        code += sum(bool(line.strip()) for line in text.splitlines()) - docstring_lines(path)
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments += sum(token.type == tokenize.COMMENT for token in tokens)
    return 100 * comments / max(code, 1)


def javascript_comments(files: Iterable[Path]) -> float:
    lines = [line.strip() for path in files for line in path.read_text().splitlines() if line.strip()]
    return 100 * share(bool(re.search(r"(^|\s)//|^/?\*", line)) for line in lines)


# Imports


def imported_files(path: Path) -> Iterator[Path]:
    """Name the files of trajkit that a file imports, at any depth; a name that a package hands on is its own file's."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "trajkit":
            yield from imported_files_of(node)


def imported_files_of(node: ast.ImportFrom) -> Iterator[Path]:
    target = ROOT.joinpath(*(node.module or "").split("."))
    if target.with_suffix(".py").is_file():
        yield target.with_suffix(".py")
    else:
        yield from (handed_on(target, alias.name) for alias in node.names)


def handed_on(package: Path, name: str) -> Path:
    """Find the file that a package's `__init__` takes a name from."""
    for node in tree(package / "__init__.py").body:
        if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
            return next(imported_files_of(node))
    module = package / f"{name}.py"
    return module if module.is_file() else package / "__init__.py"


def circles() -> list[list[Path]]:
    """Find the groups of files that import each other."""
    files = [path for path in python_files() if path.name != "__init__.py"]
    place = {path: i for i, path in enumerate(files)}
    arrows = [(place[a], place[b]) for a in files for b in imported_files(a) if b in place]
    ends = tuple(zip(*arrows, strict=True))
    count, group = connected_components(coo_array(([1] * len(arrows), ends), (len(files),) * 2), connection="strong")
    groups = [[path for path, g in zip(files, group, strict=True) if g == k] for k in range(count)]
    return [members for members in groups if len(members) > 1]


# The table


def too_long() -> dict[str, int]:
    """Name the files that are longer than the limit of their language."""
    limits = [(path, MOST_PYTHON) for path in python_files()] + [(path, MOST_JAVASCRIPT) for path in javascript_files()]
    found = {str(path.relative_to(ROOT)): length(path) for path, most in limits if length(path) > most}
    return {name: lines for name, lines in found.items() if Path(name).name not in EXEMPT}


def measures(files: list[Path], scripts: list[Path]) -> dict[str, float]:
    bodies = public_lengths(files)
    return {
        "files": len(files),
        "median": median(map(length, files)),
        "python": max(length(path) for path in files if path.name not in EXEMPT),
        "js": max(map(length, scripts), default=0),
        "body": median(bodies or [0]),
        "> 20": round(share(lines > LONG_FUNCTION for lines in bodies), 2),
        "comments": round(python_comments(files), 1),
        "js comments": round(javascript_comments(scripts), 1),
        "helpers": round(share(short_helpers(files)), 2),
    }


def house() -> dict[str, float]:
    """Measure the whole package."""
    tests = sum(map(length, (ROOT / "tests").rglob("*.py")))
    whole = measures(python_files(), javascript_files())
    return whole | {"tests": round(tests / sum(map(length, python_files())), 2), "circles": len(circles())}


def folders() -> pd.DataFrame:
    """Measure each folder of the package, and the files beside them."""
    places = {path.relative_to(PACKAGE).parts[0] if path.parent != PACKAGE else "." for path in python_files()}
    rows = {}
    for place in sorted(places):
        inside = PACKAGE.rglob if place == "." else (PACKAGE / place).rglob
        own = [path for path in inside("*.py") if place != "." or path.parent == PACKAGE]
        rows[place] = measures(own, [] if place == "." else list(inside("*.js")))
    return pd.DataFrame(rows).T


def main() -> None:
    for table in (pd.DataFrame({"trajkit": house()}).T, folders()):
        print(table.to_string(float_format="{:g}".format), end="\n\n")
    for name, lines in too_long().items():
        print(f"{name} has {lines} lines")
    for circle in circles():
        print("a circle:", " <-> ".join(str(path.relative_to(ROOT)) for path in circle))


if __name__ == "__main__":
    main()
