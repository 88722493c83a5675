"""The connections of a session: one for each context."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from attrs import Factory, define, evolve

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.client import Cluster, connect


@define(eq=False)
class Connections:
    """``access`` says how; the context is asked for. ``connect`` does it. Lives on one event loop."""

    _access: Access
    _connect: Callable[[Access], Awaitable[Cluster]] = connect
    _clusters: dict[str, Cluster] = Factory(dict)
    _attempts: dict[str, asyncio.Future[Cluster]] = Factory(dict)

    async def to(self, context: str) -> Cluster:
        """The one connection of a context, under its name and, for the current one, under none.

        An attempt that failed is made again with the next use.
        """
        if context in self._clusters:
            return self._clusters[context]
        attempt = self._attempts.get(context)
        if attempt is None or (attempt.done() and (attempt.cancelled() or attempt.exception() is not None)):
            attempt = self._attempts[context] = asyncio.ensure_future(self._connected(context))
        return await asyncio.shield(attempt)

    async def close(self) -> None:
        """Close them, and give up attempts in flight."""
        for attempt in self._attempts.values():
            attempt.cancel()
        await asyncio.gather(*self._attempts.values(), return_exceptions=True)
        await asyncio.gather(*(each.close() for each in self._clusters.values()))
        self._attempts.clear()
        self._clusters.clear()

    async def _connected(self, context: str) -> Cluster:
        """Of two attempts that led to one context, the first one's."""
        cluster = await self._connect(evolve(self._access, context=context or None))
        known = self._clusters.setdefault(cluster.context, cluster)
        if known is not cluster:
            await cluster.close()
        return known
