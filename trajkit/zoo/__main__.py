"""Train the networks of a grid and record their trajectories.

python -m trajkit.zoo GRID.toml --out runs/
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from trajkit.zoo.architectures import SIZES
from trajkit.zoo.pack import check_package, pack
from trajkit.zoo.train import prepare, run_outcomes, summary, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit status is 1 if no run of the grid was trained, and 2 if the grid was refused."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 0:
        parser.error(f"--workers {options.workers}: wanted at least 0")
    where = {"out": options.out, "device": options.device, "size": options.size, "data": options.data}
    try:
        if options.pack:
            check_package(options.pack, overwrite=options.overwrite)  # Now, and not after hours of training.
        grid, plan, jobs = prepare(options.grid, **where)
        if options.dry_run:
            print(summary(run_outcomes(grid, plan)).to_string())
            print(f"{sum(map(len, jobs))} runs to train, in {len(jobs)} jobs")
            return 0
        table = train(options.grid, workers=options.workers, **where)
        print(summary(table).to_string())
        for run, reason in table.reason[table.state != "trained"].items():
            print(f"{run}: {reason.strip().splitlines()[-1] if reason else 'pending'}")
        if not (table.state == "trained").any():
            return 1
        if options.pack:
            path = pack(options.out, options.pack, overwrite=options.overwrite)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    except (OSError, RuntimeError, ValueError) as error:  # A GridError is a ValueError.
        parser.error(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    assert __doc__
    parser = argparse.ArgumentParser(prog="python -m trajkit.zoo", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("grid", type=Path, metavar="GRID.toml", help="a TOML file, or the name of a grid that comes with trajkit")
    add("--out", type=Path, required=True, help="folder of the runs; finished runs in it are skipped")
    add("--data", type=Path, help="folder of the files of the data")
    add("--workers", type=int, help="number of processes (default: one for each core)")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--size", choices=SIZES, help="size of the networks (default: the size that the grid names)")
    add("--dry-run", action="store_true", help="check everything and count what would be trained")
    add("--pack", type=Path, metavar="FILE.nc", help="then pack the runs into this file")
    add("--overwrite", action="store_true", help="replace that file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
