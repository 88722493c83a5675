"""One container instance's log, read to its end: every line once, or a marked gap (kubeflow-contracts E, E.2).

What comes after a read depends on how that ended:

| read     | its end                                      | then                                             |
|----------|----------------------------------------------|--------------------------------------------------|
| any      | whatever, and the log is complete            | over                                             |
| any      | whatever, and the pod is gone                | over; what had not come by then is a gap         |
| any      | an error, a connection that breaks           | the same again, after a pause that grows         |
| followed | silence (``logpace``)                        | followed anew                                    |
| followed | doubted: it may skip lines                   | plain                                            |
| followed | EOF                                          | plain, once the container's end is told, or soon |
| plain    | EOF, and the container had ended before it   | plain, until one brings nothing new: of the last |
|          |                                              | lines alone, if they reach back so far           |
| plain    | EOF, also of one that overtook a followed one| followed; or plain, while it is still behind     |

So a container that ends as most do costs two requests. An ended container's log that cannot be read (its node is gone,
its file was removed) is given up after ``GIVE_UP`` seconds.
"""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress

from ciao.adapters.kubeflow.logs.logread import End, LogRead, Sink, Source, clock
from ciao.adapters.kubeflow.logs.logreceived import Position

GIVE_UP = 20.0
"""Seconds for which an ended container's log may fail to be read."""
_NOTICE = 1.5  # seconds that the kubelet may take to tell of the end of a container whose followed read has ended
_FIRST, _MOST, _SOON = 0.25, 30.0, 1.0  # seconds between two tries; between those for a container that starts
_LATE = 10.0  # seconds from a container's start
_TELL = 10.0  # seconds of failing after which it is told


class ContainerLog:
    """``run`` is called once; ``terminated`` and ``gone`` at any time, on the loop."""

    def __init__(self, source: Source, sink: Sink, position: Position | None) -> None:
        self._read, self._sink = LogRead(source, sink, position), sink
        started = source.started
        # What has run for a while has a backlog, and a plain read is not silent where that was rotated.
        self._plain = position is not None or (started is not None and source.now() - started > _LATE)
        self._step = 0.75 + zlib.crc32(source.path.encode()) / 2**33  # not in step with the other replicas
        self._news = asyncio.Event()
        self._tries = 0
        self._failing: float | None = None  # since when nothing of the log was shown
        self._told = False

    def terminated(self) -> None:
        """The container has ended: what can still come is there already."""
        if not self._read.ended:
            self._read.ended = True
            self._hasten()

    def gone(self) -> None:
        """The pod is no more: nothing can be read but what is on the way."""
        if not self._read.gone:
            self._read.ended = self._read.gone = True
            self._hasten()

    async def run(self) -> None:
        """Read until the log is complete, or lost."""
        read = self._read
        while not self._sink.over:
            if not self._sink.open:
                return await self._end()
            if read.gone or (read.ended and self._is_hopeless()):
                return read.finish(read.cursor.lost())
            ended = read.ended
            plain = self._plain or ended
            check = ended and read.whole
            end = await (read.check() if check else read.read(plain=plain))
            self._judge(end)
            if read.cursor.complete:
                return read.finish()
            await self._next(end, plain=plain, ended=ended)
        return None

    async def _next(self, end: End, *, plain: bool, ended: bool) -> None:
        """What the table says: whether the next read is plain, and when."""
        fresh, pace = self._read.cursor.fresh, self._read.pace
        if fresh:
            self._tries = 0
        if end is End.USELESS:
            self._plain = True
        elif end is End.SILENT and not plain:
            self._plain = False
            pace.renewed()
        elif end is End.DOUBTED:
            self._plain = True
        elif end is End.OVERTAKEN or (end is End.EOF and plain and fresh):
            self._plain = pace.flows(clock()) and not pace.caught_up
        elif end is End.EOF and not plain:
            self._plain = True
            if not pace.flows(clock()) and self._read.ended == ended:
                await self._news_within(_NOTICE)
        else:
            self._plain = plain and end is not End.EOF
            if self._read.ended == ended:
                await self._pause()

    def _judge(self, end: End) -> None:
        """For how long nothing has been seen of the log, though the cluster answers."""
        cursor = self._read.cursor
        if end is not End.REFUSED and (end is End.BROKEN or cursor.fresh or cursor.holds):
            self._failing = None
        elif self._failing is None:
            self._failing = clock()
        error = self._read.error
        if error is not None and self._failing is not None and clock() - self._failing > _TELL and not self._told:
            self._told = True
            self._sink.trouble(f"the log cannot be read at present: {error.message}")

    def _is_hopeless(self) -> bool:
        return self._failing is not None and clock() - self._failing > GIVE_UP

    async def _pause(self) -> None:
        """Longer each time; news end it."""
        seconds = self._step * min(_MOST, _FIRST * 2 ** min(self._tries, 10))
        error = self._read.error
        if error is not None:
            seconds = min(seconds, _SOON) if error.status == 400 else max(seconds, error.retry_after or 0.0)
        self._tries += 1
        await self._news_within(seconds)

    async def _news_within(self, seconds: float) -> None:
        """Until the container has ended, or the pod is gone, but only so long."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _end(self) -> None:
        """The container's: what it prints is dropped."""
        while not self._read.ended:
            self._news.clear()
            await self._news.wait()

    def _hasten(self) -> None:
        self._news.set()
        self._read.hasten()
