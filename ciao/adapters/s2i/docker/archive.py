"""A build's context as a tar, made while it is sent: never in memory, and with the same bytes for the same files.

POSIX.1-2001 (pax), in which a name may have any length and letters. No owners, one time.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry, changed

_PIECE = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_BEGINNING = 315_619_200  # 1980-01-02: archives of the kind zip know no time before, and wheels are such


def packed(content: Content, extra: tuple[Entry, ...], stop: Stop) -> Iterator[bytes]:
    """All entries by path, ``extra`` (small, with their bytes) behind them. SourceError for a file that has changed."""
    made: set[str] = set()
    taken = {each.path for each in extra}
    entries = sorted((each for each in content.entries if each.path not in taken), key=lambda each: each.path)
    for entry in (*entries, *extra):
        yield from _directories(entry.path, made)
        yield _header(entry)
        yield from _body(content, entry, stop)
    yield bytes(2 * _BLOCK)


def _directories(path: str, made: set[str]) -> Iterator[bytes]:
    """Said in full: what is only implied gets the rights that a daemon likes."""
    parts = posixpath.dirname(path).split("/")
    for end in range(1, len(parts) + 1):
        name = "/".join(parts[:end])
        if name and name not in made:
            made.add(name)
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, _BEGINNING
            yield info.tobuf(tarfile.PAX_FORMAT)


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.size, info.mtime, info.mode = entry.size, _BEGINNING, 0o755 if entry.executable else 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _body(content: Content, entry: Entry, stop: Stop) -> Iterator[bytes]:
    left = entry.size
    with content.open(entry) as file:
        while piece := file.read(_PIECE):
            stop.check()
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left:
        raise changed(entry.path)
    yield bytes(-entry.size % _BLOCK)
