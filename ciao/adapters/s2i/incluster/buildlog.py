"""The log of the pod that builds, on its way to whoever watches: read as the logs of jobs are, kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ciao.adapters.kube import paths
from ciao.adapters.kubeflow.logs.containerlog import ContainerLog
from ciao.adapters.kubeflow.logs.logpieces import Piece, Text
from ciao.adapters.kubeflow.logs.logread import Reads, Source
from ciao.adapters.kubeflow.logs.logreceived import Position
from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.adapters.s2i.incluster.kanikolog import KanikoLog


class BuildLog:
    """A sink of ``logread``. ``over``: all of it was taken, or no more can be had. ``news`` is called then."""

    def __init__(self, log: KanikoLog, news: Callable[[], None]) -> None:
        self.over, self.open = False, True
        self._log, self._news = log, news
        self._reading: ContainerLog | None = None

    @property
    def begun(self) -> bool:
        """There is something to read."""
        return self._reading is not None

    async def read(self, api: Reads, namespace: str, pod: PodFacts, container: str, now: Callable[[], float]) -> None:
        """To its end. A pod's log is read once."""
        path = paths.log(namespace, pod.name)
        source = Source(api=api, path=path, container=container, now=now, started=pod.started)
        self._reading = ContainerLog(source, self, None)
        try:
            await self._reading.run()
        finally:
            self.over = True
            self._news()

    def terminated(self) -> None:
        """The container has ended."""
        if self._reading is not None:
            self._reading.terminated()

    def gone(self) -> None:
        """The pod is no more."""
        if self._reading is not None:
            self._reading.gone()

    def take(self, pieces: Sequence[Piece], position: Position, *, over: bool = False) -> None:
        """As ``logread.Sink`` says."""
        for piece in pieces:
            if isinstance(piece, Text):
                self._log.feed(piece.data)
        if over:
            self._log.end()
            self.over = True

    def trouble(self, message: str) -> None:
        """A line that is missing is no fault of the build."""
