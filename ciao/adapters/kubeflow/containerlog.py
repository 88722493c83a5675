"""One container instance's log, read to its end: every line once, or a marked gap (kubeflow-contracts E, E.2).

- While the container runs, the log is followed. Followed reads end at the container's end, at a rotation, after four
  hours, with a connection; each end only means: read again from the cursor.
- When the container had ended before a plain read began, and that read brought nothing new, the log is complete.
- Who follows gets 13-26 thousand lines a second, who reads plainly 2.5 times as many: a reader that has fallen behind
  stops following until it has caught up.
- A pod that is gone has no log any more: what had not come by then is a gap.

What comes is collected for milliseconds while it flows, so that a flood of small pieces becomes few writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ciao.adapters.kubeflow.apierrors import ApiError
from ciao.adapters.kubeflow.lag import Lag
from ciao.adapters.kubeflow.logcursor import LogCursor
from ciao.adapters.kubeflow.logpieces import Piece
from ciao.adapters.kubeflow.logreceived import Position
from ciao.adapters.kubeflow.stamps import rfc3339
from ciao.core.errors import TargetError, UserError

SILENCE = 300.0
"""Seconds without a byte after which a followed read is renewed: some kubelets forget to follow a rotated file."""
_PLAIN = 30.0
_LINGER = 2.0
"""Seconds after the container's end in which a followed read may still bring what was printed last."""
_WHILE = 0.02
"""Seconds that the next piece is waited for when the last one came sooner than that: what flows is collected."""
_NOTICE = 1.5
"""Seconds that the kubelet may take to tell of the end of a container whose followed read has ended."""
_ROTATION = 1 << 20
"""Bytes of a followed read after which its end is more likely a rotation."""
_FIRST, _MOST, _TRIES = 0.1, 3.0, 20  # seconds of back-off; failures after which an ended container's log is given up
_KEPT = 0.25  # seconds between two marks of the position, in a flood


class Reads(Protocol):
    """What is asked of the client."""

    def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Sink(Protocol):
    """Where it goes."""

    def take(self, pieces: list[Piece]) -> float | None: ...

    def keep(self, position: Position) -> None: ...


class ContainerLog:
    """``path`` is the pod's log; ``late``: the container has run for a while, so its log is a backlog first.

    ``now`` and ``monotonic`` are the clock's, in seconds.
    """

    def __init__(
        self,
        api: Reads,
        path: str,
        container: str,
        sink: Sink,
        position: Position | None,
        *,
        now: Callable[[], float],
        late: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api, self._path, self._container, self._sink = api, path, container, sink
        self._now, self._sleep = now, sleep
        self._cursor, self._lag = LogCursor.at(position), Lag()
        self._hurry = late or position is not None
        self._ended = self._gone = False
        self._limit: asyncio.Timeout | None = None
        self._wake = asyncio.Event()
        self._kept = 0.0
        self._failures = self._bytes = 0

    def terminated(self) -> None:
        """The container has ended."""
        if not self._ended:
            self._ended = True
            self._cut_in(_LINGER)

    def gone(self) -> None:
        """The pod is no more."""
        self._ended = self._gone = True
        self._cut_in(_LINGER)

    async def run(self) -> None:
        """Read until the log is complete, or lost."""
        while True:
            ended, gone = self._ended, self._gone
            cut = await self._read(follow=not ended and not self._hurry)
            self._take(self._cursor.end(cut=cut, terminated=ended))
            if self._cursor.complete:
                break
            if gone or (ended and self._failures >= _TRIES):
                self._take(self._cursor.lost())
                break
            await self._rest(cut, ended)
        self._sink.keep(self._cursor.position)

    # -- one read --------------------------------------------------------------------------------

    async def _read(self, *, follow: bool) -> bool:
        """True when it was cut off, by whatever."""
        self._cursor.begin()
        self._bytes = 0
        params = {"container": self._container, "timestamps": "true"}
        if follow:
            params["follow"] = "true"
        if self._cursor.since is not None:
            params["sinceTime"] = rfc3339(self._cursor.since)
        try:
            async with asyncio.timeout(None) as limit:
                self._limit = limit if follow else None
                async with self._api.stream(self._path, idle=SILENCE if follow else _PLAIN, **params) as pieces:
                    cut = await self._through(pieces, follow)
        except (ApiError, TargetError, UserError, TimeoutError):
            cut = True
        finally:
            self._limit = None
        if not follow and not cut:
            self._hurry = not self._lag.caught_up
        return cut

    async def _through(self, pieces: AsyncIterator[bytes], follow: bool) -> bool:
        loop = asyncio.get_running_loop()
        former = -1.0
        async for piece in pieces:
            self._take(self._cursor.feed(piece))
            self._bytes += len(piece)
            if follow and self._lag.behind:
                self._hurry = True
                return True
            now = loop.time()
            # Others have their turn, and what flows is collected by the connection meanwhile.
            await self._sleep(_WHILE if now - former < _WHILE else 0)
            former = loop.time()
        return False

    def _take(self, pieces: list[Piece]) -> None:
        if not pieces:
            return
        now = self._now()
        last = self._sink.take(pieces)
        if last is not None:
            self._lag.line(last, now)
        if now - self._kept >= _KEPT or now < self._kept:
            self._kept = now
            self._sink.keep(self._cursor.position)

    # -- between two reads -----------------------------------------------------------------------

    async def _rest(self, cut: bool, ended: bool) -> None:
        """As long as it makes sense before the next read, but not past the container's end."""
        if self._ended != ended or (self._cursor.fresh and (ended or cut or self._bytes > _ROTATION)):
            self._failures = 0
            return
        self._failures += 1
        if not ended and not cut and self._failures == 1:
            await self._sleep_or_wake(_NOTICE)
        elif cut or self._failures > 1:
            await self._sleep_or_wake(min(_MOST, _FIRST * 2 ** (self._failures - 1)))

    async def _sleep_or_wake(self, seconds: float) -> None:
        self._wake.clear()
        waiting = asyncio.ensure_future(self._wake.wait())
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    def _cut_in(self, seconds: float) -> None:
        self._wake.set()
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + seconds)
