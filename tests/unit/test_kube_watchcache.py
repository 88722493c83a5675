"""Lists and watches of the apiserver become changes: each once, none lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.adapters.kube.watchcache import Change, Expired, Garbled, Json, Lines, Refused, WatchCache

from .kubeobjects import Cluster, check, line, said, status, thing


def deliver(cache: WatchCache, delivered: str) -> list[Change]:
    """``=9 a:u1@5 …`` a list at 9; ``+a:u1@5`` ADDED, ``~`` MODIFIED, ``-`` DELETED; ``^9`` BOOKMARK."""
    what, rest = delivered[0], delivered[1:]
    if what == "=":
        version, *items = rest.split()
        return cache.listed([thing(each) for each in items], version)
    if what == "^":
        return cache.event(line("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": rest}}))
    return cache.event(line({"+": "ADDED", "~": "MODIFIED", "-": "DELETED"}[what], thing(rest)))


TABLE = [
    ("the first list is told", "=9 a:u1@5 b:u2@7", "u1@5 u2@7", "9"),
    ("an empty list says nothing", "=9", "", "9"),
    ("what is added is seen", "=9; +a:u1@10", "u1@10", "10"),
    ("what is modified is seen", "=9 a:u1@5; ~a:u1@10", "u1@5 u1@10", "10"),
    ("what is deleted is gone, with its last state", "=9 a:u1@5; -a:u1@10", "u1@5 -u1@10", "10"),
    ("a bookmark moves the position only", "=9 a:u1@5; ^20", "u1@5", "20"),
    ("a list again tells only what is new", "=9 a:u1@5 b:u2@7; =20 a:u1@5 b:u2@12", "u1@5 u2@7 u2@12", "20"),
    ("what is in no list any more is gone", "=9 a:u1@5; =20", "u1@5 -u1@5", "20"),
    ("gone in a list is told as it was last seen", "=9 a:u1@5; ~a:u1@10; =20", "u1@5 u1@10 -u1@10", "20"),
    ("what is new in a list is seen", "=9; =20 a:u1@15", "u1@15", "20"),
    ("another uid under the name: gone, then seen", "=9 a:u1@5; =20 a:u2@15", "u1@5 -u1@5 u2@15", "20"),
    (
        "all that is gone comes before what is seen",
        "=9 a:u1@5 b:u2@6; =20 a:u3@15",
        "u1@5 u2@6 -u1@5 -u2@6 u3@15",
        "20",
    ),
    ("another uid in a watch: gone, then seen", "=9 a:u1@5; +a:u2@10", "u1@5 -u1@5 u2@10", "10"),
    ("deleted and made anew", "=9 a:u1@5; -a:u1@10; +a:u2@11", "u1@5 -u1@10 u2@11", "11"),
    ("an event again is not told again", "=9; +a:u1@10; +a:u1@10", "u1@10", "10"),
    ("an event from before the list is not told", "=9 a:u1@8; ~a:u1@6", "u1@8", "9"),
    ("nor one of what came and went before the list", "=9; +a:u1@6", "", "9"),
    ("an older event takes nothing back", "=9; +a:u1@100; ~a:u1@99", "u1@100", "100"),
    ("versions are numbers, not texts", "=8 a:u1@5; ~a:u1@10; ~a:u1@9", "u1@5 u1@10", "10"),
    ("gone is told once", "=9 a:u1@5; -a:u1@10; -a:u1@10; =20", "u1@5 -u1@10", "20"),
    ("nothing is told of what is gone", "=9 a:u1@5; -a:u1@10; +a:u1@11; =20 a:u1@11", "u1@5 -u1@10", "20"),
    (
        "a deletion of a former one does not touch its successor",
        "=9 a:u1@5; =20 a:u2@15; -a:u1@12",
        "u1@5 -u1@5 u2@15",
        "20",
    ),
    ("a deletion of what nobody saw says nothing", "=9; -a:u1@10", "", "10"),
    ("versions that are no numbers are compared for equality", "=x a:u1@p; ~a:u1@q; ~a:u1@q; ^z", "u1@p u1@q", "z"),
]


@pytest.mark.parametrize(("deliveries", "told", "position"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_row(deliveries: str, told: str, position: str) -> None:
    """Row by row: what is delivered, what is told of it, and where to watch from then."""
    cache = WatchCache()
    changes = [change for each in deliveries.split("; ") for change in deliver(cache, each)]
    assert " ".join(map(said, changes)) == told
    assert cache.position == position


def test_change_carries_the_object_as_it_came() -> None:
    """A Change has the object's own JSON, whole."""
    pod = {**thing("a:u1@5"), "status": {"phase": "Running"}, "spec": {"containers": [{"name": "x"}]}}
    cache = WatchCache()
    cache.listed([], "1")
    assert cache.event(line("ADDED", pod)) == [Change("seen", pod)]


