"""Every way in which asking an apiserver fails, and what an answer that is no success says.

Pure; who translates aiohttp's exceptions is ``outages``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

from ciao.adapters.kube.phrases import shortened
from ciao.core.errors import TargetError, UserError

Json = dict[str, Any]
_READ = 65536  # bytes of a body that is no Status
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""meta/v1 StatusReason, for answers that are no Status: from a proxy, or about a path that nobody serves."""
_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class ApiError(Exception):
    """An answer that is no success. Never leaves the adapter: ``refusals`` says what it means.

    ``reason``, ``message`` and ``details`` are meta/v1 Status's. ``retry_after``: seconds after which the server wants
    to be asked again, or None.
    """

    def __init__(
        self, status: int, reason: str, message: str, details: Json | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"HTTP {status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message
        self.details: Json = details or {}
        self.retry_after = retry_after


class AccessError(UserError):
    """The cluster is not known, or does not know the user: nothing a second attempt would mend."""

    title = "AccessError"


class Unreachable(TargetError):
    """No answer. ``sent``: the request may have arrived all the same. ``passing``: the next attempt may do better."""

    def __init__(self, message: str, *, sent: bool, passing: bool = True) -> None:
        super().__init__(message)
        self.sent, self.passing = sent, passing


class Broken(TargetError):
    """A stream that ended before its end; what came before is true."""


def api_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """What was answered, however it was answered: a Status, other JSON, plain text, a proxy's page."""
    named = {name.lower(): value for name, value in headers.items()}
    found = _object(body)
    details = found.get("details")
    details = details if isinstance(details, dict) else {}
    reason, message = found.get("reason"), found.get("message")
    return ApiError(
        status,
        reason if reason and isinstance(reason, str) else _REASONS.get(status, "Unknown"),
        message if message and isinstance(message, str) else _words(status, named, body),
        details,
        _retry_after(named, details),
    )


def one_line(body: bytes) -> str:
    """The words of a body, those of a page without its markup, as one short line."""
    text = body[:_READ].decode("utf-8", "replace")
    if "<" not in text:
        return shortened(text)
    title = _TITLE.search(text)
    seen = _TAG.sub(" ", _UNSEEN.sub(" ", text)).strip() or (title[1] if title else "")
    return shortened(unescape(seen))


def _object(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(status: int, headers: Mapping[str, str], body: bytes) -> str:
    if 300 <= status < 400 and "location" in headers:
        return f"it sends the caller to {headers['location'].partition('?')[0]}, as a login page does"
    return one_line(body)


def _retry_after(headers: Mapping[str, str], details: Json) -> float | None:
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:  # a date; by the server's own clock, not by this machine's
        return max(0.0, (parsedate_to_datetime(said) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        seconds = details.get("retryAfterSeconds")
    return float(seconds) if seconds and isinstance(seconds, int | float) else None
