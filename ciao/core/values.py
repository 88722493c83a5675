"""Readers of values: what stands behind ``=`` in a magic, an option or a setting -> a typed value.

Each raises ValueError with one sentence for the user; whoever knows the place adds it.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from ciao.core.model import EnvVar, SecretRef, Volume
from ciao.core.quantity import Quantity
from ciao.core.scan import Value, unquote
from ciao.core.words import listed, nearest

E = TypeVar("E", bound=enum.Enum)

_DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", re.ASCII)
_TOLERATION = re.compile(r"[A-Za-z0-9._/-]*(=[A-Za-z0-9._-]*)?(:(NoSchedule|PreferNoSchedule|NoExecute))?", re.ASCII)
_EXTENDED = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_REQUIREMENT = re.compile(r"[A-Za-z0-9./][^\s]*", re.ASCII)
_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"  # distribution's reference grammar: one part of a path
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?", re.ASCII)
_REPOSITORY = re.compile(rf"(?:localhost|(?=[^/]*[.:\[]){_HOST.pattern})(?::\d{{1,5}})?(?:/{_NAME})+", re.ASCII)
_INDEX = re.compile(r"https?://(?P<user>[^/@\s]*@)?[^/@\s]+(?:/\S*)?", re.ASCII)
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?", re.ASCII)


@frozen
class PortRange:
    """Ports ``low`` to ``high``, both included."""

    low: int
    high: int


def text(value: Value) -> str:
    """Any text that is not empty."""
    if not value.text:
        raise ValueError("a value is missing")
    return value.text


def _whole(value: Value, minimum: int, what: str) -> int:
    said = text(value)
    if not (said.isascii() and said.isdigit() and len(said) <= 9):
        raise ValueError(f"{said!r} is not {what}")
    if int(said) < minimum:
        raise ValueError(f"{said} is too small: at least {minimum}")
    return int(said)


def count(value: Value) -> int:
    """A whole number, 0 or more."""
    return _whole(value, 0, "a whole number (0, 1, 2, …)")


def positive(value: Value) -> int:
    """A whole number, 1 or more."""
    return _whole(value, 1, "a whole number (1, 2, …)")


def quantity(value: Value) -> Quantity:
    """An amount of cores or bytes, more than nothing."""
    amount = Quantity.parse(text(value))
    if not amount.value:
        raise ValueError(f"{value.text} is nothing at all: at least a little is needed")
    return amount


def extended(value: Value) -> tuple[str, int]:
    """``rdma/hca=1``: a resource by its full name, and how many of it."""
    name, equals, number = text(value).partition("=")
    if not equals or not _EXTENDED.fullmatch(name):
        raise ValueError(f"{value.text!r} is not an extended resource and a count (amd.com/gpu=1)")
    return name, positive(Value(number.strip()))


def size(value: Value) -> int:
    """Bytes: ``10Gi``, ``512000``."""
    return int(quantity(value))


def duration(value: Value) -> float:
    """Seconds: ``90``, ``2.5``, ``5m``, ``1h30m``, ``2d``."""
    said = text(value)
    if _SECONDS.fullmatch(said):
        return float(said)
    match = _DURATION.fullmatch(said)
    if match is None:
        raise ValueError(f"{said!r} is not a duration (90 for seconds, 5m, 1h30m, 2d)")
    return float(sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True)))


def deadline(value: Value) -> float:
    """A duration that is more than nothing."""
    seconds = duration(value)
    if not seconds:
        raise ValueError("0 seconds are over before they begin")
    return seconds


def ports(value: Value) -> PortRange:
    """``20000-29999``."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text(value), re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
        raise ValueError(f"{value.text!r} is not a range of ports (20000-29999)")
    return PortRange(int(match[1]), int(match[2]))


def flag(value: Value) -> bool:
    """``true``, ``yes``, ``on``, ``1`` and their opposites."""
    said = text(value).lower()
    if said in ("true", "yes", "on", "1"):
        return True
    if said in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"{value.text!r} is neither true nor false")


def member(choices: type[E]) -> Callable[[Value], E]:
    """One value of an enum, in any case."""

    def read(value: Value) -> E:
        said, known = text(value), [each.value for each in choices]
        for each in choices:
            if each.value.lower() == said.lower():
                return each
        near = nearest(said, known)
        hint = f". Did you mean {near}?" if near else ""
        raise ValueError(f"{said!r} is none of {listed(known)}{hint}")

    return read


def words(value: Value) -> tuple[str, ...]:
    """Words as a shell would split them; nothing is expanded, and no shell sees them."""
    try:
        return tuple(shlex.split(value.text))
    except ValueError:
        raise ValueError("a quote in it is never closed, or it ends in a backslash") from None


def _parts(value: Value) -> list[str]:
    parts = [part.strip() for part in text(value).split(",")]
    if not all(parts):
        raise ValueError("a name is missing before or after a comma")
    return parts


def names(value: Value) -> tuple[str, ...]:
    """Python names, dots allowed, separated by commas: ``lr,epochs``."""
    for part in (parts := _parts(value)):
        if not all(piece.isidentifier() for piece in part.split(".")):
            raise ValueError(f"{part!r} is not a name")
    return tuple(parts)


