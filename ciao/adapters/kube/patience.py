"""How long an answer is waited for, and which requests are sent again, when, and how often. Pure.

Only what cannot happen twice by it: a GET; any request that the server put off by itself (429 with Retry-After), or
that never reached it. Each wait is a share of a growing time, so that many who were cut off at once do not come back
at once.
"""

from __future__ import annotations

from attrs import frozen

from ciao.adapters.kube.apierrors import ApiError, Unreachable

_PASSING = (429, 500, 502, 503, 504)


@frozen(kw_only=True)
class Timeouts:
    """Seconds: ``connect`` until there is a connection, ``answer`` without a byte of the answer."""

    connect: float = 5.0
    answer: float = 15.0


@frozen(kw_only=True)
class Patience:
    """``attempts`` in all, none later than ``whole`` seconds after the first; between them ``first`` seconds, and each
    time ``growth`` times as many.
    """

    attempts: int = 4
    first: float = 0.1
    growth: float = 3.0
    whole: float = 10.0

    def pause(self, made: int, spent: float, error: ApiError | Unreachable, safe: bool, chance: float) -> float | None:
        """Seconds until the next attempt; None: there is to be none.

        ``made`` attempts took ``spent`` seconds so far. ``safe``: the request changes nothing. ``chance``: 0 to 1.
        """
        if made >= self.attempts or not _may_pass(error, safe):
            return None
        grown = self.first * self.growth ** (made - 1) * (0.5 + chance / 2)
        asked = error.retry_after or 0.0 if isinstance(error, ApiError) else 0.0
        wait = max(asked, grown)
        return wait if spent + wait <= self.whole else None


def _may_pass(error: ApiError | Unreachable, safe: bool) -> bool:
    if isinstance(error, Unreachable):
        return error.passing and (safe or not error.sent)
    if safe:
        return error.status in _PASSING
    return error.status == 429 and error.retry_after is not None
