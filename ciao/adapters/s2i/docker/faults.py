"""What goes wrong at a Docker daemon, and between it and a registry -> Ciao's errors, each with its remedy.

A daemon's own words are the only thing that tells these apart, so they are a table of phrases, most special first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ciao.adapters.kube.phrases import shortened
from ciao.core.errors import CiaoError, SourceError, TargetError

_STEP = re.compile(
    r"returned a non-zero code|did not complete successfully|^COPY failed|^ADD failed|dockerfile parse error"
    r"|failed to parse|unknown instruction|exec format error|unable to start container process|build stage"
    r"|failed to solve|executable file not found|invalid reference format|must have at least|requires .* argument",
    re.IGNORECASE,
)
_REGISTRY: tuple[tuple[str, str, str], ...] = (
    (r"does not exist locally", "another build took its name away meanwhile", "Run the cell again."),
    (r"server gave HTTP response to HTTPS client", "it has no TLS",
     "Add it to insecure-registries in the daemon's /etc/docker/daemon.json: registry.insecure is not the daemon's."),
    (r"x509|tls: |certificate", "the daemon does not trust its certificate",
     "Give the daemon its authority: /etc/docker/certs.d/{host}/ca.crt on the daemon's machine."),
    (r"no basic auth credentials|unauthorized|authentication required|incorrect username or password",
     "it does not accept the credentials", "Log in:  docker login {host}"),
    (r"denied|insufficient_scope|forbidden|403", "this account may not",
     "Log in with one that may:  docker login {host}"),
    (r"toomanyrequests|too many requests|rate limit", "too many requests",
     "Wait, or log in: registries allow accounts more."),
    (r"no matching manifest|does not match the specified platform", "the image is not there for this platform",
     "Say %platform, or choose another %image."),
    (r"manifest unknown|not found|does not exist|name unknown", "there is none", "Check the name and the tag."),
    (r"no space left|insufficient storage|507", "a disk is full, the daemon's or the registry's",
     "Make room:  docker system prune, or ciao image rm"),
    (r"connection refused|no such host|i/o timeout|no route|network is unreachable|deadline exceeded|EOF|reset by peer",
     "the daemon cannot reach it", "Is the registry running, and reachable from the daemon's machine?"),
)  # fmt: skip
_DAEMON = (
    "Start it, or name another one (DOCKER_HOST, as `docker context inspect` shows it), or choose a builder that needs "
    "none (%s2i=registry)."
)


def no_daemon(host: str, reason: str) -> TargetError:
    """Nothing answers at ``host`` as Docker does."""
    return TargetError(f"The Docker daemon at {host} does not answer: {reason}. {_DAEMON}")


def forbidden(host: str) -> TargetError:
    """Its socket may not be opened."""
    return TargetError(
        f"The Docker daemon at {host} may not be spoken to by this user. "
        "Become a member of the group docker, name another daemon (DOCKER_HOST), or choose %s2i=registry."
    )


def of_registry(doing: str, reference: str, said: str) -> TargetError:
    """``doing`` an image (pulling, pushing) failed at its registry."""
    host = reference.partition("/")[0]
    for pattern, why, remedy in _REGISTRY:
        if re.search(pattern, said, re.IGNORECASE):
            return TargetError(
                f"{doing} {reference} failed at {host}: {why} ({shortened(said)}). {remedy.format(host=host)}"
            )
    return TargetError(f"{doing} {reference} failed at {host}: {shortened(said)}.")


def of_build(base: str, said: str, lines: Sequence[str]) -> CiaoError:
    """A build's error. A step's is the user's; ``lines``, the last that were said, tell why."""
    if _STEP.search(said):
        return failed_step(said, lines)
    return of_registry("Building on", base, said)


def failed_step(said: str, lines: Sequence[str]) -> SourceError:
    """A command of a Dockerfile, with what it printed last."""
    return SourceError(f"The image could not be built: {shortened(said)}", hint="\n".join(lines))


@contextmanager
def translated(host: str) -> Iterator[None]:
    """What docker's library raises while it talks to the daemon at ``host`` -> TargetError."""
    import requests
    import urllib3
    from docker.errors import APIError, DockerException, StreamParseError

    try:
        yield
    except APIError as error:
        said = shortened(str(error.explanation or error))
        raise TargetError(f"The Docker daemon at {host} refused ({error.status_code}): {said}.") from error
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise no_daemon(host, "there was no answer in time") from error
    except (
        DockerException, StreamParseError, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError,
    ) as error:  # fmt: skip
        raise (forbidden(host) if _has(error, PermissionError) else no_daemon(host, _reason(error))) from error


def broken_config(error: Exception) -> TargetError:
    """What docker's library says of the ``config.json`` that it reads first of all."""
    return TargetError(
        f"Docker's config.json, or DOCKER_HOST, cannot be used ({shortened(str(error))}). Correct it, or log in anew."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and what it carries as its arguments (urllib3's habit)."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        near = (each.__cause__, each.__context__, *each.args)
        waiting += [other for other in near if isinstance(other, BaseException)]


def _has(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(each, kind) for each in _chain(error))


def _reason(error: BaseException) -> str:
    """The system's word for it, else the innermost error's."""
    system = [each for each in _chain(error) if isinstance(each, OSError) and each.strerror]
    if system:
        return str(system[-1].strerror).lower()
    return shortened(str(list(_chain(error))[-1])) or type(error).__name__
