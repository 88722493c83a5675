"""Objects of a real cluster (Kubernetes 1.34, training operator 1.9.3), trimmed: ``pod("oom")``, ``refusal("rbac")``.

``kube_objects/*.json`` holds them by what had been done to them; names of hosts and namespaces were made neutral.
"""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

from attrs import frozen

Json = dict[str, Any]


@functools.cache
def every(kind: str) -> dict[str, Json]:
    """All recorded objects of a kind: pods, jobs, events, nodes, others (pods of the system), refusals."""
    found: dict[str, Json] = json.loads((Path(__file__).parent / "kube_objects" / f"{kind}.json").read_text("utf-8"))
    return found


def pod(name: str) -> Json:
    """A copy of a recorded pod."""
    return copy.deepcopy(every("pods")[name])


def job(name: str) -> Json:
    """A copy of a recorded PyTorchJob."""
    return copy.deepcopy(every("jobs")[name])


def event(name: str) -> Json:
    """A copy of a recorded event."""
    return copy.deepcopy(every("events")[name])


@frozen
class Answered:
    """What the apiserver answered, with the fields of ``ApiError``."""

    status: int
    reason: str
    message: str
    details: Json


def refusal(name: str) -> Answered:
    """A recorded answer that was no success."""
    found = every("refusals")[name]
    said = found["status"]
    if not isinstance(said, dict):
        return Answered(found["code"], "NotFound", str(said).strip(), {})
    return Answered(found["code"], said.get("reason", ""), said["message"], said.get("details", {}))
