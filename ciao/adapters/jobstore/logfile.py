"""One replica's log on disk: the raw bytes, and beside them an index of times and lines.

``worker-1.log`` is what the replica wrote, byte for byte. ``worker-1.idx`` has one 32-byte record per
write; with it a reader finds a line, a time or the end of a log of many GB in a few reads, while the
log grows. The record is written first and the bytes second, so that no reader sees bytes without their
time. Whatever instant the writer is killed at, at most the last record has no bytes, which does no harm.

Standard library only, and no import of the rest of Ciao: a job's supervisor (``python -I -S``) runs this.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA, GAP, STOPPED, ATTEMPT = 0, 1, 2, 3
"""Kinds of records: bytes were appended; bytes are missing here; the log stopped; a new attempt begins."""

CONTINUES = 0x100
"""The record begins in the middle of a line."""
INCOMPLETE = 0x200
"""Something is missing at this record or before it; on every record from there on, so it can be bisected."""

RECORD = 32
_BODY = struct.Struct("<QQQI")
_CHECK = struct.Struct("<I")
_BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Record(NamedTuple):
    """``offset`` in bytes and ``line`` (from 0) where it begins, ``time`` in ns since the epoch.

    ``kind``: the kind in its lowest byte, flags in the second, an errno (why it stopped; 0: the
    limit) in the upper half.
    """

    offset: int
    line: int
    time: int
    kind: int

    def pack(self) -> bytes:
        """32 bytes, little endian; the last four are the CRC-32 of the others."""
        body = _BODY.pack(*self)
        return body + _CHECK.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> Record | None:
        """None for what was torn, zeroed or never whole."""
        if len(raw) != RECORD or zlib.crc32(raw[:28]) != _CHECK.unpack_from(raw, 28)[0]:
            return None
        return cls(*_BODY.unpack_from(raw))


def nanoseconds(at: float) -> int:
    """Seconds since the epoch to whole ns; ``ns / 10**9`` gives ``at`` back."""
    whole = int(at)
    return whole * 10**9 + round((at - whole) * 1e9)


def last_record(idx: int, size: int) -> tuple[int, Record | None]:
    """How many records of the index (a descriptor) count, and the last of them.

    Behind it, what is torn or points past the log's ``size`` (the machine went down) does not count.
    """
    count = os.fstat(idx).st_size // RECORD
    while count:
        found = Record.unpack(os.pread(idx, RECORD, (count - 1) * RECORD))
        if found is not None and found.offset <= size:
            return count, found
        count -= 1
    return 0, None


def blocks(log: int, start: int, end: int) -> Iterator[bytes]:
    """The log's bytes ``start .. end`` in pieces: small ones first, since most questions end soon."""
    step = 1 << 12
    while start < end:
        piece = os.pread(log, min(step, end - start), start)
        if not piece:
            return
        yield piece
        start += len(piece)
        step = min(2 * step, _BLOCK)


def why(name: str, reason: int) -> str:
    """The sentence for people; ``reason`` is an errno, 0: the limit."""
    if reason == 0:
        what = "it reached its limit (setting store.log_size)"
    elif reason in _FULL:
        what = "the disk is full (make room, or set store.path to another disk)"
    else:
        what = f"it cannot be written ({os.strerror(reason)})"
    return f"the log of {name} ends here: {what}. The job goes on."


