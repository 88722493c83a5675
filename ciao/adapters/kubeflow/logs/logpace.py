"""Whether a followed read can be believed, whether it keeps up, and when its silence means something.

A followed read goes on from file to file when the log is rotated: when the kubelet hears of a new file, it opens the
file of that name, which is the newest. So, when two have come since, one is passed over, and nothing says so. That is

- when the read is a rotation behind. Then its next line was written much later than the line before, and yet comes
  right after it. A kubelet rotates every ten seconds at most (three, where that is set), so a *jump* of the times by
  more than ``JUMP`` in a flow is not believed: a fresh read shows whether the file still has the line before;
- when a new file was not heard of (it came while the read was being opened, or the kubelet is older than 1.29). Then
  the read is silent until the next one comes. So the more a log flows, the sooner its silence is looked into: within
  half the time that it takes to fill a file.

What a read brings in its first ``SETTLED`` seconds is from the file that it opened: no two can have followed.
Times of lines are in ns by the node's clock, all others in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from attrs import define

from ciao.adapters.kubeflow.seen.stamps import SECOND, stamped

JUMP, SETTLED = 2.5, 2.0
BEHIND, CAUGHT_UP = 2.0, 0.5
"""Seconds that lines come later than they could."""
_TOGETHER = 1.0
_FILE = 4 << 20  # bytes of text in a file that is rotated (containerLogMaxSize, 10 MiB): half of it is times
_LEAST, _QUIET, _MOST = 3.0, 60.0, 960.0
_SAMPLE, _LARGE, _WHOLE = 4 << 10, 64 << 10, 10 << 20  # bytes: of two samples; of a file that is rotated
_SPAN = 10.0  # seconds that the rate is an average of


def missed_beginning(data: bytes, started: float) -> int | None:
    """The first line's time, if ``data``, the first that came of a log, flows so that a file may have been before it.

    ``started``: the whole second that its container started in. A file that was full before the first read was opened
    is gone, and no read says so. A few lines that came all at once are no flood.
    """
    first, last = _first(data, _forward(data)), _first(data, _backward(data))
    if first is None or last is None or len(data) < _SAMPLE:
        return None
    rate = len(data) / max(1.0 if len(data) < _LARGE else 0.1, (last[1] - first[1]) / SECOND)
    return first[1] if rate * (first[1] / SECOND - started - 1.0) > _WHOLE else None


@define(eq=False)
class Pace:
    """Of one container's log, over all its reads. ``now`` is monotonic, ``moment`` the same since the epoch."""

    _opened: float = 0.0
    _heard: float = 0.0
    _last: int | None = None  # the time of this read's last line
    _rate: float = 0.0  # bytes a second, as of _grown
    _grown: float = 0.0
    _fruitless: int = 0  # renewals since something new came
    _least: float = math.inf  # the least that a line came later than its time: the clocks differ
    _late: float = 0.0  # how much later than that the last lines came

    def begin(self, now: float) -> None:
        """A read is opened."""
        self._opened, self._last = now, None

    def believed(self, data: bytes, now: float, moment: float) -> int:
        """How many of these bytes of a followed read may be taken; when not all, the read is to be given up."""
        flows = now - self._heard < _TOGETHER
        former = self._last if flows and now - self._opened >= SETTLED else None
        first, last = self._hear(data, now, moment)
        if first is None or last is None:
            return len(data)
        self._last = last[1]
        if former is not None and _jumps(former, first[1]):
            return first[0]
        if now - self._opened >= SETTLED and _jumps(first[1], last[1]):
            return _until_jump(data)
        return len(data)

    def heard(self, data: bytes, now: float, moment: float) -> None:
        """Bytes of a plain read, which is of one file."""
        self._hear(data, now, moment)

    def grew(self, size: int, now: float) -> None:
        """So many bytes of the log were new."""
        self._rate = self._decayed(now) + size / _SPAN
        self._grown, self._fruitless = now, 0

    def renewed(self) -> None:
        """A read was given up because of its silence."""
        self._fruitless += 1

    def patience(self, now: float) -> float:
        """Seconds of silence after which a followed read is to be given up."""
        rate = max(self._decayed(now), 1.0)
        return min(_MOST, max(_LEAST, min(_QUIET, _FILE / 2 / rate)) * (1 << min(self._fruitless, 10)))

    def flows(self, now: float) -> bool:
        """A file is filled within a minute."""
        return self._decayed(now) > _FILE / 60

    def behind(self, now: float, *, ended: bool) -> bool:
        """The read does not keep up. In its first seconds it brings old lines; when all has ``ended``, always."""
        if ended:
            return not self.caught_up
        return self._late > BEHIND and now - self._opened >= SETTLED

    @property
    def caught_up(self) -> bool:
        """The last line came about as soon as it could."""
        return self._late < CAUGHT_UP

    def _hear(self, data: bytes, now: float, moment: float) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """The first and the last line that begin in ``data``: where, and their times."""
        self._heard = now
        first, last = _first(data, _forward(data)), _first(data, _backward(data))
        if first is not None and last is not None:
            self._least = min(self._least, moment - last[1] / SECOND)
            self._late = moment - last[1] / SECOND - self._least
        return first, last

    def _decayed(self, now: float) -> float:
        return self._rate * math.exp(min(0.0, self._grown - now) / _SPAN)


def _jumps(former: int, at: int) -> bool:
    return abs(at - former) > JUMP * SECOND


def _until_jump(data: bytes) -> int:
    former: int | None = None
    for place in _forward(data):
        found = _time(data, place)
        if found is not None:
            if former is not None and _jumps(former, found):
                return place
            former = found
    return len(data)


def _first(data: bytes, places: Iterator[int]) -> tuple[int, int] | None:
    return next(((place, found) for place in places if (found := _time(data, place)) is not None), None)


def _time(data: bytes, place: int) -> int | None:
    found = stamped(data[place : place + 40])
    return None if found is None else found[0]


def _forward(data: bytes) -> Iterator[int]:
    """Where lines begin."""
    place = 0
    while True:
        yield place
        place = data.find(b"\n", place) + 1
        if not place:
            return


def _backward(data: bytes) -> Iterator[int]:
    end = len(data)
    while True:
        end = data.rfind(b"\n", 0, end)
        yield end + 1
        if end < 0:
            return
