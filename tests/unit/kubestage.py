"""A Reflector before an apiserver that plays a script, on a clock that only waiting moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from attrs import frozen

from ciao.adapters.kube.apierrors import ApiError, Broken, Unreachable
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change, Json

from .kubeobjects import line, said, thing

PODS = "/api/v1/namespaces/n/pods"
BROKEN = Broken("the connection broke")
NOWHERE = Unreachable("no answer from the apiserver", sent=False)


def answer(code: int, retry_after: float | None = None) -> ApiError:
    """The apiserver's refusal."""
    return ApiError(code, "Reason", "message", {}, retry_after)


class Done(BaseException):
    """The script is at its end; nothing that a Reflector may catch."""


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []
        self.timers: list[Timer] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.pass_(seconds)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.at + seconds, call))
        return self.timers[-1]

    def pass_(self, seconds: float) -> None:
        """Time goes by, and timers ring."""
        end = self.at + seconds
        for timer in sorted((each for each in self.timers if each.at <= end), key=lambda each: each.at):
            self.timers.remove(timer)
            self.at = timer.at
            timer.ring()
        self.at = end


class Timer:
    """One that ``later`` gave."""

    def __init__(self, at: float, ring: Callable[[], None]) -> None:
        self.at, self.ring = at, ring

    def cancel(self) -> None:
        self.ring = lambda: None


@frozen
class Page:
    """An answer to a list; ``more``: its token for the next page."""

    version: str
    items: str = ""
    more: str = ""


@frozen
class Wait:
    """Seconds that go by."""

    seconds: float


HANG = "hang"  # until cancelled
Move = bytes | Wait | Exception | str
Watch = tuple[Move, ...]  # what a watch gives, one after another; it ends well unless it raises
Step = Page | Watch | Exception | Wait | str


class Script:
    """An apiserver that answers request after request; a Wait before an answer is how long it takes."""

    def __init__(self, time: Time, steps: Sequence[Step]) -> None:
        self.time, self.steps = time, list(steps)
        self.asked: list[str] = []
        self.params: list[dict[str, str]] = []
        self.idle: list[float | None] = []
        self.open = 0

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json:
        assert path == PODS
        self.params.append(params)
        self.asked.append(" ".join(["list", *(params[each] for each in ("limit", "continue") if each in params)]))
        page = await self._next()
        assert isinstance(page, Page), page
        more = {"continue": page.more} if page.more else {}
        items = [thing(each) for each in page.items.split()]
        metadata = {"resourceVersion": page.version, **more}
        return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        assert path == PODS
        self.params.append(params)
        self.asked.append(f"watch {params['resourceVersion']}")
        self.idle.append(idle)
        moves = await self._next()
        assert isinstance(moves, tuple), moves
        self.open += 1
        try:
            yield self._pieces(moves)
        finally:
            self.open -= 1

    async def _next(self) -> Step:
        while True:
            if not self.steps:
                raise Done
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if not isinstance(step, Wait | str):
                return step
            await self._wait(step)

    async def _pieces(self, moves: Watch) -> AsyncIterator[bytes]:
        for move in moves:
            if isinstance(move, Exception):
                raise move
            if isinstance(move, bytes):
                yield move
            else:
                await self._wait(move)

    async def _wait(self, how: Wait | str) -> None:
        if isinstance(how, Wait):
            self.time.pass_(how.seconds)
        else:
            await asyncio.Event().wait()


class Stage:
    """A Reflector before a scripted apiserver. Chance always gives its upper bound, so waits are their longest."""

    def __init__(self, *steps: Step, **selectors: str) -> None:
        self.time = Time()
        self.api = Script(self.time, steps)
        self.heard: list[str] = []
        self.changes: list[Change] = []
        self.reflector = Reflector(
            self.api, PODS, trouble=self._trouble, time=self.time, chance=lambda _, most: most, **selectors
        )

    def play(self) -> Stage:
        """Run to the script's end."""
        with pytest.raises(Done):
            asyncio.run(self.run())
        return self

    async def run(self) -> None:
        await self.reflector.run(self.tell, lambda: self.heard.append("synced"))

    def tell(self, change: Change) -> None:
        self.changes.append(change)
        self.heard.append(said(change))

    def _trouble(self, why: str | None) -> None:
        self.heard.append(f"trouble at {self.time.at:.1f}: {why}")

    @property
    def told(self) -> str:
        return ", ".join(self.heard)

    @property
    def asked(self) -> str:
        return ", ".join(self.api.asked)


def event(kind: str, what: str) -> bytes:
    """``event("ADDED", "a:u1@5")``, with its newline."""
    return line(kind, thing(what)) + b"\n"


def bookmark(version: str) -> bytes:
    return line("BOOKMARK", {"metadata": {"resourceVersion": version}}) + b"\n"
