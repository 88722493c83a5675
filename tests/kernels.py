"""A real kernel process as a front-end sees it: its client keeps every message, sorted by the request it belongs to."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from ciao.kernel.install import install

Message = dict[str, Any]


def kernelspecs(prefix: Path) -> Path:
    """A prefix with the kernelspec of this environment's Ciao in it, and the stock kernel's."""
    from ipykernel.kernelspec import install as install_ipykernel

    install(prefix=str(prefix))
    install_ipykernel(prefix=str(prefix), kernel_name="python3", frozen_modules=True)
    return prefix


def environment(**changed: str) -> dict[str, str]:
    """The tests' own environment with something else, and without the settings of whoever runs them."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CIAO_")} | changed


class Cell:
    """All that came back for one request."""

    def __init__(self, reply: Message, outputs: list[Message]) -> None:
        self.reply, self.outputs = reply["content"], outputs
        self.status = self.reply["status"]

    def of(self, kind: str) -> list[Message]:
        """The contents of its messages of one type."""
        return [message["content"] for message in self.outputs if message["msg_type"] == kind]

    @property
    def text(self) -> str:
        """What it printed."""
        return "".join(content["text"] for content in self.of("stream"))

    @property
    def error(self) -> str:
        """The text of its error, without colours; empty when it has none."""
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(line for each in self.of("error") for line in each["traceback"]))


class Conversation:
    """A client of a kernel that runs somewhere; ``open`` begins anew, as a page that was reloaded does."""

    def open(self, client: Any) -> None:
        """Take a blocking client, open its channels and wait until the kernel answers."""
        self.iopub: dict[str, list[Message]] = defaultdict(list)
        self.replies: dict[str, Message] = {}
        self.client = client
        self.client.start_channels()
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.client.wait_for_ready(timeout=60)
            except RuntimeError:  # also when a busy machine's kernel misses one heartbeat
                if time.monotonic() > deadline:
                    raise

    def send(self, code: str, **options: Any) -> str:
        """Begin to execute; the request's id."""
        return str(self.client.execute(code, **options))

    def run(self, code: str, timeout: float = 60, **options: Any) -> Cell:
        """Execute and wait for the answer."""
        return self.wait(self.send(code, **options), timeout)

    def wait(self, request: str, timeout: float = 60) -> Cell:
        """The answer to a request: its reply, and every message until it was idle."""
        self.until(lambda: request in self.replies and self._idle(request), timeout, f"an answer to {request}")
        return Cell(self.replies[request], self.iopub[request])

    def until(self, condition: Callable[[], object], timeout: float = 30, what: str = "the condition") -> None:
        """Read messages until a condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what} in {timeout} s; shown so far: {self.shown()!r}")
            self._read()

    def until_shown(self, request: str, text: str, timeout: float = 30) -> None:
        """Read messages until the request's output has this text."""
        self.until_said(request, lambda said: text in said, timeout, repr(text))

    def until_said(self, request: str, enough: Callable[[str], object], timeout: float, what: str) -> None:
        """Read messages until what a request has printed is enough; AssertionError as soon as it has failed."""

        def said() -> object:
            found = enough(self.text_of(request))
            reply = self.replies.get(request)
            if not found and reply is not None and reply["content"]["status"] == "error" and self._idle(request):
                cell = Cell(reply, self.iopub[request])
                raise AssertionError(f"no {what} in a cell that failed:\n{cell.error}\n{cell.text[-3000:]}")
            return found

        self.until(said, timeout, what)

    def text_of(self, request: str) -> str:
        """What a request has printed so far."""
        return "".join(m["content"]["text"] for m in self.iopub[request] if m["msg_type"] == "stream")

    def shown(self) -> str:
        """All that was printed, for messages of failed tests."""
        return "".join(self.text_of(request) for request in list(self.iopub))[-3000:]

    def ask(
        self, kind: str, content: Message, *, channel: str = "shell", timeout: float = 10, **header: Any
    ) -> Message:
        """Any other request; the content of its reply."""
        request = self.post(kind, content, channel=channel, **header)
        self.until(lambda: request in self.replies, timeout, f"reply to {kind}")
        found: Message = self.replies[request]["content"]
        return found

    def post(self, kind: str, content: Message, *, channel: str = "shell", **header: Any) -> str:
        """Send any request; its id."""
        message = self.client.session.msg(kind, content)
        message["header"].update(header)
        getattr(self.client, f"{channel}_channel").send(message)
        return str(message["header"]["msg_id"])

    def _idle(self, request: str) -> bool:
        states = [m["content"]["execution_state"] for m in self.iopub[request] if m["msg_type"] == "status"]
        return bool(states) and states[-1] == "idle"

    def _read(self) -> None:
        for channel in (self.client.shell_channel, self.client.control_channel):
            with suppress(Empty):
                while True:
                    message = channel.get_msg(timeout=0)
                    self.replies[message["parent_header"]["msg_id"]] = message
        with suppress(Empty):
            message = self.client.iopub_channel.get_msg(timeout=0.02)
            while True:
                self.iopub[message["parent_header"].get("msg_id", "")].append(message)
                message = self.client.iopub_channel.get_msg(timeout=0)


class Kernel(Conversation):
    """A kernel process of the test's own, with a client."""

    def __init__(self, name: str, specs: Path, home: Path, **env: str) -> None:
        self.manager = KernelManager(
            kernel_name=name, kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs / "share/jupyter/kernels")])
        )
        self.home = home
        mine = {"HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "CIAO_STORE_PATH": str(home / "jobs"), **env}
        self._log = (home / "kernel.log").open("ab")  # restarts write there, too
        self.manager.start_kernel(cwd=str(home), env=environment(**mine), stderr=self._log)
        self.connect()

    def connect(self) -> None:
        """Open the channels and wait until the kernel answers."""
        self.open(self.manager.blocking_client())

    @property
    def pid(self) -> int:
        pid: int = self.manager.provisioner.pid
        return pid

    def interrupt(self) -> None:
        """As the Stop button does."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """SIGKILL, as the OOM killer's."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process, without ceremony."""
        if self._log.closed:
            return
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self._log.close()
