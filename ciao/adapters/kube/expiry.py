"""When credentials have to be had anew. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ciao.adapters.kube.login import INF

_MARGIN = 60.0  # seconds, or of a short life a tenth
_LEAST = 5.0  # seconds for which anything is used: a clock that is wrong must not start a program for every request


def due(expires: float, now: float) -> float:
    """From when on to ask for new ones, which is before the old ones are of no use. All in seconds since the epoch."""
    if expires == INF:
        return INF
    return max(now + _LEAST, expires - min(_MARGIN, (expires - now) / 10))


def epoch(said: Any) -> float | None:
    """Seconds since the epoch of an RFC 3339 time, as text or as YAML reads it; None when it is none."""
    try:
        at = said if isinstance(said, datetime) else datetime.fromisoformat(str(said).strip())
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
