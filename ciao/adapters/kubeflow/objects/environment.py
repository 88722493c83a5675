"""A container's environment: defaults, the user's (job, then role), Ciao's marks; each name once.

Each name once, because ``env`` is a list keyed by name in the operators' CRDs: the apiserver refuses the second
entry. What counts is what a list with both would mean, and does on this machine: the last value wins, and ``$(NAME)``
stands for what the variable was where it is used (Kubernetes ``third_party/forked/golang/expansion``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ciao.adapters.kubeflow.objects.names import REPLICA_INDEX
from ciao.core.errors import UserError
from ciao.core.model import EnvVar, JobSpec, Role, SecretRef

SOURCE = "/ciao"
"""Where in a pod the source lies, read-only; ``ciao_replica`` links the user's files from there."""
REPORT = "/dev/termination-log"
_LONGEST = 131_072  # bytes of NAME=value and its NUL: Linux' MAX_ARG_STRLEN
_TOKEN = re.compile(r"\$\$|\$\(([^)]*)\)|\$")


def variables(spec: JobSpec, role: Role, defaults: Iterable[EnvVar] = (), source: str = SOURCE) -> list[dict[str, Any]]:
    """The container's ``env``. UserError (without the value) for one that no process could be started with."""
    marks = _marks(spec, role, source)
    taken = {mark["name"] for mark in marks}
    listed = [each for each in (*defaults, *spec.env, *role.env) if each.name not in taken]
    for each in listed:
        if isinstance(each.value, str) and len(f"{each.name}={each.value}".encode(errors="replace")) >= _LONGEST:
            hint = "Let it travel as a file (%file) or as a variable of the notebook (%var)."
            raise UserError(f"The value of %env={each.name} is too long: at most 128 KiB fit.", hint=hint)
    if len({each.name for each in listed}) < len(listed):
        listed = _settled(listed)
    return [*map(_entry, listed), *marks]


def _entry(variable: EnvVar) -> dict[str, Any]:
    if isinstance(variable.value, SecretRef):
        reference = {"name": variable.value.name, "key": variable.value.key}
        return {"name": variable.name, "valueFrom": {"secretKeyRef": reference}}
    return {"name": variable.name, "value": variable.value}


def _marks(spec: JobSpec, role: Role, source: str) -> list[dict[str, Any]]:
    """By which a process knows its job. One template serves all replicas of a role, so the index comes from a label."""
    index = {"fieldRef": {"fieldPath": f"metadata.labels['{REPLICA_INDEX}']"}}
    return [
        {"name": "CIAO_JOB", "value": spec.name},
        {"name": "CIAO_INDEX", "valueFrom": index},
        {"name": "CIAO_REPLICA", "value": f"{role.name}-$(CIAO_INDEX)"},
        {"name": "CIAO_REPORT", "value": REPORT},
        {"name": "CIAO_SOURCE", "value": source},
    ]


def _settled(listed: list[EnvVar]) -> list[EnvVar]:
    """Each name once, at its last place, with references resolved as of where they stood.

    Only a reference to a Secret's variable that is itself said twice is lost: nobody knows its value here.
    """
    known: dict[str, str] = {}
    found: dict[str, EnvVar] = {}
    for each in listed:
        if isinstance(each.value, SecretRef):
            known[each.name], settled = f"$({each.name})", each
        else:
            known[each.name] = _TOKEN.sub(lambda match: _resolved(match, known), each.value)
            settled = EnvVar(each.name, known[each.name])
        found.pop(each.name, None)
        found[each.name] = settled
    return list(found.values())


def _resolved(match: re.Match[str], known: dict[str, str]) -> str:
    """What is known already is in escaped form: the kubelet expands the result once more."""
    if match[1] is None:
        return "$$"
    return known.get(match[1], match[0].replace("$", "$$"))
