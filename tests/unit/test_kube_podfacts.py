"""From pods as a real cluster had them to phases."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from ciao.adapters.kubeflow.seen.podfacts import PodFacts, pod_facts
from ciao.adapters.kubeflow.seen.troubles import detail, pod_trouble
from ciao.core.events import Phase
from ciao.core.model import Replica

from .kube_recorded import Json, pod

WAITING = ["new", "creating", "pull-404", "pull-backoff", "no-secret-env", "too-large", "gated", "waiting-for-master"]
RUNNING = ["running", "stop-asked", "deleted-asked", "deleted-by-force", "node-silent", "node-tainted"]


def known(found: Json, job: str = "demo") -> PodFacts:
    """What is understood of a pod."""
    return pod_facts(found, job, "pytorch")


@pytest.mark.parametrize("name", WAITING)
def test_what_has_not_begun(name: str) -> None:
    """No start, no end, no log."""
    facts = known(pod(name))
    assert (facts.phase, facts.started, facts.exit, facts.container) == (Phase.WAITING, None, None, "")
    assert facts.at == facts.created


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs(name: str) -> None:
    """It began when its container did, and it has a log; being asked to end is no end."""
    facts = known(pod(name))
    assert (facts.phase, facts.exit) == (Phase.RUNNING, None)
    assert facts.at == facts.started
    assert facts.container.startswith("containerd://")


@pytest.mark.parametrize("name", ["no-python", "no-right", "stopped-pulling", "stopped-in-init", "master-late"])
def test_what_never_ran_has_no_log(name: str) -> None:
    """Not in 1970 either: runtimes write the epoch for a start that was none."""
    facts = known(pod(name))
    assert (facts.started, facts.container) == (None, "")


def test_a_pod_that_was_deleted_before_it_ran_has_not_ended() -> None:
    """The operator may make another one in its place."""
    facts = known(pod("deleted-waiting"))
    assert (facts.phase, facts.exit, facts.deleting) == (Phase.WAITING, None, True)


def test_who_it_is() -> None:
    """Names, owner, image and node; the replica by the operator's labels, else by its name."""
    found = pod("exit-3")
    facts = known(found)
    assert (facts.name, facts.replica, facts.node) == ("exit3-master-0", Replica("master", 0), "node-1")
    assert facts.image == "ciao-test/python:3.11"
    assert facts.owner == found["metadata"]["ownerReferences"][0]["uid"]
    assert facts.uid == found["metadata"]["uid"]
    del found["metadata"]["labels"]
    assert known(found, job="exit3").replica == Replica("master", 0)
    assert known(found, job="another").replica is None


def test_a_container_of_another_name_is_the_main_one_when_it_is_the_first() -> None:
    """An overlay can add containers, and a kind may call its own differently."""
    assert pod_facts(pod("exit-3"), "exit3", "tensorflow").exit is not None


@pytest.mark.parametrize("name", ["oom", "exit-3", "report", "succeeded", "running", "new"])
def test_what_is_settled(name: str) -> None:
    """Nothing more is learnt of an end once the pod has its phase."""
    assert known(pod(name)).settled


def test_what_is_not_settled() -> None:
    """The container's end is told before the reason that stands at the pod."""
    assert not known(pod("oom-told-first")).settled


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("deleted-by-force", (137, "Deleted", "its pod was deleted")),
        ("node-tainted", (137, "NodeLost", "node-2 is gone or does not answer")),
        ("stop-asked", (137, "Stopped", "")),
        ("gated", (137, "Deleted", "its pod was deleted")),
        ("exit-3", (3, "Error", 'its last line was "last words"')),
    ],
)
def test_a_pod_that_is_gone(name: str, end: tuple[int, str, str]) -> None:
    """Its end is what was known of it, else a kill by whoever made it go."""
    found = known(pod(name)).lost(1795613200.0)
    assert (found.code, found.reason, found.message) == end
    assert name == "exit-3" or found.at == 1795613200.0


# -- anything may be missing ----------------------------------------------------------------------


def _places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield from _places(tree[key], (*path, key))


def _without(tree: Json, path: tuple[Any, ...], value: object) -> Json:
    found = copy.deepcopy(tree)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return found


@pytest.mark.parametrize("name", ["exit-3", "evicted-by-drain", "stopped-in-init", "too-large", "node-lost"])
def test_any_part_of_a_pod_may_be_missing_or_of_another_kind(name: str) -> None:
    """Something is always understood, and nothing is raised."""
    whole = pod(name)
    for path in _places(whole):
        for value in (None, 7, "x", [7], {"a": 7}):
            if path:
                part = _without(whole, path, value)
                assert isinstance(known(part).phase, Phase)
                pod_trouble(part, 1e9, container="pytorch")
                detail(part, "pytorch")
    assert known({}).phase is Phase.WAITING
