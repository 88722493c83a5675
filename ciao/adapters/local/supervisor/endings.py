"""How a replica ended, in a container's words: exit code, reason, message, and the report of its cell."""

from __future__ import annotations

import contextlib
import os

from ciao.adapters.local.supervisor.child import Child
from ciao.adapters.local.supervisor.journal import earliest_report

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class StartErrors:
    """The pipe on which children say that they could not become what they should (``spawn.start``)."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._text = b""

    def of(self, name: str) -> tuple[int, str] | None:
        """(exit code, why) when the replica never ran; None when it did."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._pipe, 1 << 16):
                self._text += piece
        for line in self._text.decode("utf-8", "replace").splitlines():
            tag, code, message = [*line.split("\t", 2), "", ""][:3]
            if tag == name:
                return int(code), message
        return None


def exit_of(child: Child, report_path: str, at: float, failed_start: tuple[int, str] | None) -> dict[str, Any]:
    """The ``exit`` of the journal's ``replica`` line; the fields of ``ciao.core.events.Exit``."""
    report = earliest_report(report_path) if child.code else None
    reason, message = _reason(child, report, failed_start)
    return {"code": child.code, "reason": reason, "at": at, "message": message, "report": report}


def _reason(child: Child, report: dict[str, Any] | None, failed_start: tuple[int, str] | None) -> tuple[str, str]:
    if failed_start is not None:
        return "StartError", failed_start[1]
    if child.overfull or (child.code and child.group is not None and child.group.kills()):
        return "OOMKilled", f"it used more than its memory limit of {child.memory:,} bytes"
    failed_before = report is not None and child.stopped_at is not None and report["at"] <= child.stopped_at
    if child.stopped_at is not None and not failed_before:
        return "Stopped", ""
    return ("Error", "") if child.code else ("Completed", "")
