"""What goes wrong with a registry, or with what stands before it: switched on for requests that match, n times."""

from __future__ import annotations

import re
import threading
import urllib.parse
from collections.abc import Mapping

from attrs import define, field, frozen

from .messages import Answer, Error, Request, refused


@frozen
class Instead:
    """Another answer, and the registry hears nothing. ``reads`` False: given before the body has come, and then the
    connection is closed.
    """

    answer: Answer
    reads: bool = True


@frozen
class Cut:
    """The connection is reset: after so many bytes of the request's body, or of the answer's."""

    received: int | None = None
    sent: int | None = None


@frozen
class Spoil:
    """The answer's last byte is another one; its headers are as they were."""


@frozen
class Hang:
    """The request is taken, and there is never an answer."""


@frozen
class Redirect:
    """To a storage that is another host: it gives blobs to whoever knows their place, and refuses Authorization."""

    status: int = 307


@define
class Fault:
    """``method`` and ``path`` (with the query) are regular expressions; ``times`` -1: for ever."""

    does: Instead | Cut | Spoil | Hang | Redirect
    method: str = ""
    path: str = ""
    times: int = 1
    met: int = 0

    def meets(self, request: Request) -> bool:
        """True, and counted, when it is this request that it is for."""
        where = f"{request.path}?{urllib.parse.urlencode(request.query, doseq=True)}"
        if self.times == self.met or not re.search(self.path, where):
            return False
        if self.method and not re.fullmatch(self.method, request.method):
            return False
        self.met += 1
        return True


@define
class Faults:
    """Those that are switched on; the first that meets a request is done to it."""

    on: list[Fault] = field(factory=list)
    lock: threading.Lock = field(factory=threading.Lock)

    def of(self, request: Request) -> Instead | Cut | Spoil | Hang | Redirect | None:
        """What is done to a request."""
        with self.lock:
            return next((each.does for each in self.on if each.meets(request)), None)


def html(status: int = 200, title: str = "Please sign in") -> Instead:
    """As a proxy or a portal before the registry answers."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
    return Instead(Answer(status, {"Content-Type": "text/html; charset=utf-8"}, page.encode()))


def error(status: int, code: str = "UNKNOWN", message: str = "unknown error", **headers: str) -> Instead:
    """As a registry says it. A header's name is written with ``_`` (Retry_After)."""
    return Instead(refused(status, Error(code, message), **headers))


def plain(status: int, text: str = "", headers: Mapping[str, str] | None = None) -> Instead:
    """As a Go server says it."""
    return Instead(Answer(status, {"Content-Type": "text/plain", **(headers or {})}, text.encode()))
