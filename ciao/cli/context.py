"""What every command is given: where to write, whose environment, and Ciao itself when it is asked for.

Nothing here imports an adapter; ``app`` does, with its first use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from ciao.terminal import Terminal

if TYPE_CHECKING:
    from ciao.bootstrap import App


class Context:
    """``directory`` is absolute; ``program`` is what stood after ``--``; ``open_app`` makes ``app``."""

    def __init__(
        self,
        *,
        terminal: Terminal,
        environ: Mapping[str, str],
        directory: str,
        stdin: TextIO,
        program: tuple[str, ...] = (),
        open_app: Callable[..., App] | None = None,
    ) -> None:
        self.terminal, self.environ, self.directory = terminal, environ, directory
        self.stdin, self.program, self._open_app = stdin, program, open_app
        self._app: App | None = None

    @property
    def app(self) -> App:
        """Ciao with the settings of this directory and environment; opened once."""
        if self._app is None:
            self._app = self._opened()
        return self._app

    def check_target(self, name: str | None) -> None:
        """UserError for a target that this installation does not have; None is every target."""
        from ciao.core.errors import UserError
        from ciao.core.words import listed

        if name is not None and name not in self.app.vocabulary.targets:
            raise UserError(
                f"There is no target {name!r}.", hint=f"This Ciao has {listed(self.app.vocabulary.targets)}."
            )

    def close(self) -> None:
        """Close what was opened."""
        if self._app is not None:
            self._app.close()

    def _opened(self) -> App:
        if self._open_app is None:
            from ciao.bootstrap import open_app

            self._open_app = open_app
        return self._open_app(directory=self.directory, environ=self.environ, owner=f"ciao, process {os.getpid()}")
