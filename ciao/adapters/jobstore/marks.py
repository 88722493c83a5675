"""A short text beside a log that survives the death of its writer at any instant.

Two slots, written in turn, each with a number and a checksum: a write that was cut short leaves the other slot as it
was. There is no fsync: what a process wrote is there after its death, and only the machine's death could take it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

SLOT = 1 << 16
"""Bytes of one slot."""
LONGEST = 60_000
_HEAD = struct.Struct("<QQI")  # the mark's number, the log's size then, bytes of the mark
_CHECK = struct.Struct("<I")


class MarkFile:
    """``<name>.mark``, opened for each use, so that a job of many replicas needs no more descriptors. Never raises."""

    def __init__(self, directory: Path | str, name: str) -> None:
        self._path = f"{os.fspath(directory)}/{name}.mark"
        self._mark, self._size, self._number = self._read()

    @property
    def kept(self) -> tuple[str, int]:
        """The newest whole mark and the log's size with it; ``("", 0)``: none."""
        return self._mark, self._size

    def keep(self, mark: str, size: int) -> None:
        """Replace it. ValueError for one that is longer than LONGEST."""
        text = mark.encode()
        if len(text) > LONGEST:
            raise ValueError(f"a mark of {len(text):,} bytes; at most {LONGEST:,}")
        number = self._number + 1
        body = _HEAD.pack(number, size, len(text)) + text
        data = body + _CHECK.pack(zlib.crc32(body))
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # A write that fails leaves its slot to the next one: the other slot has the last whole mark.
                if os.pwrite(descriptor, data, number % 2 * SLOT) == len(data):
                    self._mark, self._size, self._number = mark, size, number
            finally:
                os.close(descriptor)

    def _read(self) -> tuple[str, int, int]:
        try:
            data = Path(self._path).read_bytes()
        except OSError:
            return "", 0, 0
        found = [each for each in (_unpacked(data[:SLOT]), _unpacked(data[SLOT:])) if each is not None]
        return max(found, key=lambda each: each[2], default=("", 0, 0))


def _unpacked(slot: bytes) -> tuple[str, int, int] | None:
    """(mark, size, number); None for a slot that is empty or torn."""
    if len(slot) < _HEAD.size:
        return None
    number, size, length = _HEAD.unpack_from(slot)
    end = _HEAD.size + length
    if length > LONGEST or len(slot) < end + _CHECK.size or not number:
        return None
    if zlib.crc32(slot[:end]) != _CHECK.unpack_from(slot, end)[0]:
        return None
    return slot[_HEAD.size : end].decode(), size, number
