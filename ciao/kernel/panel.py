"""A display of a cell that is replaced in place, a few times a second at most."""

from __future__ import annotations

from collections.abc import Callable

from ciao.kernel.output import Output

_EVERY = 0.5  # seconds


class Panel:
    """``bundle`` gives what it shows now, by MIME type."""

    def __init__(self, output: Output, bundle: Callable[[], dict[str, str]]) -> None:
        self._output, self._bundle = output, bundle
        self._id, self._at = "", float("-inf")
        self.changed = False

    @property
    def begun(self) -> bool:
        """True once it stands in the cell."""
        return bool(self._id)

    @property
    def pending(self) -> bool:
        """True when it does not show yet what it should."""
        return self.begun and self.changed

    def begin(self, name: str, now: float) -> None:
        """Put it where the cell's output has come to."""
        self._id = name
        self._output.display(self._bundle(), name, update=False)
        self.changed, self._at = False, now

    def show(self, now: float, *, final: bool) -> int:
        """Replace it, if there is something new and it was not just done; how many characters were sent."""
        if not self.pending or (not final and now - self._at < _EVERY):
            return 0
        self.changed, self._at = False, now
        bundle = self._bundle()
        self._output.display(bundle, self._id, update=True)
        return len(bundle["text/html"])
