"""Processes that record are killed at random moments; what `record` acknowledged must be there, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
from other_process import fork

import trajkit as tk

SHORT, FULL = 25, 1000
_CHECKPOINTS = 12
_RUNS_A_STORE = 25
# 200 kB a checkpoint: some kills come while one is being written.
_SAMPLES, _CLASSES = 500, 100
_PROBE = tk.Probe(np.arange(_SAMPLES), label=np.arange(_SAMPLES) % _CLASSES)


def attack(count: int, folder: Path) -> str:
    """Kill `count` recorders, at moments spread evenly over the time that a recording takes."""
    draw = random.Random(0)
    acknowledged = early = unfinished = 0
    for kill in range(count):
        store, run = folder / str(kill // _RUNS_A_STORE), f"run-{kill}"
        if kill % 100 == 0:  # How long a recording takes changes with the load of the machine.
            length = max(_seconds_to_record(folder / "whole", f"run-{kill}-{n}") for n in range(5))
        said, was_killed = _record_and_kill(store, run, draw.uniform(0, length))
        found, about = _held(store, run)
        assert found[: len(said)] == said == list(range(len(said))), (kill, said, found)
        # At most one checkpoint was on disk and not acknowledged yet.
        assert len(found) - len(said) in (0, 1), (kill, said, found)
        # A recorder that had ended the run may still be killed before its process ends.
        is_complete = about.get("state") == "complete"
        assert is_complete or (was_killed and about.get("state", "interrupted") == "interrupted"), (kill, about)
        assert not is_complete or len(said) == _CHECKPOINTS, (kill, said, about)
        acknowledged, early = acknowledged + len(said), early + (not said)
        unfinished += bool(about.get("unfinished", 0))
        _record(store, run, None)
        found, about = _held(store, run)
        assert found == list(range(_CHECKPOINTS)), (kill, found)
        assert (about["state"], about["unfinished"]) == ("complete", 0), (kill, about)
        _check_names(store)
    return (
        f"{count:,} recorders were killed (`kill -9`) at random moments; nothing that `record` had acknowledged was "
        f"lost or changed, nothing else was there, and every run was resumed: {acknowledged:,} checkpoints, "
        f"{early:,} kills before the first, {unfinished:,} in the middle of one"
    )


def _logits(run: str, step: int) -> np.ndarray:
    return np.random.default_rng([zlib.crc32(run.encode()), step]).standard_normal((_SAMPLES, _CLASSES))


def _record(store: Path, run: str, pipe: int | None) -> None:
    with tk.Recorder(store, _PROBE, run=run, resume=True) as record:
        for step in range(record.step + 1, _CHECKPOINTS):
            record(lambda inputs, step=step: _logits(run, step), step)
            if pipe is not None:
                os.write(pipe, bytes([step]))


def _start(store: Path, run: str) -> tuple[int, int]:
    """Record in a child: give its number, and the end of the pipe by which it says what was acknowledged."""
    read, write = os.pipe()
    if child := fork():
        os.close(write)
        return child, read
    code = 1
    try:
        _record(store, run, write)
        code = 0
    finally:
        os._exit(code)


def _seconds_to_record(store: Path, run: str) -> float:
    start = time.perf_counter()
    child, pipe = _start(store, run)
    os.waitpid(child, 0)
    os.close(pipe)
    return time.perf_counter() - start


def _record_and_kill(store: Path, run: str, after: float) -> tuple[list[int], bool]:
    """Give the steps that were acknowledged, and whether the recording was killed before it ended."""
    child, pipe = _start(store, run)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the recorder ended with {code}"
    with os.fdopen(pipe, "rb") as said:
        return list(said.read()), code != 0


def _held(store: Path, run: str) -> tuple[list[int], dict[str, Any]]:
    """Give the steps of a run that can be read, after a look at their values, and its row in the table of the store."""
    if not (store / "probe.json").exists():
        return [], {}
    table = tk.Store(store).table()
    about = table.loc[run].to_dict() if run in table.index else {}
    if not about.get("checkpoints"):
        return [], about
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*(unfinished checkpoint|no checkpoint yet)")
        one = tk.load(store).sel(run=run)
    steps = [step for step in one.step.values.tolist() if step >= 0]
    exact = [scipy.special.log_softmax(_logits(run, step), axis=-1) for step in steps]
    np.testing.assert_allclose(one.log_prob[: len(steps)], exact, atol=1e-5)
    return steps, about


def _check_names(store: Path) -> None:
    strange = [name for name in os.listdir(store) if not name.endswith(".run")]
    assert sorted(strange) == [".index.npz", "probe.json"], strange
