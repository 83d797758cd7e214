"""From a folder of runs to zip files that are small enough to be carried one by one."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from trajkit.storage.atomic import atomic_write, check_destination, user_path
from trajkit.storage.run_file import SUFFIX, file_name
from trajkit.storage.store import PROBE_FILE
from trajkit.zoo.outcomes import OUTCOMES, read_outcomes

MEGABYTES = 16


def archive(
    folder: str | os.PathLike[str],
    prefix: str | os.PathLike[str],
    *,
    megabytes: float = MEGABYTES,
    overwrite: bool = False,
) -> list[Path]:
    """Write the finished runs of a folder into numbered zip files, whole runs in each.

    Unzipped into one folder, in any order, they are the folder of runs again, for `tk.load` and `pack`. It needs no
    netCDF4.

    Parameters
    ----------
    folder
        Folder of the runs that `train` wrote.
    prefix
        Beginning of the files' paths: "results/cifar" gives results/cifar-01.zip, results/cifar-02.zip, ...
    megabytes
        Each file is smaller than this.
    overwrite
        Whether to replace an existing file.

    Returns
    -------
    list of pathlib.Path
        Paths of the files.

    Raises
    ------
    ValueError
        If no run has ended, or one run alone takes too much room.
    FileExistsError
        If there are files of such names and `overwrite` is False.

    Examples
    --------
    >>> archive("runs", "nowhere/part")
    Traceback (most recent call last):
        ...
    FileNotFoundError: cannot write nowhere/part-01.zip: there is no folder nowhere; make it first
    """
    folder, prefix = user_path(folder), user_path(prefix)
    check_archive(prefix, overwrite=overwrite)
    names = [file_name(run).removesuffix(SUFFIX) for run in read_outcomes(folder)]
    if not names:
        raise ValueError(f"no run in {folder} has ended: there is nothing to archive")
    written = []
    for number, group in enumerate(_groups(folder, names, round(megabytes * 1e6)), start=1):
        written.append(prefix.with_name(f"{prefix.name}-{number:02}.zip"))
        with atomic_write(written[-1], overwrite=overwrite) as part:
            part.write_bytes(_zipped(folder, group))
    for old in set(_existing(prefix)) - set(written):  # of a larger archive, which is replaced
        old.unlink()
    return written


def check_archive(prefix: Path, *, overwrite: bool) -> None:
    """Refuse a prefix to which `archive` could not write."""
    for path in [*_existing(prefix), prefix.with_name(f"{prefix.name}-01.zip")]:
        check_destination(path, overwrite=overwrite)


def _existing(prefix: Path) -> list[Path]:
    return sorted(prefix.parent.glob(f"{prefix.name}-[0-9][0-9]*.zip"))


def _groups(folder: Path, names: Sequence[str], limit: int) -> Iterator[list[str]]:
    """Group runs in their order so that the zip file of each group is smaller than the limit."""
    group: list[str] = []
    total = 0
    for name in names:
        # Together they take no more room than one by one.
        size = len(_zipped(folder, [name]))
        if size >= limit:
            raise ValueError(
                f"run {name!r} takes {size / 1e6:.2f} MB, wanted less than {limit / 1e6:g}: allow more megabytes, or "
                "train with fewer checkpoints or a smaller probe"
            )
        if group and total + size >= limit:
            yield group
            group, total = [], 0
        group.append(name)
        total += size
    yield group


def _zipped(folder: Path, names: Sequence[str]) -> bytes:
    """Zip runs with the probe, so that each file alone can be loaded."""
    files = [PROBE_FILE]
    for name in names:
        files += [f"{name}{SUFFIX}", f"{OUTCOMES}/{name}.json"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in files:
            # A run that crashed early has an outcome, and no trajectory.
            if (folder / file).exists():
                zipped.write(folder / file, file)
    return content.getvalue()
