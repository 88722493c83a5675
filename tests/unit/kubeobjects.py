"""An apiserver's objects as tests of watching speak of them, and what holds of whoever watches them."""

from __future__ import annotations

import json
from collections import Counter

from ciao.adapters.kube.watchcache import Change, Json


def thing(said: str) -> Json:
    """``a:u1@5``: named a, with uid u1 and resourceVersion 5."""
    name, rest = said.split(":")
    uid, version = rest.split("@")
    metadata = {"name": name, "namespace": "n", "uid": uid, "resourceVersion": version}
    return {"apiVersion": "v1", "kind": "Thing", "metadata": metadata}


def line(kind: str, found: Json) -> bytes:
    """One event, as a watch gives it."""
    return json.dumps({"type": kind, "object": found}).encode()


def status(code: int, message: str = "", reason: str = "") -> Json:
    return {"kind": "Status", "status": "Failure", "code": code, "message": message, "reason": reason}


def said(change: Change) -> str:
    """``u1@5``: seen so; ``-u1@5``: gone."""
    metadata = change.object["metadata"]
    return f"{'-' if change.kind == 'gone' else ''}{metadata['uid']}@{metadata['resourceVersion']}"


class Cluster:
    """An apiserver with objects of one kind that come, change and go; ``opaque``: its versions are no numbers."""

    def __init__(self, opaque: bool = False) -> None:
        self.now, self.opaque = 1, opaque
        self.alive: dict[str, Json] = {}
        self.events: list[tuple[int, str, Json]] = []

    def version(self, number: int) -> str:
        """As clients see it."""
        return f"v{number}" if self.opaque else str(number)

    def change(self, name: str, what: str) -> None:
        """``touch`` makes or changes the object of that name, ``delete`` ends it, ``renew`` does both."""
        if what in ("delete", "renew") and name in self.alive:
            self._put("DELETED", self.alive.pop(name))
        if what in ("touch", "renew"):
            former = self.alive.get(name) or thing(f"{name}:u{self.now}@0")
            self.alive[name] = self._put("MODIFIED" if name in self.alive else "ADDED", former)

    def _put(self, kind: str, found: Json) -> Json:
        self.now += 1
        now = {**found, "metadata": {**found["metadata"], "resourceVersion": self.version(self.now)}}
        self.events.append((self.now, kind, now))
        return now

    def number(self, version: str | None) -> int:
        """What a version was before it was made opaque."""
        return next(each for each in range(self.now, -1, -1) if self.version(each) == version)

    def stream(self, position: str | None, again: int) -> bytes:
        """A watch from there; ``again``: how many earlier events it repeats, as no server should."""
        start = self.number(position)
        first = max(0, sum(number <= start for number, _, _ in self.events) - again)
        bookmark = {"metadata": {"resourceVersion": self.version(self.now)}}
        return b"".join(line(kind, found) + b"\n" for _, kind, found in self.events[first:]) + (
            line("BOOKMARK", bookmark) + b"\n"
        )


def check(cluster: Cluster, told: list[Change]) -> None:
    """What holds of every history, once all of it was read."""
    seen = [each.object for each in told if each.kind == "seen"]
    gone = [each.object for each in told if each.kind == "gone"]
    states = [found for _, _, found in cluster.events]
    living = [each["metadata"]["uid"] for each in cluster.alive.values()]
    # each state at most once, and it is one that was
    assert all(each in states for each in seen + gone)
    assert max(Counter(said(Change("seen", each)) for each in seen).values(), default=1) == 1
    # in order, and nothing after the end
    for uid in {each["metadata"]["uid"] for each in seen}:
        mine = [each for each in told if each.object["metadata"]["uid"] == uid]
        order = [cluster.number(each.object["metadata"]["resourceVersion"]) for each in mine]
        assert order == sorted(order)
        kinds = [each.kind for each in mine]
        assert kinds == ["seen"] * kinds.count("seen") + ["gone"] * (uid not in living)
    # of what lives, the last state
    last = {each["metadata"]["uid"]: each for each in seen}
    assert [last[each["metadata"]["uid"]] for each in cluster.alive.values()] == list(cluster.alive.values())
    # of what is gone, that it is, once
    assert {each["metadata"]["uid"] for each in gone} == set(last) - set(living)
