"""One read of a container's log: from the API through the cursor into the sink, and how it ended.

Where a followed read falls behind, a plain one is opened beside it, since that brings two to three times as many lines
a second (measured with kubelet 1.34). It takes over only if its file goes on from where the other one is: for a
followed read, and for that alone, the kubelet still holds a file open that was rotated away.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

from attrs import frozen

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.logs.logcursor import LogCursor
from ciao.adapters.kubeflow.logs.logpace import Pace, missed_beginning
from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Text
from ciao.adapters.kubeflow.logs.logreceived import Position
from ciao.adapters.kubeflow.seen.stamps import SECOND, rfc3339
from ciao.core.errors import TargetError, UserError

BATCH = 1 << 18
"""Bytes that are taken at once."""
LINGER = 3.0
"""Seconds of silence that end a followed read of a container that has ended."""
GONE = 1.0
"""Seconds of silence that end any read of a pod that is gone."""
PLAIN = 30.0
"""Seconds of silence that end a plain read."""
_FLOW = 0.02  # seconds: pieces that follow each other faster are collected so long
_AGAIN = 5.0  # seconds between two plain reads beside a followed one
_SAMPLE = 0.1  # seconds in which a flood shows itself
_AT_ONCE = 2.0  # seconds within which a read begins to bring what its file had when it was opened
_YOUNG = 1.0  # seconds: a container's start is told in whole ones
_TAIL = "200"  # lines that show whether there are more than we have


class Reads(Protocol):
    """What is asked of the client."""

    def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Sink(Protocol):
    """Where it goes. ``over``: there is nothing to read any more; ``open``: what is taken is not dropped."""

    over: bool
    open: bool

    def take(self, pieces: Sequence[Piece], position: Position, *, over: bool = False) -> None: ...

    def trouble(self, message: str) -> None: ...


class End(enum.Enum):
    """How a read ended. OVERTAKEN: by a plain one, which has come to its end. DOUBTED: it may skip lines from here."""

    EOF = "eof"
    BROKEN = "broken"
    REFUSED = "refused"
    SILENT = "silent"
    DOUBTED = "doubted"
    OVERTAKEN = "overtaken"
    USELESS = "useless"


@frozen(kw_only=True)
class Source:
    """A container instance's log. ``path`` is the pod's; ``started``: when the container started, by its node's clock.

    ``now``: seconds since the epoch.
    """

    api: Reads
    path: str
    container: str
    now: Callable[[], float]
    started: float | None = None


class LogRead:
    """The reads of one container's log, one after the other. ``ended``: the container; ``gone``: the pod."""

    def __init__(self, source: Source, sink: Sink, position: Position | None) -> None:
        self.cursor, self.pace = LogCursor.at(position), Pace()
        self.ended = self.gone = False
        self.error: ApiError | None = None
        """With which the last read was refused."""
        self._source, self._sink, self._now = source, sink, source.now
        self._limit: asyncio.Timeout | None = None
        self.whole = False
        """The last read came to the end of its file."""
        self._follows = self._drained = False
        self._all = False  # the last read came to the end of all that the container had written
        self._leave: Callable[[], Awaitable[None]] | None = None  # ends the followed read, when another takes over
        self._came = -math.inf
        # Of a log that nothing was read of, the beginning may have been rotated away already.
        self._started = source.started if self.cursor.since is None else None
        self._late = -math.inf  # until when what comes was in the file already

    def hasten(self) -> None:
        """``ended`` or ``gone`` has changed: what still comes must come soon."""
        if self._limit is not None and (self._follows or self.gone):
            self._wait(GONE if self.gone else LINGER)

    async def read(self, *, plain: bool) -> End:
        """One read, from the cursor on."""
        ended, self._follows = self.ended, not plain
        self.cursor.begin(seam=self._drained and ended)
        self.pace.begin(clock())
        end = await self._request(plain=plain)
        self._follows, self._leave = False, None
        if end is not End.OVERTAKEN:
            self.whole = end is End.EOF
            self._take(self.cursor.end(cut=not self.whole, terminated=ended))
            self._all = self.whole and (ended or not plain) and self._has_shown
        self._drained = self._all or (self._drained and not self.cursor.fresh)
        return end

    async def check(self) -> End:
        """Read the last lines of a container that has ended; USELESS: they do not reach back to what we have."""
        end = await self._try(seam=self._drained, terminated=True, tailLines=_TAIL)
        self.whole = end is End.EOF
        return end

    def finish(self, pieces: Sequence[Piece] = ()) -> None:
        """These are the last."""
        self._sink.take(pieces, self.cursor.position, over=True)

    # -- inside ----------------------------------------------------------------------------------

    async def _request(self, *, plain: bool, wary: bool = False, **params: str) -> End:
        outer, self.error = self._limit, None
        params |= {"container": self._source.container, "timestamps": "true"}
        if not plain:
            params["follow"] = "true"
        if self.cursor.since is not None:
            params["sinceTime"] = rfc3339(self.cursor.since)
        try:
            async with (
                asyncio.timeout(PLAIN) as self._limit,
                AsyncExitStack() as streams,
            ):
                pieces = await streams.enter_async_context(
                    self._source.api.stream(self._source.path, idle=None, **params)
                )
                if not plain:
                    self._leave = streams.aclose
                if self._started is not None and self._now() - self._started > _YOUNG:
                    self._late = clock() + _AT_ONCE
                    await asyncio.sleep(_SAMPLE)
                return await (self._plain(pieces, wary=wary) if plain else self._followed(pieces))
        except TimeoutError:
            return End.SILENT
        except ApiError as error:
            self.error = error
            return End.REFUSED
        except (TargetError, UserError):
            return End.BROKEN
        finally:
            self._limit = outer

    async def _try(self, *, seam: bool = False, terminated: bool = False, **params: str) -> End:
        """A plain read that may begin anywhere; USELESS, and as if it had not been: behind what we have."""
        former, self.cursor = self.cursor, self.cursor.scout()
        self.cursor.begin(seam=seam, tail=terminated)
        end = await self._request(plain=True, wary=True, **params)
        last = self.cursor.end(cut=end is not End.EOF, terminated=terminated)
        useless = end is End.USELESS or _has_gap(last)
        left = self._follows and self._leave is None
        if left or (not useless and (self.cursor.fresh or self.cursor.complete)):
            self._take(last)
            return end
        self.cursor = former
        return End.USELESS if useless or end is End.EOF else end

    async def _followed(self, pieces: AsyncIterator[bytes]) -> End:
        self._wait(self.pace.patience(clock()))
        tried = -math.inf
        async for data in pieces:
            now = clock()
            good = self.pace.believed(data, now, self._now())
            await self._feed(data[:good])
            if good < len(data) or not self._sink.open:
                return End.DOUBTED
            if self.pace.behind(now, ended=self.ended) and now - tried > _AGAIN:
                tried = now
                if await self._overtake():
                    return End.OVERTAKEN
            self._wait(LINGER if self.ended else self.pace.patience(now))
            await self._collect()
        return End.EOF

    async def _plain(self, pieces: AsyncIterator[bytes], *, wary: bool) -> End:
        async for data in pieces:
            self._wait(GONE if self.gone else PLAIN)
            self.pace.heard(data, clock(), self._now())
            if not await self._feed(data, wary=wary and not self.cursor.fresh):
                return End.USELESS
            if self._leave is not None and wary and self.cursor.overlaps:
                # It goes on from what we have, and is faster alone.
                leave, self._leave = self._leave, None
                await leave()
            if not self._sink.open:
                return End.BROKEN
            await self._collect()
        return End.EOF

    async def _overtake(self) -> bool:
        """Read plainly beside the followed read, which waits; False: that goes on as if nothing had been."""
        assert self._limit is not None
        self._limit.reschedule(None)
        followed, ended = self.cursor, self.ended
        self.whole = await self._try() is End.EOF
        self._all = self.whole and ended and self._has_shown
        return self.cursor is not followed

    async def _feed(self, data: bytes, *, wary: bool = False) -> bool:
        """False, and nothing of it is taken, for what is ``wary`` of a gap and meets one."""
        if data and self._started is not None:
            started, self._started = self._started, None
            began = missed_beginning(data, started) if clock() < self._late else None
            if began is not None:
                self._sink.take((Gap(round(started) * SECOND, began),), self.cursor.position)
        for place in range(0, len(data), BATCH):
            if place:
                await asyncio.sleep(0)  # the other replicas have their turn
            pieces = self.cursor.feed(data[place : place + BATCH])
            if wary and _has_gap(pieces):
                return False
            self._take(pieces)
        return True

    def _take(self, pieces: Sequence[Piece]) -> None:
        if pieces:
            self.pace.grew(sum(len(each.data) for each in pieces if isinstance(each, Text)), clock())
            self._sink.take(pieces, self.cursor.position)

    @property
    def _has_shown(self) -> bool:
        """Else its file may have been a new one, behind another that nobody has read."""
        return self.cursor.overlaps or self.cursor.fresh

    async def _collect(self) -> None:
        """While pieces follow one another, the connection collects them: they become few batches."""
        now, former = clock(), self._came
        await asyncio.sleep(_FLOW if now - former < 2 * _FLOW else 0)
        self._came = clock()

    def _wait(self, seconds: float) -> None:
        assert self._limit is not None
        self._limit.reschedule(clock() + seconds)


def _has_gap(pieces: Sequence[Piece]) -> bool:
    return any(isinstance(each, Gap) for each in pieces)


def clock() -> float:
    """Monotonic seconds."""
    return asyncio.get_running_loop().time()
