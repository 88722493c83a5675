"""How many requests a client sends, and how many bytes of bodies: read off the bytes that it sends (RFC 9112). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNK = re.compile(rb"(?:\r\n)?([0-9a-fA-F]+)[^\r\n]*\r\n")
_TRAILER = re.compile(rb"(?:[^\r\n]+\r\n)*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


@dataclass
class Counts:
    """``uploaded``: bytes of bodies; ``wire``: all that was sent, heads too."""

    requests: int = 0
    uploaded: int = 0
    wire: int = 0

    def since(self, before: Counts) -> Counts:
        """What came after ``before``."""
        return Counts(self.requests - before.requests, self.uploaded - before.uploaded, self.wire - before.wire)


class Requests:
    """One connection's, added to ``total``. What does not begin like HTTP (a try with TLS) is no request."""

    def __init__(self, total: Counts) -> None:
        self._total, self._seen, self._left = total, b"", 0
        self._next: Callable[[bytes], int] | None = self._head

    def see(self, piece: bytes) -> None:
        """The next bytes."""
        self._total.wire += len(piece)
        self._seen += piece
        while self._seen and self._next:
            taken = self._body() if self._left else self._next(self._seen)
            if not taken:
                return
            self._seen = self._seen[taken:]

    def _body(self) -> int:
        taken = min(self._left, len(self._seen))
        self._left -= taken
        self._total.uploaded += taken
        return taken

    # -- what is read next: how many bytes it took, 0 when it is not all there ----------------------------

    def _head(self, seen: bytes) -> int:
        end = seen.find(b"\r\n\r\n") + 4
        if not seen[:1].isalpha() or (end > 3 and not _REQUEST.match(seen)):
            self._next, self._seen = None, b""
            return 0
        if end > 3:
            head = seen[:end]
            self._total.requests += 1
            length = _LENGTH.search(head)
            self._left = int(length[1]) if length else 0
            self._next = self._chunk if _CHUNKED.search(head) else self._head
            return end
        return 0

    def _chunk(self, seen: bytes) -> int:
        """The line before a chunk, with the end of the one before it."""
        line = _CHUNK.match(seen)
        if line is None:
            return 0
        self._left = int(line[1], 16)
        self._next = self._chunk if self._left else self._trailer
        return line.end()

    def _trailer(self, seen: bytes) -> int:
        end = _TRAILER.match(seen)
        if end is None:
            return 0
        self._next = self._head
        return end.end()