def test_names_are_of_a_namespace() -> None:
    """Objects of one name in two namespaces are two objects."""
    here, there = thing("a:u1@5"), thing("a:u2@6")
    there["metadata"]["namespace"] = "other"
    assert [said(each) for each in WatchCache().listed([here, there], "9")] == ["u1@5", "u2@6"]


def test_object_without_a_namespace() -> None:
    """Objects of the whole cluster have a name alone."""
    node = thing("a:u1@5")
    del node["metadata"]["namespace"]
    assert [said(each) for each in WatchCache().listed([node], "9")] == ["u1@5"]


@pytest.mark.parametrize(
    "found",
    [
        status(410, "The resourceVersion for the provided watch is too old.", "Expired"),
        status(410, "too old resource version: 1 (3780)", "Expired"),
        status(410, "", "Gone"),
        status(500, "too old resource version: 1 (3780)"),
    ],
)
def test_error_410_means_list_again(found: Json) -> None:
    """After the apiserver's "too old" there is no position, and what was known is compared with the next list."""
    cache = WatchCache()
    cache.listed([thing("a:u1@5")], "9")
    with pytest.raises(Expired):
        cache.event(line("ERROR", found))
    assert cache.position is None
    assert [said(each) for each in cache.listed([thing("a:u1@5"), thing("b:u2@12")], "20")] == ["u2@12"]


def test_other_errors_are_raised_with_their_status() -> None:
    """An ERROR event that is no 410 raises its Status; a list gets past what the server could not go on from."""
    cache = WatchCache()
    cache.listed([], "9")
    found = status(500, "etcd event received with PrevKv=nil", "InternalError")
    with pytest.raises(Refused, match="PrevKv") as raised:
        cache.event(line("ERROR", found))
    assert raised.value.status == found
    assert cache.position is None


@pytest.mark.parametrize(
    "data",
    [
        b"<html>",
        b'{"type": "ADDED", "obj',
        b"[]",
        b"null",
        b'{"type": "ADDED"}',
        b'{"type": "ADDED", "object": null}',
        b'{"type": "ADDED", "object": {}}',
        b'{"type": "ADDED", "object": {"metadata": []}}',
        b'{"type": "ADDED", "object": {"metadata": {"resourceVersion": "12"}}}',
        b'{"type": "BOOKMARK", "object": {"metadata": {}}}',
        b'{"type": "OTHER", "object": {"metadata": {"name": "a", "uid": "u", "resourceVersion": "12"}}}',
        b'{"type": ["ADDED"], "object": {}}',
        b"\xff\xfe\x00",
        b"[" * 200_000,
    ],
    ids=range(14),
)
def test_what_is_no_event_moves_nothing(data: bytes) -> None:
    """Anything else than an event raises Garbled, with the text, and the watch goes on from where it was."""
    cache = WatchCache()
    cache.listed([thing("a:u1@5")], "9")
    with pytest.raises(Garbled, match="no watch event"):
        cache.event(data)
    assert cache.position == "9"
    assert cache.listed([thing("a:u1@5")], "10") == []


def test_memory_of_the_gone_is_bounded() -> None:
    """However many objects come and go, what is remembered of them does not grow for ever."""
    cache = WatchCache()
    for number in range(12_000):
        cache.listed([thing(f"a:u{number}@{number}")], str(number))
    assert cache.listed([thing("a:u11000@12001")], "12001")[1:] == []
    assert [said(each) for each in cache.listed([thing("a:u1000@12002")], "12002")] == ["u1000@12002"]


