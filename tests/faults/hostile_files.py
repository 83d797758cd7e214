"""Hostile files for each reader: each ends in an error of trajkit that names the file, or in a right dataset, soon."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hostile_inputs import GOOD, INPUTS

import trajkit as tk
from trajkit.importers import read_arrays, read_cartography, read_deepnets, read_table
from trajkit.schema import validate

SHORT, FULL = 6, 40
# What one file may take: seconds of one core, and bytes beside those that the imports take.
SECONDS, MEMORY = 20, 2**30
_PACKAGE = str(Path(tk.__file__).parent)

READERS: dict[str, Callable[[Path, str], Any]] = {
    "read_arrays": lambda folder, name: read_arrays(folder, label=[0, 1, 0, 1], progress_bar=False),
    "read_deepnets": lambda folder, name: read_deepnets(
        folder / name if (folder / name).exists() else folder, probe={"test": slice(None)}, progress_bar=False
    ),
    "read_cartography": lambda folder, name: read_cartography(folder, progress_bar=False),
    "read_table, CSV": lambda folder, name: read_table(folder / name, progress_bar=False),
    "read_table, Parquet": lambda folder, name: read_table(folder / name, progress_bar=False),
    "probe.json": lambda folder, name: tk.Store(folder).probe,
}


def attack(count: int, folder: Path) -> str:
    """Give each reader so many files, each in a process with limits of its own."""
    # In a process of its own: its forks are small, and no thread is left behind in them.
    code = f"import faults.hostile_files as attack; attack.work({count}, {str(folder)!r})"
    roots = [str(Path(_PACKAGE).parent), str(Path(__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(roots)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [end for end in ends if end["end"] not in ("refused", "read")]
    assert not wrong, "\n".join(f"{end['reader']}, {end['name']}: {end['end']} {end['said']}" for end in wrong)
    assert len(ends) == count * len(READERS)
    refused = sum(end["end"] == "refused" for end in ends)
    return (
        f"{count} hostile files for each of {len(READERS)} readers (importers, the probe of a store), each within "
        f"{SECONDS} s and {MEMORY / 2**30:.0f} GiB, ended in an error that names the file or in a valid dataset: "
        f"{refused} were refused, {len(ends) - refused} could be read"
    )


def work(count: int, folder: str) -> None:
    """Give each reader `count` files, each in a fork of this process, and print how each ended."""
    import pyarrow.parquet  # noqa: F401  # before the forks

    for number, reader in enumerate(READERS):
        for i, (name, write) in enumerate(_files(reader, count)):
            place = Path(folder, f"{number}-{i}")
            place.mkdir()
            write(place)
            end, said = _in_a_fork(reader, place)
            print(json.dumps({"reader": reader, "name": name, "end": end, "said": said}), flush=True)


def _files(reader: str, count: int) -> list[tuple[str, Callable[[Path], Any]]]:
    """Choose from all parts of the list; beyond its end, change bytes of good files."""
    made = [*INPUTS[reader].items()]
    chosen = made if len(made) <= count else [made[i * len(made) // count] for i in range(count)]
    others = range(count - len(chosen))
    return chosen + [(f"changed bytes, {i}", lambda place, i=i: _change(reader, place, i)) for i in others]


def _change(reader: str, folder: Path, seed: int) -> None:
    """Write a good file, then cut it, or change some of its bytes."""
    name, write = GOOD[reader]
    write(folder / name)
    random = np.random.default_rng(seed)
    content = bytearray((folder / name).read_bytes())
    for place in random.integers(len(content), size=random.integers(1, 5)):
        content[place] = random.integers(256)
    (folder / name).write_bytes(content[: random.integers(len(content))] if seed % 4 == 0 else content)


def _in_a_fork(reader: str, place: Path) -> tuple[str, str]:
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        try:
            answer = _read(reader, place)
        except BaseException as error:
            answer = "broken", "".join(traceback.format_exception(error))[-1500:]
        with os.fdopen(into, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(into)
    start = time.monotonic()
    # A child that waits, for a pipe for example, takes no seconds of a core.
    while time.monotonic() - start < 10 * SECONDS and not (ended := os.waitpid(child, os.WNOHANG))[0]:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "hangs", ""
    with os.fdopen(out) as pipe:
        answer = pipe.read()
    return tuple(json.loads(answer)) if answer else ("killed", f"status {ended[1]}")


def _read(reader: str, place: Path) -> tuple[str, str]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    # Twice: threads of pyarrow reserve addresses that they never use.
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * MEMORY, used + 2 * MEMORY))
    warnings.simplefilter("error")
    names = sorted(os.listdir(place))
    name = next((n for n in names if "bad" in n), names[0])
    try:
        result = READERS[reader](place, name)
        ended = "read", ""
    except (ValueError, OSError) as error:
        ended = _judged(error, str(place), name)
    else:
        if reader != "probe.json":
            validate(result)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return ended if peak - before <= MEMORY else ("takes memory", f"{peak - before} bytes")


def _judged(error: Exception, *names: str) -> tuple[str, str]:
    raised = traceback.extract_tb(error.__traceback__)[-1].filename
    said = f"{type(error).__name__}: {error}"
    if not raised.startswith(_PACKAGE):
        return "raw", f"{said}\nfrom {raised}"
    if not any(name in str(error) for name in names):
        return "nameless", said
    return "refused", said[:300]
