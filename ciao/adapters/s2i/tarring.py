"""Headers of tar archives, the same bytes each time: no owners, one time. Pure.

POSIX.1-2001 (pax), in which a name may have any length and letters, and a file any size.
"""

from __future__ import annotations

import tarfile

PLAIN, EXECUTABLE = 0o644, 0o755
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What an archive ends with."""


def file_header(name: str, size: int, *, executable: bool, mtime: int = 0) -> bytes:
    """Before a file's bytes; everybody may read it."""
    return _header(name, size, EXECUTABLE if executable else PLAIN, tarfile.REGTYPE, mtime)


def directory_header(name: str, mtime: int = 0) -> bytes:
    """Said in full: a directory that is only implied gets the rights that whoever unpacks it likes."""
    return _header(name, 0, EXECUTABLE, tarfile.DIRTYPE, mtime)


def padding(size: int) -> bytes:
    """After a file's bytes."""
    return bytes(-size % BLOCK)


def _header(name: str, size: int, mode: int, kind: bytes, mtime: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.type, info.mtime = size, mode, kind, mtime
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
