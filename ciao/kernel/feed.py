"""What the cell of one job shows, in order: Ciao's words, the board, and the lines of all replicas."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from ciao.core.errors import CiaoError
from ciao.core.events import Ended, Event, LogChunk, Progress, Submitted
from ciao.core.model import JobHandle
from ciao.kernel.board import Board
from ciao.kernel.building import Building
from ciao.kernel.output import Output
from ciao.kernel.panel import Panel

_SLICE = 64_000  # bytes of log in one message at most: a browser takes them one after another


Words = Callable[[Event], tuple[str, ...]]
"""The lines in which an event is told; none for most."""


class Left(Exception):
    """The reader does not want to see more; the job goes on."""


class View(Protocol):
    """The part of ``core.view.LogView`` that is needed here."""

    def note(self, chunk: LogChunk) -> None: ...

    def pending(self) -> bool: ...

    def take(self, limit: int) -> str: ...

    def finish(self) -> str: ...


class JobFeed:
    """Implements ``pump.Feed``. ``shown`` resolves as the job does, after the last of its output was sent.

    ``begun`` resolves when the job's header was sent, or when nothing will be any more.
    ``words`` are the lines that an event is told in; ``view_of`` opens the log of a job that was submitted.
    """

    def __init__(
        self,
        output: Output,
        words: Words,
        view_of: Callable[[JobHandle], View],
        wake: Callable[[], None],
        *,
        quiet: bool = False,
        board: bool = True,
    ) -> None:
        self.shown: Future[Ended] = Future()
        self.begun: Future[None] = Future()
        self.shown.add_done_callback(lambda _: self._has_begun())
        self._output, self._words, self._view_of, self._wake, self._quiet = output, words, view_of, wake, quiet
        self._waiting: deque[Event] = deque()
        self._dirty = False
        self._failure: BaseException | None = None
        self._ended: Ended | None = None
        self._view: View | None = None
        self._board, self._with_board, self._building = Board(), board, Building()
        self._board_panel = Panel(output, self._board.bundle)
        self._building_panel = Panel(output, self._building.bundle)

    # -- on Ciao's thread --------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """An event of the job; never blocks."""
        if self._failure is not None or self.shown.done():  # nobody looks any more
            return
        self._waiting.append(event)
        if isinstance(event, Ended):
            self._ended = event
        # One call for all that comes until the next look: a flood of chunks must not wake the pump for each.
        if not self._dirty or isinstance(event, Ended):
            self._dirty = True
            self._wake()

    def fail(self, error: BaseException) -> None:
        """The launch raised: no Ended will come."""
        self._failure = error
        self._dirty = True
        self._wake()

    def leave(self) -> None:
        """Show nothing more; from any thread."""
        self.fail(Left())

    # -- on the pump's thread ----------------------------------------------------------------------

    @property
    def due(self) -> bool:
        return self._dirty

    @property
    def ending(self) -> bool:
        return self._ended is not None or self._failure is not None

    def over(self) -> bool:
        return self.shown.done()

    def broken(self, error: BaseException) -> None:
        if not self.shown.done():
            self.shown.set_exception(error)

    def show(self, limit: int, now: float) -> int:
        ending = self.ending
        self._dirty = False
        sent = self._tell(limit, now)
        if self._failure is not None:
            self._building_panel.changed |= self._building.failed(now)
        panels = (self._building_panel, self._board_panel)
        sent += sum(panel.show(now, final=ending) for panel in panels)
        if ending:
            self._resolve()
        elif any(panel.pending for panel in panels) or (
            self._view is not None and not self._quiet and self._view.pending()
        ):
            self._dirty = True
        return sent

    def _tell(self, limit: int, now: float) -> int:
        """Words and log lines; the board is put between the header and the first line."""
        sent = 0
        text: list[str] = []
        while self._waiting:
            event = self._waiting.popleft()
            if isinstance(event, LogChunk):
                if self._view is not None:
                    self._view.note(event)
                continue
            self._board_panel.changed |= self._board.note(event)
            self._building_panel.changed |= self._building.note(event, now)
            if isinstance(event, Ended):
                text.append(self._rest())
            text += self._words_for(event)
            if isinstance(event, Submitted | Progress):
                sent += self._write("".join(text))
                text = []
                self._begin(event, now) if isinstance(event, Submitted) else self._build(now)
        text.insert(0, self._lines(min(limit, _SLICE)))
        return sent + self._write("".join(text))

    def _words_for(self, event: Event) -> list[str]:
        if isinstance(event, Progress) or (self._quiet and not isinstance(event, Submitted | Ended)):
            return []
        return [line + "\n" for line in self._words(event)]

    def _begin(self, event: Submitted, now: float) -> None:
        if self._view is None:
            self._view = self._view_of(event.handle)
        if self._with_board and not self._board_panel.begun:
            self._board_panel.begin(f"ciao-{event.handle.uid}-{id(self):x}", now)
        self._has_begun()

    def _build(self, now: float) -> None:
        if self._with_board and not self._quiet and not self._building_panel.begun:
            self._building_panel.begin(f"ciao-image-{id(self):x}", now)

    def _has_begun(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)

    def _lines(self, limit: int) -> str:
        if self._view is None or self._quiet or self._ended is not None:
            return ""
        return self._read(lambda view: view.take(limit))

    def _rest(self) -> str:
        return "" if self._view is None or self._quiet else self._read(lambda view: view.finish())

    def _read(self, read: Callable[[View], str]) -> str:
        """A log that cannot be read any more is said once; the job and its cell go on."""
        assert self._view is not None
        try:
            return read(self._view)
        except CiaoError as error:
            self._view = None
            return f"(its output cannot be shown: {error})\n"

    def _write(self, text: str) -> int:
        if text:
            self._output.write(text)
        return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    def _resolve(self) -> None:
        if self._failure is not None:
            self.shown.set_exception(self._failure)
        elif self._ended is not None:
            self.shown.set_result(self._ended)
