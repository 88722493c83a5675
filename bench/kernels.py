"""Live kernels to measure: started in this environment, spoken to as a front end would, ended without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import zmq
from jupyter_client import BlockingKernelClient, KernelManager

PLAIN = (sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}")
CIAO = (sys.executable, "-P", "-m", "ciao.kernel", "-f", "{connection_file}")  # as the kernelspec says


@dataclass(frozen=True)
class Message:
    """One message on iopub: seconds after the request, its type, its text (of a display: as text/plain), and its size
    as a server counts it.
    """

    at: float
    kind: str
    text: str = field(repr=False)
    size: int


@dataclass(frozen=True)
class Answer:
    """What came back for one cell; ``seconds`` until its reply on the shell channel, since ``began`` (perf_counter)."""

    seconds: float
    status: str
    messages: tuple[Message, ...] = field(repr=False)
    began: float = field(repr=False)

    @property
    def text(self) -> str:
        """All that the cell printed, and its error."""
        return "".join(message.text for message in self.messages if message.kind in ("stream", "error"))

    def first(self, word: str) -> float:
        """Seconds until the first stream message that contains ``word``."""
        return next(each.at for each in self.messages if each.kind == "stream" and word in each.text)


class LiveKernel:
    """One kernel process and a client to it."""

    def __init__(self, argv: tuple[str, ...], directory: Path, environ: dict[str, str]) -> None:
        context = zmq.Context()
        context.setsockopt(zmq.RECONNECT_IVL, 2)  # ms; 100 by default, which would round every start up to that
        self.manager = KernelManager(kernel_name="python3", context=context)
        assert self.manager.kernel_spec is not None
        self.manager.kernel_spec.argv = list(argv)
        began = time.perf_counter()
        self.manager.start_kernel(cwd=str(directory), env={**os.environ, **environ}, stderr=subprocess.DEVNULL)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self._reply(self.client.kernel_info(), 60.0)
        self.ready_after = time.perf_counter() - began
        self.process = psutil.Process(self.manager.provisioner.pid)
        self.client.wait_for_ready(timeout=60)

    def execute(self, code: str, timeout: float = 300.0) -> Answer:
        """Run a cell to its reply and its idle."""
        began = time.perf_counter()
        return self.collect(self.client.execute(code, allow_stdin=False), began, timeout)

    def collect(self, request: str, began: float, timeout: float = 300.0) -> Answer:
        """Everything that comes for a request until its idle, and its reply."""
        messages: list[Message] = []
        idle = False
        while not idle:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            text = content.get("text") or content.get("evalue") or content.get("data", {}).get("text/plain", "")
            messages.append(Message(time.perf_counter() - began, message["msg_type"], str(text), _size(message)))
            idle = content.get("execution_state") == "idle"
        reply = self._reply(request, timeout)
        return Answer(time.perf_counter() - began, reply["content"]["status"], tuple(messages), began)

    def round_trip(self, code: str) -> float:
        """Seconds from the request to its reply; the output is thrown away."""
        began = time.perf_counter()
        request = self.client.execute(code, allow_stdin=False)
        self._reply(request, 30.0)
        taken = time.perf_counter() - began
        self.collect_idle(request)
        return taken

    def collect_idle(self, request: str) -> None:
        """Read iopub up to the request's idle."""
        while True:
            message = self.client.get_iopub_msg(timeout=30.0)
            mine = message["parent_header"].get("msg_id") == request
            if mine and message["content"].get("execution_state") == "idle":
                return

    def memory(self) -> float:
        """MiB of the kernel process alone: PSS where the system counts it, else RSS."""
        info = self.process.memory_full_info()
        return float(getattr(info, "pss", info.rss)) / 2**20

    def close(self) -> None:
        """End it as a server would."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    def _reply(self, request: str, timeout: float) -> dict[str, Any]:
        while True:
            reply: dict[str, Any] = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == request:
                return reply


def _size(message: dict[str, Any]) -> int:
    """Bytes of the message's four JSON parts, which jupyter_server adds up for its limit on data."""
    if message["msg_type"] != "stream":
        return 0
    parts = (message[name] for name in ("header", "parent_header", "metadata", "content"))
    return sum(len(json.dumps(part, default=str, ensure_ascii=False).encode()) for part in parts)


@contextmanager
def kernel(argv: tuple[str, ...], directory: Path, environ: dict[str, str] | None = None) -> Iterator[LiveKernel]:
    """A kernel for the length of a ``with``."""
    live = LiveKernel(argv, directory, environ or {})
    try:
        yield live
    finally:
        live.close()


@contextmanager
def ciao_kernel(directory: Path) -> Iterator[LiveKernel]:
    """Ciao's kernel with a job store of its own below ``directory``."""
    with kernel(CIAO, directory, {"CIAO_STORE_PATH": str(directory / "jobs")}) as live:
        yield live
