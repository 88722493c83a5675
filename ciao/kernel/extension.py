"""``%load_ext ciao``: job cells and Ciao's commands in any ipykernel.

A cell that is Ciao's is rewritten, before IPython reads it, into one top-level ``await``
(docs/adr/0005-the-job-cell-is-one-await.md). So IPython numbers it, keeps it in the history as it was written,
reports its errors and aborts what is queued behind it; and every other cell goes its usual way, at the price of one
look for a ``%`` at the beginning of a line.

Nothing else of Ciao is imported here: that happens with the first cell or completion that has a magic, or
``WARM_UP_AFTER`` seconds after the kernel's start.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ciao.kernel.waits import Waits

if TYPE_CHECKING:
    from ciao.bootstrap import App
    from ciao.kernel.pump import Pump

WARM_UP_AFTER = 2.0  # seconds; a user reads at least that long before the first job

_LOOK = 0.01  # seconds
_ATTRIBUTE = "run_ciao_cell"  # on the shell: survives %reset, and needs no name of the user's


def load(ip: Any, open_app: Callable[[], App] | None = None) -> Extension:
    """Load Ciao into this IPython; loaded again, it is the same. ``open_app`` is for tests."""
    runner = getattr(ip, _ATTRIBUTE, None)
    if runner is not None:
        present: Extension = runner.__self__
        return present
    extension = Extension(ip, open_app or _open_app)
    extension.install()
    return extension


def unload(ip: Any) -> None:
    """``%unload_ext ciao``: cells are IPython's again; jobs of this machine are stopped."""
    runner = getattr(ip, _ATTRIBUTE, None)
    if runner is not None:
        runner.__self__.uninstall()


class Extension:
    """Ciao in one IPython."""

    def __init__(self, ip: Any, open_app: Callable[[], App]) -> None:
        self.ip, self.waits = ip, Waits()
        self._open_app = open_app
        self._opening, self._pid = threading.Lock(), os.getpid()
        self._app: App | None = None
        self._pump: Pump | None = None

    def install(self) -> None:
        """Hook into the shell."""
        import atexit

        from ciao.kernel.hooks import Hooks

        self._hooks = Hooks(self.ip, lambda: self.app().vocabulary, self._jobs)
        self.ip.input_transformer_manager.cleanup_transforms.insert(0, self.transform)
        setattr(self.ip, _ATTRIBUTE, self.run)
        self._hooks.install()
        # In a kernel that is not Ciao's own, this is all the warning that a shutdown gives.
        atexit.register(self.leave)

    def uninstall(self) -> None:
        """Take the hooks out again and end what was started."""
        import atexit

        atexit.unregister(self.leave)
        self.ip.input_transformer_manager.cleanup_transforms.remove(self.transform)
        delattr(self.ip, _ATTRIBUTE)
        self._hooks.uninstall()
        self.leave()

    def warm_up(self) -> None:
        """Import what the first job cell needs, on a thread, so that it starts at once."""
        threading.Thread(target=_import_all, name="ciao-warm-up", daemon=True).start()

    # -- cells -------------------------------------------------------------------------------------

    def transform(self, lines: list[str]) -> list[str]:
        """The input transformer: a cell of Ciao's becomes one await, all others stay as they are."""
        if not any(line.startswith("%") for line in lines):
            return lines
        from ciao.core.recognize import Kind, kind_of

        source = "".join(lines)
        if kind_of(source) is Kind.PLAIN:
            return lines
        return [f"await get_ipython().{_ATTRIBUTE}({source!r})\n"]

    async def run(self, source: str) -> None:
        """Carry out one cell of Ciao's. Raises CiaoError, which IPython shows without frames."""
        from ciao.kernel.commands import Commands

        await Commands(self.ip, self.app(), self.pump(), self.waits).carry_out(source)

    # -- what the cells share ----------------------------------------------------------------------

    def app(self) -> App:
        """The session of this kernel, opened with its first use: then settings are read."""
        with self._opening:
            if self._app is None:
                self._app = self._open_app()
            return self._app

    def _jobs(self) -> list[str]:
        """Names that a command may be given, newest first."""
        return ["last", *(record.handle.name for record in self.app().store.list())]

    def pump(self) -> Pump:
        """The publisher of this kernel."""
        from ciao.core.settings import VIEW_RATE
        from ciao.kernel.pump import Pump

        rate = self.app().settings[VIEW_RATE]
        with self._opening:
            if self._pump is None:
                self._pump = Pump(rate=rate)
            return self._pump

    def leave(self, seconds: float = 2.3) -> None:
        """The kernel ends: stop its local jobs and wait for them, at most ``seconds``.

        The default is what Jupyter leaves a plain ipykernel between its shutdown_request and SIGTERM.
        """
        app, self._app = self._app, None
        if app is None or os.getpid() != self._pid:  # a child that the user forked has nothing to end
            return
        began = time.monotonic()
        app.runtime.stop_jobs(seconds)
        on_main = threading.current_thread() is threading.main_thread()
        while self.waits.now() and time.monotonic() - began < seconds and not on_main:
            time.sleep(_LOOK)  # the cells of those jobs are about to be answered
        with suppress(Exception):  # the process ends anyway, and nobody could be told
            app.close()


def _open_app() -> App:
    from ciao.bootstrap import open_app

    owner = f"kernel {os.getpid()} on {os.uname().nodename}"
    return open_app(directory=os.getcwd(), environ=os.environ, owner=owner)  # noqa: PTH109 - a string is asked for


def _import_all() -> None:
    """Settings are not kept: until the first job cell the user may change them."""
    import ciao.kernel.commands  # noqa: F401 - imported for its own sake
    from ciao.bootstrap import preload

    with suppress(Exception):  # a mistake in the settings is told to the first cell that needs them
        preload(directory=os.getcwd(), environ=os.environ)  # noqa: PTH109 - a string is asked for
