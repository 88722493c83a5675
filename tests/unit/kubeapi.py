"""An apiserver in memory, as far as the preflight asks one; it counts requests, and rounds of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.preflight.rights import EVENTS, Right, needed

Json = dict[str, Any]
NS = "/api/v1/namespaces/team"
KINDS = {"resources": [{"name": "pytorchjobs"}, {"name": "pytorchjobs/status"}, {"name": "tfjobs"}]}


def fault(status: int, message: str = "", reason: str = "", **details: str) -> ApiError:
    """An answer that is no success."""
    return ApiError(status, reason or {403: "Forbidden", 404: "NotFound"}.get(status, ""), message, details, None)


def missing(kind: str, name: str) -> ApiError:
    """No such object."""
    return fault(404, f'{kind} "{name}" not found', kind=kind, name=name)


def no_right(verb: str, resource: str) -> ApiError:
    """Rights do not suffice."""
    return fault(
        403, f'x is forbidden: User "eve" cannot {verb} resource "{resource}" in API group "" in the namespace "team"'
    )


def rules(*rights: Right, **more: Any) -> Json:
    """A SelfSubjectRulesReview's answer: a rule for each right."""
    found = [{"verbs": [r.verb], "apiGroups": [r.group], "resources": [r.resource]} for r in rights]
    return {"status": {"resourceRules": found, **more}}


def names(*found: str) -> Json:
    """A list of objects with these names."""
    return {"items": [{"metadata": {"name": each}} for each in found]}


class Api:
    """Answers by path (``POST /path`` for posts); a list is answered one by one. A healthy cluster by default."""

    def __init__(self, answers: Mapping[str, Any] | None = None, plural: str = "pytorchjobs") -> None:
        self.answers: dict[str, Any] = {
            "/apis/kubeflow.org/v1": KINDS,
            "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews": rules(*needed(plural), *EVENTS),
            "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": {"status": {"userInfo": {"username": "eve"}}},
            f"POST /apis/kubeflow.org/v1/namespaces/team/{plural}": {},
            f"POST {NS}/configmaps": {},
            f"POST {NS}/pods": {},
            f"{NS}/resourcequotas": {"items": []},
            f"{NS}/limitranges": {"items": []},
            "/api/v1/nodes": {"items": [{"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "8"}}}]},
            **(answers or {}),
        }
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.rounds = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def get(self, path: str, **params: Any) -> Json:
        return await self._answer(path, params)

    async def post(self, path: str, body: Json, **params: Any) -> Json:
        return await self._answer(f"POST {path}", {**params, "body": body})

    async def _answer(self, what: str, how: dict[str, Any]) -> Json:
        self.sent.append((what, how))
        await self._round()
        found = self.answers[what]
        if callable(found):
            found = found(how)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async def _round(self) -> None:
        """All that is asked before anything is answered is one round."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self.rounds += 1
            loop.call_soon(loop.call_soon, self._flush)
        self._waiting.append(loop.create_future())
        await self._waiting[-1]

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def asked(self) -> list[str]:
        """What was asked for, in order."""
        return [what for what, _ in self.sent]
