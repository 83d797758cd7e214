"""A real JupyterLab in a real Chromium, for tests and for the pictures of the README."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

TOKEN = "local"
# Milliseconds for an answer that needs a kernel. Long, because the machine may be busy.
PATIENCE = 120_000

expect.set_options(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def lab(root: Path, scratch: Path, python: str | Path = sys.executable) -> Iterator[str]:
    """Serve `root` with the JupyterLab of `python` on this machine and yield its address.

    `scratch` keeps settings, state and the process id of the server.
    """
    # The news pop-up would cover the page.
    put(scratch, "apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False})
    folders = ("JUPYTER_CONFIG", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
    env = os.environ | {f"{name}_DIR": str(scratch / name.partition("_")[2].lower()) for name in folders}
    port = free_port()
    command = [str(python), "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}"]
    address = f"http://127.0.0.1:{port}"
    with serving(command, f"{address}/api/status?token={TOKEN}", scratch / "lab.log", env=env) as server:
        (scratch / "pid").write_text(str(server.pid))
        yield address


def put(scratch: Path, plugin: str, settings: dict[str, object]) -> None:
    """Change settings of a JupyterLab plugin for pages opened after this call."""
    path = scratch / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


@contextmanager
def serving(command: list[str], url: str, log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that answers at `url`, until the block ends."""
    with log.open("w") as text:
        server = subprocess.Popen(command, stdout=text, stderr=subprocess.STDOUT, **options)
        try:
            wait_for(url, server, log)
            yield server
        finally:
            server.terminate()
            server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, even with "not found"."""
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def browser_page(width: int = 1500, height: int = 1250) -> Iterator[Page]:
    """Open a page in the system's Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise RuntimeError("no Chromium found; on Debian: apt-get install chromium")
    flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*flags, "--disable-component-update", "--disable-sync"]
        )
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        try:
            yield page
        finally:
            browser.close()


def run_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook, run all its cells and wait until the kernel is idle again."""
    page.goto(f"{address}/lab/tree/{name}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.wait_for_selector("#jp-main-statusbar >> text=/Idle/", timeout=90_000)
    # Hide the side bar: the notebook needs its room.
    page.keyboard.press("Control+B")
    page.click("text=Run >> nth=0")
    # Click the entry of the menu: a notebook's text may say "Run All Cells" too.
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    wait_until_idle(page)


def wait_until_idle(page: Page, seconds: int = 180) -> None:
    """Wait until all cells have run and two more frames are drawn."""
    page.wait_for_timeout(700)
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.jp-InputPrompt')].some(e => e.textContent.includes('*'))",
        timeout=seconds * 1000,
    )
    page.wait_for_selector("#jp-main-statusbar >> text=/Idle/", timeout=seconds * 1000)
    settle(page)


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of these code cells."""
    empty = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [empty | {"id": f"c{i}", "source": cell.strip()} for i, cell in enumerate(cells)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def pixels(element: Locator, path: Path | None = None) -> NDArray[np.int64]:
    """Take a picture of an element: (row, column, red/green/blue)."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot(path=path))).convert("RGB")).astype(int)


def colored(image: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which pixels have a strong colour: lines and markers, neither background nor text."""
    return image.max(-1) - image.min(-1) > 60


def drag(element: Locator, *places: tuple[float, float], button: str = "left") -> None:
    """Press the mouse on an element, move it through places in pixels of the element, and let go."""
    box, mouse = element.bounding_box(), element.page.mouse
    (x, y), *others = [(box["x"] + x, box["y"] + y) for x, y in places]
    mouse.move(x, y)
    mouse.down(button=button)
    for place in others:
        mouse.move(*place, steps=3)
    mouse.up(button=button)
    settle(element.page)


def settle(page: Page) -> None:
    """Wait for two drawn frames."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
