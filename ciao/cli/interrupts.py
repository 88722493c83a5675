"""What Ctrl-C and SIGTERM mean while a job runs in a terminal.

The first asks the job to end, the second forces it, and from then on a signal ends this process as it would any other
(a local job ends with it all the same: its supervisor notices). The handlers only post to the job's inbox; the one who
shows the job goes on reading, so that the last lines and the outcome are seen.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType

from ciao.core.events import StopReason

_SIGNALS = {signal.SIGINT: StopReason.USER, signal.SIGTERM: StopReason.KERNEL, signal.SIGHUP: StopReason.KERNEL}


class Interrupts:
    """A context on the main thread; ``first`` is the signal that came, ``count`` how many."""

    def __init__(self, stop: Callable[[StopReason], None]) -> None:
        self._stop = stop
        self._former: dict[signal.Signals, object] = {}
        self.first: signal.Signals | None = None
        self.count = 0

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                self._former[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)  # type: ignore[arg-type]  # exactly what signal.signal returned
        self._former.clear()

    @property
    def exit_code(self) -> int | None:
        """130 for Ctrl-C, 143 for SIGTERM, as a shell reports them; None when nothing came."""
        return None if self.first is None else 128 + self.first

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        self.first = self.first or signal.Signals(number)
        self.count += 1
        # A reason other than the user's does not force: the second signal does, whatever it is.
        self._stop(_SIGNALS[signal.Signals(number)] if self.count == 1 else StopReason.USER)
        if self.count > 1:
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_DFL)
