"""Asking the apiserver of one context, in plain JSON. See docs/adr/0006-raw-json-on-one-connection.md.

This module is cheap to import; aiohttp (0.2 s) is imported by ``connect``.

    Cluster ─ when to send again (patience) ─ with whose credentials (keeper) ─ over which connection (wire)
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from attrs import evolve

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError, ApiError, Broken, Unreachable, api_error, one_line
from ciao.adapters.kube.apipaths import counted_as, is_collection
from ciao.adapters.kube.keeper import Fetcher, Keeper, Pass, refusal
from ciao.adapters.kube.login import Login
from ciao.adapters.kube.patience import Patience, Timeouts

if TYPE_CHECKING:
    from ciao.adapters.kube.wire import Answer, Pieces, Request, Wire

Json = dict[str, Any]
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_MERGE = "application/merge-patch+json"


class Api(Protocol):
    """What is asked of an apiserver; ``path`` is quoted, parameters are not.

    - Every method: ApiError for an answer that is no success, AccessError when no credentials are accepted,
      Unreachable when no answer comes. Cancelled, it closes its connection.
    - ``get`` is tried a few times. The others only when the server certainly did nothing: what raised an Unreachable
      whose ``sent`` is true may have been done all the same.
    - ``metadata_only``: the answer is PartialObjectMetadata; what else is in the object is never sent.
    - ``patch`` is a JSON merge patch (RFC 7386).
    - ``stream``: a GET whose body is read in pieces as they come, of any size; never tried again, for whoever reads
      one knows where to go on. It ends at the end of the body; Broken is raised where the connection breaks
      in its middle, and after ``idle`` seconds without a byte.
    """

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json: ...

    async def post(self, path: str, body: Json, **params: str) -> Json: ...

    async def patch(self, path: str, body: Json, **params: str) -> Json: ...

    async def delete(self, path: str, body: Json | None = None, **params: str) -> Json: ...

    def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Cluster:
    """``Api`` of one context; made by ``connect``, used on its loop.

    ``requests`` counts what was sent, by verb and resource (``GET pods/log``); one that was sent twice counts twice.
    """

    def __init__(self, keeper: Keeper, wire: Wire, patience: Patience, chance: Callable[[], float]) -> None:
        self._keeper, self._wire, self._patience, self._chance = keeper, wire, patience, chance
        self.requests: Counter[str] = Counter()

    @property
    def context(self) -> str:
        """The context's name (``in-cluster`` inside a pod)."""
        return self._login.context

    @property
    def namespace(self) -> str:
        """The context's own one (``default`` if it has none)."""
        return self._login.namespace

    @property
    def server(self) -> str:
        """The URL of the apiserver."""
        return self._login.endpoint.server

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json:
        """As ``Api`` says."""
        partial = _METADATA.format("List" if is_collection(path) else "")
        return await self._asked("GET", path, params, accept=partial if metadata_only else "")

    async def post(self, path: str, body: Json, **params: str) -> Json:
        """As ``Api`` says."""
        return await self._asked("POST", path, params, body)

    async def patch(self, path: str, body: Json, **params: str) -> Json:
        """As ``Api`` says."""
        return await self._asked("PATCH", path, params, body, content=_MERGE)

    async def delete(self, path: str, body: Json | None = None, **params: str) -> Json:
        """As ``Api`` says."""
        return await self._asked("DELETE", path, params, body)

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """As ``Api`` says."""
        pieces = await self._opened(_request("GET", path, params, accept="*/*"), idle)
        try:
            yield pieces
        finally:
            pieces.close()

    async def close(self) -> None:
        """Close all connections. May be called twice; whoever waits for an answer gets Unreachable."""
        await self._keeper.close()
        await self._wire.close()

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _login(self) -> Login:
        return self._keeper.held.login

    async def _asked(self, verb: str, path: str, params: dict[str, str], body: Json | None = None, **how: str) -> Json:
        """Until it is answered, or patience ends."""
        request, began, made = _request(verb, path, params, body, **how), _now(), 0
        while True:
            made += 1
            try:
                return await self._once(request)
            except (ApiError, Unreachable) as error:
                pause = self._patience.pause(made, _now() - began, error, verb == "GET", self._chance())
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def _once(self, request: Request) -> Json:
        """With what is in force; once more when other credentials, or another server, are in force by then."""
        for renewed in (False, True):
            used = await self._keeper.current()
            self._count(request)
            try:
                answer = await self._wire.ask(request, used)
            except Unreachable as error:
                await self._follow(error, used, renewed)
                continue
            if answer.status < 300:
                return self._object(answer, used)
            await self._check(answer, used, renewed)
        raise AssertionError("the second time it is answered or raises")

    async def _opened(self, request: Request, idle: float | None) -> Pieces:
        from ciao.adapters.kube.wire import Answer

        for renewed in (False, True):
            used = await self._keeper.current()
            self._count(request)
            try:
                found = await self._wire.open(request, used, idle)
            except Unreachable as error:
                await self._follow(error, used, renewed)
                continue
            if not isinstance(found, Answer):
                return found
            await self._check(found, used, renewed)
        raise AssertionError("the second time it is answered or raises")

    async def _follow(self, error: Unreachable, used: Pass, renewed: bool) -> None:
        """Returns when the context leads to another server by now, and nothing was sent to the former."""
        if renewed or error.sent or not await self._keeper.moved(used):
            raise error

    async def _check(self, answer: Answer, used: Pass, renewed: bool) -> None:
        """Returns when the request is worth sending again with other credentials."""
        if answer.status != 401:
            raise api_error(answer.status, answer.headers, answer.body)
        if renewed:
            raise refusal(used.login)
        await self._keeper.refused(used)

    def _count(self, request: Request) -> None:
        self.requests[counted_as(request.verb, request.path, request.params)] += 1

    def _object(self, answer: Answer, used: Pass) -> Json:
        from ciao.adapters.kube.outages import not_an_apiserver

        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise not_an_apiserver(used.login, one_line(answer.body))
        return found


