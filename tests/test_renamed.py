"""A keyword means the same in all public functions; an old keyword raises and names the new one."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from public_names import FUNCTIONS

from trajkit.renamed import RENAMED

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
OLD = [
    (name, function, old, new)
    for name, function in FUNCTIONS.items()
    for old, new in RENAMED.get(f"{function.__module__}.{function.__qualname__}", {}).items()
]


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize(("name", "function", "old", "new"), OLD, ids=[f"{name}-{old}" for name, _, old, _ in OLD])
def test_old_keyword__raises_and_names_the_new_one(name: str, function: Any, old: str, new: str) -> None:
    assert new in parameters(function)
    assert old not in parameters(function)
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) has no keyword '{old}' any more: write {new}="):
        function(**{old: 1})


def test_old_keywords__are_those_of_public_functions_and_in_the_changelog() -> None:
    # The example in the docstring of `renamed` may have run before.
    known = {name: new for name, new in RENAMED.items() if not name.startswith("trajkit.renamed.")}
    assert len(OLD) == sum(map(len, known.values()))
    rows = [line for line in CHANGELOG.splitlines() if line.lstrip().startswith("| ")]
    missing = []
    for name, _, old, new in OLD:
        shown = f"`{name.replace('trajkit.', 'tk.', 1).replace('tk.zoo', 'trajkit.zoo')}`"
        if not any(shown in row and f"`{old}=`" in row and f"`{new}=`" in row for row in rows):
            missing.append((shown, old, new))
    assert not missing


def test_progress_bar__is_the_only_name_of_the_switch() -> None:
    new = ("bootstrap", "cross_embedding", "dimensionality", "null_test", "record_checkpoints")  # had no bar in 0.1
    old = {name: f for name, f in FUNCTIONS.items() if name.rpartition(".")[2] not in new}
    switches = {name: f for name, f in old.items() if "progress_bar" in parameters(f)}
    assert len(switches) >= 14
    silent = [n for n, f in switches.items() if "progress" not in RENAMED.get(f"{f.__module__}.{f.__qualname__}", ())]
    assert not silent, "these functions do not say what became of progress="
    asked = {name: str(parameters(f)["progress"]) for name, f in FUNCTIONS.items() if "progress" in parameters(f)}
    assert not [name for name, parameter in asked.items() if "bool" in parameter]
