"""The supervisor's loop: one thread, one selector, until every replica has ended and nothing of it lives.

A replica is over when its process has exited and its pipes are at their end. As in a container, what it
forked dies with it: first its process group, then the orphans that came to this process as subreaper.
When the kernel's end of the link closes, or the kernel's process ends, everything is stopped.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from functools import partial

from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.logfile import ATTEMPT, LogFileWriter
from ciao.adapters.local.supervisor import memory
from ciao.adapters.local.supervisor.child import Child
from ciao.adapters.local.supervisor.endings import StartErrors, exit_of
from ciao.adapters.local.supervisor.journal import Journal
from ciao.adapters.local.supervisor.output import Growth, Output
from ciao.adapters.local.supervisor.owner import watch_process
from ciao.adapters.local.supervisor.reaping import Reaper, wake_on_signals
from ciao.adapters.local.supervisor.watchers import Watcher, Watchers, encoded

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ciao.adapters.local.supervisor.journal import Message

DRAIN = 0.5
"""Seconds that a pipe may stay open after its replica has exited: somebody unknown holds it then."""
PACE, BULK = 0.001, 1 << 15
"""Seconds to let pipes fill before the next read, unless one gave so many bytes: a flood of small writes
must not cost a wake-up each."""
FAREWELL = 1.0
"""Seconds that watchers get at the end to take what they have not read yet."""


class Supervisor:
    """``children`` run already. ``run`` returns when all is over."""

    def __init__(self, plan: dict[str, Any], link: int, leases: list[int], errors: int, children: list[Child]) -> None:
        self._plan, self._link, self._leases = plan, link, leases
        self._directory: str = plan["directory"]
        self._children = {child.name: child for child in children}
        self._live = dict(self._children)
        self._errors = StartErrors(errors)
        self._reaper = Reaper(self._children)
        self._stopping: set[Child] = set()
        self._draining: set[Child] = set()
        self._memory_at = 0.0 if any(child.memory is not None for child in children) else None
        self._ends: dict[str, int] = {}
        self._last: dict[str, Message] = {}
        self._troubles: list[Message] = []

    def run(self) -> None:
        """Answers on the link once: ``ok``, or why there is no job (then everything is ended already)."""
        try:
            self._prepare()
        except OSError as error:
            self._reaper.end_everything()
            self._answer(f"{error.filename or self._directory}: {error.strerror or error}")
            return
        self._answer("ok")
        while self._live:
            self._turn()
        self._finish()

    # -- the beginning and the end ---------------------------------------------------------------

    def _prepare(self) -> None:
        self._lock = JobLock(self._directory)
        if not self._lock.take():
            raise BlockingIOError(0, "another process writes the logs of this job", self._directory)
        self._selector = selectors.DefaultSelector()
        self._watchers = Watchers(self._plan["socket"], self._selector, self._asked)
        self._journal = Journal(self._directory, {**self._plan["header"], "pid": os.getpid()})
        self._outputs = {child.name: self._open_output(child) for child in self._children.values()}
        self._ranked = [self._outputs[child.name] for child in self._children.values() if len(child.pipes) > 1]
        self._selector.register(self._link, selectors.EVENT_READ, self._link_closed)
        owner = watch_process(self._plan["owner"])
        if owner is None:
            self._stop(None, self._plan["grace"])
        else:
            self._selector.register(owner, selectors.EVENT_READ, self._owner_ended)
        self._wake = wake_on_signals()
        self._selector.register(self._wake, selectors.EVENT_READ, self._woken)
        for child in self._children.values():
            for pipe in child.pipes:
                self._selector.register(pipe, selectors.EVENT_READ, (self._outputs[child.name], pipe))
            self._see({"t": "replica", "r": child.name, "p": "running", "at": self._plan["header"]["created"]})

    def _open_output(self, child: Child) -> Output:
        path = f"{self._directory}/logs"
        log = LogFileWriter(path, child.name, self._plan["log_limit"])
        self._ends[child.name] = _size(f"{path}/{child.name}.log")
        if self._ends[child.name]:
            log.mark(ATTEMPT, time.time())
        return Output(log, child.pipes, partial(self._grown, child.name), partial(self._troubled, child.name))

    def _answer(self, text: str) -> None:
        try:
            os.write(self._link, text.encode("utf-8", "replace"))
        except OSError:
            self._stop(None, self._plan["grace"])

    def _finish(self) -> None:
        self._reaper.end_everything()
        for child in self._children.values():
            if child.group is not None:
                child.group.remove()
        # Who hears of the end may start the next job at once.
        for lease in self._leases:
            os.close(lease)
        end: Message = {"t": "end", "at": time.time()}
        self._journal.write(end)
        self._lock.release()
        self._watchers.close(end, FAREWELL, time.monotonic)

    # -- one turn --------------------------------------------------------------------------------

    def _turn(self) -> None:
        most = 0
        for key, mask in self._selector.select(self._timeout()):
            if isinstance(key.data, tuple):
                most = max(most, self._read(*key.data))
            else:
                key.data(mask)
        for child in self._reaper.reap():
            child.exited_at = time.monotonic()
            self._stopping.discard(child)
            self._draining.add(child)
        now = time.monotonic()
        self._enforce(now)
        for child in tuple(self._draining):
            self._drain(child, now)
        self._watchers.flush(time.monotonic())
        if 0 < most < BULK:
            time.sleep(PACE)

    def _timeout(self) -> float | None:
        now = time.monotonic()
        times = [child.kill_at for child in self._stopping]
        times += [child.exited_at + DRAIN for child in self._draining]
        times += [self._memory_at, self._watchers.flush(now)]
        times += [output.flush(time.time(), now) for output in self._ranked]
        due = min((each for each in times if each is not None), default=None)
        return None if due is None else max(0.0, due - now)

    def _enforce(self, now: float) -> None:
        for child in self._stopping:
            if child.kill_at is not None and child.kill_at <= now:
                child.kill_at = None
                child.signal(signal.SIGKILL)
        if self._memory_at is not None and now >= self._memory_at:
            self._memory_at = now + memory.INTERVAL
            for child in memory.overfull(self._live.values(), self._reaper.adopted):
                child.overfull = True
                child.signal(signal.SIGKILL)

    # -- output ----------------------------------------------------------------------------------

    def _read(self, output: Output, pipe: int) -> int:
        if pipe not in output.open:
            return 0
        size = output.read(pipe, time.time(), time.monotonic())
        if pipe not in output.open:
            self._selector.unregister(pipe)
            os.close(pipe)
        return size

    def _drain(self, child: Child, now: float) -> None:
        """Read the rest of what an exited replica wrote; when that is all, it is over."""
        output = self._outputs[child.name]
        own, *ranks = child.pipes
        patience = now < child.exited_at + DRAIN
        for pipe in ranks:
            self._empty(output, pipe)
        if own in output.open and not patience:
            self._empty(output, own)
        if own not in output.open or not patience:
            self._over(child, output)

    def _empty(self, output: Output, pipe: int) -> None:
        until = time.monotonic() + DRAIN
        while pipe in output.open and self._read(output, pipe) and time.monotonic() < until:
            pass

    def _over(self, child: Child, output: Output) -> None:
        at = time.time()
        for pipe in tuple(output.open):
            output.open.discard(pipe)
            self._selector.unregister(pipe)
            os.close(pipe)
        output.close(at)
        for path in child.fifos:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._draining.discard(child)
        report = f"{self._directory}/reports/{child.name}.json"
        ended = exit_of(child, report, at, self._errors.of(child.name) if child.code in (126, 127) else None)
        phase = "failed" if ended["code"] else "succeeded"
        self._see({"t": "replica", "r": child.name, "p": phase, "at": at, "exit": ended})
        del self._live[child.name]

    # -- telling ---------------------------------------------------------------------------------

    def _see(self, message: Message) -> None:
        self._last[message["r"]] = message
        self._journal.write(message)
        self._watchers.tell(message)

    def _grown(self, name: str, growth: Growth) -> None:
        self._ends[name] = growth[3]
        self._watchers.grown(name, growth)

    def _troubled(self, name: str, why: str) -> None:
        message = {"t": "trouble", "r": name, "m": why, "at": time.time()}
        self._troubles.append(message)
        self._journal.write(message)
        self._watchers.tell(message)

    # -- being told ------------------------------------------------------------------------------

    def _asked(self, message: Message, watcher: Watcher) -> None:
        match message:
            case {"do": "watch"}:
                told = [{"t": "hello", "ends": self._ends}, *self._last.values(), *self._troubles]
                # What the logs hold up to here stands in ``hello``; what was waiting for others is not for this one.
                watcher.watching = True
                watcher.send(b"".join(encoded(each) for each in told))
            case {"do": "stop", "replicas": names, "grace": grace}:
                self._stop(names, self._plan["grace"] if grace is None else grace)
                watcher.send(encoded({"t": "ok"}))
            case _:
                watcher.leave()

    def _stop(self, names: list[str] | None, grace: float) -> None:
        now = time.monotonic()
        for child in [self._live[name] for name in (self._live if names is None else names) if name in self._live]:
            if child.status is not None:
                continue
            if child.stopped_at is None:
                child.stopped_at = time.time()
                if grace > 0:
                    child.signal(signal.SIGTERM)
                child.kill_at = now + grace
            elif child.kill_at is not None:
                child.kill_at = min(child.kill_at, now + grace)
            self._stopping.add(child)

    def _link_closed(self, _: int) -> None:
        with contextlib.suppress(OSError):
            if os.read(self._link, 4096):
                return
        self._selector.unregister(self._link)
        self._stop(None, self._plan["grace"])

    def _owner_ended(self, _: int) -> None:
        for key in [key for key in self._selector.get_map().values() if key.data == self._owner_ended]:
            self._selector.unregister(key.fileobj)
        self._stop(None, self._plan["grace"])

    def _woken(self, _: int) -> None:
        if {signal.SIGTERM, signal.SIGHUP} & set(os.read(self._wake, 4096)):
            self._stop(None, self._plan["grace"])


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