async def connect(
    access: Access,
    *,
    timeouts: Timeouts | None = None,
    patience: Patience | None = None,
    chance: Callable[[], float] = random.random,
    now: Callable[[], float] = time.time,
) -> Cluster:
    """Look the context up and get its credentials (a plug-in runs); nothing is asked of the server yet.

    AccessError when there is no such context, or there are no credentials to be had.
    """

    async def load() -> Login:
        return await asyncio.to_thread(place.login)

    place = access
    keeper = Keeper(load, Fetcher(access.environ, now), now)
    found = await keeper.current()
    place = evolve(access, context=found.login.context)  # this one from now on, whichever becomes the current one
    wire = (await asyncio.to_thread(_wire_class))(timeouts or Timeouts(), _agent())
    return Cluster(keeper, wire, patience or Patience(), chance)


def _wire_class() -> type[Wire]:
    """In another thread: it is an import of 0.2 s, and a loop with running jobs goes on meanwhile."""
    from ciao.adapters.kube.wire import Wire

    return Wire


def _agent() -> str:
    from importlib import metadata

    try:
        return f"ciao/{metadata.version('ciao-kernel')}"
    except metadata.PackageNotFoundError:  # it runs from its source
        return "ciao"


def _request(
    verb: str, path: str, params: dict[str, str], body: Json | None = None, *, content: str = "", accept: str = ""
) -> Request:
    from ciao.adapters.kube.wire import Request

    data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
    return Request(verb, path, params, data, content or "application/json", accept or "application/json")


def _now() -> float:
    return asyncio.get_running_loop().time()


__all__ = ["AccessError", "Api", "ApiError", "Broken", "Cluster", "Json", "Timeouts", "Unreachable", "connect"]
