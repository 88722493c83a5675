"""A running job in a terminal or a pipe.

Log lines are the job's output and go to ``out``; what Ciao itself says (header, states, how it ended) goes to
``err``, so that ``ciao run train.py > losses.txt`` keeps the two apart. Events come on Ciao's thread, which must
not block; a pipe may. So the ``Feed`` between them only remembers, and the caller's thread writes.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

from ciao.core.events import Ended, Event, LogChunk, Phase, Progress, ReplicaChanged, Submitted
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobStore
from ciao.core.presenter import event_lines
from ciao.core.view import LogView
from ciao.core.voice import LIBRARY, TERMINAL, Voice
from ciao.runtime import Running
from ciao.terminal import FAINT, Terminal, terminal_of

if TYPE_CHECKING:
    from ciao.bootstrap import App

_SLICE = 1 << 20  # bytes of log per write: large enough to be fast, small enough to be interrupted
_TICK = 0.1  # seconds between two looks at the status line
_GATHER = 0.02  # seconds that a flood of log chunks gathers: one large read instead of many small ones
_ERASE = "\r\x1b[2K"
_PREFIX = re.compile(r"(?m)^\[[^\]\n]+\]")
_HUES = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)


class Display(Protocol):
    """How a job is shown: to people as text, to programs as JSON lines.

    ``show`` gets every event in order and on one thread; log chunks of one replica may come merged. ``tick`` is
    called a few times a second.
    """

    def show(self, event: Event) -> None: ...

    def tick(self) -> None: ...


Words = Callable[[Event], tuple[str, ...]]
"""The lines that an event is worth telling in; none for most (``ciao.core.presenter`` has them)."""


class Feed:
    """Events from one thread to another, in order; neighbouring chunks of a replica merge, so it stays small."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: list[Event | dict[Replica, LogChunk]] = []
        self._woken: SimpleQueue[None] = SimpleQueue()

    def put(self, event: Event) -> None:
        """Never blocks."""
        with self._guard:
            if isinstance(event, LogChunk):
                self._merge(event)
            else:
                self._waiting.append(event)
        self.wake()

    def wake(self) -> None:
        """Let ``take`` return now."""
        if self._woken.empty():
            self._woken.put(None)

    def take(self, timeout: float) -> list[Event]:
        """All events since the last call; waits up to ``timeout`` seconds for the first."""
        try:
            self._woken.get(timeout=timeout)
        except Empty:
            return []
        with self._guard:
            waiting, self._waiting = self._waiting, []
        return [event for item in waiting for event in (item.values() if isinstance(item, dict) else (item,))]

    def _merge(self, chunk: LogChunk) -> None:
        if not self._waiting or not isinstance(self._waiting[-1], dict):
            self._waiting.append({})
        group = self._waiting[-1]
        assert isinstance(group, dict)
        earlier = group.get(chunk.replica)
        if earlier is None:
            group[chunk.replica] = chunk
        else:
            count = chunk.first_line + chunk.count - earlier.first_line
            group[chunk.replica] = LogChunk(chunk.replica, earlier.first_line, count, earlier.offset, chunk.end)


def follow(app: App, running: Running) -> Ended:
    """Show a job on this process's standard streams until its end: the library's ``output=True``."""
    terminal = terminal_of(sys.stdout, sys.stderr, os.environ)
    return watch(running, Console(terminal, app.store, lambda event: event_lines(event, LIBRARY), voice=LIBRARY))


def watch(running: Running, display: Display) -> Ended:
    """Show a job until its end, on the calling thread; raises what its launch raised."""
    feed = Feed()
    unsubscribe = running.subscribe(feed.put)
    running.finished.add_done_callback(lambda _: feed.wake())
    try:
        while True:
            events = feed.take(_TICK)
            for event in events:
                display.show(event)
                if isinstance(event, Ended):
                    return event
            display.tick()
            if events and all(isinstance(event, LogChunk) for event in events):
                time.sleep(_GATHER)
            if running.finished.done() and running.finished.exception() is not None:
                for event in feed.take(_TICK):  # what was told on the way to the error
                    display.show(event)
                return running.finished.result()
    finally:
        unsubscribe()


