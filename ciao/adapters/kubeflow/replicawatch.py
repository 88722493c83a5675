"""One replica as its watchers see it: from its pods and its log to ``ReplicaSeen``, in order.

A replica has one pod at a time; one that was deleted by hand may get another, whose log goes on in the replica's. Its
end is told when its log is complete, so that whoever sees the end has every line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import evolve

from ciao.adapters.kubeflow.seen.podfacts import PodFacts
from ciao.core.events import Exit, Observation, Phase, ReplicaSeen
from ciao.core.model import Replica

STOPPED = "Stopped"
_BY_SIGNAL = (137, 143)


class PodLog(Protocol):
    """The log of one pod's container on its way into the store."""

    def terminated(self) -> None:
        """The container has ended: what is left is all."""

    def gone(self) -> None:
        """The pod is no more: nothing can be read any longer."""


OpenLog = Callable[[Replica, PodFacts, Callable[[], None]], PodLog]
"""Begins to read a pod's log; the function is called once, when it is complete (or can never be)."""


class ReplicaWatch:
    """``tell`` hears what is seen; ``stopped`` says whether the job as a whole was stopped or deleted."""

    def __init__(
        self,
        replica: Replica,
        at: float,
        open_log: OpenLog,
        tell: Callable[[Observation], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.seen = ReplicaSeen(replica, Phase.WAITING, at)
        self.pod: PodFacts | None = None
        self._replica, self._open_log, self._tell, self._stopped = replica, open_log, tell, stopped
        self._log: PodLog | None = None
        self._reading = ""
        self._unread = False
        self._final: Exit | None = None
        self._lost = False

    @property
    def ended(self) -> bool:
        """Its end was told."""
        return self.seen.phase.ended

    @property
    def without_pod(self) -> bool:
        """There is no pod of it, or not any more."""
        return self.pod is None or self._lost

    def see(self, pod: PodFacts) -> None:
        """A pod of this replica is so now."""
        if self.ended or self._is_former(pod):
            return
        if self.pod is not None and self.pod.uid != pod.uid:
            self._let_go()
        self.pod, self._lost = pod, False
        if pod.container and self._reading != pod.container:
            self._read(pod)
        if pod.started is not None:
            self._run(pod.started)
        if pod.exit is not None:
            if self._log is not None:
                self._log.terminated()
            self._maybe_end()

    def lose(self, pod: PodFacts) -> None:
        """A pod is gone; ``pod`` is what was last known of it."""
        if self.pod is None or self.pod.uid != pod.uid:
            return
        self.pod, self._lost = pod, True
        self._let_go()
        self._maybe_end()

    def never(self, end: Exit) -> None:
        """No pod of it will run any more; ``end`` is told unless its pod tells of another."""
        self._final = self._final or end
        self._maybe_end()

    # -- inside ----------------------------------------------------------------------------------

    def _is_former(self, pod: PodFacts) -> bool:
        return self.pod is not None and self.pod.uid != pod.uid and pod.created < self.pod.created

    def _read(self, pod: PodFacts) -> None:
        reading = pod.container
        self._reading, self._unread = reading, True
        self._log = self._open_log(self._replica, pod, lambda: self._complete(reading))

    def _let_go(self) -> None:
        if self._log is not None:
            self._log.gone()

    def _complete(self, reading: str) -> None:
        if reading == self._reading:  # else a later pod's log is read by now
            self._unread = False
            self._maybe_end()

    def _run(self, at: float) -> None:
        if self.seen.phase is Phase.WAITING:
            self._say(ReplicaSeen(self._replica, Phase.RUNNING, at))

    def _maybe_end(self) -> None:
        end = self._end()
        if end is None or self.ended or self._unread:
            return
        phase = Phase.SUCCEEDED if end.code == 0 else Phase.FAILED
        self._say(ReplicaSeen(self._replica, phase, end.at, end))

    def _end(self) -> Exit | None:
        pod = self.pod
        end = pod.exit if pod is not None and (pod.settled or self._lost or self._final) else None
        if end is None:
            return self._final
        if end.code in _BY_SIGNAL and end.reason != STOPPED and self._stopped():
            return evolve(end, reason=STOPPED)  # with its job
        return end

    def _say(self, seen: ReplicaSeen) -> None:
        self.seen = seen
        self._tell(seen)
