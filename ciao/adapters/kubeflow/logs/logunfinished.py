"""Lines that are not whole yet: the one in which the reads of a log have ended so far, and the very long one."""

from __future__ import annotations

from attrs import define

from ciao.adapters.kubeflow.logs.logpieces import Text
from ciao.adapters.kubeflow.logs.logreceived import key_of
from ciao.adapters.kubeflow.seen.stamps import stamped


@define(eq=False)
class Unfinished:
    """``begun``: the key of a very long line of which ``given`` bytes were given; ``half``: what came of any other."""

    begun: int | None = None
    given: int = 0
    half: bytes = b""

    @property
    def at(self) -> int | None:
        """Its time; None: there is no such line."""
        if self.begun is not None:
            return self.begun >> 32
        found = stamped(self.half)
        return None if found is None else found[0]

    def __bool__(self) -> bool:
        return self.begun is not None or bool(self.half)

    def is_in(self, at: int, line: bytes) -> bool:
        """It is a beginning of this line (or of this half of one); there is such a line."""
        if self.begun is not None:
            return self.begun >> 32 == at
        return bool(self.half) and line.startswith(self.half)

    def given_of(self, at: int, line: bytes) -> int:
        """How many bytes of this line's text were given."""
        return self.given if self.begun == key_of(at, line) else 0

    def rest_of(self, half: bytes) -> Text | None:
        """What was not given yet of a half that will not become whole."""
        found = stamped(half)
        if found is None:
            return None
        at, start = found
        text = half[start + (self.given if self.begun is not None and self.at == at else 0) :]
        return Text(at, text) if text else None

    def forget(self) -> None:
        """It is whole now, or lost."""
        self.begun, self.given, self.half = None, 0, b""


@define
class LongLine:
    """A very long line that is being read: its time, its first bytes; ``seen`` bytes of its text so far."""

    at: int
    head: bytes
    seen: int = 0

    def more(self, text: bytes, unfinished: Unfinished) -> Text | None:
        """The next bytes of its text; what of them a former read has given is not given again."""
        self.seen += len(text)
        new = min(len(text), self.seen - unfinished.given)
        if new <= 0:
            return None
        unfinished.given += new
        return Text(self.at, text[len(text) - new :])
