"""Files are cut short, and single bits flipped: the right values, or an error of trajkit; never other values."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

import trajkit as tk

SHORT, FULL = 30, 300


def attack(count: int, folder: Path) -> str:
    """Cut each format at every 1 % of its bytes (fewer for small counts), and flip `count` bits of it."""
    draw, said = random.Random(0), []
    for name, make in (
        (".nc", lambda folder: tk.save(_dataset(), folder / "x.nc")),
        (".zarr", lambda folder: tk.save(_dataset(), folder / "x.zarr")),
        ("a store of .run files", _recorded),
    ):
        (place := folder / name.replace(" ", "-")).mkdir()
        path = make(place)
        right, told, tried = _read(path, lazily=False), 0, 0
        for file, damage in _damages(path, count, draw):
            whole = file.read_bytes()
            file.write_bytes(damage(whole))
            told += _is_told(path, right, where=f"{file.relative_to(place)}", lazily=tried % 2 == 1)
            file.write_bytes(whole)
            tried += 1
        assert _read(path, lazily=False).identical(right)
        said.append(f"{told:,} of {tried:,} in {name}")
    return (
        f"Files were cut at every 1 % and {count:,} bits flipped, in each format: never other values without a word: "
        f"an error or a warning told {', '.join(said)}; the others changed nothing that is read"
    )


def _dataset() -> xr.Dataset:
    logits, label = np.random.default_rng(0).standard_normal((4, 6, 100, 5)), np.arange(100) % 5
    runs = {"seed": [0, 1, 2, 3], "architecture": ["MLP", "CNN", "a longer name", ""], "rate": [0.1, 0.2, np.nan, 1.0]}
    return tk.from_arrays(logits=logits, label=label, runs=runs, classes=["ant", "bee", "cat", "dog", "emu"])


def _recorded(folder: Path) -> Path:
    ds = _dataset()
    probe = tk.Probe(np.arange(100), label=ds.label.values, classes=ds["class"].values.tolist())
    for run in range(4):
        with tk.Recorder(folder / "store", probe, run=dict(seed=run, note="some text")) as record:
            for step in range(6):
                record(lambda inputs, run=run, step=step: ds.log_prob.values[run, step] + 1, step)
    tk.load(folder / "store")  # makes the index
    return folder / "store"


def _damages(path: Path, count: int, draw: random.Random) -> Iterator[tuple[Path, Callable[[bytes], bytes]]]:
    """Give a file, and what is done to its bytes: places are spread evenly over all bytes of all files."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    sizes = [file.stat().st_size for file in files]
    for percent in range(0, 100, max(1, FULL // count)):
        yield draw.choices(files, sizes)[0], lambda whole, percent=percent: whole[: len(whole) * percent // 100]
    for flip in range(count):
        # Half of them in any file, however small.
        file = draw.choice(files) if flip % 2 else draw.choices(files, sizes)[0]
        at, bit = draw.randrange(file.stat().st_size), 1 << draw.randrange(8)
        yield file, lambda whole, at=at, bit=bit: whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]


def _read(path: Path, *, lazily: bool) -> xr.Dataset:
    return tk.load(path, chunks={}).compute() if lazily else tk.load(path).load()


def _is_told(path: Path, right: xr.Dataset, where: str, *, lazily: bool) -> bool:
    """Whether an error or a warning named the damage; without one, the values must be right."""
    error = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = _read(path, lazily=lazily)
        except (OSError, tk.SchemaError) as raised:
            error = str(raised)
    if error:
        assert path.name in error, f"{where}: the error names no file: {error}"
        return True
    texts = [str(warning.message) for warning in caught if path.name in str(warning.message)]
    # What a store lost of a run is a shorter run; everything else of it is as it was.
    for run in found.run.values:
        steps = [step for step in found.step.sel(run=run).values.tolist() if step >= 0]
        here, there = (ds.sel(run=[run]).isel(checkpoint=slice(len(steps))) for ds in (found, right))
        xr.testing.assert_identical(here.drop_attrs(), there.drop_attrs())
    lost = int((right.step >= 0).sum() - (found.step >= 0).sum())
    states = tk.Store(path).table()["state"].tolist() if path.name == "store" else []
    assert lost == 0 or texts or set(states) != {"complete"}, f"{where}: {lost} checkpoints are gone without a word"
    assert lost or found.identical(right), f"{where}: other attributes: {found.attrs} for {right.attrs}"
    return bool(texts)
