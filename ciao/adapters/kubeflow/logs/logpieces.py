"""What a read of a container's log brings.

The log API (``pods/log`` with ``timestamps=true``; the kubelet's log reader, section E of kubeflow-contracts) gives
what the runtime appends to a file: a time, a stream, full or part, text. (The runtime cuts lines at 16 KiB, ends a
log without newline in a part, and a file too, when it is rotated in the middle of a line.) A read gives the entries
of the *current* file from ``sinceTime`` on (whole seconds), in the file's order. A line begins with the time of its
first part; later parts follow without one. The file is renamed away when it is large (rotation): a new read sees only
the new one, a followed read goes on from the old one to the new one while the container runs. A read ends, or breaks,
anywhere, even within a line, and its end says nothing about the log's.
"""

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
