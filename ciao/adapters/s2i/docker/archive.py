"""A build's context as a tar, made while it is sent: never in memory, and with the same bytes for the same files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry, changed
from ciao.adapters.s2i.tarring import END, directory_header, file_header, padding

_PIECE = 1 << 20
_BEGINNING = 315_619_200  # 1980-01-02: archives of the kind zip know no time before, and wheels are such


def packed(content: Content, extra: tuple[Entry, ...], stop: Stop) -> Iterator[bytes]:
    """All entries by path, ``extra`` (small, with their bytes) behind them. SourceError for a file that has changed."""
    made: set[str] = set()
    taken = {each.path for each in extra}
    entries = sorted((each for each in content.entries if each.path not in taken), key=lambda each: each.path)
    for entry in (*entries, *extra):
        yield from _directories(entry.path, made)
        yield file_header(entry.path, entry.size, executable=entry.executable, mtime=_BEGINNING)
        yield from _body(content, entry, stop)
    yield END


def _directories(path: str, made: set[str]) -> Iterator[bytes]:
    """Those on the way to a file that were not said yet."""
    parts = posixpath.dirname(path).split("/")
    for end in range(1, len(parts) + 1):
        name = "/".join(parts[:end])
        if name and name not in made:
            made.add(name)
            yield directory_header(name, _BEGINNING)


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
    yield padding(entry.size)
