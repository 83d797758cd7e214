"""Processes that save are killed at random moments; the file must be the old or the new one, complete."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import xarray as xr
from other_process import fork

import trajkit as tk

SHORT, FULL = 8, 100


def attack(count: int, folder: Path) -> str:
    """Kill `count` saves, each half of them to `.nc` and `.zarr`, which replace a file in turns."""
    draw, old_stayed, none_yet = random.Random(0), 0, 0
    versions = [_dataset(seed) for seed in range(3)]
    for kill in range(count):
        suffix = (".nc", ".zarr")[kill % 2]
        # Some saves make a new file.
        path = folder / f"{kill // 10}{suffix}"
        before = tk.load(path) if path.exists() else None
        version = versions[kill % 3]
        _save_and_kill(version, path, draw.uniform(0, _seconds_to_save(version, folder / f"other{suffix}")))
        if not path.exists():
            assert before is None, (kill, "the old file is gone")
            none_yet += 1
        else:
            after = tk.load(path)
            is_old = before is not None and after.identical(before)
            assert is_old or after.identical(version), (kill, "the file is neither the old nor the new one")
            old_stayed += is_old
    tk.save(versions[0], folder / "last.nc")
    left = [name for name in os.listdir(folder) if name.startswith(".")]
    assert not left, f"the next save left {left}"
    return (
        f"{count:,} saves were killed (`kill -9`) at random moments, to `.nc` and `.zarr` in turns; every file was the "
        f"old or the new one, complete, and the next save cleared what was left: {old_stayed:,} old, "
        f"{count - old_stayed - none_yet:,} new, {none_yet:,} without a file before or after"
    )


def _dataset(seed: int) -> xr.Dataset:
    logits = np.random.default_rng(seed).standard_normal((6, 10, 300, 10))
    label, runs = np.arange(300) % 10, {"seed": [seed] * 6, "name": [f"{seed}-{n}" for n in range(6)]}
    return tk.from_arrays(logits=logits, label=label, runs=runs)


def _seconds_to_save(ds: xr.Dataset, path: Path) -> float:
    start = time.perf_counter()
    _save_and_kill(ds, path, None)
    return time.perf_counter() - start


def _save_and_kill(ds: xr.Dataset, path: Path, after: float | None) -> None:
    """Save in a child, and kill it after some seconds; with None, wait for it."""
    if not (child := fork()):
        code = 1
        try:
            tk.save(ds, path, overwrite=True)
            code = 0
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the save ended with {code}"
