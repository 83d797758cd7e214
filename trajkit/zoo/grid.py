"""Grids: which networks are trained on which data, read from a TOML file and checked before training starts."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from trajkit.storage.atomic import user_path
from trajkit.zoo.architectures import ARCHITECTURES
from trajkit.zoo.data import NAMES, Data, DataSettings
from trajkit.zoo.settings import CORNERS, Settings

GRIDS = Path(__file__).parent / "grids"
_SETTINGS = [field.name for field in fields(Settings)]
_DATA = [field.name for field in fields(DataSettings)]
_TOP = ["checkpoints", "data", "defaults", "follows", "runs", "tuned"]


class GridError(ValueError):
    """A grid that cannot be trained; the message lists every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Grid:
    """Runs that share data and probe.

    `checkpoints` is a number, or "published" (`RecordAt.published`). `follows` names settings that follow from others
    in this grid, such as the epochs if they depend on the augmentation alone: they are packed as outcomes.
    """

    name: str
    data: DataSettings
    runs: tuple[Settings, ...]
    checkpoints: int | str = 30
    follows: tuple[str, ...] = ()


def read_grid(
    path: str | os.PathLike[str], *, size: str | None = None, data: str | os.PathLike[str] | None = None
) -> Grid:
    """Read a grid from a TOML file.

    The file holds `checkpoints`, perhaps `follows` (see `Grid`), a table `[data]` of `DataSettings`, a table
    `[defaults]` of `Settings`, and several tables `[[runs]]` of settings that are values or lists: every combination of
    the lists is a run. Tables `[tuned.ARCHITECTURE]` give a learning rate for each optimizer, or for each of its
    widths. Runs without a learning rate have that one times their `learning_rate_factor`, by default 1.

    Parameters
    ----------
    path
        The file, or the name of a grid that comes with trajkit, such as "digits" or "cifar10-small".
    size
        "paper" or "small"; by default the size that the grid names.
    data
        Folder of the files of the data.

    Returns
    -------
    Grid
        The runs, without repetitions.

    Raises
    ------
    FileNotFoundError
        If there is no such file or grid.
    GridError
        If the file is not TOML, a name is unknown or a value is impossible; the message lists all problems.

    Examples
    --------
    >>> grid = read_grid("digits")
    >>> grid.data.name, len({run.architecture for run in grid.runs})
    ('digits', 6)
    """
    path = _find(user_path(path))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GridError([f"{path} is not a TOML file: {error}"]) from error
    problems = _unknown(table, _TOP, "")
    override = {} if size is None else {"size": size}
    tuned = table.get("tuned", {})
    runs = _runs(table.get("runs", []), table.get("defaults", {}), override, tuned, problems)
    held = _data_settings(table.get("data", {}), {} if data is None else {"path": str(data)}, problems)
    checkpoints = table.get("checkpoints", Grid.checkpoints)
    if checkpoints != "published" and not (isinstance(checkpoints, int) and checkpoints >= 6):
        problems.append(f'checkpoints {checkpoints!r}: wanted a number of at least 6, or "published"')
    follows = table.get("follows", [])
    problems += _unknown(dict.fromkeys(follows), _SETTINGS, "follows: ")
    if problems or held is None:
        raise GridError([f"{path.name}: {problem}" for problem in dict.fromkeys(problems)])
    return Grid(path.stem, held, runs, checkpoints, tuple(follows))


def check(grid: Grid, data: Data) -> None:
    """Refuse runs that the data do not allow, such as convolutions on inputs that are not images.

    Raises
    ------
    GridError
        All problems, each with the number of runs that have it.
    """
    found: dict[str, int] = {}
    built: dict[tuple[str, str, int | None], str | None] = {}
    for settings in grid.runs:
        key = (settings.architecture, settings.size, settings.width)
        if key not in built:
            built[key] = _cannot_build(settings, data)
        for problem in [built[key], *_impossible(settings, data)]:
            if problem:
                found[problem] = found.get(problem, 0) + 1
    if found:
        raise GridError([f"{grid.name}: {problem} ({count} runs)" for problem, count in found.items()])


