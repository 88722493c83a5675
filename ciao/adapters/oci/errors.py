"""What registries refuse, and what keeps them from answering, in words that name the registry and the remedy.

The bodies of errors are ``{"errors": [{"code", "message", "detail"}]}`` (distribution-spec, "Error Codes"), or whatever
a proxy in between writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ciao.adapters.kube.phrases import shortened
from ciao.core.errors import TargetError

Json = dict[str, Any]
_MISSING = ("BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN")


class RegistryError(TargetError):
    """A registry that refused, or did not answer. ``status`` is HTTP's; 0: there was no answer.

    ``passing``: the next attempt may do better, ``after`` seconds later at the earliest.
    """

    title = "RegistryError"

    def __init__(self, message: str, *, status: int = 0, passing: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.passing, self.after = status, passing, after


class MissingBlobs(RegistryError):
    """The manifest was refused, because the registry lacks blobs that it names; ``digests``: those it said."""

    def __init__(self, message: str, digests: tuple[str, ...]) -> None:
        super().__init__(message, status=400)
        self.digests = digests


def answered(
    what: str, host: str, status: int, headers: Mapping[str, str], body: bytes, *, putting: bool = False
) -> RegistryError:
    """An answer that is no success. ``what`` was asked for: ``the push of host/path:tag``; ``putting``: something was
    to be stored.
    """
    errors = _errors(body)
    codes = [str(each.get("code", "")) for each in errors]
    said = _said(errors, body, headers)
    lacking = putting and any(code in _MISSING for code in codes)
    if lacking and status in (400, 404):
        missing = tuple(filter(None, (_digest(each) for each in errors if each.get("code") in _MISSING)))
        return MissingBlobs(f"{host} lacks blobs of {what}.", missing)
    if lacking and status == 500:  # distribution's way to say it, and no fault that passes
        return RegistryError(
            f"{host} refused {what}: it does not take images some of whose layers are to be fetched from elsewhere. "
            "Choose another %image, or let its administrator allow their URLs (validation.manifests.urls).",
            status=status,
        )
    if status < 400:
        return not_a_registry(host, what, f"HTTP {status}, {headers.get('Content-Type') or 'of no type'}")
    why, remedy = _explained(host, status, codes)
    quoted = f" ({said})" if said else ""
    passing = status in (429, 500, 502, 503, 504) and "Err 28" not in said and "no space" not in said.lower()
    if not passing and status == 500:
        why, remedy = "its disk is full", "Remove images there (ciao image rm), or ask its administrator."
    return RegistryError(
        f"{host} refused {what}: {why}{quoted}. {remedy}".rstrip(),
        status=status, passing=passing, after=_after(headers),
    )  # fmt: skip


def _explained(host: str, status: int, codes: list[str]) -> tuple[str, str]:
    """(why, remedy)."""
    if "NAME_INVALID" in codes:
        return "it does not take that name of a repository", "Correct registry.push or %image."
    if "DIGEST_INVALID" in codes or "SIZE_INVALID" in codes:
        return (
            "what arrived is not what was sent",
            "Run the cell again; if it stays so, something in between alters it.",
        )
    found = {
        401: ("it does not accept the credentials", f"Log in:  docker login {host}"),
        403: ("this account may not", f"Log in with one that may:  docker login {host}"),
        404: (
            "there is none",
            "Check the name and the tag (%image, registry.push); some registries say so to strangers.",
        ),
        405: ("it does not do that", "Its administrator may have switched it off (read-only, or no deleting)."),
        413: ("something is too large for it", "Raise the limit of the proxy before it, or let less travel."),
        429: ("too many requests", "Wait, or log in: registries allow accounts more."),
        507: ("its storage is full", "Remove images there (ciao image rm), or ask its administrator."),
    }.get(status)
    if found is not None:
        return found
    if status >= 500:
        return f"it failed (HTTP {status})", "Run the cell again; if it stays so, look at its log."
    return f"HTTP {status}", ""


def not_a_registry(host: str, what: str, said: str) -> RegistryError:
    """An answer came, and it is none of a registry."""
    return RegistryError(
        f"{host} does not answer as a registry does ({said}) to {what}. "
        "Is there a login page or a proxy in between? Check registry.push and %image."
    )


def wrong_digest(host: str, what: str) -> RegistryError:
    """Bytes came that are others than their name says."""
    return RegistryError(
        f"{host} gave other bytes than the digest says for {what}: its storage is damaged, or something in between "
        "alters them. Push that image anew, or choose another."
    )


def no_credentials(host: str, what: str) -> RegistryError:
    """It wants to know who one is."""
    return RegistryError(f"{host} wants a login for {what}. Log in:  docker login {host}", status=401)


def _errors(body: bytes) -> list[Json]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    listed = found.get("errors") if isinstance(found, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _said(errors: list[Json], body: bytes, headers: Mapping[str, str]) -> str:
    if errors:
        parts = []
        for each in errors[:2]:
            detail = each.get("detail")
            extra = (
                detail if isinstance(detail, str) else (detail or {}).get("Err", "") if isinstance(detail, dict) else ""
            )
            parts.append(": ".join(str(part) for part in (each.get("message") or each.get("code"), extra) if part))
        return shortened("; ".join(filter(None, parts)))
    text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith("<") or "html" in headers.get("Content-Type", "") else shortened(text)


def _digest(error: Json) -> str:
    detail = error.get("detail")
    if isinstance(detail, dict):
        detail = detail.get("digest") or detail.get("Digest")
    return detail if isinstance(detail, str) and detail.startswith("sha256:") else ""


def _after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (a date counts as nothing said)."""
    said = headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else None
