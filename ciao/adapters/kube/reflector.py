"""Objects of the apiserver as they are, and then every change of them, as soon as it happens; nothing is polled.

List, watch from there, and go on from the last resourceVersion however often a watch ends or breaks; list again only
when the apiserver says that it has forgotten what came since (410). What all this means is ``watchcache``'s; here is
when to ask again.

- Lists are asked for without a resourceVersion, so they are no older than the asking. One that may come from any cache
  (``resourceVersion=0``) could lack the job that was created a moment ago, or have a pod back that is gone.
  They are rare, and since Kubernetes 1.31 the apiserver answers them from memory all the same.
- Not used: the list as the beginning of the watch (``sendInitialEvents``). It saves one request per Reflector, and only
  where that feature is on, so both ways would have to be kept.
- Bookmarks come every minute (but not for Events, of which the apiserver keeps no cache), so a silence of twice that
  is a connection that died without a word. Where it is none, a new watch costs one request.
- A server that starts can say 403 or 404 to what it answers well a minute later (kubernetes#121635). So what has worked
  once has to be refused for longer than that before it counts. Credentials that were accepted once are waited for: a
  person can mend them while the job runs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from ciao.adapters.kube.apierrors import AccessError, ApiError, Broken, Unreachable
from ciao.adapters.kube.client import Api
from ciao.adapters.kube.watchcache import Change, Expired, Garbled, Json, Lines, Refused, WatchCache
from ciao.core.errors import CiaoError, TargetError

_PAGE = "500"  # objects of a list in one answer, as client-go asks
_WATCH = (240, 360)  # seconds that a watch is asked to last; different ones, so that not all end at once
_SILENCE = 130.0  # seconds without a byte
_QUICK = 1.0  # a watch that ends sooner, and has said nothing, is no watch
_FIRST, _MOST = 0.1, 5.0  # seconds of back-off
_OBEYED = 60.0  # seconds of Retry-After
_PATIENCE = 5.0  # seconds before a trouble is told
_PASSING = (408, 429)  # refusals that say: not now
_STARTING = 60.0  # seconds for which a server may refuse what it allowed before

Tell = Callable[[Change], None]
Trouble = Callable[[str | None], None]


class Cancellable(Protocol):
    """A timer that was set."""

    def cancel(self) -> None: ...


class Time(Protocol):
    """Seconds on a clock that never goes back; waiting; being called later."""

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> Awaitable[None]: ...

    def later(self, seconds: float, call: Callable[[], None]) -> Cancellable: ...


class LoopTime:
    """The running event loop's time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def later(self, seconds: float, call: Callable[[], None]) -> Cancellable:
        return asyncio.get_running_loop().call_later(seconds, call)


