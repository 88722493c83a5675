"""References of images as Docker and containerd read them (distribution/reference). Pure."""

from __future__ import annotations

import re

from attrs import evolve, frozen

from ciao.core.errors import SourceError

HUB = "docker.io"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])"
    r"(?::[0-9]{1,5})?",
    re.ASCII,
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_LONGEST = 255


@frozen
class Reference:
    """``host/path:tag@digest``. ``host`` is as people write it (``docker.io``); ``tag`` and ``digest`` may be ""."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """``host/path``."""
        return f"{self.host}/{self.path}"

    @property
    def wanted(self) -> str:
        """What a manifest is asked for by: the digest, else the tag."""
        return self.digest or self.tag or "latest"

    def pinned(self, digest: str) -> str:
        """``host/path@digest``."""
        return f"{self.repository}@{digest}"

    def at(self, repository: str) -> Reference:
        """The same image in another repository (``host/path``)."""
        host, _, path = repository.partition("/")
        return evolve(self, host=host, path=path)

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def parse(text: str) -> Reference:
    """``python``, ``team/app:1``, ``localhost:5000/app@sha256:…``. SourceError for what is no reference.

    A first part with a dot, a colon or capitals, or ``localhost``, is the host; without one it is Docker Hub.
    """
    rest, at, digest = text.partition("@")
    head, slash, tail = rest.partition("/")
    if slash and (head == "localhost" or re.search(r"[.:A-Z\[]", head)):
        host, name = head, tail
    else:
        host, name = HUB, rest
    path, colon, tag = name.partition(":")
    if host in (HUB, "index.docker.io", "registry-1.docker.io"):
        host, path = HUB, path if "/" in path else f"library/{path}"
    problem = _problem(host, path, tag if colon else None, digest if at else None)
    if problem:
        raise SourceError(
            f"{text!r} is not a reference of an image: {problem}.", hint="registry/path:tag, as in Docker."
        )
    return Reference(host, path, tag, digest)


def _problem(host: str, path: str, tag: str | None, digest: str | None) -> str:
    if not _HOST.fullmatch(host):
        return f"{host!r} is no name of a registry"
    name = path.removeprefix("library/") if host == HUB else path
    if not name:
        return "the name is missing"
    if name != name.lower():
        return f"{name!r} has capitals"
    if not _PATH.fullmatch(path):
        return f"{name!r} is no name of a repository"
    if len(f"{host}/{path}") > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    if tag is not None and not _TAG.fullmatch(tag):
        return f"{tag!r} is no tag"
    if digest is not None and not _DIGEST.fullmatch(digest):
        return f"{digest!r} is no digest (sha256: and 64 hexadecimal digits)"
    return ""
