"""Which jobs there are: asked of the clusters that may have some, and of the store where one cannot be asked."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from attrs import frozen

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Cluster, Json
from ciao.adapters.kube.connections import Connections
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.objects.kinds import KINDS, Kind
from ciao.adapters.kubeflow.seen.jobfacts import summary
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.core.errors import CiaoError
from ciao.core.ports import JobRecord, JobStore, JobSummary, Query


@frozen
class Search:
    """For jobs of Ciao's."""

    _connections: Connections
    _store: JobStore
    _target: str

    async def find(self, query: Query, default: Cluster, namespace: str) -> tuple[JobSummary, ...]:
        """In one namespace, and wherever the store has jobs without an end.

        Of another cluster that cannot be asked, what the store has of it: that may still run.
        """
        asking = [self._in(default, namespace, query)]
        for place, records in self._unfinished().items():
            if place != (default.context, namespace):
                asking.append(self._in_or(records, *place, query))
        return tuple(each for each in await _all(asking) if query.uid in (None, each.handle.uid))

    def _unfinished(self) -> Mapping[tuple[str, str], list[JobRecord]]:
        """Records of jobs without an end, by context and namespace."""
        found = defaultdict[tuple[str, str], list[JobRecord]](list)
        for record in self._store.list():
            handle = record.handle
            if handle.target == self._target and record.ended is None and handle.uid:
                found[handle.context, handle.namespace].append(record)
        return found

    async def _in(self, cluster: Cluster, namespace: str, query: Query) -> list[JobSummary]:
        return await _all([self._of_kind(kind, cluster, namespace, query) for kind in KINDS.values()])

    async def _in_or(self, records: list[JobRecord], context: str, namespace: str, query: Query) -> list[JobSummary]:
        try:
            return await self._in(await self._connections.to(context), namespace, query)
        except CiaoError:
            return [_remembered(each) for each in records if query.name in (None, each.handle.name)]

    async def _of_kind(self, kind: Kind, cluster: Cluster, namespace: str, query: Query) -> list[JobSummary]:
        labels = names.selector({names.MANAGED: "ciao"})
        fields = "" if query.name is None else f"metadata.name={query.name}"
        try:
            found = await cluster.get(paths.jobs(namespace, kind.plural), labelSelector=labels, fieldSelector=fields)
        except ApiError as error:
            if error.status == 404:  # the operator does not serve this kind
                return []
            raise refusal(error) from error
        items: Iterable[Json] = found.get("items", [])
        return [summary(each, self._target, cluster.context) for each in items]


async def _all(asking: list[Coroutine[Any, Any, list[JobSummary]]]) -> list[JobSummary]:
    """At once; when one fails, none goes on."""
    found = list[JobSummary]()
    for each in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each
        found += each
    return found


def _remembered(record: JobRecord) -> JobSummary:
    return JobSummary(
        record.handle,
        record.framework,
        sum(count for _, count in record.roles),
        record.created,
        roles=record.roles,
        label=record.label,
        digest=record.digest,
        owner=record.owner,
    )
