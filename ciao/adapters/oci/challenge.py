"""``WWW-Authenticate``: what a registry wants to be told (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+|$)")


@frozen
class Challenge:
    """``scheme`` in lower case; parameters by their lower-case names."""

    scheme: str
    parameters: Mapping[str, str]

    @property
    def scopes(self) -> frozenset[str]:
        """``repository:team/app:pull,push``, …: several stand in one value, separated by blanks."""
        return frozenset(self.parameters.get("scope", "").split())


def challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of all such headers, in order."""
    return tuple(each for header in headers for each in _parsed(header))


def chosen(found: Iterable[Challenge]) -> Challenge | None:
    """Bearer before Basic; None when neither is offered."""
    by_scheme = {each.scheme: each for each in reversed(tuple(found))}
    bearer = by_scheme.get("bearer")
    return bearer if bearer is not None and bearer.parameters.get("realm") else by_scheme.get("basic")


def _parsed(text: str) -> Iterable[Challenge]:
    at = 0
    while at < len(text):
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            return
        at, parameters = scheme.end(), {}
        while (parameter := _PARAMETER.match(text, at)) is not None:
            quoted, bare = parameter[2], parameter[3]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            parameters[parameter[1].lower()] = value
            at = parameter.end()
        yield Challenge(scheme[1].lower(), parameters)