class LogFileWriter:
    """Appends to one log. Never raises: ``trouble`` says why it stopped, and what comes later is dropped.

    Opened again it goes on where the last writer ended, however that one ended. One writer at a
    time: the job's lock (``lock.py``) is the caller's business.
    """

    def __init__(self, directory: Path | str, name: str, limit: int) -> None:
        self.trouble = ""
        self._name, self._limit = name, limit
        self._log = self._idx = -1
        self._size = self._line = self._records = 0
        self._last = Record(0, 0, 0, DATA)
        self._inside = self._break = False
        try:
            self._open(os.fspath(directory))
        except OSError as error:
            self._stop(error.errno or errno.EIO)

    def _open(self, directory: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._log = os.open(f"{directory}/{self._name}.log", flags, 0o600)
        self._idx = os.open(f"{directory}/{self._name}.idx", flags, 0o600)
        self._size = os.fstat(self._log).st_size
        self._records, last = last_record(self._idx, self._size)
        os.ftruncate(self._idx, self._records * RECORD)
        if last is not None:
            self._last, self._line = last, last.line
        # What the last record does not tell: how many lines were written for it, if any.
        for piece in blocks(self._log, self._last.offset, self._size):
            self._line += piece.count(b"\n")
        self._inside = self._size > 0 and os.pread(self._log, 1, self._size - 1) != b"\n"
        self._break = self._inside and self._last.kind & 0xFF != DATA and self._last.offset == self._size

    def append(self, data: bytes, at: float) -> tuple[int, int, int, int] | None:
        """(first line, count, offset, end) of what was written, as in ``LogChunk``; None when nothing was.

        ``at`` is in seconds since the epoch; a clock that goes back is held at the last time.
        """
        if self.trouble or not data:
            return None
        if self._break:
            data = b"\n" + data
        reason = None
        if self._size + len(data) > self._limit:
            data, reason = _whole_lines(data, self._limit - self._size), 0
        chunk = None
        if data and self._note(self._record(DATA, at)):
            data, failed = self._write(data)
            reason = reason if failed is None else failed
            chunk = self._advance(data)
        if reason is not None:
            self._stop(reason)
        return chunk

    @property
    def size(self) -> int:
        """Bytes that the log has."""
        return self._size

    def read(self, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes of it from ``offset``; b"" when it cannot be read."""
        with contextlib.suppress(OSError):
            return os.pread(self._log, max(0, min(limit, self._size - offset)), offset)
        return b""

    def mark(self, kind: int, at: float = 0.0) -> None:
        """GAP or ATTEMPT at this place; an unterminated line ends here. A second gap at one place says nothing new."""
        again = kind == GAP and self._last.kind & 0xFF == GAP and self._last.offset == self._size
        if not self.trouble and not again:
            self._break = self._inside
            flags = INCOMPLETE if kind == GAP else 0
            self._note(self._record(kind | flags, at))

    def close(self) -> None:
        """Idempotent; ``append`` does nothing afterwards."""
        self.trouble = self.trouble or f"the log of {self._name} is closed"
        for descriptor in (self._log, self._idx):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._log = self._idx = -1

    def _write(self, data: bytes) -> tuple[bytes, int | None]:
        """What is in the log now, and the errno when that is not everything: then whole lines only."""
        done, rest = 0, memoryview(data)
        try:
            while done < len(data):
                done += os.pwrite(self._log, rest[done:], self._size + done)
        except OSError as error:
            kept = _whole_lines(data, done)
            with contextlib.suppress(OSError):
                os.ftruncate(self._log, self._size + len(kept))
            return kept, error.errno or errno.EIO
        return data, None

    def _advance(self, data: bytes) -> tuple[int, int, int, int] | None:
        """Past what was written for the last record; without any of it, that record's place is free again."""
        if not data:
            self._records -= 1
            return None
        first, offset, ends = self._line, self._size, data.count(b"\n")
        self._inside, self._break = not data.endswith(b"\n"), False
        self._size += len(data)
        self._line += ends
        return first, ends + self._inside, offset, self._size

    def _record(self, kind: int, at: float) -> Record:
        kind |= (self._last.kind & INCOMPLETE) | (CONTINUES if self._inside else 0)
        return Record(self._size, self._line, max(self._last.time, nanoseconds(at)), kind)

    def _note(self, record: Record) -> bool:
        try:
            os.pwrite(self._idx, record.pack(), self._records * RECORD)
        except OSError as error:
            self._stop(error.errno or errno.EIO)
            return False
        self._last = record
        self._records += 1
        return True

    def _stop(self, reason: int) -> None:
        if self.trouble:
            return
        self.trouble = why(self._name, reason)
        stopped = self._record(STOPPED | INCOMPLETE | reason << 16, 0.0)
        with contextlib.suppress(OSError):
            try:
                os.pwrite(self._idx, stopped.pack(), self._records * RECORD)
            except OSError:
                # Not even 32 bytes are free: the last record, which has its place, says it too.
                kind = self._last.kind | INCOMPLETE | reason << 16
                os.pwrite(self._idx, self._last._replace(kind=kind).pack(), max(0, self._records - 1) * RECORD)


def _whole_lines(data: bytes, limit: int) -> bytes:
    """The lines of ``data`` that end within ``limit`` bytes."""
    return data[: data.rfind(b"\n", 0, max(0, limit)) + 1]
