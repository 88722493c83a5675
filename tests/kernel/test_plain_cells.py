"""Plain cells in the Ciao kernel: IPython's, also when they are interrupted."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest


def test_a_plain_cell_is_pythons(kernel: Any) -> None:
    """A cell without job magics runs in the kernel, with IPython's own magics."""
    cell = kernel.run("%env CIAO_TEST=1\nprint('%d percent' % 5)\n1 + 1")
    assert cell.status == "ok"
    assert "5 percent" in cell.text
    assert cell.of("execute_result")[0]["data"]["text/plain"] == "2"


def test_nothing_of_ciao_is_imported_for_plain_cells(start: Any) -> None:
    """A kernel that runs plain cells pays for no job: neither the core nor attrs is imported at its start."""
    fresh = start()
    loaded = fresh.run(
        "import sys\nprint(*[m for m in sys.modules if m.startswith(('ciao.', 'attr', 'cattr', 'rich', 'kubernetes'))])"
    )
    fresh.close()
    assert {name for name in loaded.text.split() if not name.startswith("ciao.kernel")} == set()


@pytest.mark.parametrize("signal_mode", [False, True], ids=["message", "SIGINT"])
@pytest.mark.parametrize(
    "code", ["import time; time.sleep(60)", "import asyncio; await asyncio.sleep(60)", "while True: pass"]
)
def test_interrupt_of_a_plain_cell(kernel: Any, code: str, signal_mode: bool) -> None:
    """Stop ends a plain cell, sync or async, within a second, and it is answered."""
    request = kernel.send(code)
    kernel.until(lambda: any(m["msg_type"] == "execute_input" for m in kernel.iopub[request]))
    time.sleep(0.2)
    began = time.monotonic()
    os.kill(kernel.pid, signal.SIGINT) if signal_mode else kernel.interrupt()
    cell = kernel.wait(request, timeout=10)
    assert time.monotonic() - began < 1
    assert cell.status == "error" and cell.reply["ename"] in ("KeyboardInterrupt", "CancelledError")
    assert kernel.run("print('alive')").text == "alive\n"


def test_interrupts_of_an_idle_kernel_do_nothing(kernel: Any) -> None:
    """Stop without a running cell is answered and harms nothing."""
    for _ in range(5):
        assert kernel.ask("interrupt_request", {}, channel="control")["status"] == "ok"
    assert kernel.run("print('alive')").text == "alive\n"


def test_the_notebooks_directory_is_importable_and_harmless(start: Any, tmp_path: Path) -> None:
    """A module beside the notebook can be imported; one that is called like this package does not replace it."""
    (tmp_path / "mine.py").write_text("answer = 42")
    (tmp_path / "ciao.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "random.py").write_text("raise SystemExit('nor this one')")
    fresh = start(home=tmp_path)
    assert fresh.run("import mine, random; mine.answer").of("execute_result")[0]["data"]["text/plain"] == "42"
    fresh.close()
