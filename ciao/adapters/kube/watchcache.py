"""Every state of every object exactly once, out of lists and watches that may break off anywhere.

What the apiserver gives (Kubernetes API concepts, "Resource versions", "Efficient detection of changes"; KEP-5504).
Every change of an object gives it a new ``metadata.resourceVersion``. Those of one kind grow over time, whichever
object they are on. They are numbers, which is promised since Kubernetes 1.35; where one is not, it is only compared
for equality. A *list* is all objects as they were at one resourceVersion R, its own; a list that is asked for without
one is no older than the asking. A *watch* from R gives the changes after R, in order, each as the object that it
made, until it ends or breaks off, which may be at any byte. A BOOKMARK has no object, only a resourceVersion up to
which all has been given. DELETED has the object's last state, under the resourceVersion of the deletion; an object that
no longer matches the selector is DELETED too. The apiserver remembers some minutes of changes: a watch from before
that is answered by 410, as HTTP status or as an ERROR event.

Theory. The *position* is the list's R, and then what the last event or bookmark says. A watch from there misses
nothing and repeats nothing. Only after a 410 (position None) a new list is needed, and has to be compared:

1. Objects are told apart by name, states of one name by resourceVersion. Two objects that had one name, one after
   the other, differ in uid.
2. A list is later than all that was known. What it has with another resourceVersion is a new state; what it has with
   another uid is a new object, and the old one is gone; what it has not is gone. States in between are lost: nobody
   has them any more.
3. An event counts when it is newer than the last list and than what is known of its name. Others were given before.
4. Gone is final: nothing is told of a uid after that.

So each state is told at most once and in order, the last state of each object is told, and ``gone`` comes once per
uid, with the last state that anybody saw. By 3 and 4 this holds even if a server gives events again, which is more
than servers are allowed to do.

What is assumed, and nobody here can check: the cluster's storage is not set back (restored from a backup).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from attrs import define, field, frozen

Json = dict[str, Any]

_KINDS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR")
_REMEMBERED = 10_000  # uids of gone objects; events about a job come and go for as long as it runs


@frozen
class Change:
    """``seen``: the object is new or has changed; ``gone``: it is no more, and this is its last known state."""

    kind: Literal["seen", "gone"]
    object: Json = field(repr=False)


class Expired(Exception):
    """410: what has changed since the position is not known any more; list again."""


class Refused(Exception):
    """The server ended the watch by an ERROR event other than 410; ``status`` is its Status object."""

    def __init__(self, status: Json) -> None:
        super().__init__(str(status.get("message") or status))
        self.status = status


class Garbled(Exception):
    """What came is no watch event."""


class Lines:
    """The lines of a stream that is cut anywhere. What follows the last newline is kept for the next piece."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # joined only when the line is whole: objects can be large and pieces small

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that are whole now, without their newlines; empty ones are left out."""
        first, *more = piece.split(b"\n")
        self._rest.append(first)
        if not more:
            return []
        whole = [b"".join(self._rest), *more[:-1]]
        self._rest = [more[-1]]
        return [line for line in whole if line]


@define(eq=False)
class WatchCache:
    """The objects of one list and the watches that follow it. ``position``: where to watch from; None: list first."""

    position: str | None = None
    _list: str = ""  # the last list's resourceVersion
    _known: dict[tuple[str, str], Json] = field(factory=dict)  # by namespace and name
    _gone: dict[str, None] = field(factory=dict)  # uids, the oldest first

    def listed(self, items: Iterable[Json], version: str) -> list[Change]:
        """A complete list and its resourceVersion. What is gone is told first, so that names are free again."""
        now = {_name(item): item for item in items if _uid(item) not in self._gone}
        gone = [old for key, old in self._known.items() if key not in now or _uid(now[key]) != _uid(old)]
        changes = [self._bury(old) for old in gone]
        changes += [Change("seen", new) for key, new in now.items() if _version(new) != _version(self._known.get(key))]
        self._known, self._list, self.position = now, version, version
        return changes

    def event(self, line: bytes) -> list[Change]:
        """One line of a watch from ``position``. Raises Expired and Refused (then the position is None) and Garbled."""
        kind, found = _parsed(line)
        if kind == "ERROR":
            self.expire()  # what the server cannot go on from, a list gets past
            raise Expired if _too_old(found) else Refused(found)
        try:
            changes = [] if kind == "BOOKMARK" else list(self._changes(kind, found))
            self._advance(_version(found))
        except (KeyError, TypeError, AttributeError) as error:
            raise Garbled(f"no watch event: {_excerpt(line)}") from error
        return changes

    def expire(self) -> None:
        """The position is too old to go on from: list again."""
        self.position = None

    def _changes(self, kind: str, found: Json) -> Iterator[Change]:
        key, uid, version = _name(found), _uid(found), _version(found)
        known = self._known.get(key)
        if kind == "DELETED":
            if known is not None and _uid(known) == uid:
                del self._known[key]
                yield self._bury(found)
        elif uid not in self._gone and _newer(version, self._list) and _newer(version, _version(known)):
            self._known[key] = found
            if known is not None and _uid(known) != uid:
                yield self._bury(known)
            yield Change("seen", found)

    def _advance(self, version: str) -> None:
        """Only forward: an event that is given again takes nothing back."""
        if self.position is None or _newer(version, self.position):
            self.position = version

    def _bury(self, last: Json) -> Change:
        self._gone[_uid(last)] = None
        if len(self._gone) > _REMEMBERED:
            del self._gone[next(iter(self._gone))]
        return Change("gone", last)


def _parsed(line: bytes) -> tuple[str, Json]:
    try:
        event = json.loads(line)
        kind, found = event["type"], event["object"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise Garbled(f"no watch event: {_excerpt(line)}") from error
    if kind not in _KINDS or not isinstance(found, dict):
        raise Garbled(f"no watch event: {_excerpt(line)}")
    return kind, found


def _excerpt(line: bytes) -> str:
    return line[:200].decode(errors="replace")


def _too_old(status: Json) -> bool:
    """410, reason Expired or Gone; the words are those of servers that gave the wrong code."""
    return status.get("code") == 410 or "too old resource version" in str(status.get("message"))


def _newer(this: str, than: str) -> bool:
    if this.isdecimal() and than.isdecimal():
        return int(this) > int(than)
    return this != than


def _name(item: Json) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _uid(item: Json) -> str:
    uid: str = item["metadata"]["uid"]
    return uid


def _version(item: Json | None) -> str:
    """Its resourceVersion; "" for no object, which is no object's."""
    return "" if item is None else str(item["metadata"]["resourceVersion"])
