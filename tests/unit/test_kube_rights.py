"""What Ciao has to be allowed: one question, one sentence, and nobody is accused without need (contracts C)."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.kubeflow.preflight.rights import Right

from .kubeapi import Api, fault, no_right, rules
from .kubechecks import ALL, JOBS, ME, REVIEW, RULES, Checked, found, notice, refusal, reviewing, without
from .kubejobs import Json


def test_what_is_missing_is_told_in_one_sentence() -> None:
    """What, for whom, where, and what grants it."""
    gone = [("watch", "pods"), ("patch", "pods"), ("get", "pods/log"), ("create", "pytorchjobs")]
    answers = {JOBS: no_right("create", "pytorchjobs")}
    assert (
        refusal({**answers, **without(*gone)})
        == refusal({**answers, **reviewing(*gone)})
        == "eve lacks rights in team that Ciao cannot do without: pods (patch, watch), pods/log (get), "
        "pytorchjobs (create). An administrator of the namespace can grant the role in deploy/rbac.yaml."
    )


def test_without_events_a_job_runs_all_the_same() -> None:
    """It only cannot be said why it waits."""
    assert "may not know why a pod waits" in notice(without(("list", "events"), ("watch", "events")))


def test_what_the_rules_do_not_show_is_asked_before_anybody_is_accused() -> None:
    """Where rights are not roles, the rules are incomplete: a second round, once."""

    async def story() -> None:
        api = Api(reviewing())
        checked = Checked(api)
        assert await checked.cell() == ()
        assert api.rounds == 2
        assert api.asked().count(REVIEW) == len(ALL)
        await checked.cell()
        assert not {RULES, REVIEW} & set(api.asked())

    asyncio.run(story())


def test_rules_that_are_complete_are_believed() -> None:
    """Then nothing is asked one by one, only who it is."""

    async def story() -> None:
        api = Api(without(("get", "pods/log")))
        await Checked(api).cell()
        assert REVIEW not in api.asked()
        assert api.asked().count(ME) == 1

    asyncio.run(story())


def test_a_right_that_is_missing_is_asked_for_again() -> None:
    """As soon as it is granted, it counts."""

    async def story() -> None:
        api = Api(without(("delete", "pods")))
        checked = Checked(api)
        assert "pods (delete)" in (await checked.cell())[0].message
        api.answers[RULES] = rules(*ALL)
        assert await checked.cell() == ()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("rule", "all_of_it"),
    [
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, True),
        ({"verbs": ["*"], "apiGroups": ["", "kubeflow.org"], "resources": ["*"]}, True),
        ({"verbs": ["*"], "apiGroups": [""], "resources": ["*"]}, False),
        ({"verbs": ["get"], "apiGroups": ["*"], "resources": ["*"]}, False),
        ({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["a"]}, False),
    ],
)
def test_rules_are_read_as_roles_are(rule: Json, all_of_it: bool) -> None:
    """rbac/v1 PolicyRule: stars, and rules for objects of certain names."""
    answers = {RULES: {"status": {"resourceRules": [rule]}}}
    assert bool(found(answers)) is not all_of_it


def test_a_part_of_everything_is_a_part() -> None:
    """``*/log`` is the log of pods too."""
    log = {"verbs": ["get"], "apiGroups": [""], "resources": ["*/log"]}
    answers = {RULES: rules(*(each for each in ALL if each.resource != "pods/log"))}
    answers[RULES]["status"]["resourceRules"].append(log)
    assert found(answers) == []


def test_where_rights_cannot_be_asked_nobody_is_accused() -> None:
    """The trial shows the most important one."""
    answers = {
        RULES: fault(404),
        REVIEW: fault(404),
        "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": fault(404),
    }
    assert found(answers) == []


def test_a_service_account_is_called_one() -> None:
    """Not by the name that the apiserver has for it."""
    me = {"status": {"userInfo": {"username": "system:serviceaccount:team:ciao"}}}
    said = refusal({**without(("get", "pods")), ME: me})
    assert said.startswith("The service account ciao of team lacks rights in team")


def test_whoever_cannot_be_named_is_this_account() -> None:
    """Clusters before 1.28 do not say."""
    answers = {**without(("get", "pods")), ME: fault(404)}
    assert refusal(answers).startswith("This account lacks rights in team that")


def test_a_review_names_a_part_by_itself() -> None:
    """authorization/v1 ResourceAttributes."""
    spec = Right("", "pods/log", "get").review("team")["spec"]["resourceAttributes"]
    assert spec == {"namespace": "team", "verb": "get", "group": "", "resource": "pods", "subresource": "log"}
