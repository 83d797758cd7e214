"""How much a LiveView slows the training of a small convolutional network, compared with recording alone.

Both trainings take turns, step by step, so that other work on the machine slows them equally. The LiveView's clock
stands still during the turn of the other training.

python tests/benchmarks/bench_live.py             # 20 checkpoints in 400 steps
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from statistics import median

import torch
import xarray as xr

import trajkit as tk


class Stopwatch:
    """Seconds of wall-clock and processor time, counted while it runs."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0
        self._since: tuple[float, float] | None = None

    def __enter__(self) -> None:
        self._since = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        assert self._since is not None
        self.wall += time.perf_counter() - self._since[0]
        self.processor += time.process_time() - self._since[1]
        self._since = None

    def __call__(self) -> float:
        return self.wall + (time.perf_counter() - self._since[0] if self._since else 0.0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"steps": 400, "every": 20, "repeats": 3, "threads": torch.get_num_threads()}.items():
        options.add_argument(f"--{name}", type=int, default=default)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    random.seed(0)
    ds = tk.sample_data("digits")
    # Every eighth run makes the manifold: the cost of drawing does not depend on its size.
    ds = ds.isel(run=slice(None, None, 8))
    embedding = tk.embed(ds)
    for _ in training(ds, None, 20, 20):
        pass
    for _ in range(given.repeats):
        live, drawn, plain = tk.widgets.LiveView(embedding, ds), Stopwatch(), Stopwatch()
        live.budget.clock = drawn
        ways = [(watch, training(ds, of, given.steps, given.every)) for watch, of in ((drawn, live), (plain, None))]
        # The steps after a checkpoint are timed too: they would be slower if drawing left work behind.
        after: dict[Stopwatch, list[float]] = {drawn: [], plain: []}
        for step in range(given.steps + 1):
            # Random order: a training with two turns in a row finds its numbers in the processor's cache.
            for watch, steps in random.sample(ways, 2):
                before = watch.processor
                with watch:
                    next(steps)
                if step % given.every == 1 % given.every:
                    after[watch].append(1e3 * (watch.processor - before))
        wall, processor = drawn.wall / plain.wall - 1, drawn.processor / plain.processor - 1
        own = live.budget.spent / (drawn.wall - live.budget.spent)
        print(f"recording {plain.wall:.2f} s, of the processor {plain.processor:.2f} s; drawing adds", end=" ")
        print(f"{wall:.1%}, of the processor {processor:.1%}, by its own clock {own:.1%};", end=" ")
        print(f"{live.waiting} of {given.steps // given.every + 1} checkpoints passed over till the end;", end=" ")
        print(f"a step after one takes {median(after[plain]):.1f} ms, {median(after[drawn]):.1f} with drawing")
        live.close()


def training(ds: xr.Dataset, live: tk.widgets.LiveView | None, steps: int, every: int) -> Iterator[None]:
    """Train on random images of 8x8 pixels, one step at a time; the probe has the size and labels of the digits."""
    torch.manual_seed(0)
    n = ds.sizes["sample"]
    same = {name: ds[name].values for name in ("label", "sample", "split")}
    probe = tk.Probe(torch.randn(n, 1, 8, 8), classes=ds["class"].values, **same)
    images, labels = torch.randn(256, 1, 8, 8), torch.randint(10, (256,))
    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU()),
        *(torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU()),
        *(torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64 * 16, 10)),
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    with (
        tempfile.TemporaryDirectory() as folder,
        tk.Recorder(folder, probe, run="cnn", listeners=[live] if live is not None else []) as record,
    ):
        for step in range(steps + 1):
            if step % every == 0:
                record(model, step)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            yield


if __name__ == "__main__":
    main()
