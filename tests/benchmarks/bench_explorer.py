"""Time of each action in the Explorer, and the kernel's memory when it is opened and closed many times.

python tests/benchmarks/bench_explorer.py                # the digits
python tests/benchmarks/bench_explorer.py --points 2000  # the size for which the time limits are set
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable

import numpy as np
import psutil

import trajkit as tk

REPEATS = 7


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--points", type=int, help="take so many runs of the digits that they have as many points")
    options.add_argument("--cycles", type=int, default=30)
    given = options.parse_args()
    ds = tk.sample_data("digits")
    if given.points:
        per_run = float((ds.step >= 0).sum("checkpoint").mean())
        ds = ds.isel(run=np.linspace(0, ds.sizes["run"] - 1, round(given.points / per_run)).astype(int))
    points = int((ds.step >= 0).sum())
    print(f"{points} points of {ds.sizes['run']} runs on {ds.sizes['sample']} samples, one panel on each side")
    start = time.perf_counter()
    explorer = tk.explore(ds)
    print(f"{'open':44s}{time.perf_counter() - start:8.2f} s")
    actions(explorer)
    explorer.close()
    del explorer
    memory(tk.select(ds, run=ds.run.values[:20].tolist()), given.cycles)


def actions(explorer: tk.widgets.Explorer) -> None:
    architectures = list(dict.fromkeys(explorer.dataset.architecture.values.tolist()))
    seeds = np.unique(explorer.dataset.seed.values).tolist()
    slices = [{"architecture": architectures[:k], "seed": seeds[:s]} for k in (2, 3, 4) for s in (2, 3)]

    def slicing(i: int) -> None:
        explorer.slicer.conditions = slices[i % len(slices)]

    shown("change a filter", slicing)
    shown("change the checkpoints", lambda i: explorer.slicer.set_trait("conditions", {"progress": (0.01 * i, 0.9)}))
    explorer.slicer.reset()
    shown("recolour", lambda i: explorer.set_trait("color", ["progress", "architecture"][i % 2]))
    runs = explorer.runs
    shown("highlight a run", lambda i: explorer.set_trait("highlighted", [runs[i]]))
    explorer.highlighted = []
    explorer.frame = "selection"
    # A new slice each time: the Explorer keeps embeddings that it has computed.
    per_run = [{"run": runs[i:]} for i in range(1, 2 * REPEATS)]
    shown("change a filter, embedding the slice", lambda i: explorer.slicer.set_trait("conditions", per_run[i]))
    axes = [(1, 2, 4), (1, 2, 3)]
    shown("change axes, aligned with the frame", lambda i: explorer.set_trait("components", axes[i % 2]))


def shown(what: str, action: Callable[[int], object]) -> None:
    wall, own = [], []
    for i in range(REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        action(i)
        wall.append(1e3 * (time.perf_counter() - start))
        own.append(1e3 * (time.process_time() - busy))
    # Processor time of all threads: the clock is misleading when other work keeps the cores busy.
    print(f"{what:44s}{statistics.median(wall):8.0f} ms, processor {statistics.median(own):6.0f} ms", flush=True)


def memory(ds: object, cycles: int) -> None:
    process, before = psutil.Process(), 0.0
    for cycle in range(cycles + 1):
        explorer = tk.explore(ds)
        for panel in explorer.panels:
            explorer.show_panel(panel.title)
        explorer.close()
        del explorer, panel
        gc.collect()
        if cycle == 0:
            before = process.memory_info().rss / 1e6
    grown = process.memory_info().rss / 1e6 - before
    print(f"opened with every panel and closed {cycles} times: the kernel grew by {grown:.0f} MB")


if __name__ == "__main__":
    main()
