"""A container's log on its node, as the log API shows it: files that grow and rotate, plain and followed reads."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import Factory, define, frozen

SECOND = 10**9
BEGIN = 1_753_000_000 * SECOND


def stamp(at: int) -> bytes:
    """As the kubelet writes it, with the blank."""
    moment = datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at % SECOND:09}Z ".encode()


@frozen
class Entry:
    """What the runtime appends at once: a line, or a part of one that goes on in the next entry."""

    at: int
    text: bytes
    whole: bool

    @property
    def data(self) -> bytes:
        """What the container printed."""
        return self.text + b"\n" * self.whole


@define
class NodeLog:
    """``entries`` are all that were ever written; each file begins with one of ``files``, the last is the current."""

    entries: list[Entry] = Factory(list)
    files: list[int] = Factory(lambda: [0])

    def write(self, at: int, text: bytes, *, whole: bool = True) -> None:
        self.entries.append(Entry(at, text, whole))

    def rotate(self) -> None:
        """The current file is renamed away."""
        self.files.append(len(self.entries))

    def read(self, since: int | None, strays: dict[int, bytes] | None = None) -> bytes:
        """A plain read that begins now, to its end; ``strays``: the kubelet's own lines, before which entry."""
        return Follow(self, since, strays or {}).more()

    @property
    def data(self) -> bytes:
        """All that the container printed."""
        return b"".join(each.data for each in self.entries)


@define
class Follow:
    """A followed read: ``more`` gives what has come since, over one rotation."""

    log: NodeLog
    since: int | None
    strays: dict[int, bytes] = Factory(dict)
    file: int = -1
    next: int = 0
    begins: bool = True  # a line begins

    def __attrs_post_init__(self) -> None:
        self.file = len(self.log.files) - 1
        self.next = self.log.files[-1]

    def more(self, *, running: bool = True) -> bytes:
        """Not ``running``: to the end of the file that is open, and then it ends."""
        out = self._to_end()
        if running and self.file < len(self.log.files) - 1:
            self.file, self.next = len(self.log.files) - 1, self.log.files[-1]
            out += self._to_end()
        return out

    def _to_end(self) -> bytes:
        files = [*self.log.files, len(self.log.entries)]
        out = []
        for number in range(self.next, files[self.file + 1]):
            entry = self.log.entries[number]
            if self.begins and number in self.strays:
                out.append(self.strays[number])
            if self.since is None or entry.at >= self.since * SECOND:
                out.append((stamp(entry.at) if self.begins else b"") + entry.data)
            self.begins = entry.whole
        self.next = files[self.file + 1]
        return b"".join(out)