class Reflector:
    """Tells what is at ``path`` (a collection of one kind) and matches the selectors, and every change of it.

    ``labels`` and ``fields`` are labelSelector and fieldSelector; ``fields="metadata.name=…"`` watches one object.
    ``trouble`` is told why the apiserver cannot be watched, once that has lasted for 5 s, and None when it can
    be again. Callbacks are called on the loop and must neither block nor raise.
    ``chance(a, b)`` gives a number between the two.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        labels: str = "",
        fields: str = "",
        trouble: Trouble = lambda _: None,
        time: Time | None = None,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        self._api, self._path = api, path
        self._selectors = {name: value for name, value in selectors.items() if value}
        self._time, self._chance = time or LoopTime(), chance
        self._outage = _Outage(trouble, self._time)
        self._cache = WatchCache()
        self._failures = 0  # since anything was heard
        self._proven = False  # a watch was granted once
        self._refused: float | None = None  # since when that is so no more

    async def run(self, tell: Tell, synced: Callable[[], None] | None = None) -> None:
        """Tell changes in order until cancelled; ``synced`` is called once, after the first list, even an empty one.

        May be cancelled at any point and leaves nothing open. Run once. Raises ApiError for what will not mend
        (forbidden, no such kind, a bad selector), and AccessError and Unreachable where nothing ever worked and nothing
        would mend it. Whatever else goes wrong is tried again for ever.
        """
        try:
            while True:
                try:
                    if self._cache.position is None:
                        await self._list(tell)
                        if synced is not None:
                            synced()
                            synced = None
                    await self._watch(tell)
                except (Expired, Garbled, Refused, TargetError, AccessError, ApiError) as error:
                    await self._time.sleep(self._judged(error))
        finally:
            self._outage.close()

    @asynccontextmanager
    async def started(self, tell: Tell) -> AsyncIterator[None]:
        """``run`` beside the block: entered when the first list was told; left, it is cancelled.

        What ``run`` raises cancels the block and is raised from here.
        """
        synced = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(self.run(tell, synced.set))
                await synced.wait()
                yield
                running.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    # -- asking ----------------------------------------------------------------------------------

    async def _list(self, tell: Tell) -> None:
        try:
            items, version = await self._pages({"limit": _PAGE})
        except ApiError as error:
            if error.status != 410:
                raise
            items, version = await self._pages({})  # the later pages came too late for what the server remembers
        self._outage.over()
        for change in self._cache.listed(items, version):
            tell(change)

    async def _pages(self, limit: dict[str, str]) -> tuple[list[Json], str]:
        items: list[Json] = []
        more: dict[str, str] = {}
        while True:
            page = await self._api.get(self._path, metadata_only=False, **self._selectors, **limit, **more)
            try:
                metadata, version = page["metadata"], page["metadata"]["resourceVersion"]
            except (KeyError, TypeError) as error:
                raise Garbled(f"no list: {str(page)[:200]}") from error
            # Items of built-in kinds do not say what they are; objects of a watch do.
            what = {"apiVersion": page.get("apiVersion", ""), "kind": page.get("kind", "").removesuffix("List")}
            items += [{**what, **item} for item in page.get("items") or ()]
            if not metadata.get("continue"):
                return items, version
            more = {"continue": metadata["continue"]}

    async def _watch(self, tell: Tell) -> None:
        lines, heard = Lines(), False
        async with self._api.stream(self._path, idle=_SILENCE, **self._selectors, **self._from_here()) as pieces:
            self._granted()
            begun = self._time.now()
            try:
                async for piece in pieces:
                    for line in lines.feed(piece):
                        for change in self._cache.event(line):
                            tell(change)
                        self._failures, heard = 0, True
            finally:
                if self._time.now() - begun > _MOST:
                    self._failures = 0
        if not heard and self._time.now() - begun < _QUICK:
            raise Broken(f"The apiserver ends every watch of {self._path} at once.")

    def _from_here(self) -> dict[str, str]:
        return {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._cache.position or "",
            "timeoutSeconds": str(int(self._chance(*_WATCH))),
        }

    # -- when it fails ---------------------------------------------------------------------------

    def _granted(self) -> None:
        self._outage.over()
        self._proven, self._refused = True, None

    def _judged(self, error: Exception) -> float:
        """Seconds to wait before the next attempt; raises what will not mend."""
        asked = 0.0
        match error:
            case ApiError(status=410):
                self._cache.expire()
            case ApiError():
                asked = min(error.retry_after or 0.0, _OBEYED)
                if error.status not in _PASSING and error.status < 500:
                    self._bear(error)
            case AccessError() | Unreachable(passing=False) if not self._proven:
                raise error
        self._outage.begin(_told(error))
        wait = min(_MOST, _FIRST * 2.0 ** min(self._failures, 10)) * self._chance(0.5, 1.0)
        self._failures += 1
        return max(wait, asked)

    def _bear(self, refusal: ApiError) -> None:
        if not self._proven:
            raise refusal
        now = self._time.now()
        if self._refused is None:
            self._refused = now
        elif now - self._refused > _STARTING:
            raise refusal


class _Outage:
    """Says once that a trouble lasts, whatever is being waited for at that moment, and once that it is over."""

    def __init__(self, tell: Trouble, time: Time) -> None:
        self._tell, self._time = tell, time
        self._why, self._told = "", False
        self._alarm: Cancellable | None = None

    def begin(self, why: str) -> None:
        self._why = why
        if self._alarm is None:
            self._alarm = self._time.later(_PATIENCE, self._ring)

    def over(self) -> None:
        self.close()
        if self._told:
            self._told = False
            self._tell(None)

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._told = True
        self._tell(self._why)


def _told(error: Exception) -> str:
    match error:
        case ApiError():
            return f"The apiserver answers {error.status} {error.reason}: {error.message}"
        case Expired():
            return "The apiserver forgets what has changed before it can be watched."
        case CiaoError():
            return " ".join(line.strip() for line in error.lines())
    return str(error)
