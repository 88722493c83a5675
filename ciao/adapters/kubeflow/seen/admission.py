"""What admission says when it refuses an object: from its words to a cause with a remedy.

The same words come in two places: in the answer to a create (a job, a ConfigMap), and, as the operator creates pods
and Services, in the events ``FailedCreatePod`` and ``FailedCreateService`` of the job. Sources: Kubernetes' admission
plug-ins ResourceQuota, LimitRanger, PodSecurity, ServiceAccount, Priority, webhooks and policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.kubeflow.seen.podends import INIT
from ciao.core.words import listed

Said = tuple[str, str]
_WHOSE = re.compile(r'^(?:Error creating: )?[\w./]+ "(?P<name>[^"]+)" is (?:forbidden|invalid): ')


def subject(text: str) -> str:
    """The name of the object that was refused, "" when it is not said."""
    found = _WHOSE.search(text)
    return found["name"] if found else ""


def said(text: str) -> Said | None:
    """(reason, clause) for what an admission plug-in says; None for anything else."""
    for pattern, clause in _TABLE:
        found = pattern.search(text)
        if found is not None:
            return clause(found)
    return None


def cause(text: str) -> Said:
    """As ``said``; for words that nobody knows, those words."""
    return said(text) or ("CreateFailed", shortened(_WHOSE.sub("", text)))


# -- quotas and limits ----------------------------------------------------------------------------------


def _quota(found: re.Match[str]) -> Said:
    asked, used, limited = (_amounts(found[part]) for part in ("asked", "used", "limited"))
    parts = [
        f"{amount} of {what} asked, {used.get(what, '0')} of {limited.get(what, '?')} in use"
        for what, amount in asked.items()
    ]
    return "QuotaExceeded", f"the quota {found['quota']} is used up ({'; '.join(parts)})"


def _amounts(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {what.strip(): amount.strip() for what, _, amount in pairs}


def _unsaid(found: re.Match[str]) -> Said:
    named = re.sub(r" for: [^;]*", "", found["what"])
    wanted = [part.strip() for part in re.split(r"[;,]", named) if part.strip()]
    return "QuotaUnsaid", f"the quota {found['quota']} wants every pod to say {listed(wanted)}"


_RANGE = re.compile(
    r"(?P<end>minimum|maximum) (?P<what>\S+) usage per (?P<whose>\w+) is (?P<limit>\S*?\w)[.,] "
    r"(?:but (?:request|limit) is (?P<asked>\S*?\w)(?=[.,\]]|$)|No)"
)


def _range(found: re.Match[str]) -> Said:
    parts = []
    for each in _RANGE.finditer(found[0]):
        bound = "at least" if each["end"] == "minimum" else "at most"
        asked = f"not {each['asked']}" if each["asked"] else "and it must be said"
        parts.append(f"{each['what']} {bound} {each['limit']} for each {each['whose'].lower()}, {asked}")
    return "LimitRange", f"its namespace allows {'; '.join(parts)}"


def _ratio(found: re.Match[str]) -> Said:
    return "LimitRange", f"its namespace allows {found['what']} limits of at most {found['ratio']} times the request"


# -- policies -------------------------------------------------------------------------------------------


def _security(found: re.Match[str]) -> Said:
    what = re.sub(r" \([^()]*\)", "", found["what"])
    containers = set(re.findall(r'"([\w-]+)"', " ".join(re.findall(r"containers? ((?:\"[\w-]+\"(?:, )?)+)", found[0]))))
    whose = f" of the operator's init container {INIT}" if containers == {INIT} else ""
    reason = "OperatorInit" if whose else "PodSecurity"
    return reason, f"the namespace's policy {found['level']} forbids{whose}: {shortened(what)}"


def _webhook(found: re.Match[str]) -> Said:
    return "AdmissionDenied", f"{found['who']} denied it: {shortened(found['why'])}"


def _policy(found: re.Match[str]) -> Said:
    return "AdmissionDenied", f"the policy {found['who']} denied it: {shortened(found['why'])}"


# -- what is missing ------------------------------------------------------------------------------------


def _account(found: re.Match[str]) -> Said:
    return "ServiceAccountMissing", f"there is no service account {found['name']} in the namespace {found['ns']}"


def _priority(found: re.Match[str]) -> Said:
    return "PriorityMissing", f"there is no priority class {found['name']}"


def _ending(found: re.Match[str]) -> Said:
    return "NamespaceEnding", f"the namespace {found['ns']} is being deleted"


def _long(_: re.Match[str]) -> Said:
    return "NameTooLong", "the names of its pods and Services have more than 63 characters"


_TABLE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Said]], ...] = (
    (
        re.compile(
            r"exceeded quota: (?P<quota>[^,]+), requested: (?P<asked>.+?), "
            r"used: (?P<used>.+?), limited: (?P<limited>.+)"
        ),
        _quota,
    ),
    (re.compile(r"failed quota: (?P<quota>[^:]+): must specify (?P<what>.+)"), _unsaid),
    (re.compile(r"(?:minimum|maximum) \S+ usage per .*"), _range),
    (re.compile(r"(?P<what>\S+) max limit to request ratio per \w+ is (?P<ratio>\d+(?:\.\d+)?)"), _ratio),
    (re.compile(r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<what>.+)'), _security),
    (re.compile(r'admission webhook "(?P<who>[^"]+)" denied the request: (?P<why>.+)', re.DOTALL), _webhook),
    (
        re.compile(r"Validating\w+Policy '(?P<who>[^']+)' with binding '[^']*' denied request: (?P<why>.+)", re.DOTALL),
        _policy,
    ),
    (re.compile(r"error looking up service account (?P<ns>[^/]+)/(?P<name>[^:]+):"), _account),
    (re.compile(r"no PriorityClass with name (?P<name>\S+) was found"), _priority),
    (re.compile(r"create new content in namespace (?P<ns>\S+) because it is being terminated"), _ending),
    (re.compile(r"Service \"[^\"]+\" is invalid: metadata.name: .*no more than 63"), _long),
)
