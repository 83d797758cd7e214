"""How much a LiveView slows the training of a small convolutional network, beside recording alone.

python tests/benchmarks/bench_live.py             # 20 checkpoints in 400 steps, each way five times in turn
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import torch

import trajkit as tk


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=400)
    options.add_argument("--every", type=int, default=20)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    ds = tk.sample_data("digits")
    # Points of every eighth run make the manifold; how many there are makes no difference to drawing.
    ds = ds.isel(run=slice(None, None, 8))
    embedding = tk.embed(ds)
    training(ds, None, 20, 20)
    took: dict[str, list[tuple[float, float]]] = {"recording": [], "recording and drawing": []}
    waited, spent = [], []
    for repeat in range(given.repeats):
        # In turn, and each first as often as the other: the machine may have other work.
        for way in list(took)[:: 1 if repeat % 2 else -1]:
            live = tk.widgets.LiveView(embedding, ds) if way != "recording" else None
            took[way].append(training(ds, live, given.steps, given.every))
            if live is not None:
                waited.append(live.waiting)
                spent.append(live.budget.spent / took[way][-1][0])
                live.close()
    for place, clock in enumerate(("wall", "CPU")):
        plain, drawn = ([each[place] for each in took[way]] for way in took)
        for way, each in zip(took, (plain, drawn), strict=True):
            print(f"{clock:5s}{way:24s}{statistics.median(each):8.2f} s   {[round(s, 2) for s in each]}")
        ratios = [b / a - 1 for a, b in zip(plain, drawn, strict=True)]
        print(f"{clock:5s}drawing adds {statistics.median(ratios):.1%} in the median pair, {min(ratios):.1%} at least")
    print(f"by its own clock, drawing took {statistics.median(spent):.1%} of the time, {max(spent):.1%} at most")
    print(f"of {given.steps // given.every + 1} checkpoints, {statistics.median(waited)} were passed over till the end")


def training(ds: object, live: tk.widgets.LiveView | None, steps: int, every: int) -> tuple[float, float]:
    """Seconds by the wall's clock and of the processor.

    Trained on random images of 8x8 pixels; the probe has the size and the labels of the digits'.
    """
    torch.manual_seed(0)
    n = ds.sizes["sample"]
    probe = tk.Probe(
        torch.randn(n, 1, 8, 8),
        label=ds.label.values,
        classes=ds["class"].values,
        sample=ds.sample.values,
        split=ds.split.values,
    )
    images, labels = torch.randn(256, 1, 8, 8), torch.randint(10, (256,))
    model = torch.nn.Sequential(
        *(
            torch.nn.Conv2d(1, 32, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(32, 64, 3, padding=1),
            torch.nn.ReLU(),
        ),
        *(torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64 * 16, 10)),
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    with (
        tempfile.TemporaryDirectory() as folder,
        tk.Recorder(folder, probe, run="cnn", listeners=[live] if live is not None else []) as record,
    ):
        start, processor = time.perf_counter(), time.process_time()
        for step in range(steps + 1):
            if step % every == 0:
                record(model, step)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        return time.perf_counter() - start, time.process_time() - processor


if __name__ == "__main__":
    main()