def _impossible(settings: Settings, data: Data) -> Iterator[str]:
    samples, images = len(data.train), len(data.shape) == 3
    if settings.batch_size > samples:
        yield f"batch_size {settings.batch_size} is more than the {samples} train samples: wanted a smaller batch"
    if (CORNERS.get(settings.init) or 0) > samples:
        yield f"init {settings.init!r} needs more than the {samples} train samples: wanted a smaller corner"
    if settings.augmentation != "none" and not images:
        yield f"augmentation {settings.augmentation!r} needs images, but the data have inputs of shape {data.shape}"
    if settings.decay and not data.is_sloppy:
        yield "decay needs the data 'sloppy': wanted decay 0 for other data"
    if settings.batch_size == 1:
        yield "batch_size 1: batch norm needs at least 2 samples"


def _cannot_build(settings: Settings, data: Data) -> str | None:
    architecture = ARCHITECTURES[settings.architecture]
    if architecture.needs_images and len(data.shape) != 3:
        return f"architecture {settings.architecture!r} needs images, but the data have inputs of shape {data.shape}"
    if architecture.needs_tokens != data.has_tokens:
        wanted, got = ("tokens", "numbers") if architecture.needs_tokens else ("numbers", "tokens")
        return f"architecture {settings.architecture!r} needs {wanted}, but the data have {got}"
    try:
        with torch.device("meta"):
            architecture.build(data.shape, len(data.probe.classes), size=settings.size, width=settings.width)
    except ValueError as error:
        return f"architecture {settings.architecture!r}: {error}"
    return None


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    shipped = GRIDS / f"{path.stem}.toml"
    if path.name in (path.stem, shipped.name) and shipped.is_file():
        return shipped
    known = sorted(file.stem for file in GRIDS.glob("*.toml"))
    raise FileNotFoundError(f"there is no grid {path}: wanted a TOML file or one of {known}")


def _unknown(table: Mapping[str, Any], known: list[str], where: str) -> list[str]:
    return [f"{where}unknown name {name!r}: wanted one of {known}" for name in table if name not in known]


def _runs(
    groups: list[dict[str, Any]],
    defaults: dict[str, Any],
    override: dict[str, Any],
    tuned: dict[str, Any],
    problems: list[str],
) -> tuple[Settings, ...]:
    """Expand the tables `[[runs]]`; a run that appears in several of them is one run."""
    problems += _unknown(defaults, _SETTINGS, "defaults: ")
    settings: dict[Settings, None] = {}
    for number, group in enumerate(groups, start=1):
        if unknown := _unknown(group, _SETTINGS, f"runs {number}: "):
            problems += unknown
            continue
        known = {name: value for name, value in defaults.items() if name in _SETTINGS}
        # The seed comes first and changes last: the beginning of a table has every combination once.
        for values in _combinations({"seed": 0} | known | group | override):
            try:
                settings[_settings(values, tuned)] = None
            except (TypeError, ValueError) as error:
                problems.append(f"runs {number}: {error}")
    if not groups:
        problems.append("no runs: wanted tables [[runs]], each with at least architecture, optimizer and learning_rate")
    return tuple(settings)


def _data_settings(table: dict[str, Any], override: dict[str, Any], problems: list[str]) -> DataSettings | None:
    if unknown := _unknown(table, _DATA, "data: "):
        problems += unknown
        return None
    if "name" not in table:
        problems.append(f"data: name is missing: wanted one of {NAMES}")
        return None
    try:
        return DataSettings(**table | override)
    except (TypeError, ValueError) as error:
        problems.append(f"data: {error}")
        return None


def _combinations(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    lists = [value if isinstance(value, list) else [value] for value in group.values()]
    yield from (dict(zip(group, values, strict=True)) for values in product(*lists))


def _settings(values: dict[str, Any], tuned: Mapping[str, Any]) -> Settings:
    missing = [name for name in ("architecture", "optimizer") if name not in values]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    if "learning_rate" in values:
        if "learning_rate_factor" in values:
            raise ValueError("learning_rate and learning_rate_factor are both given: wanted one of them")
        return Settings(**values)
    # A first reading checks all other settings and knows the width.
    settings = Settings(**values, learning_rate=1.0)
    factor = values.get("learning_rate_factor", 1.0)
    return replace(settings, learning_rate=factor * _tuned_rate(settings, tuned), learning_rate_factor=factor)


def _tuned_rate(settings: Settings, tuned: Mapping[str, Any]) -> float:
    rate = tuned.get(settings.architecture, {}).get(settings.optimizer)
    if isinstance(rate, dict):
        rate = rate.get(str(settings.width))
    if not isinstance(rate, int | float):
        raise ValueError(
            f"learning_rate missing, and tuned.{settings.architecture} has none for {settings.optimizer} "
            f"at width {settings.width}: give one of them"
        )
    return rate
