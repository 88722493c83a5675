"""One supervisor as the process that started it knows it: the link whose end ends the job."""

from __future__ import annotations

import asyncio
import contextlib
import marshal
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciao.adapters.local import watching
from ciao.core.errors import TargetError

_PACKAGE = str(Path(__file__).resolve().parents[2])
# Without running ``ciao/__init__.py`` and without site-packages on the path: neither can slow it down or break it.
_START = (
    "import sys; ciao = type(sys)('ciao'); ciao.__path__ = [sys.argv.pop(1)]; sys.modules['ciao'] = ciao; "
    "from ciao.adapters.local.supervisor.main import main; main()"
)
_NEEDED = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
"""Without the third a Python that was built as a library may not start; nothing else is the supervisor's business."""
_ANSWER = 30.0
_LOOK = 0.002
SAID = "supervisor.err"
"""In the job's directory: what the supervisor wrote to its stderr, which is nothing unless it is broken."""


class Link:
    """``over`` completes when the supervisor's process has ended and is reaped."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket, uid: str) -> None:
        self._process, self._end, self._uid = process, end, uid
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    def close(self) -> None:
        """The supervisor stops the job. Idempotent, from any thread, and without a running loop."""
        # Not closed: the loop may be reading it, and its number must not become another file's meanwhile.
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    async def wait(self) -> None:
        """Until the supervisor has ended. When it was killed, what it left is killed too."""
        with contextlib.suppress(OSError):
            while await asyncio.get_running_loop().sock_recv(self._end, 4096):
                pass
        self.close()
        while self._process.poll() is None:  # noqa: ASYNC110 - it ends within milliseconds of its link
            await asyncio.sleep(_LOOK)
        self._end.close()
        if self._process.returncode:
            watching.end_processes(self._uid)
        self.over.set_result(None)


async def start(plan: Mapping[str, Any], lease: int, python: str = sys.executable) -> Link:
    """A supervisor that has accepted the plan: its replicas run. TargetError when it has not; then nothing is left."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        process = _process(python, theirs.fileno(), lease, Path(plan["directory"]) / SAID)
    except OSError as error:
        ours.close()
        raise TargetError(f"the job's supervisor cannot be started: {error}") from error
    finally:
        theirs.close()
    link = Link(process, ours, plan["uid"])
    try:
        answer = await asyncio.wait_for(_handed_over(ours, plan), _ANSWER)
    except (OSError, TimeoutError) as error:
        answer = f"no answer ({error or 'timeout'})"
    except BaseException:
        link.close()
        await asyncio.shield(_followed(link))
        raise
    waiting = _followed(link)
    if answer != "ok":
        link.close()
        await waiting
        raise TargetError(f"the job's supervisor did not start it: {answer or _said(plan)}")
    return link


def _followed(link: Link) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(link.wait())
    _waiting.add(task)
    task.add_done_callback(_waiting.discard)
    return task


_waiting: set[asyncio.Task[None]] = set()
"""A loop holds its tasks only weakly."""


def _process(python: str, end: int, lease: int, errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("wb") as file:
        return subprocess.Popen(
            [python, "-I", "-S", "-c", _START, _PACKAGE, str(end), str(lease)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            pass_fds=(end, lease),
            cwd="/",
            env={name: value for name, value in os.environ.items() if name in _NEEDED},
            start_new_session=True,
        )


async def _handed_over(end: socket.socket, plan: Mapping[str, Any]) -> str:
    loop = asyncio.get_running_loop()
    raw = marshal.dumps(dict(plan))
    await loop.sock_sendall(end, len(raw).to_bytes(8, "little") + raw)
    return (await loop.sock_recv(end, 4096)).decode("utf-8", "replace")


def _said(plan: Mapping[str, Any]) -> str:
    try:
        text = (Path(plan["directory"]) / SAID).read_text("utf-8", "replace").strip()
    except OSError:
        text = ""
    return text.splitlines()[-1] if text else "it ended without a word"
