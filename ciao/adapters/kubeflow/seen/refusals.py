"""What the apiserver answers when it does not do what it is asked -> one sentence, and what to do about it.

A table of causes, most special first. What the user can mend, himself or with his administrator's help, is a UserError;
what a cluster does not manage is a TargetError. An answer is quoted only in parts that name things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.kubeflow.objects.kinds import KINDS
from ciao.adapters.kubeflow.seen import admission
from ciao.adapters.kubeflow.seen.facts import entries, text
from ciao.core.errors import CiaoError, NameInUseError, TargetError, UserError
from ciao.core.remedies import TROUBLES

_OVERLAY = "github.com/kubeflow/training-operator.git/manifests/overlays/standalone?ref=v1.9.3"
INSTALL = f'kubectl apply --server-side -k "{_OVERLAY}"'
_OPERATOR = "training-operator.kubeflow.org"
_ROLE = "deploy/rbac.yaml has the role that Ciao needs; an administrator of the namespace can grant it."
_SHOWN = "%render shows what is sent; an %overlay changes it."
_AGAIN = "Try again in a moment; if it stays so, ask the administrator of the cluster."


class Answer(Protocol):
    """An answer of the apiserver that is no success (the fields of ``meta/v1 Status``)."""

    @property
    def status(self) -> int: ...

    @property
    def reason(self) -> str: ...

    @property
    def message(self) -> str: ...

    @property
    def details(self) -> Mapping[str, Any]: ...


def refusal(answer: Answer, kind: str = "") -> CiaoError:
    """The error to raise in the answer's place. ``kind``: of the job that it was about (``PyTorchJob``)."""
    return next(error for rule in _RULES if (error := rule(answer, kind)) is not None)


# -- who is not there -----------------------------------------------------------------------------------


def _missing(answer: Answer, kind: str) -> CiaoError | None:
    if answer.status != 404:
        return None
    about, name = text(answer.details, "kind"), text(answer.details, "name")
    if about == "namespaces":
        hint = f"Name one that exists (%namespace), or create it: kubectl create namespace {name}"
        return UserError(f"There is no namespace {name} in this cluster.", hint=hint)
    if name:
        return TargetError(f"There is no {about or 'object'} {name} (any more).")
    what = kind or " or ".join(KINDS)
    return UserError(
        f"This cluster has no {what}: Kubeflow's training operator is not installed.",
        hint=f"An administrator installs it:\n{INSTALL}",
    )


def _ending(answer: Answer, kind: str) -> CiaoError | None:
    found = admission.said(answer.message)
    if found is None or found[0] != "NamespaceEnding":
        return None
    return UserError(f"Nothing can be created: {found[1]}.", hint="Choose another namespace (%namespace).")


# -- who may not ----------------------------------------------------------------------------------------

_RIGHT = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<what>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<ns>[^"]+)")?'
)
_ACCOUNT = "system:serviceaccount:"


def _forbidden(answer: Answer, kind: str) -> CiaoError | None:
    found = _RIGHT.search(answer.message)
    if answer.status != 403 or found is None:
        return None
    what = f"{found['what']}.{found['group']}" if found["group"] else found["what"]
    where = f"in the namespace {found['ns']}" if found["ns"] else "in the whole cluster"
    return UserError(f"{_who(found['user'])} may not {found['verb']} {what} {where}.", hint=_ROLE)


def _who(user: str) -> str:
    if user.startswith(_ACCOUNT):
        namespace, _, name = user.removeprefix(_ACCOUNT).partition(":")
        return f"The service account {name} of the namespace {namespace}"
    return "Whoever has no credentials" if user in ("", "system:anonymous") else f"The account {user}"


def _unauthorized(answer: Answer, kind: str) -> CiaoError | None:
    if answer.status != 401:
        return None
    hint = "Log in again as you do for kubectl; `kubectl auth whoami` shows whether it worked."
    return UserError("The cluster does not accept these credentials (any more).", hint=hint)


# -- what is refused ------------------------------------------------------------------------------------


