"""A container's log on its node, as the log API shows it: files that grow and rotate, reads from a second on."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import Factory, define

SECOND = 10**9
BEGIN = 1_753_000_000 * SECOND


def stamp(at: int) -> bytes:
    """As the kubelet writes it, with the blank."""
    moment = datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at % SECOND:09}Z ".encode()


@define
class Line:
    """``parts``: (time, text); a line that is not ``whole`` has no newline yet."""

    parts: list[tuple[int, bytes]]
    whole: bool = False

    @property
    def at(self) -> int:
        return self.parts[0][0]

    @property
    def text(self) -> bytes:
        return b"".join(text for _, text in self.parts) + b"\n" * self.whole

    @property
    def key(self) -> tuple[int, bytes]:
        return self.at, self.text


@define
class NodeLog:
    """``lines`` are all that were ever written; the current file begins with line ``first``."""

    lines: list[Line] = Factory(list)
    first: int = 0

    def write(self, at: int, text: bytes, *, whole: bool = True) -> None:
        """One entry: a line, a part of one, or the rest of one that is not whole."""
        if not self.lines or self.lines[-1].whole:
            self.lines.append(Line([]))
        self.lines[-1].parts.append((at, text))
        self.lines[-1].whole = whole

    def rotate(self) -> None:
        """The current file is renamed away."""
        self.first = len(self.lines)

    def read(self, since: int | None, strays: dict[int, bytes] | None = None) -> bytes:
        """What a read that begins now gives, to its end; ``strays``: the kubelet's own lines, before which line."""
        earliest = 0 if since is None else since * SECOND
        out = []
        for number, line in enumerate(self.lines[self.first :], self.first):
            if strays and number in strays:
                out.append(strays[number])
            if line.at >= earliest:
                out.append(stamp(line.at) + line.text)
            else:  # the parts that are late enough, without a time
                out.append(b"".join(text for at, text in line.parts if at >= earliest))
                if line.parts[-1][0] >= earliest and line.whole:
                    out.append(b"\n")
        return b"".join(out)
