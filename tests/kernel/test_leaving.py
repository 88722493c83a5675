"""Shutdown, restart, SIGTERM and SIGKILL of the kernel while a job runs: no process survives its kernel."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

SLEEP = """%framework=pytorch
%worker=1
import subprocess, time
subprocess.Popen(['sleep', '300'])
print('up')
time.sleep(300)
"""


def processes(home: Path) -> list[int]:
    """Processes that stand in the kernel's directory: replicas, what they forked, the kernel itself."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                here = (process / "cwd").readlink()
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if here == home and state != "Z":
                found.append(int(process.name))
    return found


def all_gone(home: Path, within: float, besides: int = 0) -> bool:
    """Whether nothing (but the kernel of pid ``besides``) is left within some seconds."""
    deadline = time.monotonic() + within
    while [pid for pid in processes(home) if pid != besides]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def busy(start: Any) -> Any:
    """A kernel with a job of two replicas, each with a child."""
    kernel = start()
    kernel.request = kernel.send(SLEEP)
    kernel.until(lambda: kernel.text_of(kernel.request).count("up") == 2)
    assert len(processes(kernel.home)) >= 5
    return kernel


def test_shutdown_during_a_job(busy: Any) -> None:
    """The shutdown is answered in time, the cell as well, and nothing is left."""
    busy.client.shutdown()
    assert busy.wait(busy.request, timeout=5).reply["ename"] == "JobStoppedError"
    busy.until(lambda: busy.manager.provisioner.process.poll() is not None, 5, "end of the kernel")
    assert all_gone(busy.home, 1)


def test_restart_during_a_job(busy: Any) -> None:
    """A restart, as the button does it, ends the job; the new kernel answers."""
    busy.manager.restart_kernel()
    busy.client.stop_channels()
    busy.connect()
    assert all_gone(busy.home, 1, besides=busy.pid)
    assert busy.run("print('fresh')").text == "fresh\n"


def test_sigterm_during_a_job(busy: Any) -> None:
    """What a pod's eviction or a culler sends ends the job in order."""
    os.kill(busy.pid, signal.SIGTERM)
    assert busy.wait(busy.request, timeout=6).reply["ename"] == "JobStoppedError"
    busy.until(lambda: busy.manager.provisioner.process.poll() is not None, 5, "end of the kernel")
    assert all_gone(busy.home, 1)


def test_sigterm_while_the_main_thread_is_busy(start: Any) -> None:
    """SIGTERM ends the kernel also when a plain cell keeps the main thread, with a detached job beside it."""
    kernel = start()
    request = kernel.send(SLEEP.replace("%worker=1", "%worker=1;%detach"))
    kernel.until(lambda: kernel.text_of(request).count("up") == 2)
    kernel.send("import time\nfor _ in range(10_000): time.sleep(0.01)")
    time.sleep(0.3)
    os.kill(kernel.pid, signal.SIGTERM)
    kernel.until(lambda: kernel.manager.provisioner.process.poll() is not None, 7, "end of the kernel")
    assert all_gone(kernel.home, 1)


def test_sigkill_leaves_no_replica(busy: Any) -> None:
    """Nothing of Ciao's runs in the kernel then: the supervisor ends the job."""
    busy.kill()
    assert all_gone(busy.home, 5)


def test_sigterm_of_an_idle_kernel(start: Any) -> None:
    """Without jobs a SIGTERM ends the kernel at once."""
    kernel = start()
    began = time.monotonic()
    os.kill(kernel.pid, signal.SIGTERM)
    kernel.until(lambda: kernel.manager.provisioner.process.poll() is not None, 5, "end of the kernel")
    assert time.monotonic() - began < 2
