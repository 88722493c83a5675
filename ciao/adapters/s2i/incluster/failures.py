"""Why a build failed: from Kaniko's last words and how its container ended to one error with its remedy. Pure.

The words are those of Kaniko 1.24 and of go-containerregistry below it, seen with the faults themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.s2i.incluster.kanikolog import KanikoLog
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.events import Exit

_LINES = 20
_TRUST = "Name its authority's certificate (registry.ca), or, if it may go unchecked, the registry (registry.insecure)."
_NAMES = "registry.pods is the name by which pods reach the repository of registry.push; does it lead there?"
_OPENING = (
    "kubectl create secret docker-registry makes a Secret with credentials; name it in the setting registry.secret, "
    "or by %pullSecret."
)
_OPENED = re.compile(
    r'(?:GET|POST|PUT|HEAD|PATCH|Get|Post|Put|Head|Patch) "?(https?://([^/"]+)/[^\s":]*(?::\d+[^\s":]*)?)'
)


@frozen
class _Fault:
    """``error``: Kaniko's last words, as one line; ``target``: what was to be pushed."""

    error: str
    target: str
    step: str
    said: tuple[str, ...]
    pushing: bool

    @property
    def host(self) -> str:
        """The registry that was spoken to last."""
        found = _OPENED.findall(self.error)
        return found[-1][1] if found else self.target.partition("/")[0]

    @property
    def pushes(self) -> bool:
        """It was about the image that is made, not about one that it is made from."""
        return self.pushing or "push" in self.error.partition(":")[0]

    def has(self, pattern: str) -> bool:
        """The words match."""
        return re.search(pattern, self.error, re.IGNORECASE) is not None

    @property
    def words(self) -> str:
        """What is left of the error without its layers."""
        found = re.search(r"\b([A-Z][A-Z_]{4,}: [^;\[]+)|(unexpected status code \d+[^:;]*)", self.error)
        return shortened((found[0] if found else self.error.rpartition(": ")[2]).strip(" ;"))


def failure(log: KanikoLog, end: Exit, target: str) -> CiaoError:
    """The error to raise. ``target``: the reference that was to be pushed."""
    fault = _Fault(log.error, target, log.step, tuple(log.said)[-_LINES:], log.pushing)
    if not fault.error or end.reason not in ("Error", "Completed"):
        return _ended(fault, end)
    return next(error for rule in _RULES if (error := rule(fault)) is not None)


# -- not by itself ----------------------------------------------------------------------------------------


def _ended(fault: _Fault, end: Exit) -> CiaoError:
    """Its container was ended, or ended without a word."""
    why = {
        "OOMKilled": f"it ran out of memory ({end.message})",
        "StartError": f"its container could not be started: {end.message}",
    }.get(end.reason, end.message or f"it ended with exit code {end.code} and said nothing")
    return TargetError(_lined(f"The build of {fault.target} failed{_in(fault)}: {why}.", fault.said))


def _in(fault: _Fault) -> str:
    return f" in the step {shortened(fault.step)}" if fault.step and not fault.pushing else ""


def _lined(sentence: str, lines: tuple[str, ...]) -> str:
    return "\n".join([sentence, *(f"  {line}" for line in lines)])


# -- registries ---------------------------------------------------------------------------------------------

_UNREACHABLE = (
    r"dial tcp|no such host|server misbehaving|connection (?:refused|reset)|i/o timeout|no route to host|"
    r"network is unreachable|TLS handshake timeout|deadline exceeded|\bEOF\b"
)


def _plain(fault: _Fault) -> CiaoError | None:
    if not fault.has("HTTP response to HTTPS client"):
        return None
    return TargetError(
        f"The registry {fault.host} speaks plain HTTP, and the build was not told so. Name it in registry.insecure."
    )


def _untrusted(fault: _Fault) -> CiaoError | None:
    if not fault.has(r"x509|certificate"):
        return None
    return TargetError(
        f"The build does not trust the certificate of the registry {fault.host} ({_last(fault.error)}). {_TRUST}"
    )


def _forbidden(fault: _Fault) -> CiaoError | None:
    if not fault.has(r"\bUNAUTHORIZED\b|\bDENIED\b|\bFORBIDDEN\b|status code 40[13]\b|insufficient_scope"):
        return None
    if fault.pushes:
        return TargetError(
            f"The registry {fault.host} does not let the build push {fault.target} ({fault.words}). {_OPENING}"
        )
    return TargetError(
        f"The registry {fault.host} does not give the build {_pulled(fault)} ({fault.words}). {_OPENING}"
    )


def _missing(fault: _Fault) -> CiaoError | None:
    if fault.pushes or not fault.has(r"MANIFEST_UNKNOWN|NAME_UNKNOWN|status code 404"):
        return None
    return SourceError(
        f"The build finds no image {_pulled(fault)} in the registry {fault.host}.",
        hint="Check its name and tag (%image, or FROM in the Dockerfile).",
    )


def _unreachable(fault: _Fault) -> CiaoError | None:
    if not fault.has(_UNREACHABLE):
        return None
    return TargetError(f"Pods cannot reach the registry {fault.host} ({_last(fault.error)}). {_NAMES}")


def _refusing(fault: _Fault) -> CiaoError | None:
    if not fault.has(r"unexpected status code|TOOMANYREQUESTS|BLOB_UPLOAD|DIGEST_INVALID|: UNKNOWN\b"):
        return None
    what = f"did not take {fault.target}" if fault.pushes else f"did not give {_pulled(fault)}"
    return TargetError(f"The registry {fault.host} {what}: {fault.words}. Try again; if it stays so, look at its log.")


def _pulled(fault: _Fault) -> str:
    """``python:3.11`` out of the URL of its manifest."""
    found = re.search(r"/v2/(.+?)/(?:manifests|blobs)/([^\s\"]+?)(?=[:\s\"]*\s|$|\":)", fault.error)
    if not found:
        return "an image that it is made from"
    return f"{found[1]}{'@' if found[2].startswith('sha256') else ':'}{found[2]}"


def _last(error: str) -> str:
    """The cause, the innermost of the words."""
    found = re.search(r"dial \w+: (lookup [^;]+)", error)
    return shortened((found[1] if found else error.partition(";")[0].rpartition(": ")[2]).strip())


# -- the Dockerfile -----------------------------------------------------------------------------------------


def _unreadable(fault: _Fault) -> CiaoError | None:
    found = re.search(r"parsing dockerfile: (?:dockerfile parse error on )?(.*)", fault.error)
    return SourceError(f"The Dockerfile cannot be read: {shortened(found[1])}.") if found else None


def _step(fault: _Fault) -> CiaoError | None:
    found = re.search(r"waiting for process to exit: (.*)", fault.error)
    found = found or re.search(r"failed to execute command: (.*)", fault.error)
    if not found:
        return None
    why = shortened(found[1])
    if "signal: killed" in why:
        return TargetError(_lined(f"A step of the build was killed{_in(fault)}: it ran out of memory.", fault.said))
    return SourceError(f"A step of the Dockerfile failed ({why}): {shortened(fault.step)}", hint="\n".join(fault.said))


def _other(fault: _Fault) -> CiaoError:
    said = re.sub(r"^error building image: (?:error building stage: )?", "", fault.error)
    said = said.replace("/kaniko/buildcontext/", "")
    return SourceError(f"The image cannot be built: {shortened(said)}.", hint="\n".join(fault.said))


_RULES: tuple[Callable[[_Fault], CiaoError | None], ...] = (
    _unreadable,
    _step,
    _plain,
    _forbidden,
    _untrusted,
    _missing,
    _unreachable,
    _refusing,
    _other,
)
