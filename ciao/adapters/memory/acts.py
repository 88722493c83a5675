"""What a replica does, as data: the script that the in-memory backend plays.

``ciao.testing`` writes its contract in these acts; ``ciao.testing.acts_as_python`` turns the same script
into real Python, so that one suite runs against memory, processes and pods.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ciao.core.model import Replica


@frozen
class Print:
    """Writes ``text`` (plus ``end``) ``times`` times, flushed; ``{n}`` in it is the count from 0."""

    text: str
    times: int = 1
    end: str = "\n"

    def data(self) -> bytes:
        """The bytes that arrive in the log."""
        return "".join(self.text.replace("{n}", str(n)) + self.end for n in range(self.times)).encode()


@frozen
class ExitWith:
    """Ends with an exit code (0-255)."""

    code: int


@frozen
class DieBy:
    """Ends by a signal's number, as SIGSEGV (11) or SIGKILL (9)."""

    signal: int


@frozen
class Wait:
    """Goes no further until somebody stops it."""


@frozen
class IgnoreTerm:
    """From here on SIGTERM is ignored: only force ends it."""


@frozen
class Fork:
    """Leaves a child behind: in a session of its own, deaf to SIGTERM, holding standard output open."""


Act = Print | ExitWith | DieBy | Wait | IgnoreTerm | Fork
Script = tuple[Act, ...]
Scripts = Mapping[Replica, Script]
