"""Who follows the job: connections on a Unix socket, each a stream of JSON lines in both directions.

A watcher that reads slowly never holds up the job: while its socket is full, growth of logs is
merged (one entry per replica), and the few other messages wait in its buffer.

To the supervisor: ``{"do": "watch"}``, ``{"do": "stop", "replicas": [...] | null, "grace": seconds | null}``.
From it: ``replica``, ``log``, ``trouble`` (see ``journal.py``), first ``hello`` (how long the logs are), last ``end``.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
from collections.abc import Callable

from ciao.adapters.local.supervisor.output import Growth

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ciao.adapters.local.supervisor.journal import Message


INTERVAL = 0.02
"""Seconds between two messages about the growth of one log."""
_FULL = 1 << 20


def encoded(message: Message) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Watchers:
    """All connections. ``ask(command, watcher)`` is called for what they say, on the supervisor's one thread."""

    def __init__(self, path: str, selector: selectors.BaseSelector, ask: Callable[[Message, Watcher], None]) -> None:
        self._path, self._selector, self._ask = path, selector, ask
        self._all: set[Watcher] = set()
        self._flushed = 0.0
        self._due = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener.bind(path)
        os.chmod(path, 0o600)
        self._listener.listen(64)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def tell(self, message: Message) -> None:
        """To everybody who watches, in order with what was told before; growth of the same replica first."""
        line = encoded(message)
        for each in [each for each in self._all if each.watching]:
            if "r" in message:
                each.flush_growth(message["r"])
            each.send(line)

    def grown(self, replica: str, growth: Growth) -> None:
        """A log has grown: told with the next ``flush``."""
        for each in self._all:
            if each.watching:
                self._due = True
                each.growth[replica] = _merged(each.growth.get(replica), growth)

    def flush(self, now: float) -> float | None:
        """Tell of growth, at most every ``INTERVAL``; when to call again (monotonic), None: need not."""
        if not self._due:
            return None
        if now < self._flushed + INTERVAL:
            return self._flushed + INTERVAL
        self._flushed, self._due = now, False
        for each in tuple(self._all):
            if not each.behind:
                each.flush_growth(*each.growth)
            self._due = self._due or bool(each.growth)
        return now + INTERVAL if self._due else None

    def close(self, last: Message, seconds: float, now: Callable[[], float]) -> None:
        """Tell the last message and wait, at most so long, until everybody has it."""
        for each in self._all:
            each.flush_growth(*each.growth)
        self.tell(last)
        self._selector.unregister(self._listener)
        self._listener.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        until = now() + seconds
        while any(each.waiting for each in self._all) and now() < until:
            for key, mask in self._selector.select(until - now()):
                if isinstance(getattr(key.data, "__self__", None), Watcher):
                    key.data(mask)
        for each in tuple(self._all):
            each.leave()

    def _accept(self, _: int) -> None:
        with contextlib.suppress(OSError):
            connection, _address = self._listener.accept()
            self._all.add(Watcher(connection, self._selector, self._ask, self._all.discard))


class Watcher:
    """One connection. ``watching`` once it has asked to."""

    def __init__(
        self,
        connection: socket.socket,
        selector: selectors.BaseSelector,
        ask: Callable[[Message, Watcher], None],
        left: Callable[[Watcher], None],
    ) -> None:
        connection.setblocking(False)
        self._socket, self._selector, self._ask, self._left = connection, selector, ask, left
        self._in = b""
        self._out = bytearray()
        self._gone = False
        self.growth: dict[str, Growth] = {}
        self.watching = False
        selector.register(connection, selectors.EVENT_READ, self.on_event)

    @property
    def waiting(self) -> bool:
        """Something has been told that it has not taken yet."""
        return bool(self._out)

    def on_event(self, mask: int) -> None:
        """Its socket can be read or written."""
        if mask & selectors.EVENT_WRITE:
            self._write()
        if mask & selectors.EVENT_READ and not self._gone:
            self._read()

    def send(self, line: bytes) -> None:
        """Append to what it is told."""
        self._out += line
        self._write()

    @property
    def behind(self) -> bool:
        """It reads more slowly than it is told."""
        return len(self._out) >= _FULL

    def flush_growth(self, *replicas: str) -> None:
        """Tell how far these logs have grown, where they have."""
        lines = []
        for name in replicas:
            found = self.growth.pop(name, None)
            if found is not None:
                lines.append(
                    encoded(dict(zip(("line", "count", "offset", "end"), found, strict=True), t="log", r=name))
                )
        if lines:
            self.send(b"".join(lines))

    def leave(self) -> None:
        """Idempotent."""
        if not self._gone:
            self._gone, self.watching = True, False
            self._out.clear()
            self._selector.unregister(self._socket)
            self._socket.close()
            self._left(self)

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data or len(self._in) > _FULL:
            return self.leave()
        *lines, self._in = (self._in + data).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                return self.leave()
            self._ask(message, self)
        return None

    def _write(self) -> None:
        if self._gone:
            return None
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            return self.leave()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        if self._selector.get_key(self._socket).events != events:
            self._selector.modify(self._socket, events, self.on_event)
        return None


def _merged(first: Growth | None, then: Growth) -> Growth:
    """Two neighbouring chunks as one; an unfinished line that goes on is one line."""
    if first is None:
        return then
    return (first[0], then[0] + then[1] - first[0], first[2], then[3])