def patterns(value: Value) -> tuple[str, ...]:
    """Patterns of files below the working directory, separated by commas: ``data/*.csv,util.py``."""
    for part in (parts := [value.text] if value.quoted else _parts(value)):
        if part.startswith(("/", "~")) or ".." in part.split("/"):
            raise ValueError(f"{part!r} leads out of the working directory; only what is below it can travel")
        if not part or "\0" in part:
            raise ValueError("this is not a pattern of files")
    return tuple(parts)


def requirements(value: Value) -> tuple[str, ...]:
    """Requirements as pip takes them, separated by blanks: ``numpy>=2,<3 torchvision``."""
    found = (value.text,) if value.quoted and ";" in value.text else tuple(text(value).split())
    for each in found or ("",):
        if not _REQUIREMENT.match(each):
            raise ValueError(f"{each!r} is not a requirement (numpy, torchvision==0.20)")
    return found


def kube_name(value: Value) -> str:
    """The name of a Kubernetes object: a DNS-1123 subdomain."""
    if not _SUBDOMAIN.fullmatch(text(value)):
        raise ValueError(f"{value.text!r} is not a name of an object (lower-case letters, digits, '-' and '.')")
    return value.text


def _unquoted(value: Value, part: str) -> str:
    return part if value.quoted else unquote(part)


def env(value: Value) -> EnvVar:
    """``NAME=value``, or ``NAME=secret:object/key`` by reference. The message never repeats a value."""
    name, equals, said = value.text.partition("=")
    if not equals:
        raise ValueError("NAME=value is needed (or NAME=secret:object/key)")
    if not _VARIABLE.fullmatch(name := name.strip()):
        raise ValueError(f"{name!r} is not a name of a variable (letters, digits and '_')")
    if "\0" in said:
        raise ValueError("a variable cannot hold a NUL character")
    said = _unquoted(value, said.strip())
    if not said.startswith("secret:"):
        return EnvVar(name, said)
    secret, slash, key = said.removeprefix("secret:").partition("/")
    if not (slash and _SUBDOMAIN.fullmatch(secret) and _VARIABLE.fullmatch(key)):
        raise ValueError("a reference to a secret is written NAME=secret:object/key")
    return EnvVar(name, SecretRef(secret, key))


def volume(value: Value) -> Volume:
    """``claim:/path`` or ``claim:/path:ro``."""
    claim, _, path = value.text.partition(":")
    path, read_only = (path[:-3], True) if path.endswith(":ro") else (path.removesuffix(":rw"), False)
    if not claim or not path.startswith("/") or ":" in path:
        raise ValueError(f"{value.text!r} is not a volume (CLAIM:/PATH or CLAIM:/PATH:ro)")
    return Volume(claim, path, read_only)


def pair(value: Value) -> tuple[str, str]:
    """``label=value`` of a node."""
    label, equals, said = value.text.partition("=")
    if not equals or not _LABEL.fullmatch(label.strip()):
        raise ValueError(f"{value.text!r} is not a label of nodes (LABEL=value)")
    return label.strip(), _unquoted(value, said.strip())


def toleration(value: Value) -> str:
    """``key``, ``key=value`` or ``key=value:Effect``."""
    if not _TOLERATION.fullmatch(text(value)):
        raise ValueError(f"{value.text!r} is not a toleration (KEY[=VALUE][:NoSchedule|PreferNoSchedule|NoExecute])")
    return value.text


def user(value: Value) -> str:
    """``image`` (whoever the image says) or a number."""
    said = text(value)
    if said != "image" and not (said.isascii() and said.isdigit()):
        raise ValueError(f"{said!r} is neither a user's number nor 'image'")
    return said


def repository(value: Value) -> str:
    """``registry.example.com/team/ciao``: a registry's host and a path in it, without tag or digest; or nothing."""
    said = value.text.strip()
    if said and not _REPOSITORY.fullmatch(said):
        raise ValueError(f"{said!r} is not a repository with its registry (registry.example.com/team/ciao)")
    return said


def hosts(value: Value) -> tuple[str, ...]:
    """``localhost:5000,registry.lan``; or nothing."""
    found = tuple(part.strip() for part in value.text.split(",") if part.strip())
    for each in found:
        if not _HOST.fullmatch(each):
            raise ValueError(f"{each!r} is not a registry's host (registry.lan, 10.0.0.5:5000)")
    return found


def index(value: Value) -> str:
    """The URL of a package index; or nothing. The message never repeats one with a password."""
    said = value.text.strip()
    if not said:
        return ""
    match = _INDEX.fullmatch(said)
    if match is None:
        raise ValueError("this is not the URL of a package index (https://host/simple)")
    if match["user"]:
        raise ValueError("a password in it would be readable in every image; name an index that needs none")
    return said


def platform(value: Value) -> str:
    """``linux/arm64`` or ``linux/arm/v7``."""
    if not _PLATFORM.fullmatch(text(value)):
        raise ValueError(f"{value.text!r} is not a platform (linux/amd64, linux/arm64)")
    return value.text
