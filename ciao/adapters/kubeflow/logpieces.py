"""What a read of a container's log brings: text, gaps, and what is no line of it."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Text:
    """Bytes of the log, exactly: whole lines, or a piece of one; ``at`` (ns) of the first."""

    at: int
    data: bytes = field(repr=False)


@frozen
class Gap:
    """Lines may be missing here: after ``after`` and before ``before`` (ns); None: not known.

    The line before may be unfinished.
    """

    after: int | None
    before: int | None


@frozen
class Stray:
    """Text in the answer that is no line of the container: an error of the kubelet's."""

    data: bytes


Piece = Text | Gap | Stray
