"""``make pictures``: the screenshots of README.md, taken in JupyterLab as a user sees it.

``make pictures ARGS=cluster`` takes one that needs a cluster: that of the current kubeconfig. So does ``ARGS=image``,
which needs a registry, too, that this machine and the cluster know ($CIAO_REGISTRY_PUSH).

A JupyterLab of its own (settings, workspaces and jobs under build/pictures) runs the examples in headless Chromium, by
the keyboard alone. Pictures go to docs/images; somebody should look at them before they are committed.
"""

import argparse
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "pictures"
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Only what would move, or tell of the machine instead of Ciao.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "scrollPastEnd": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
STYLE = """
    .jp-Cell-inputCollapser, .jp-Cell-outputCollapser, .jp-cell-toolbar { visibility: hidden !important }
    .cm-cursorLayer { animation: none !important }
"""
# JupyterLab's own measures, in CSS pixels: its title and tools, its status bar, the bars at both sides.
WIDTH, FRAME_TOP, FRAME_BOTTOM, SIDE = 1090, 92, 24, 34
TRAINING = """
%framework=pytorch
%master=1;%worker=2
import os
import time

for step in range(1, 1000):
    print("step", step, "of process", os.environ["RANK"], flush=True)
    time.sleep(0.7)
"""

GREEDY = """
%framework=pytorch;%target=kubeflow
%master=1;%worker=2;%cpu=250m;%memory=128Mi
import os
import time

batches = []
for step in range(1, 100):
    print("step", step, "in pod", os.environ["HOSTNAME"], flush=True)
    if os.environ["RANK"] == "2":
        batches.append(bytearray(40 << 20))
    time.sleep(0.7)
"""

SHIPPED = """
%framework=pytorch;%target=kubeflow
%file=data
from pathlib import Path

rows = Path("data/rows.bin")
print(f"{rows.stat().st_size / 2**20:.0f} MiB of data are here")
"""
_DATA = 200 << 20


def main() -> int:
    """Take every picture; 0 when all are there."""
    parser = argparse.ArgumentParser(description="Take the screenshots of README.md.")
    parser.add_argument("pictures", nargs="*", default=[take.__name__ for take in PICTURES], metavar="PICTURE")
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), None))
    chosen = parser.parse_args()
    if chosen.browser is None:
        print("no Chromium here (on Debian: apt install chromium)", file=sys.stderr)
        return 1
    takes = [take for take in (*PICTURES, *OF_A_CLUSTER) if take.__name__ in chosen.pictures]
    prepare()
    with jupyterlab() as (address, token), sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chosen.browser, args=list(FLAGS))
        context = browser.new_context(viewport={"width": WIDTH, "height": 2600}, device_scale_factor=1.5)
        context.request.get(f"{address}/api/status?token={token}")
        for take in takes:
            print(f"· {take.__name__}", flush=True)
            with contextlib.closing(context.new_page()) as page:
                try:
                    take(page, address)
                except BaseException:
                    page.screenshot(path=WORK / "what-was-there.png")
                    raise
        browser.close()
    return 0


# -- the pictures ----------------------------------------------------------------------------


def demo(page: Any, address: str) -> None:
    """The training cell and what three processes say."""
    book = Book(page, address, "01-pytorch-ddp.ipynb")
    book.run_all()
    training = book.find("DistributedDataParallel(")
    assert "succeeded" in training.inner_text(), training.inner_text()
    book.window("demo", training)


def failure(page: Any, address: str) -> None:
    """The cell that divides by zero, with the root cause under it."""
    book = Book(page, address, "03-failure.ipynb")
    book.run_all()
    zero = book.find("def average")
    assert "worker-1 failed first" in zero.inner_text(), zero.inner_text()
    book.shoot("failure", zero)


def completion(page: Any, address: str) -> None:
    """Tab on the beginning of a magic."""
    book = Book(page, address, "completion.ipynb")
    cell = book.cells().first
    book.edit(cell)
    page.keyboard.press("Control+End")
    page.keyboard.type("%worker=2;%", delay=60)
    page.keyboard.press("Tab")
    popup = page.locator(".jp-Completer:visible")
    popup.wait_for(timeout=20_000)
    page.wait_for_timeout(800)
    book.shoot("completion", cell, popup)


def interrupt(page: Any, address: str) -> None:
    """A job that runs, and the key for stop."""
    book = Book(page, address, "interrupt.ipynb")
    cell = book.cells().first
    book.edit(cell)
    page.keyboard.press("Shift+Enter")
    cell.get_by_text("step 3 of process 2").first.wait_for(timeout=60_000)
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    book.wait()
    assert "JobStopped" in cell.inner_text(), cell.inner_text()
    book.shoot("interrupt", cell)


def cluster(page: Any, address: str) -> None:
    """Three pods, and why one of them was killed."""
    book = Book(page, address, "cluster.ipynb")
    cell = book.cells().first
    book.edit(cell)
    page.keyboard.press("Shift+Enter")
    book.wait()
    assert "%memory" in cell.locator(".jp-OutputArea").inner_text(), cell.inner_text()
    book.shoot("cluster", cell)


def image(page: Any, address: str) -> None:
    """A cell and its data become an image."""
    with (WORK / "books" / "data" / "rows.bin").open("wb") as rows:
        for _ in range(_DATA >> 20):
            rows.write(secrets.token_bytes(1 << 19) + bytes(1 << 19))
    book = Book(page, address, "image.ipynb")
    cell = book.cells().first
    book.edit(cell)
    page.keyboard.press("Shift+Enter")
    book.wait()
    assert "of data are here" in cell.locator(".jp-OutputArea").inner_text(), cell.inner_text()
    book.shoot("image", cell)


