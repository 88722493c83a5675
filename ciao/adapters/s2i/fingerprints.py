"""What files hold, as digests: read once, and recognised by their stamps after that, as git's index does.

A file that was written to within the last seconds is not remembered: its next change might leave the same stamp where a
file system counts time coarsely (git's "racily clean" entries). Blocking: off the loop.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import time
from collections.abc import Callable, Iterable

from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.known import Known

_FRESH = 2.0  # seconds
_PIECE = 1 << 20
_MTIME = re.compile(r"(?:\d+:){3}(\d+):(\d+)")

Fingerprint = tuple[str, int, str]
"""(path, 1 for an executable file, sha256 of its content in hexadecimal digits)."""


def fingerprints(
    content: Content, known: Known, stop: Stop, now: Callable[[], float] = time.time
) -> tuple[Fingerprint, ...]:
    """Of all entries, in their order. SourceError for a file that cannot be read."""
    theirs = [each for each in content.entries if each.content is None and each.stamp]
    paths = {each.path: posixpath.join(content.directory, each.path) for each in theirs}
    before = known.digests(paths.values())
    found, learned = [], []
    for entry in content.entries:
        stamp, digest = before.get(paths.get(entry.path, ""), ("", ""))
        if not digest or stamp != entry.stamp:
            digest = _digest(content, entry, stop)
            if entry.path in paths and _settled(entry.stamp, now()):
                learned.append((paths[entry.path], entry.stamp, digest))
        found.append((entry.path, int(entry.executable), digest))
    if learned:
        known.keep_digests(learned)
    return tuple(found)


def of(entries: Iterable[Entry], whole: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Those of some entries."""
    paths = {each.path for each in entries}
    return tuple(each for each in whole if each[0] in paths)


def _digest(content: Content, entry: Entry, stop: Stop) -> str:
    if entry.content is not None:
        return hashlib.sha256(entry.content).hexdigest()
    whole = hashlib.sha256()
    with content.open(entry) as file:
        while piece := file.read(_PIECE):
            stop.check()
            whole.update(piece)
    return whole.hexdigest()


def _settled(stamp: str, now: float) -> bool:
    match = _MTIME.fullmatch(stamp)
    return match is not None and all(now - int(each) / 1e9 > _FRESH for each in match.groups())
