"""A container's environment: what counts is what it would be on this machine."""

from __future__ import annotations

import re
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects.environment import variables
from ciao.adapters.local.environment import expanded
from ciao.core.errors import UserError
from ciao.core.model import EnvVar, JobSpec, Role, SecretRef

MARKS = ("CIAO_JOB", "CIAO_INDEX", "CIAO_REPLICA", "CIAO_REPORT", "CIAO_SOURCE")


def spec(*env: EnvVar, role: tuple[EnvVar, ...] = ()) -> JobSpec:
    """A job with these variables, and a role with those."""
    return JobSpec(name="demo", framework="pytorch", target="kubeflow", roles=(Role("worker", 2, env=role),), env=env)


def listed(job: JobSpec, *defaults: EnvVar) -> list[dict[str, Any]]:
    """The container's env without Ciao's marks."""
    return [each for each in variables(job, job.roles[0], defaults) if each["name"] not in MARKS]


def as_the_kubelet_sees_it(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Kubernetes ``kubelet_pods.go``, ``makeEnvironmentVariables``: in order, over what came before."""
    known: dict[str, str] = {}
    for each in entries:
        value = each.get("value", f"<{each['name']}>")

        def one(found: re.Match[str]) -> str:
            return "$" if found[0] == "$$" else known.get(found[1], found[0])

        known[each["name"]] = re.sub(r"\$\$|\$\(([^)]*)\)", one, value)
    return known


def test_variables_stand_in_order() -> None:
    """Defaults, the job's, the role's: later ones may refer to earlier ones."""
    job = spec(EnvVar("A", "1"), EnvVar("B", "$(A) $$(A) $(C)"), role=(EnvVar("C", "$(B)"),))
    assert listed(job, EnvVar("HOME", "/home/ciao")) == [
        {"name": "HOME", "value": "/home/ciao"},
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A) $$(A) $(C)"},
        {"name": "C", "value": "$(B)"},
    ]


def test_a_secret_goes_by_reference() -> None:
    """Its value passes through nobody's hands."""
    (found,) = listed(spec(EnvVar("TOKEN", SecretRef("hub", "token"))))
    assert found == {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}


def test_no_name_stands_twice() -> None:
    """The CRD's list is keyed by name, and the apiserver refuses a second entry; the last one counts."""
    job = spec(EnvVar("HOME", "/a"), EnvVar("A", "1"), role=(EnvVar("A", "2"),))
    assert listed(job, EnvVar("HOME", "/home/ciao")) == [{"name": "HOME", "value": "/a"}, {"name": "A", "value": "2"}]


def test_a_reference_means_what_the_variable_was_at_its_place() -> None:
    """``%env=PATH=/opt/bin:$(PATH)`` beside a role, over a ``%env=PATH`` of the job."""
    job = spec(EnvVar("PATH", "/bin"), EnvVar("WAS", "$(PATH)"), role=(EnvVar("PATH", "/opt/bin:$(PATH)"),))
    assert as_the_kubelet_sees_it(listed(job)) == {"WAS": "/bin", "PATH": "/opt/bin:/bin"}


def test_a_secret_may_take_the_place_of_a_value() -> None:
    """And the other way round; a reference to it is resolved by the kubelet."""
    job = spec(EnvVar("A", "1"), EnvVar("S", SecretRef("x", "y")), role=(EnvVar("A", "$(S)-2"), EnvVar("B", "$(A)")))
    assert as_the_kubelet_sees_it(listed(job)) == {"S": "<S>", "A": "<S>-2", "B": "<S>-2"}


_VALUES = st.text("$(AB)$x", max_size=8)
_NAMES = st.sampled_from(["A", "B", "AB"])


@given(st.lists(st.builds(EnvVar, _NAMES, _VALUES), max_size=5))
@example([EnvVar("A", "$(($$)")])
@example([EnvVar("A", "$(($$)"), EnvVar("A", "$(($$)")])
def test_it_is_what_it_would_be_on_this_machine(env: list[EnvVar]) -> None:
    """Names said twice or not, with references and dollars in every form."""
    here = expanded([(each.name, each.value) for each in env if isinstance(each.value, str)])
    assert as_the_kubelet_sees_it(listed(spec(*env))) == here


# -- Ciao's marks -------------------------------------------------------------------------------------


def test_a_process_knows_its_job_and_itself() -> None:
    """The index from the operator's label: one template serves all replicas of a role."""
    marks = {each["name"]: each for each in variables(spec(), Role("worker", 2))}
    assert marks["CIAO_JOB"]["value"] == "demo"
    assert marks["CIAO_REPLICA"]["value"] == "worker-$(CIAO_INDEX)"
    path = "metadata.labels['training.kubeflow.org/replica-index']"
    assert marks["CIAO_INDEX"]["valueFrom"] == {"fieldRef": {"fieldPath": path}}
    assert list(marks).index("CIAO_INDEX") < list(marks).index("CIAO_REPLICA")


def test_it_knows_where_to_report_and_where_its_files_are() -> None:
    """The report is the pod's termination message."""
    marks = {each["name"]: each for each in variables(spec(), Role("worker", 2))}
    assert marks["CIAO_REPORT"]["value"] == "/dev/termination-log"
    assert marks["CIAO_SOURCE"]["value"] == "/ciao"


def test_nobody_takes_its_marks_away() -> None:
    """A user's variable of that name does not count, as on this machine."""
    job = spec(EnvVar("CIAO_JOB", "other"), role=(EnvVar("CIAO_REPORT", "/tmp/x"),))
    assert [each["name"] for each in variables(job, job.roles[0])] == list(MARKS)


# -- what no process could be started with ------------------------------------------------------------


def test_a_value_that_is_too_long_is_refused_without_being_shown() -> None:
    """Linux takes 128 KiB of ``NAME=value``; the container would not start."""
    room = 131_072 - len("TOKEN=") - 1
    assert listed(spec(EnvVar("TOKEN", "x" * room)))
    with pytest.raises(UserError, match="%env=TOKEN is too long") as refusal:
        listed(spec(EnvVar("TOKEN", "x" * (room + 1))))
    assert "xxx" not in str(refusal.value)


def test_bytes_are_counted_not_characters() -> None:
    """``ä`` is two."""
    with pytest.raises(UserError, match="too long"):
        listed(spec(role=(EnvVar("A", "ä" * 70_000),)))


def test_the_role_is_not_changed() -> None:
    """Values are frozen; the same job may be asked again."""
    job = spec(EnvVar("A", "1"), role=(EnvVar("A", "2"),))
    again = evolve(job)
    listed(job)
    assert job == again
