"""``observations.jsonl``: what was seen of a job, for watchers that come after its supervisor.

One JSON object per line, each written with one call, so a crash leaves at most one torn line at the end.
``t`` says what it is; ``r`` is a replica, ``at`` seconds since the epoch:

    job      the header: uid, framework, replicas, created, socket, pid
    replica  p (phase), at, exit: {code, reason, at, message, report} or absent
    trouble  r's log is incomplete from here on: m
    end      every process of the job is gone, every byte is in the logs

Standard library only: the supervisor writes it, the backend reads it.
"""

from __future__ import annotations

import contextlib
import json
import os

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

NAME = "observations.jsonl"


class Journal:
    """Opened by the one supervisor of the job's present attempt; what an earlier one wrote is replaced."""

    def __init__(self, directory: str, header: Message) -> None:
        path, fresh = f"{directory}/{NAME}", f"{directory}/{NAME}.new"
        self._file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.write({"t": "job", **header})
        # Whoever reads finds the old attempt or this one, never an empty file.
        os.replace(fresh, path)

    def write(self, message: Message) -> None:
        """Never raises: on a full disk later watchers know less, and the job goes on."""
        with contextlib.suppress(OSError):
            os.write(self._file, json.dumps(message, separators=(",", ":")).encode() + b"\n")


def read(directory: str) -> list[Message]:
    """All whole lines; empty when there is no journal. OSError when it cannot be read."""
    try:
        with open(f"{directory}/{NAME}", "rb") as file:
            lines = file.read().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                found.append(message)
    return found


def earliest_report(path: str) -> Message | None:
    """The report with the earliest ``at`` of those that a replica's processes wrote; None: none, or damaged."""
    found = []
    with contextlib.suppress(OSError), open(path, "rb") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict) and isinstance(report.get("at"), float):
                    found.append(report)
    return min(found, key=lambda report: float(report["at"]), default=None)
