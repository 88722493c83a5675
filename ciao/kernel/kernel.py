"""The Ciao kernel: IPython's kernel, and the guards that a cell which waits for a job needs.

Every guard mends one behaviour of ipykernel 7.4 that a waiting cell meets and an ordinary one hardly ever does:
requests that are never answered after an interrupt, completion that waits for the cell, clean-up that
is cut off by a shutdown. ``shell_main`` and ``_cancel_on_sigint`` are semi-private there: hence the pin in
pyproject.toml.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from ipykernel.ipkernel import IPythonKernel

from ciao.kernel import extension
from ciao.kernel.leaving import Leaving

# Answered while a cell of the same shell waits for a job. Comm messages are in ipykernel's own list.
_ANSWERED_MEANWHILE = frozenset(
    f"{name}_request"
    for name in ("complete", "inspect", "is_complete", "kernel_info", "comm_info", "history", "connect")
)


class CiaoKernel(IPythonKernel):
    """IPython's kernel with Ciao's extension loaded, and the guards."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._in_user_code = False
        self.ciao = extension.load(self.shell)
        self._leaving = Leaving(self.ciao.leave)

    @property
    def banner(self) -> str:
        """What a console shows first."""
        return f"Ciao: cells with %framework=... run as distributed jobs (%ciao help).\n{super().banner}"

    def start(self) -> None:
        super().start()
        self._leaving.install(self.io_loop.asyncio_loop)
        self.io_loop.call_later(extension.WARM_UP_AFTER, self.ciao.warm_up)

    # -- interrupts: always answered, and so is the cell that they hit -----------------------------

    def pre_handler_hook(self) -> None:
        """SIGINT raises in user code only: elsewhere it would tear ipykernel's own code, and a reply would be lost."""
        self.saved_sigint_handler = signal.signal(signal.SIGINT, self._on_sigint)

    def _on_sigint(self, *_: object) -> None:
        if self._in_user_code:
            raise KeyboardInterrupt

    @contextmanager
    def _cancel_on_sigint(self, future: asyncio.Future[Any]) -> Iterator[None]:
        """Ordinary async cells. ipykernel schedules the cancelling without waking the loop (its issue 881)."""
        loop = asyncio.get_running_loop()
        former = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(future.cancel))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, former)

    async def execute_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Code that is no text (half a surrogate pair): ipykernel cannot send it to clients, and would never answer."""
        try:
            str(parent.get("content", {}).get("code", "")).encode()
        except UnicodeEncodeError:
            self._refuse_what_is_no_text(stream, ident, parent)
        else:
            await super().execute_request(stream, ident, parent)

    def _refuse_what_is_no_text(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        from ciao.core.errors import SourceError
        from ciao.core.interpreter.code import check_text

        assert self.session is not None
        try:
            check_text(parent["content"]["code"], "this cell")
        except SourceError as refusal:
            text = {"ename": "SourceError", "evalue": str(refusal), "traceback": refusal._render_traceback_()}
            self.session.send(self.iopub_socket, "error", text, parent=parent, ident=self._topic("error"))
            reply = {"status": "error", **text, "execution_count": self.execution_count}
            self.session.send(stream, "execute_reply", reply, parent, ident=ident)

    async def do_execute(self, code: str, silent: bool, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Nothing escapes: what leaves ``do_execute`` as an exception is logged by ipykernel and never answered."""
        assert self.shell is not None
        count = self.shell.execution_count
        main = threading.current_thread() is threading.main_thread()
        try:
            self._in_user_code = self._in_user_code or main
            try:
                reply: dict[str, Any] = await super().do_execute(code, silent, *args, **kwargs)
                return reply
            finally:
                if main:
                    self._in_user_code = False
        except (KeyboardInterrupt, asyncio.CancelledError):
            return self._interrupted_reply(count, silent)

    def _interrupted_reply(self, count: int, silent: bool) -> dict[str, Any]:
        assert self.shell is not None and self.session is not None
        if not silent and self.shell.execution_count == count:
            self.shell.execution_count = count + 1
        error = {"ename": "KeyboardInterrupt", "evalue": "interrupted", "traceback": ["KeyboardInterrupt: interrupted"]}
        self.session.send(
            self.iopub_socket, "error", error, parent=self.get_parent("shell"), ident=self._topic("error")
        )
        return {"status": "error", **error, "execution_count": count, "user_expressions": {}, "payload": []}

    async def interrupt_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """``interrupt_mode: message``, on the Control thread: reaches cells of subshells too, where no signal would."""
        waits = self.ciao.waits.now()
        for wait in waits:
            wait.interrupt()
        if any(wait.thread == threading.main_thread().ident for wait in waits):
            # A signal on top would count as the second interrupt of the same cell.
            if self.session is not None:
                self.session.send(stream, "interrupt_reply", {"status": "ok"}, parent, ident=ident)
        else:
            await super().interrupt_request(stream, ident, parent)

    # -- other requests are answered while a job runs ----------------------------------------------

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """One message per shell at a time is ipykernel's rule; while a cell only waits for a job, it has no reason."""
        if not self.ciao.waits.on_thread(threading.get_ident()) or not self._may_answer_meanwhile(msg):
            await super().shell_main(subshell_id, msg)
            return
        ident, parent = self._get_shell_context_var(self._shell_parent_ident), self.get_parent("shell")
        request = self._peek(msg)
        self._publish_status("busy", "shell", parent=request)
        try:
            answering = self.dispatch_shell(msg, subshell_id=subshell_id, concurrent=True)
            await asyncio.create_task(answering, context=copy_context())
        finally:
            self._publish_status("idle", "shell", parent=request)
            self.set_parent(ident, parent, "shell")
            if self.ciao.waits.on_thread(threading.get_ident()):
                # Front-ends show the last state that they heard: the kernel is still busy with the job's cell.
                self._publish_status("busy", "shell", parent=parent)

    def _may_answer_meanwhile(self, msg: Any) -> bool:
        return bool(self._peek(msg).get("header", {}).get("msg_type") in _ANSWERED_MEANWHILE)

    def _peek(self, msg: Any) -> dict[str, Any]:
        """The message's headers; empty when it cannot be read (ipykernel itself says so then)."""
        try:
            assert self.session is not None
            _, frames = self.session.feed_identities(msg, copy=False)
            peeked: dict[str, Any] = self.session.deserialize(frames, content=False, copy=False)
        except (ValueError, TypeError, IndexError):
            return {}
        return peeked

    # -- leaving -----------------------------------------------------------------------------------

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """On the Control thread, also while a cell runs: jobs of this machine end with their kernel."""
        await self._leaving.shut_down()
        assert self.shell is not None
        self.shell.exit_now = True
        return {"status": "ok", "restart": restart}
