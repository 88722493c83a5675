"""Stopping pods without losing what they said.

A pod that is deleted takes its log with it, and the operator makes a new one. So a pod is stopped by its own deadline:
``activeDeadlineSeconds`` may be set on a pod that runs (core/v1, "pod updates may not change fields other than …"),
the kubelet then ends it with SIGTERM and its grace, and it stays, with exit code and log, until the job is removed. The
annotation ``ciao.dev/stopped`` tells everybody who watches that this was no failure.

Two cases are left. A pod whose container has not started has no log, and its deadline may take a minute to be noticed,
so it is deleted: with its job when no other has started, else as soon as the job is over (``sweep``; before that the
operator would make it again, so until then it has the mark and the deadline). Force: the job and its pods are deleted
without grace; what they said last may be lost, and that is marked.

A pod that somebody else deleted is left alone: its end is not Ciao's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime

from ciao.adapters.kube import paths
from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kube.client import Api, Json
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.jobfacts import job_facts
from ciao.adapters.kubeflow.seen.podfacts import pod_facts
from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.adapters.kubeflow.submitting import delete_job
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Stop

_OVER = (404, 409, 422)  # gone, replaced, or over meanwhile


class Stopping:
    """One job's end. ``plural`` is its kind's."""

    def __init__(self, api: Api, handle: JobHandle, plural: str, now: float) -> None:
        self._api, self._handle, self._plural = api, handle, plural
        self._mark = {names.STOPPED: datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

    async def stop(self, how: Stop) -> None:
        """As the port says."""
        job = await self._job()
        if job is None:
            return
        if how.remove:
            await self._delete_job()
        elif how.grace == 0:
            await self._force(job, how.replicas)
        else:
            await self._ask(job, how.replicas)

    async def sweep(self) -> None:
        """The job is over: delete the pods that were to end before they had started."""
        job = await self._job()
        pods = [] if job is None else await self._pods(job, None)
        await asyncio.gather(*(self._delete(each) for each in pods if self._is_marked(each) and not self._ran(each)))

    async def _ask(self, job: Json, replicas: tuple[Replica, ...] | None) -> None:
        over = job_facts(job).outcome is not None
        if replicas is None and not over:
            await self._mark_job()
        pods = [each for each in await self._pods(job, replicas) if not facts.is_terminal(each)]
        running = [each for each in pods if self._ran(each)]
        if replicas is None and not running and not over:
            await self._delete_job()
            return
        others = [each for each in pods if each not in running]
        await asyncio.gather(
            *(self._end(each) for each in running),
            *(self._delete(each) if over else self._end(each) for each in others),
        )

    async def _force(self, job: Json, replicas: tuple[Replica, ...] | None) -> None:
        if replicas is None:
            await self._mark_job()
            await self._delete_job()
        pods = await self._pods(job, replicas)
        await asyncio.gather(*(self._delete(each) for each in pods))

    async def _job(self) -> Json | None:
        handle = self._handle
        try:
            job = await self._api.get(paths.job(handle.namespace, self._plural, handle.name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise refusal(error) from error
        return job if facts.uid(job) == handle.uid else None

    async def _pods(self, job: Json, replicas: Iterable[Replica] | None) -> list[Json]:
        selector = names.selector({names.UID: facts.labels(job).get(names.UID, "")})
        try:
            found = await self._api.get(paths.pods(self._handle.namespace), labelSelector=selector)
        except ApiError as error:
            raise refusal(error) from error
        wanted = None if replicas is None else set(replicas)
        return [
            pod
            for pod in found.get("items", [])
            if wanted is None or names.replica_of(facts.labels(pod), facts.name(pod), self._handle.name) in wanted
        ]

    async def _mark_job(self) -> None:
        handle = self._handle
        await self._unless_over(
            self._api.patch(
                paths.job(handle.namespace, self._plural, handle.name), {"metadata": {"annotations": self._mark}}
            )
        )

    async def _delete_job(self) -> None:
        handle = self._handle
        await delete_job(self._api, handle.namespace, self._plural, handle.name, uid=handle.uid)

    def _ran(self, pod: Json) -> bool:
        return pod_facts(pod, self._handle.name, "").started is not None

    @staticmethod
    def _is_marked(pod: Json) -> bool:
        return names.STOPPED in facts.annotations(pod)

    async def _end(self, pod: Json) -> None:
        if self._is_marked(pod) or facts.is_deleting(pod):
            return
        body = {
            "metadata": {"uid": facts.uid(pod), "annotations": self._mark},
            "spec": {"activeDeadlineSeconds": 1},
        }
        await self._unless_over(self._api.patch(paths.pod(self._handle.namespace, facts.name(pod)), body))

    async def _delete(self, pod: Json) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": facts.uid(pod)}}
        await self._unless_over(self._api.delete(paths.pod(self._handle.namespace, facts.name(pod)), body))

    async def _unless_over(self, request: Awaitable[object]) -> None:
        try:
            await request
        except ApiError as error:
            if error.status not in _OVER:
                raise refusal(error) from error
