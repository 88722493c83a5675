"""Reading the reports of ``ciao_replica``: a replica wrote them, so nothing in them is taken for granted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ciao.core.events import Frame, Report


def report_of(facts: Mapping[str, Any]) -> Report:
    """One report; ``at`` must be a number."""
    frames, rank = facts.get("frames"), facts.get("rank")
    return Report(
        type=str(facts.get("type", "")),
        message=str(facts.get("message", "")),
        at=float(facts["at"]),
        rank=rank if isinstance(rank, int) else None,
        frames=tuple(_frame(each) for each in frames if isinstance(each, Mapping)) if isinstance(frames, list) else (),
    )


def earliest_of(text: str) -> Report | None:
    """The report with the earliest ``at`` of those that stand in ``text``, one a line; None: there is none."""
    found = []
    for line in text.split("\n"):
        with suppress(ValueError, RecursionError):
            facts = json.loads(line)
            at = facts.get("at") if isinstance(facts, dict) else None
            if isinstance(at, float) and math.isfinite(at):
                found.append(report_of(facts))
    return min(found, key=lambda report: report.at, default=None)


def _frame(facts: Mapping[str, Any]) -> Frame:
    line = facts.get("line")
    return Frame(
        str(facts.get("file", "")),
        line if isinstance(line, int) else 0,
        str(facts.get("function", "")),
        str(facts.get("text", "")),
    )
