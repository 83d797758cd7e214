"""Time to open, recolour and turn 150,000 points: ManifoldView and plotly in one browser.

python tests/benchmarks/bench_view.py                       # 3000 runs of 50 checkpoints
python tests/benchmarks/bench_view.py --runs 200 --repeat 5

Both draw the same points and lines in headless Chromium, where WebGL runs in software. They take turns, each in a page
of its own. A time ends when the browser has drawn the frame and its pixels can be read. Median and range, in seconds.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import plotly
from lab import browser_page
from made_embeddings import made_embedding
from playwright.sync_api import Page

import trajkit as tk

# Two frames: the first takes the change, the second draws it; reading a pixel waits for the drawing.
FRAME = """
const frame = async () => {
  await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
  for (const canvas of document.querySelectorAll("canvas")) {
    const gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
    gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
};
"""
# Each page opens coloured by progress; each repeat changes the colour to another quantity.
VIEW = {
    "recolour": "() => page.models[0].set('color', 'step')",
    "turn": "(k) => page.models[0].set('camera', {...page.models[0].get('camera'), yaw: 10 * k})",
}
PLOTLY = {
    "recolour": "() => Plotly.restyle(plot, {'marker.color': [colors], 'line.color': [colors]})",
    "turn": "(k) => Plotly.relayout(plot, {'scene.camera.eye': {x: 2 * Math.cos(k), y: 2 * Math.sin(k), z: 0.9}})",
}


def plotly_page(embedding: Any, path: Path) -> None:
    """Write the figure of `tk.figures.manifold`, coloured by progress, and the colours of another quantity."""
    figure = tk.figures.manifold(embedding, color="progress")
    figure.update_layout(height=560, width=1080)
    strands = figure.data[0].marker.color.tolist()
    steps = [None if v != v else i for i, v in enumerate(strands)]
    colors = [None if v is None else v / len(steps) for v in steps]
    data = json.dumps(figure.to_plotly_json(), cls=plotly.utils.PlotlyJSONEncoder)
    path.write_text(
        f"<!doctype html><body><div id='plot'></div><script>{plotly.offline.get_plotlyjs()}</script>"
        f"<script>window.colors = {json.dumps(colors)}; const figure = {data};"
        "window.plot = document.querySelector('#plot');"
        "Plotly.newPlot(plot, figure.data, figure.layout).then(() => { window.drawn = true; });</script></body>",
        encoding="utf-8",
    )


def first_picture(page: Page, path: Path, ready: str) -> float:
    """Return the seconds from opening the page, which holds the data, to its first picture."""
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_function(ready, timeout=300_000, polling=20)
    return page.evaluate(f"async () => {{ {FRAME} await frame(); return performance.now() / 1000; }}")


def timed(page: Page, action: str, k: int) -> float:
    """Return the seconds from a change to the frame that shows it."""
    return page.evaluate(
        f"async (k) => {{ {FRAME} await frame(); const start = performance.now(); await ({action})(k); await frame();"
        " return (performance.now() - start) / 1000; }",
        k,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("runs", 3000), ("checkpoints", 50), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    embedding = made_embedding(wanted.runs, wanted.checkpoints)
    folder = Path(tempfile.mkdtemp())
    view, figure = folder / "view.html", folder / "plotly.html"
    tk.widgets.ManifoldView(embedding, color="progress").to_html(view)
    plotly_page(embedding, figure)
    ways = {
        "ManifoldView": (view, "() => document.querySelectorAll('.trajkit-stage canvas').length === 3", VIEW),
        "plotly": (figure, "() => window.drawn === true", PLOTLY),
    }
    times: dict[tuple[str, str], list[float]] = {}
    with browser_page(1100, 640) as page:
        browser = page.context.browser
        for repeat in range(wanted.repeat):
            for way, (path, ready, actions) in ways.items():
                tab = browser.new_page(viewport={"width": 1100, "height": 640})
                times.setdefault((way, "first picture"), []).append(first_picture(tab, path, ready))
                for name, action in actions.items():
                    times.setdefault((way, name), []).append(timed(tab, action, repeat + 1))
                tab.close()
        version = browser.version
    points = wanted.runs * wanted.checkpoints
    versions = f"Chromium {version}, plotly {plotly.__version__}, {platform.machine()}"
    print(f"{points:,} points of {wanted.runs:,} runs; {versions}\n")
    print("| s | ManifoldView | plotly Scatter3d | ratio |\n|---|---|---|---|")
    for name in ("first picture", *VIEW):
        took = [(statistics.median(t), min(t), max(t)) for t in (times["ManifoldView", name], times["plotly", name])]
        ranges = " | ".join("{:.2f} ({:.2f} to {:.2f})".format(*each) for each in took)
        print(f"| {name} | {ranges} | {took[1][0] / took[0][0]:.0f} |")


if __name__ == "__main__":
    main()
