"""What Ciao has to be allowed in a namespace, and whether it is (authorization.k8s.io/v1; deploy/rbac.yaml grants it).

One SelfSubjectRulesReview answers for everything where rights are roles (RBAC). Where it is incomplete, and says so
(webhooks of cloud providers), what it does not show is asked one by one (SelfSubjectAccessReview) before anybody is
accused. A right that was found is not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from ciao.adapters.kubeflow.objects.kinds import GROUP
from ciao.adapters.kubeflow.preflight.checks import Answers, Request, answered, refused, unchecked
from ciao.adapters.kubeflow.seen import facts
from ciao.core.ports import Finding

Json = dict[str, Any]
_REVIEWS = "/apis/authorization.k8s.io/v1"
_ME = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_ACCOUNT = "system:serviceaccount:"


@frozen(order=True)
class Right:
    """``resource`` may be a part of one: ``pods/log``."""

    group: str
    resource: str
    verb: str

    def review(self, namespace: str) -> Json:
        """The question whether one has it."""
        resource, _, part = self.resource.partition("/")
        attributes = {"namespace": namespace, "verb": self.verb, "group": self.group, "resource": resource}
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**attributes, **({"subresource": part} if part else {})}},
        }


def needed(plural: str) -> tuple[Right, ...]:
    """Without any of these a job cannot be run, watched and stopped."""
    return (
        *(Right(GROUP, plural, verb) for verb in ("create", "get", "list", "watch", "patch", "delete")),
        *(Right("", "pods", verb) for verb in ("get", "list", "watch", "patch", "delete")),
        Right("", "pods/log", "get"),
        Right("", "configmaps", "create"),
    )


EVENTS = (Right("", "events", "list"), Right("", "events", "watch"))
"""Without these it cannot be said why a pod waits."""


@frozen(kw_only=True)
class Rights:
    """Check: may Ciao do what it has to? ``known`` are the rights that were ``settled`` before."""

    namespace: str
    plural: str
    known: frozenset[Right] = frozenset()

    def asks(self) -> Mapping[str, Request]:
        """All rights in one question, unless all are known."""
        if not self._unknown:
            return {}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": self.namespace},
        }
        return {"rules": Request(path=f"{_REVIEWS}/selfsubjectrulesreviews", body=body)}

    def more(self, answers: Answers) -> Mapping[str, Request]:
        """Who is asking, when something is missing; and where the rules do not show all, each of it by itself."""
        doubtful = self._unknown - _shown(answers, self._unknown)
        if not doubtful:
            return {}
        me = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = f"{_REVIEWS}/selfsubjectaccessreviews"
        one_by_one = () if _complete(answers) else doubtful
        asked = {_key(each): Request(path=path, body=each.review(self.namespace)) for each in one_by_one}
        return {**asked, "me": Request(path=_ME, body=me)}

    def settled(self, answers: Answers) -> frozenset[Right]:
        """What need not be asked again: what is granted, and what is not but may be done without."""
        found = (
            self.known | _shown(answers, self._unknown) | {each for each in self._unknown if _allowed(answers, each)}
        )
        return found | set(EVENTS) if found >= set(needed(self.plural)) else found

    def findings(self, answers: Answers) -> Iterator[Finding]:
        """One sentence for what is missing. What could not be asked is not missing: the dry run will say it."""
        denied = [each for each in sorted(self._unknown - _shown(answers, self._unknown)) if _denied(answers, each)]
        missing = [each for each in denied if each not in EVENTS]
        if missing:
            yield refused(
                f"{_who(answers)} lacks rights in {self.namespace} that Ciao cannot do without: {_told(missing)}. "
                "An administrator of the namespace can grant the role in deploy/rbac.yaml."
            )
        elif denied:
            yield unchecked(f"Ciao may not read the events of {self.namespace}: it may not know why a pod waits.")

    @property
    def _unknown(self) -> frozenset[Right]:
        return frozenset((*needed(self.plural), *EVENTS)) - self.known


def _shown(answers: Answers, wanted: Iterable[Right]) -> frozenset[Right]:
    """What the rules allow. A rule for objects of certain names is none for all."""
    rules = facts.entries(answered(answers, "rules"), "status", "resourceRules")
    return frozenset(
        right
        for right in wanted
        if any(
            not rule.get("resourceNames")
            and _has(rule, "verbs", right.verb)
            and _has(rule, "apiGroups", right.group)
            and (_has(rule, "resources", right.resource) or _any_part(rule, right.resource))
            for rule in rules
        )
    )


def _has(rule: Mapping[str, Any], field: str, wanted: str) -> bool:
    return bool({"*", wanted} & set(rule.get(field) or ()))


def _any_part(rule: Mapping[str, Any], resource: str) -> bool:
    """``*/log`` allows the log of everything."""
    return "/" in resource and f"*/{resource.partition('/')[2]}" in (rule.get("resources") or ())


def _allowed(answers: Answers, right: Right) -> bool:
    return facts.field(answered(answers, _key(right)), "status", "allowed") is True


def _denied(answers: Answers, right: Right) -> bool:
    """Of a right that the rules do not show."""
    return _complete(answers) or (answered(answers, _key(right)) is not None and not _allowed(answers, right))


def _complete(answers: Answers) -> bool:
    rules = answered(answers, "rules")
    return rules is not None and facts.field(rules, "status", "incomplete") is not True


def _key(right: Right) -> str:
    return f"{right.verb} {right.resource}"


def _who(answers: Answers) -> str:
    user = facts.text(answered(answers, "me"), "status", "userInfo", "username")
    if user.startswith(_ACCOUNT):
        namespace, _, name = user.removeprefix(_ACCOUNT).partition(":")
        return f"The service account {name} of {namespace}"
    return user or "This account"


def _told(missing: Iterable[Right]) -> str:
    """``pods (get, list), pods/log (get)``."""
    verbs: dict[str, list[str]] = {}
    for each in missing:
        verbs.setdefault(each.resource, []).append(each.verb)
    return ", ".join(f"{resource} ({', '.join(each)})" for resource, each in verbs.items())
