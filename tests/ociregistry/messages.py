"""Requests and answers as values, so that the registry's rules stand apart from sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

JSON = "application/json; charset=utf-8"
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


@frozen(kw_only=True)
class Request:
    """``headers`` have lower-case names. ``pieces`` gives the body as it arrives, once. ``base``: the URL of whom it
    was sent to.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    base: str
    length: int | None = None
    pieces: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), repr=False)

    def asked(self, name: str) -> str:
        """One parameter of the query; "" when it is missing."""
        return self.query.get(name, [""])[0]

    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces())


@frozen
class Answer:
    """``body`` is not sent for HEAD, but its length is."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)


@frozen
class Error:
    """One entry of an error's body."""

    code: str
    message: str
    detail: Any = None


def refused(status: int, *errors: Error, **headers: str) -> Answer:
    """As the distribution specification has it. A header's name is written with ``_``."""
    listed = [{"code": each.code, "message": each.message, "detail": each.detail} for each in errors]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": JSON, **VERSION, **named}, json.dumps({"errors": listed}).encode())


def said(status: int, text: str) -> Answer:
    """Plain text, as from a Go server."""
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, f"{text}\n".encode())
