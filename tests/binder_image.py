"""Measure the size of the Binder image and the memory of its tutorials, without docker: `python tests/binder_image.py`.

It makes a new environment and runs `binder/postBuild` in it. Then it opens the first five tutorials one after
another in one JupyterLab in Chromium, runs all their cells and prints the peak memory: first with each notebook closed
and its kernel shut down before the next, then with all left open.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from lab import TOKEN, browser_page, lab, put, run_notebook
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[1]
TUTORIALS = ("01_quickstart", "02_prediction_space", "03_inpca", "04_one_manifold", "05_slice_and_compare")

# A prompt without a number.
NOT_RUN = re.compile(r"^\[[ *]*\]:$")


def build(folder: Path) -> Path:
    """Make a new environment as `binder/` says, with the Python that runs this; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # What repo2docker sets when it runs the script.
    variables = {"NB_PYTHON_PREFIX": str(folder), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([ROOT / "binder" / "postBuild"], cwd=ROOT, env=os.environ | variables, check=True)
    return folder / "bin" / "python"


def size(folder: Path) -> float:
    """Measure a folder on disk, in GB."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 1e9


def memory(process: psutil.Process) -> float:
    """Measure the memory of a process and its children in MB; shared pages count once."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


@contextmanager
def peak_memory(process: psutil.Process) -> Iterator[list[float]]:
    """Measure the memory five times a second; the yielded list holds the peak in MB."""
    peak, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            peak[0] = max(peak[0], memory(process))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield peak
    finally:
        over.set()
        watch.join()


def close_notebook(page: Page, address: str) -> None:
    """Close the visible notebook and wait for the end of its kernel, which `binder/postBuild` has asked for."""
    page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon").first.click()
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".jp-NotebookPanel")).to_have_count(0)
    for _ in range(100):
        with urllib.request.urlopen(f"{address}/api/sessions?token={TOKEN}") as answer:
            if not json.load(answer):
                return
        page.wait_for_timeout(100)
    raise RuntimeError("the kernel outlives its notebook")


def peaks(python: Path, scratch: Path, close: bool) -> dict[str, float]:
    """Measure the peak memory of server and kernels, in MB, while each tutorial runs in one JupyterLab."""
    root = scratch / "notebooks"
    root.mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, root)
    found = {}
    with lab(root, scratch, python) as address, browser_page(width=1280, height=1000) as page:
        put(scratch, "notebook-extension/tracker", {"windowingMode": "none"})
        server = psutil.Process(int((scratch / "pid").read_text()))
        for name in TUTORIALS:
            with peak_memory(server) as peak:
                run_notebook(page, address, f"{name}.ipynb")
                expect(page.locator(".jp-InputPrompt", has_text=NOT_RUN)).to_have_count(0, timeout=300_000)
            assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0, name
            found[name] = peak[0]
            if close:
                close_notebook(page, address)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        python = build(environment)
        print(f"{sys.version.split()[0]}, installed: {size(environment):.2f} GB")
        for how in ("closed", "left open"):
            for name, peak in peaks(python, Path(folder) / how, close=how == "closed").items():
                print(f"{name}, the others {how}: {peak:.0f} MB")


if __name__ == "__main__":
    main()
