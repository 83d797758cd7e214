"""Small runs for the tests of the store: a probe, predictions that depend on seed and step, and their recording."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special

import trajkit as tk

SAMPLES, CLASSES = 12, 4


def probe(**changes: Any) -> tk.Probe:
    given = {
        "inputs": np.arange(SAMPLES * 3.0).reshape(SAMPLES, 3),
        "label": np.arange(SAMPLES) % CLASSES,
        "classes": ["ant", "bee", "cat", "dog"],
        "split": np.where(np.arange(SAMPLES) < 8, "train", "test"),
        "sample": [f"image-{n}" for n in range(SAMPLES)],
    }
    return tk.Probe(**(given | changes))


def logits(seed: int, step: int) -> np.ndarray:
    return 3 * np.random.default_rng([seed, step]).standard_normal((SAMPLES, CLASSES))


def fill(folder: Path, seed: int, steps: Any = range(4), *, resume: bool = False, **attributes: Any) -> None:
    """Record one run into the store in `folder`."""
    with tk.Recorder(folder, probe(), run={"seed": seed, **attributes}, resume=resume) as record:
        for step in steps:
            record(lambda inputs, step=step: logits(seed, step), step, epoch=step / 2)


def expected(seed: int, steps: Any = range(4)) -> np.ndarray:
    """Log-probabilities (checkpoint, sample, class) that `fill` records."""
    return np.stack([scipy.special.log_softmax(logits(seed, step), axis=-1) for step in steps])


def run_script(script: str, *arguments: object, cwd: Path | None = None) -> str:
    """Run Python code in a process of its own, with warnings as errors; gives what it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


_opened: list[str] | None = None


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], str | Path):
        _opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)


@contextmanager
def files_opened() -> Iterator[list[str]]:
    """Collect the names of all files that are opened meanwhile."""
    global _opened
    _opened = names = []
    try:
        yield names
    finally:
        _opened = None