PICTURES = (demo, failure, completion, interrupt)
OF_A_CLUSTER = (cluster, image)


class Book:
    """One notebook, open in JupyterLab's view of a single document."""

    def __init__(self, page: Any, address: str, name: str) -> None:
        self.page = page
        page.goto(f"{address}/doc/tree/{name}?reset")
        page.add_style_tag(content=STYLE)
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.wait_for(timeout=60_000)
        self._until_connected(f"{address}/api/sessions", name)

    def _until_connected(self, sessions: str, name: str) -> None:
        """JupyterLab forgets a cell that is run before its kernel is connected, whatever it shows before."""
        for _ in range(300):
            open_ones = [each for each in self.page.request.get(sessions).json() if each["path"].endswith(name)]
            if any(each["kernel"]["connections"] and each["kernel"]["execution_state"] == "idle" for each in open_ones):
                break
            self.page.wait_for_timeout(200)
        self.page.wait_for_timeout(1500)

    def cells(self) -> Any:
        """All code cells."""
        return self.page.locator(".jp-Notebook .jp-CodeCell")

    def find(self, text: str) -> Any:
        """The code cell whose source contains ``text``."""
        editors = self.page.locator(".jp-CodeCell", has=self.page.locator(".jp-InputArea", has_text=text))
        return editors.first

    def edit(self, cell: Any) -> None:
        """Put the cursor into the cell."""
        cell.locator(".cm-content").click()

    def run_all(self) -> None:
        """Shift+Enter from the first cell to the last, as fast as each answers."""
        self.edit(self.cells().first)
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("ArrowUp")
        for _ in range(self.page.locator(".jp-Notebook .jp-Cell").count()):
            self.page.keyboard.press("Shift+Enter")
            self.wait()

    def wait(self) -> None:
        """Until no cell waits for an answer and the kernel is idle."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(
            "() => ![...document.querySelectorAll('.jp-InputPrompt')].some(each => each.textContent.includes('*'))",
            timeout=180_000,
        )

    def window(self, name: str, cell: Any) -> None:
        """One cell in its notebook: with the title, the tools and the kernel's name, without the side bars."""
        self.page.keyboard.press("Escape")
        height = cell.bounding_box()["height"]
        self.page.set_viewport_size({"width": WIDTH, "height": int(height) + FRAME_TOP + FRAME_BOTTOM})
        cell.evaluate("cell => cell.scrollIntoView({block: 'start'})")
        self._save(name, {"x": SIDE, "y": 0, "width": WIDTH - 2 * SIDE, "height": int(height) + FRAME_TOP})

    def shoot(self, name: str, *parts: Any) -> None:
        """One picture around everything named."""
        below = 6  # a popup's shadow
        if len(parts) == 1:
            self.page.keyboard.press("Escape")
            below = -3  # the next cell's frame begins here
        parts[0].scroll_into_view_if_needed()
        self.page.wait_for_timeout(300)
        boxes = [part.bounding_box() for part in parts]
        left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes) - 4
        right = max(box["x"] + box["width"] for box in boxes)
        bottom = max(box["y"] + box["height"] for box in boxes) + below
        self._save(name, {"x": left, "y": top, "width": right - left, "height": bottom - top})

    def _save(self, name: str, clip: dict[str, float]) -> None:
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(700)
        file = IMAGES / f"{name}.png"
        self.page.screenshot(path=file, clip=clip)
        print(f"  {file.relative_to(ROOT)}, {file.stat().st_size // 1024} KB", flush=True)


# -- a JupyterLab of our own ----------------------------------------------------------------------


def prepare() -> None:
    """A fresh folder with the examples and three small notebooks."""
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "config" / "labconfig").mkdir(parents=True)
    (WORK / "config" / "labconfig" / "default_setting_overrides.json").write_text(
        json.dumps(SETTINGS), encoding="utf-8"
    )
    shutil.copytree(ROOT / "examples", WORK / "books", ignore=shutil.ignore_patterns("*.pt", ".*"))
    (WORK / "books" / "data").mkdir()
    small = {
        "completion": "%framework=pytorch\n", "interrupt": TRAINING.strip(), "cluster": GREEDY.strip(),
        "image": SHIPPED.strip(),
    }  # fmt: skip
    for name, source in small.items():
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        book.metadata["kernelspec"] = {"name": "ciao", "display_name": "Ciao", "language": "python"}
        nbformat.write(book, WORK / "books" / f"{name}.ipynb")
    IMAGES.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def jupyterlab() -> Iterator[tuple[str, str]]:
    """A server on a free port, ended on the way out; its address and its token."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(WORK / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(WORK / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(WORK / "workspaces"),
        "JUPYTER_TOKEN": token,
        "CIAO_STORE_PATH": str(WORK / "jobs"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ServerApp.port_retries=0",
               f"--ServerApp.root_dir={WORK / 'books'}", "--allow-root"]  # fmt: skip
    with (WORK / "jupyterlab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=WORK)
    try:
        answer(f"http://127.0.0.1:{port}/api", server)
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        server.wait(30)


def answer(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; RuntimeError when it has ended or needs more than a minute."""
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(address):
            return
        time.sleep(0.3)
    raise RuntimeError(f"JupyterLab does not answer; see {WORK / 'jupyterlab.log'}")


if __name__ == "__main__":
    sys.exit(main())
