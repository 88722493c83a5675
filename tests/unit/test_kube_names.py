"""Names fit, and what is named can be found again (contracts A.4, E)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects import names
from ciao.core.errors import UserError
from ciao.core.model import JobSpec, Replica, Role

from .kubejobs import SUBMISSION, spec_of


def spec(name: str, **roles: int) -> JobSpec:
    """A job of that name."""
    found = tuple(Role(role, count) for role, count in roles.items())
    return JobSpec(name=name, framework="pytorch", target="kubeflow", roles=found)


@pytest.mark.parametrize(
    ("roles", "room"),
    [
        ({"worker": 10}, 54),
        ({"master": 1, "worker": 11}, 53),
        ({"worker": 1000}, 52),
        ({"worker": 1, "evaluator": 1}, 51),
        ({"ps": 1}, 58),
    ],
)
def test_the_longest_pods_name_decides(roles: dict[str, int], room: int) -> None:
    """A Service of that name is made too, and 63 characters are all that it may have."""
    names.check(spec("a" * room, **roles))
    with pytest.raises(UserError, match=f"use at most {room} here"):
        names.check(spec("a" * (room + 1), **roles))


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "Demo", "a.b", "ä", "a b"])
def test_what_is_no_label_is_no_name(name: str) -> None:
    """DNS-1035: the operator's webhook would say the same, later."""
    with pytest.raises(UserError, match="is not a name for a job"):
        names.check(spec(name, worker=1))


def test_a_pod_is_found_by_its_name() -> None:
    """As the operator gives it."""
    assert names.replica_of({}, "demo-worker-1", "demo") == Replica("worker", 1)


@pytest.mark.parametrize("name", ["demo", "demo-worker", "demo-worker-x", "other-worker-1", "demoworker-1", ""])
def test_a_name_that_is_no_replicas_is_nobody(name: str) -> None:
    """A pod that somebody else made, with labels that look like Ciao's."""
    assert names.replica_of({}, name, "demo") is None


@pytest.mark.parametrize("prefix", ["training.kubeflow.org/", ""])
def test_a_pod_is_found_by_the_operators_labels(prefix: str) -> None:
    """Older operators wrote them without prefix; the role may be in any case."""
    labels = {f"{prefix}replica-type": "Worker", f"{prefix}replica-index": "12"}
    assert names.replica_of(labels, "anything") == Replica("worker", 12)


@pytest.mark.parametrize("index", ["", "-1", "x", "²", None, 3])
def test_labels_that_make_no_sense_are_ignored(index: object) -> None:
    """They may be anybody's; then the name tells."""
    labels = {names.REPLICA_TYPE: "worker", names.REPLICA_INDEX: index}
    assert names.replica_of(labels) is None
    assert names.replica_of(labels, "demo-ps-0", "demo") == Replica("ps", 0)


@given(st.text(max_size=100))
def test_any_text_becomes_the_value_of_a_label(text: str) -> None:
    """Or an empty one, which labels may have."""
    found = names.label_value(text)
    assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", found)


def test_a_kernel_without_a_name_has_no_label() -> None:
    """Nothing is labelled with nothing."""
    from attrs import evolve

    assert names.KERNEL not in names.labels(spec_of(), evolve(SUBMISSION, kernel=""))


def test_a_selector_names_all_labels() -> None:
    """In an order that does not change, so that equal requests are equal."""
    found = names.selector({names.UID: "5f0c", names.MANAGED: "ciao"})
    assert found == "app.kubernetes.io/managed-by=ciao,ciao.dev/uid=5f0c"


@pytest.mark.parametrize(("key", "own"), [("ciao.dev/uid", True), (names.MANAGED, True), ("team/uid", False)])
def test_what_ciao_finds_its_objects_by_is_its_own(key: str, own: bool) -> None:
    """An overlay may change the rest."""
    assert names.is_own(key) is own


def test_another_attempt_has_another_source() -> None:
    """The former attempt's may still be there when it is made."""
    assert SUBMISSION.source_name("demo") == "demo-5f0c5f0c"
