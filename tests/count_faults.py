"""Attack trajkit with full counts and print what happened: `python tests/count_faults.py [attack ...]`.

An attack is a module in `tests/faults/` with `SHORT` and `FULL`, the counts of the default tests and of this program,
and `attack(count, folder)`, which works in an empty folder, raises AssertionError at the first broken promise, and
returns one sentence with its counts. README quotes the sentences of the full counts.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from pathlib import Path
from types import ModuleType

ATTACKS = sorted(path.stem for path in (Path(__file__).parent / "faults").glob("*.py") if "test_" not in path.name)


def attack_named(name: str) -> ModuleType:
    """Import an attack by its name."""
    return importlib.import_module(f"faults.{name}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Attack trajkit with full counts, and print what happened.")
    parser.add_argument("attacks", nargs="*", choices=[[], *ATTACKS], help="by default all of them")
    parser.add_argument("--short", action="store_true", help="the small counts of the default tests")
    asked = parser.parse_args()
    for name in asked.attacks or ATTACKS:
        module, start = attack_named(name), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            said = module.attack(module.SHORT if asked.short else module.FULL, Path(folder))
        print(f"- {said}  <!-- {name}, {time.perf_counter() - start:.0f} s -->", flush=True)


if __name__ == "__main__":
    main()
