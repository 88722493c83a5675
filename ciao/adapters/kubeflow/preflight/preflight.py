"""What would keep a job from running on a cluster, found before anything is created; ``checks`` says how it is asked.

All checks ask at once; only where an answer needs explaining is a second round sent. What seldom changes is remembered
(for good, or a minute), but never an answer that led to a refusal: whoever has mended it is believed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import define, field

from ciao.adapters.kube.apierrors import ApiError, Unreachable
from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.objects.kinds import Kind
from ciao.adapters.kubeflow.objects.options import Options
from ciao.adapters.kubeflow.preflight.checks import MINUTE, Answer, Answers, Check, Json, Request, Unchecked, noticed
from ciao.adapters.kubeflow.preflight.fit import Fit
from ciao.adapters.kubeflow.preflight.limits import Limits
from ciao.adapters.kubeflow.preflight.named import Named
from ciao.adapters.kubeflow.preflight.operatorpods import has_init
from ciao.adapters.kubeflow.preflight.queues import Queue
from ciao.adapters.kubeflow.preflight.quota import Quota
from ciao.adapters.kubeflow.preflight.rights import Right, Rights
from ciao.adapters.kubeflow.preflight.serving import Serving
from ciao.adapters.kubeflow.preflight.trial import Trial
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.kubeflow.seen.asked import asks
from ciao.adapters.together import together
from ciao.core.model import JobSpec
from ciao.core.ports import Clock, Finding, Severity

_SHORT = 30


class Asked(Protocol):
    """What is needed of the client: ApiError for an answer that is no success, CiaoError for none at all."""

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json: ...

    async def post(self, path: str, body: Json, **params: str) -> Json: ...


@define(eq=False)
class Preflight:
    """Of one namespace. Lives on one event loop; may be asked several times at once.

    ``patience``: seconds that an answer may take without which the job can be created as well.
    """

    _api: Asked
    _namespace: str
    _options: Options
    _clock: Clock
    _patience: float = 5.0
    _rights: frozenset[Right] = frozenset()
    _pods: bool = True
    _kept: dict[str, tuple[float, Answer]] = field(factory=dict)
    _said: set[str] = field(factory=set)

    async def findings(self, spec: JobSpec, job: Json, source: Json | None, kind: Kind) -> tuple[Finding, ...]:
        """All that would keep the job from running, and what else is worth knowing; refusals first.

        ``job`` and ``source`` are what would be sent for ``spec``. Raises what the client raises when the cluster
        cannot be asked.
        """
        now = self._clock.monotonic()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        rights = Rights(namespace=self._namespace, plural=kind.plural, known=self._rights)
        trial = Trial(job=job, source=source, kind=kind, overlay=spec.placement.overlay, pods=self._pods)
        checks: tuple[Check, ...] = (Serving(kind=kind), rights, trial, *self._others(job, kind))
        answers = await self._answers(each.asks() for each in checks)
        answers |= await self._answers([each.more(answers) for each in checks])
        self._rights, self._pods = rights.settled(answers), self._pods and trial.may_try_pods(answers)
        return self._told(checks if not trial.homeless(answers) else (trial,), answers, job)

    def _others(self, job: Json, kind: Kind) -> tuple[Check, ...]:
        pods, gpu, namespace = asks(job, kind.replicas), self._options.gpu, self._namespace
        queue = facts.text(job, "metadata", "labels", names.QUEUE)
        return (
            Named(namespace=namespace, asks_for=pods),
            Queue(namespace=namespace, name=queue),
            Limits(namespace=namespace, asks_for=pods, gpu=gpu, init=has_init(job, kind)),
            Quota(namespace=namespace, asks_for=pods, gpu=gpu),
            Fit(asks_for=pods, gpu=gpu, autoscale=self._options.autoscale, queued=bool(queue)),
        )

    # -- asking ----------------------------------------------------------------------------------

    async def _answers(self, asked: Iterable[Mapping[str, Request]]) -> dict[str, Answer]:
        """All at once; what two checks ask for is asked once."""
        requests = {name: request for each in asked for name, request in each.items()}
        found = await together(*(self._answer(each) for each in requests.values()))
        return dict(zip(requests, found, strict=True))

    async def _answer(self, request: Request) -> Answer:
        now, key = self._clock.monotonic(), _key(request)
        if (kept := self._kept.get(key)) is not None and kept[0] > now:
            return kept[1]
        keep: float = request.keep
        try:
            async with asyncio.timeout(None if request.vital else self._patience):
                found: Answer = await self._send(request)
        except ApiError as error:
            keep, found = min(keep, MINUTE) if error.status == 403 else 0.0, error
        except (TimeoutError, Unreachable) as error:
            if request.vital:
                raise
            return ApiError(504, "Timeout", str(error))
        if keep:
            self._kept[key] = (now + keep, found)
        return found

    def _send(self, request: Request) -> Coroutine[Any, Any, Json]:
        params = dict(request.params)
        if request.body is not None:
            return self._api.post(request.path, request.body, **params)
        return self._api.get(request.path, metadata_only=request.metadata, **params)

    # -- telling ---------------------------------------------------------------------------------

    def _told(self, checks: Sequence[Check], answers: Answers, job: Json) -> tuple[Finding, ...]:
        found: list[Finding] = [*_short_lived(job)]
        for check in checks:
            mine = list(check.findings(answers))
            if any(each.severity is Severity.REFUSAL for each in mine):
                self._forget(check)
            found += mine
        refusals = [each for each in found if each.severity is Severity.REFUSAL]
        # Of a job that will not run it does not matter what else could not be checked.
        notices = [each for each in found if each not in refusals and self._worth_saying(each, not refusals)]
        return tuple(dict.fromkeys(Finding(each.severity, each.message) for each in [*refusals, *notices]))

    def _worth_saying(self, notice: Finding, runs: bool) -> bool:
        if not isinstance(notice, Unchecked):
            return True
        new = runs and notice.message not in self._said
        if new:
            self._said.add(notice.message)
        return new

    def _forget(self, check: Check) -> None:
        for request in check.asks().values():
            self._kept.pop(_key(request), None)


def _short_lived(job: Json) -> Iterable[Finding]:
    ttl = facts.number(job, "spec", "runPolicy", "ttlSecondsAfterFinished")
    if ttl is not None and ttl < _SHORT:
        yield noticed(f"The cluster deletes this job {ttl} s after its end (%ttl), perhaps before its logs were read.")


def _key(request: Request) -> str:
    return request.key or f"{request.path} {request.params} {request.metadata}"
