"""A container that prints, and the log API that shows it, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from attrs import Factory, define, field, frozen

from ciao.adapters.kube.apierrors import ApiError, Broken, Unreachable
from ciao.adapters.kubeflow.logs.containerlog import ContainerLog
from ciao.adapters.kubeflow.logs.logread import Source
from ciao.adapters.kubeflow.logs.logsink import LogSink
from ciao.adapters.memory.jobstore import MemoryJobStore
from ciao.core.events import LogChunk, LogTrouble, Observation
from ciao.core.model import Replica
from ciao.core.ports import LogGap, LogWriter
from ciao.testing.jobstore import a_record

from .kubelet import Follow, NodeLog
from .virtualtime import now

PATH = "/api/v1/namespaces/n/pods/p/log"
NODE_IS_BEHIND = 1.0  # seconds that the node's clock differs
UNREACHABLE = Unreachable("no answer", sent=False)


def fault(status: int, message: str = "it is broken") -> ApiError:
    """The apiserver's refusal."""
    return ApiError(status, "Reason", message)


@frozen
class Ends:
    """A read ends here: after so many bytes (None: after all that there is), by itself or not."""

    after: int | None
    breaks: bool = False


@frozen
class Deaf:
    """A followed read that does not hear of new files, as of a kubelet before 1.29."""


@frozen
class Slow:
    """A read that brings ``size`` bytes at once, ``pause`` seconds apart."""

    size: int
    pause: float


How = ApiError | Unreachable | Ends | Deaf | Slow | None


@define(eq=False)
class Container:
    """Prints into ``log`` while it is ``running``. ``how``: what happens to the reads, one after the other."""

    how: list[How] = Factory(list)
    log: NodeLog = Factory(NodeLog)
    running: bool = True
    requests: list[dict[str, str]] = Factory(list)
    _news: asyncio.Event = Factory(asyncio.Event)
    _stamp: int = 0

    def print(self, *lines: str, whole: bool = True) -> None:
        """One line each; the last may be a part."""
        for number, line in enumerate(lines):
            self._stamp = max(self._stamp + 1, int((now() - NODE_IS_BEHIND) * 1e9))
            self.log.write(self._stamp, line.encode(), whole=whole or number < len(lines) - 1)
        self._tell()

    def rotate(self) -> None:
        self.log.rotate()
        self._tell()

    def end(self) -> None:
        """It has ended; the watch has not told yet."""
        self.running = False
        self._tell()

    @property
    def printed(self) -> str:
        return self.log.data.decode()

    @property
    def kinds(self) -> str:
        """The requests: f(ollow), p(lain), t(ail)."""
        return "".join("f" if "follow" in each else "t" if "tailLines" in each else "p" for each in self.requests)

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As the client's."""
        assert (path, params["container"], params["timestamps"]) == (PATH, "main", "true")
        self.requests.append(params)
        how = self.how.pop(0) if self.how else None
        if isinstance(how, ApiError | Unreachable):
            raise how
        yield self._pieces(params, how)

    async def _pieces(self, params: dict[str, str], how: How) -> AsyncIterator[bytes]:
        since = params.get("sinceTime")
        read = Follow(self.log, None if since is None else seconds_of(since))
        if "tailLines" in params:
            read.next = max(read.next, len(self.log.entries) - int(params["tailLines"]))
        left = how.after if isinstance(how, Ends) else None
        while True:
            self._news.clear()
            data = read.more(running=self.running and "follow" in params and not isinstance(how, Deaf))
            if left is not None:
                data, left = data[:left], left - len(data)
            size = how.size if isinstance(how, Slow) else len(data) or 1
            for place in range(0, len(data), size):
                if place:
                    await asyncio.sleep(how.pause if isinstance(how, Slow) else 0)
                yield data[place : place + size]
            if (left is not None and left <= 0) or (isinstance(how, Ends) and how.after is None):
                if how.breaks:
                    raise Broken("the connection broke")
                return
            if "follow" not in params or not self.running:
                return
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()


def seconds_of(text: str) -> int:
    """A ``sinceTime``."""
    return int(datetime.fromisoformat(text).timestamp())


@define(eq=False)
class Scene:
    """A container, its log's reader, and the store that it writes."""

    container: Container = Factory(Container)
    store: MemoryJobStore = Factory(MemoryJobStore)
    told: list[tuple[float, Observation]] = Factory(list)
    replica: Replica = Factory(lambda: Replica("worker", 0))
    writer: LogWriter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.store.create(a_record())
        self.writer = self.store.writer(a_record().handle)

    def reader(self, *, container: str = "containerd://1", started: float | None = None) -> ContainerLog:
        """One that reads it, or another process that goes on."""
        sink = LogSink(self.writer, self.replica, lambda seen: self.told.append((now(), seen)), now)
        position = sink.resume(container)
        source = Source(api=self.container, path=PATH, container="main", now=now, started=started)
        return ContainerLog(source, sink, position)

    def reading(self, **how: Any) -> tuple[ContainerLog, asyncio.Task[None]]:
        """A reader, and its reading that has begun."""
        log = self.reader(**how)
        return log, asyncio.ensure_future(log.run())

    @property
    def kept(self) -> str:
        """The replica's log."""
        log = self.store.reader(a_record().handle, self.replica)
        return log.read(0, log.size).decode()

    @property
    def gaps(self) -> tuple[LogGap, ...]:
        return self.store.reader(a_record().handle, self.replica).gaps(0, 10**9)

    @property
    def troubles(self) -> list[str]:
        return [seen.message for _, seen in self.told if isinstance(seen, LogTrouble)]

    @property
    def chunks(self) -> list[LogChunk]:
        return [seen for _, seen in self.told if isinstance(seen, LogChunk)]