def _denied(answer: Answer, kind: str) -> CiaoError | None:
    """Quotas, webhooks, policies: what also refuses pods."""
    found = admission.said(answer.message)
    if found is None:
        return None
    reason, clause = found
    if _OPERATOR in clause:
        said = clause.partition("denied it: ")[2]
        return UserError(f"The training operator refuses the job: {said}", hint=_SHOWN)
    return UserError(f"The cluster refuses {_object(answer)}: {clause}.", hint=TROUBLES.get(reason, ""))


def _object(answer: Answer) -> str:
    about = text(answer.details, "kind").lower()
    return f"the ConfigMap {text(answer.details, 'name')}" if about.startswith("configmap") else "the job"


def _exists(answer: Answer, kind: str) -> CiaoError | None:
    if answer.reason != "AlreadyExists":
        return None
    name = text(answer.details, "name")
    return NameInUseError(f"There is a {kind or 'job'} named {name} already.", hint="Choose another %name.")


def _conflict(answer: Answer, kind: str) -> CiaoError | None:
    return TargetError(f"Somebody else changed it meanwhile. {_AGAIN}") if answer.status == 409 else None


def _large(answer: Answer, kind: str) -> CiaoError | None:
    if answer.status != 413 and "request is too large" not in answer.message and "Too long" not in answer.message:
        return None
    field = _causes(answer)[0][0] if _causes(answer) else ""
    what = f"{field} is" if field.startswith("metadata") else "What travels with this job is"
    hint = "Let data lie on a volume (%volume), or bring code in an image (%image)."
    return UserError(f"{what} larger than the cluster takes.", hint=hint)


def _invalid(answer: Answer, kind: str) -> CiaoError | None:
    if answer.status not in (400, 422):
        return None
    causes = _causes(answer)
    said = "; ".join(f"{field}: {why}" if field else why for field, why in causes[:3]) or shortened(answer.message)
    return UserError(f"The cluster finds {_object(answer)} wrong: {said}", hint=_SHOWN)


_VALUE = re.compile(r'^Invalid value: (?:"(?:[^"\\]|\\.)*"|[{\[m].*|\S+): ', re.DOTALL)


def _causes(answer: Answer) -> list[tuple[str, str]]:
    """(field, why), without what only says that there is more, and without the values that were sent."""
    found = []
    for cause in entries(answer.details, "causes"):
        field, why = text(cause, "field"), text(cause, "message")
        if field != "<nil>":
            plain = _VALUE.sub("", why).removeprefix(f"{field} ")
            found.append(("" if field == "[]" else field, shortened(plain)))
    return found


# -- who does not answer --------------------------------------------------------------------------------


def _webhook(answer: Answer, kind: str) -> CiaoError | None:
    found = re.search(r'failed calling webhook "([^"]+)"', answer.message)
    if found is None:
        return None
    cause = shortened(answer.message.rpartition(": ")[2])
    if _OPERATOR in found[1]:
        return TargetError(f"The training operator is not answering ({cause}); nothing was created. {_AGAIN}")
    return TargetError(
        f"{found[1]}, which checks what is created in this cluster, is not answering ({cause}); nothing was created. "
        f"{_AGAIN}"
    )


def _busy(answer: Answer, kind: str) -> CiaoError | None:
    if answer.status not in (429, 503, 504):
        return None
    return TargetError(f"The cluster is too busy to answer ({shortened(answer.message) or answer.status}). {_AGAIN}")


def _other(answer: Answer, kind: str) -> CiaoError:
    said = shortened(answer.message) or answer.reason or "no word about it"
    if answer.status >= 500:
        return TargetError(f"The cluster failed (HTTP {answer.status}): {said}. {_AGAIN}")
    return UserError(f"The cluster refuses {_object(answer)} (HTTP {answer.status}): {said}")


_RULES: tuple[Callable[[Answer, str], CiaoError | None], ...] = (
    _missing,
    _ending,
    _forbidden,
    _unauthorized,
    _denied,
    _exists,
    _conflict,
    _webhook,
    _large,
    _invalid,
    _busy,
    _other,
)