class StatusLine:
    """The last line of the terminal: who runs, and for how long. Erased before anything else is written."""

    def __init__(self, terminal: Terminal, monotonic: Callable[[], float]) -> None:
        self._terminal, self._monotonic = terminal, monotonic
        self._phases: dict[Replica, Phase] = {}
        self._name, self._began, self._drawn, self._building = "", 0.0, "", ""

    def note(self, event: Event) -> None:
        """Remember what the line says."""
        if isinstance(event, Progress):
            self._building = "".join(event_lines(event))
        elif isinstance(event, Submitted):
            self._name, self._began = event.spec.name, self._monotonic()
            self._phases = dict.fromkeys(event.spec.replicas, Phase.WAITING)
        elif isinstance(event, ReplicaChanged):
            self._phases[event.replica] = event.phase

    def erase(self) -> None:
        """Leave the cursor at the beginning of an empty line."""
        if self._drawn:
            self._drawn = ""
            self._terminal.err.write(_ERASE)
            self._terminal.err.flush()

    def draw(self) -> None:
        """Write it again where it changed; it never wraps."""
        text = self._text()[: max(0, self._terminal.columns - 1)]
        if self._terminal.live and text and text != self._drawn:
            self._terminal.err.write(
                f"{_ERASE}\x1b[{FAINT}m{text}\x1b[0m" if self._terminal.color_err else _ERASE + text
            )
            self._terminal.err.flush()
            self._drawn = text

    def _text(self) -> str:
        if not self._name:
            return self._building
        counts = [(sum(p is phase for p in self._phases.values()), phase.value) for phase in Phase]
        states = ", ".join(f"{count} {word}" for count, word in counts if count)
        return f"{self._name} · {states} · {self._monotonic() - self._began:.0f} s"


class Console:
    """A job for people: Ciao's words, then every line of every replica, then how it ended."""

    def __init__(
        self,
        terminal: Terminal,
        store: JobStore,
        words: Words,
        *,
        voice: Voice = TERMINAL,
        quiet: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terminal, self._store, self._words, self._quiet = terminal, store, words, quiet
        self._voice = voice
        self._status = StatusLine(terminal, monotonic)
        self._view: LogView | None = None
        self._hues: dict[str, int] = {}
        self._step = ""

    def show(self, event: Event) -> None:
        self._status.note(event)
        if isinstance(event, LogChunk):
            if self._view is not None and not self._quiet:
                self._view.note(event)
            return
        if isinstance(event, Submitted) and self._view is None:
            self._view = self._view_of(event.handle)
        self._drain()
        if isinstance(event, Ended) and self._view is not None:
            self._write(self._view.finish())
        if isinstance(event, Progress) and not self._worth_a_line(event):
            return
        if words := self._words(event):
            self._status.erase()
            self._terminal.say("\n".join(words))

    def _worth_a_line(self, event: Progress) -> bool:
        """Where the status line says how far it is, nothing is; else each step, once."""
        known, self._step = self._step, event.what
        return not self._terminal.live and event.what != known

    def tick(self) -> None:
        self._drain()
        self._status.draw()

    def _drain(self) -> None:
        """All lines that are due. A take that finds little was the last of this round: the view counts them."""
        while self._view is not None and self._view.pending():
            text = self._view.take(_SLICE)
            self._write(text)
            if len(text) < _SLICE // 2:
                return

    def _write(self, text: str) -> None:
        if not text:
            return
        self._status.erase()
        self._terminal.out.write(_PREFIX.sub(self._hued, text) if self._terminal.color_out else text)
        self._terminal.out.flush()

    def _hued(self, prefix: re.Match[str]) -> str:
        hue = self._hues.setdefault(prefix[0], _HUES[len(self._hues) % len(_HUES)])
        return f"\x1b[{hue}m{prefix[0]}\x1b[0m"

    def _view_of(self, handle: JobHandle) -> LogView:
        store = self._store
        record = store.get(handle.target, handle.name)
        label, origins = (record.label, record.origins) if record is not None else (self._voice.place, ())
        return LogView(
            lambda replica: store.reader(handle, replica), label,
            budget=None, job=handle.name, voice=self._voice, origins=origins,
        )  # fmt: skip
