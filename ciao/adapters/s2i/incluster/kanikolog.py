"""What Kaniko prints: its own lines are JSON, all others come from steps of the Dockerfile, or are its last words."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable

from attrs import Factory, define

_LONGEST = 400  # characters of a line that are told
_KEPT = 40  # lines
_ENDINGS = re.compile(r"error (?:building image|checking push permissions|pushing image|resolving)\b.*")
_SHOWN = ("RUN", "COPY", "ADD", "Retrieving image ", "Unpacking rootfs", "Pushing image", "Pushed ")
_UNSHOWN = ("Retrieving image manifest",)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


@define
class KanikoLog:
    """Takes the log in pieces, tells its lines, and knows at the end what went wrong.

    ``step``: the command of the Dockerfile that ran last. ``said``: the last lines that it printed. ``error``: Kaniko's
    last words, "" when it ended well. ``pushing``: all steps were done.
    """

    _tell: Callable[[str], None]
    step: str = ""
    error: str = ""
    pushing: bool = False
    said: deque[str] = Factory(lambda: deque(maxlen=_KEPT))
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """The next bytes of the log."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """There are no more."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, data: bytes) -> None:
        # Of a line that was written over and over (a bar of progress) the last state.
        text = data.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
        message = _message(text)
        if message is not None:
            self._of_kaniko(message)
            return
        plain = _CONTROL.sub("", text).rstrip()
        if _ENDINGS.match(plain):
            self.error = plain
        elif plain:
            self.said.append(plain[:_LONGEST])
            self._tell(plain[:_LONGEST])

    def _of_kaniko(self, message: str) -> None:
        if message.startswith(("RUN ", "COPY ", "ADD ")):
            self.step = message
            self.said.clear()
        self.pushing = self.pushing or message.startswith("Pushing image")
        if message.startswith(_SHOWN) and not message.startswith(_UNSHOWN):
            self._tell(message[:_LONGEST])


def _message(text: str) -> str | None:
    """Of one of Kaniko's own lines; None for any other."""
    if not text.startswith('{"'):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not {"level", "msg", "time"} <= found.keys():
        return None
    return str(found["msg"])
