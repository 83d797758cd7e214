"""Train the networks of a grid and record their trajectories.

python -m trajkit.zoo GRID.toml --out runs/
python -m trajkit.zoo --out runs/ --pack FILE.nc
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from trajkit.zoo.architectures import SIZES
from trajkit.zoo.archive import MEGABYTES, archive, check_archive
from trajkit.zoo.pack import check_package, pack
from trajkit.zoo.train import prepare, run_outcomes, summary, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit status is 1 if no run of the grid was trained, and 2 if the grid was refused."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if problem := _problem(options):
        parser.error(problem)
    try:
        # Now, and not after hours of training.
        if options.pack:
            check_package(options.pack, overwrite=options.overwrite)
        if options.archive:
            check_archive(options.archive, overwrite=options.overwrite)
        if options.grid and not _trained(options):
            return 0 if options.dry_run else 1
        if options.pack:
            path = pack(options.out, options.pack, overwrite=options.overwrite)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
        if options.archive:
            paths = archive(options.out, options.archive, megabytes=options.megabytes, overwrite=options.overwrite)
            print(f"{len(paths)} files, unzip all into one folder: {paths[0]} to {paths[-1].name}")
    # A GridError is a ValueError.
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))
    return 0


def _trained(options: argparse.Namespace) -> bool:
    """Train the grid and print what became of it; False if no run was trained."""
    where = {"out": options.out, "device": options.device, "size": options.size, "data": options.data}
    grid, plan, jobs = prepare(options.grid, **where)
    if options.dry_run:
        print(summary(run_outcomes(grid, plan)).to_string())
        print(f"{sum(map(len, jobs))} runs to train, in {len(jobs)} jobs")
        return False
    started = time.monotonic()
    table = train(options.grid, workers=options.workers, minutes=options.minutes, compile=options.compile, **where)
    seconds = time.monotonic() - started
    print(summary(table).to_string())
    images = table.images[[settings.run for job in jobs for settings in job]].sum()
    print(f"{seconds / 60:.1f} minutes, {images / seconds:.0f} images a second in all processes together")
    for run, reason in table.reason[table.state.isin(("diverged", "crashed"))].items():
        print(f"{run}: {reason.strip().splitlines()[-1]}")
    if pending := (table.state == "pending").sum():
        print(f"{pending} runs are pending: start the program again to train them")
    return bool((table.state == "trained").any())


def _problem(options: argparse.Namespace) -> str | None:
    if options.workers is not None and options.workers < 0:
        return f"--workers {options.workers}: wanted at least 0"
    if options.minutes is not None and not options.minutes > 0:
        return f"--minutes {options.minutes:g}: wanted more than 0"
    if not options.grid and not (options.pack or options.archive):
        return "wanted a grid to train, or --pack or --archive for runs that were trained before"
    return None


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(prog="python -m trajkit.zoo", description=__doc__.splitlines()[0])
    add = parser.add_argument
    grid = "a TOML file, or the name of a grid that comes with trajkit; without one nothing is trained"
    add("grid", type=Path, nargs="?", metavar="GRID.toml", help=grid)
    add("--out", type=Path, required=True, help="folder of the runs; finished runs in it are skipped")
    add("--data", type=Path, help="folder of the files of the data")
    add("--workers", type=int, help="number of processes (default: one for each core, 4 on a GPU)")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--size", choices=SIZES, help="size of the networks (default: the size that the grid names)")
    add("--minutes", type=float, help="stop after this time; what is not finished then stays pending")
    compile = "compile networks with torch.compile (default: no)"
    add("--compile", action=argparse.BooleanOptionalAction, default=False, help=compile)
    add("--dry-run", action="store_true", help="check everything and count what would be trained")
    add("--pack", type=Path, metavar="FILE.nc", help="then pack the runs into this file")
    add(
        "--archive",
        type=Path,
        metavar="PREFIX",
        help="then write the folder of runs as PREFIX-01.zip, PREFIX-02.zip, ...",
    )
    add("--megabytes", type=float, default=MEGABYTES, help=f"each of these is smaller (default: {MEGABYTES})")
    add("--overwrite", action="store_true", help="replace these files")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
