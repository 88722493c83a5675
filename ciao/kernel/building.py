"""How far the making of an image has come: one line that is replaced, and says in the end what it was."""

from __future__ import annotations

import html

from ciao.core.events import Ended, Event, Progress, Submitted
from ciao.core.measures import duration, size
from ciao.kernel.board import CHIP, FAINT, ROW

_BAR = (
    "display:inline-block;width:8em;height:.6em;margin-left:6px;border-radius:3px;vertical-align:baseline;"
    "background:linear-gradient(to right,var(--jp-brand-color1,#1976d2) {share:.0f}%,"
    "var(--jp-border-color2,rgba(128,128,128,.4)) {share:.0f}%)"
)


class Building:
    """Kept from a job's events. ``now``: monotonic seconds. In the end the sizes of its steps are said, too."""

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._began = 0.0
        self._sizes: dict[str, int] = {}
        self._over = ""

    def note(self, event: Event, now: float) -> bool:
        """Whether it shows something else now."""
        if isinstance(event, Progress) and not self._over:
            self._began = now if self._last is None else self._began
            self._last = event
            if event.total:
                self._sizes[event.what] = event.total
            return True
        if isinstance(event, Submitted | Ended) and self._last is not None and not self._over:
            steps = (f" · {what} {size(total)}" for what, total in self._sizes.items())
            self._over = f"✓ image made in {duration(now - self._began)}{''.join(steps)}"
            return True
        return False

    def failed(self, now: float) -> bool:
        """The job was never submitted; whether that changes what is shown."""
        if self._last is None or self._over:
            return False
        self._over = f"✗ no image, after {duration(now - self._began)}"
        return True

    def bundle(self) -> dict[str, str]:
        """``text/html`` and ``text/plain``."""
        if self._over or self._last is None:
            return _bundle(self._over, "")
        last = self._last
        if not last.total:
            return _bundle(f"◐ {last.what}", "")
        share = 100 * last.done / last.total
        words = f"◐ {last.what} {size(last.done)} of {size(last.total)}"
        return _bundle(words, f'<span style="{_BAR.format(share=share)}"></span>')


def _bundle(words: str, bar: str) -> dict[str, str]:
    chip = f'<span style="{CHIP};{FAINT}">{html.escape(words)}{bar}</span>'
    return {"text/html": f'<div style="{ROW}">{chip}</div>', "text/plain": words}
