"""How much a LiveView slows the training of a small convolutional network, beside recording alone.

python tests/benchmarks/bench_live.py             # 20 checkpoints in 400 steps, each way three times in turn
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
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    ds = tk.sample_data("digits")
    # Points of every eighth run make the manifold; how many there are makes no difference to drawing.
    ds = ds.isel(run=slice(None, None, 8))
    embedding = tk.embed(ds)
    seconds: dict[str, list[float]] = {"recording": [], "recording and drawing": []}
    waited = 0
    for _ in range(given.repeats):
        for way in seconds:
            live = tk.widgets.LiveView(embedding, ds) if way != "recording" else None
            seconds[way].append(training(ds, live, given.steps, given.every))
            if live is not None:
                waited += live.waiting
                live.flush()
                live.close()
    for way, each in seconds.items():
        print(f"{way:24s}{statistics.median(each):8.2f} s   {[round(s, 2) for s in each]}")
    plain, drawn = (statistics.median(each) for each in seconds.values())
    print(f"drawing adds {drawn / plain - 1:.1%}")
    print(f"of a run, {waited / given.repeats:.1f} checkpoints were put off to its end")


def training(ds: object, live: tk.widgets.LiveView | None, steps: int, every: int) -> float:
    """Train on random images of 8x8 pixels; the probe has the size and the labels of the digits'."""
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
        start = time.perf_counter()
        for step in range(steps + 1):
            if step % every == 0:
                record(model, step)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