# -- lines ----------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=6)), st.data())
def test_lines_do_not_depend_on_the_cuts(lines: list[bytes], data: st.DataObject) -> None:
    """However a stream is cut, its lines are the same, and what has no newline yet is none."""
    stream = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    splitter = Lines()
    found = [each for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) for each in splitter.feed(stream[a:b])]
    assert found == [each for each in stream.split(b"\n")[:-1] if each]


# -- any history ----------------------------------------------------------------------------------

NAMES = st.sampled_from("abc")


class Reader:
    """Reads by list and watch, whatever happens to the connection, and keeps what it was told."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.cache = cluster, WatchCache()
        self.told: list[Change] = []
        self.lists = 0

    def list(self) -> None:
        """A list, as the apiserver has it now."""
        cluster = self.cluster
        self.told += self.cache.listed(list(cluster.alive.values()), cluster.version(cluster.now))
        self.lists += 1

    def watch(self, sizes: list[int], share: float = 1.0, again: int = 0) -> None:
        """A connection that gives pieces of so many bytes and breaks off after a share of what there is."""
        if self.cache.position is None:
            self.list()
        stream = self.cluster.stream(self.cache.position, again)
        stream = stream[: round(len(stream) * share)]
        lines, at, turn = Lines(), 0, 0
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            for each in lines.feed(stream[at : at + size]):
                self.told += self.cache.event(each)
            at, turn = at + size, turn + 1

    def forget(self) -> None:
        """The apiserver has compacted its history."""
        with pytest.raises(Expired):
            self.cache.event(line("ERROR", status(410, reason="Expired")))


SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=4)
CHANGES = st.tuples(st.just("change"), NAMES, st.sampled_from(["touch", "touch", "touch", "delete", "renew"]))
QUIET = st.tuples(st.just("elsewhere"), st.integers(1, 100))
WATCHES = st.tuples(st.just("watch"), SIZES, st.floats(0, 1))
REPEATS = st.tuples(st.just("watch"), SIZES, st.floats(0, 1), st.integers(0, 12))
FORGETS = st.tuples(st.just("forget"))


def play(steps: list[tuple[Any, ...]], opaque: bool = False) -> Reader:
    """The steps, and then a connection that holds."""
    cluster = Cluster(opaque)
    reader = Reader(cluster)
    for what, *how in steps:
        match what:
            case "change":
                cluster.change(*how)
            case "elsewhere":
                cluster.now += how[0]
            case "forget":
                reader.forget()
            case "watch":
                reader.watch(*how)
    reader.watch([1000])
    return reader


def verify(reader: Reader) -> None:
    """What holds of every history, and the next watch would begin at its end."""
    check(reader.cluster, reader.told)
    assert reader.cache.position == reader.cluster.version(reader.cluster.now)


@settings(max_examples=300)
@given(st.lists(st.one_of(CHANGES, CHANGES, QUIET, WATCHES, FORGETS), max_size=40))
def test_any_history(steps: list[tuple[Any, ...]]) -> None:
    """Whatever happens to objects and connections: each state once, in order, the last one always, gone once."""
    verify(play([("watch", [99]), *steps]))


@settings(max_examples=300)
@given(st.lists(st.one_of(CHANGES, CHANGES, QUIET, REPEATS, FORGETS), max_size=40))
def test_any_history_of_a_server_that_repeats_itself(steps: list[tuple[Any, ...]]) -> None:
    """The same holds when connections begin with events from before, even from before the last list."""
    verify(play([("watch", [99]), *steps]))


@settings(max_examples=100)
@given(st.lists(st.one_of(CHANGES, CHANGES, QUIET, WATCHES, FORGETS), max_size=40))
def test_any_history_with_versions_that_are_no_numbers(steps: list[tuple[Any, ...]]) -> None:
    """The same holds when resourceVersions can be compared for equality alone."""
    verify(play([("watch", [99]), *steps], opaque=True))


@settings(max_examples=200)
@given(st.lists(st.one_of(CHANGES, CHANGES, QUIET, REPEATS), max_size=40))
def test_without_410_no_state_is_lost(steps: list[tuple[Any, ...]]) -> None:
    """As long as the apiserver remembers, every single state is told, in the order of the cluster."""
    reader = play([("watch", [99]), *steps])
    assert [(each.kind == "gone", each.object) for each in reader.told] == [
        (kind == "DELETED", found) for _, kind, found in reader.cluster.events
    ]
    assert reader.lists == 1
