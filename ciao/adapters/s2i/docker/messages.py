"""What a daemon says while it builds, pulls and pushes (a stream of JSON): lines, bytes, what came of it. Pure.

Docker Engine API, ``POST /build``, ``/images/create`` and ``/images/{name}/push``; moby's ``jsonmessage``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ciao.core.events import Progress

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_NOISE = (" --->", "Removing intermediate container", "Successfully built", "Successfully tagged")
_LONGEST = 300
_KEPT = 20
_STEP = 1 << 20
"""Bytes after which more of a transfer is told."""


class Said:
    """All that one stream has said. ``what``: how its transfers are told; ``found``: what it says on the side (aux)."""

    def __init__(self, what: str) -> None:
        self._what, self._rest = what, ""
        self._parts: dict[str, tuple[int, int]] = {}
        self._told = -1
        self.lines: list[str] = []
        self.error = ""
        self.found: dict[str, str] = {}

    def hear(self, message: Mapping[str, Any]) -> Iterator[Progress]:
        """One message; what people are to be told of it."""
        aux, detail = message.get("aux"), message.get("errorDetail")
        if isinstance(aux, Mapping):
            self.found |= {str(key): str(value) for key, value in aux.items()}
        if "error" in message or detail:
            said = detail.get("message") if isinstance(detail, Mapping) else ""
            self.error = str(said or message.get("error") or "unknown")
        elif "message" in message:
            self.error = str(message["message"])
        elif "stream" in message:
            yield from self._lines(str(message["stream"]))
        elif message.get("id"):
            yield from self._transfer(message)

    def end(self) -> Iterator[Progress]:
        """There is no more: a line without an end is one, too."""
        if self._rest:
            yield from self._lines("\n")

    def _lines(self, text: str) -> Iterator[Progress]:
        *whole, self._rest = (self._rest + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        for each in whole:
            line = _COLOURS.sub("", each).rstrip()[:_LONGEST]
            if line.strip() and not line.startswith(_NOISE):
                self.lines = [*self.lines[1 - _KEPT :], line]
                yield Progress(line)

    def _transfer(self, message: Mapping[str, Any]) -> Iterator[Progress]:
        detail = message.get("progressDetail")
        if not isinstance(detail, Mapping) or not isinstance(detail.get("total"), int):
            return
        if message.get("status") not in ("Pushing", "Downloading"):
            return  # extracting counts the same bytes again
        self._parts[str(message["id"])] = (int(detail.get("current", 0)), detail["total"])
        done, total = (sum(each) for each in zip(*self._parts.values(), strict=True))
        if self._told < 0 or done >= self._told + _STEP:
            self._told = done
            yield Progress(self._what, min(done, total), total)
