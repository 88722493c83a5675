"""What is found before anything is created: every refusal has its remedy, and nothing is asked twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ciao.adapters.kubeflow.apierrors import Unreachable
from ciao.adapters.kubeflow.options import Options
from ciao.adapters.kubeflow.preflight import Preflight
from ciao.adapters.kubeflow.rights import EVENTS, Right, needed
from ciao.adapters.memory import ManualClock
from ciao.core.errors import TargetError
from ciao.core.ports import Finding, Severity

from .kubeapi import NS, Api, fault, missing, names, no_right, rules
from .kubejobs import PYTORCHJOB, TFJOB, Json, made, mounted, pod, source_of, spec_of

JOBS = "POST /apis/kubeflow.org/v1/namespaces/team/pytorchjobs"
REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ME = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
RULES = "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


class Checked:
    """One session's preflight of the namespace team; each call is a cell."""

    def __init__(self, api: Api, patience: float = 5.0) -> None:
        self.api, self.clock = api, ManualClock()
        self.preflight = Preflight(api, "team", Options(), self.clock, patience)

    async def cell(self, *lines: str, job: Json | None = None, framework: str = "pytorch") -> tuple[Finding, ...]:
        """What is found of a job with these magics."""
        self.api.sent.clear()
        self.api.rounds = 0
        spec = spec_of(*lines, framework=framework)
        kind = PYTORCHJOB if framework == "pytorch" else TFJOB
        job = job or made(*lines, framework=framework)
        return await self.preflight.findings(spec, job, source_of(spec, mounted()), kind)


def found(answers: dict[str, Any] | None = None, *lines: str, job: Json | None = None) -> list[Finding]:
    """What is found in a healthy cluster but for these answers."""
    return list(asyncio.run(Checked(Api(answers)).cell(*lines, job=job)))


def refusal(answers: dict[str, Any], *lines: str, job: Json | None = None) -> str:
    """The only finding, a refusal."""
    (one,) = found(answers, *lines, job=job)
    assert one.severity is Severity.REFUSAL
    return one.message


def notice(answers: dict[str, Any], *lines: str, job: Json | None = None) -> str:
    """The only finding, a notice."""
    (one,) = found(answers, *lines, job=job)
    assert one.severity is Severity.NOTICE
    return one.message


# -- how it is asked ----------------------------------------------------------------------------------


def test_a_job_that_can_run_has_no_findings() -> None:
    """In a cluster where all is well."""
    assert found({}, "%worker=2;%cpu=1") == []


def test_the_first_cell_asks_all_at_once() -> None:
    """One round trip, with at most 14 requests also for a job that names much."""
    lines = ["%worker=2;%cpu=1", "%volume=d:/d", "%volume=e:/e", "%secret=s", "%serviceAccount=a", "%priority=p"]
    there = [f"{NS}/persistentvolumeclaims/d", f"{NS}/persistentvolumeclaims/e", f"{NS}/secrets/s"]
    there += [f"{NS}/serviceaccounts/a", "/apis/scheduling.k8s.io/v1/priorityclasses/p"]

    async def story() -> None:
        checked = Checked(Api({path: {} for path in there}))
        assert await checked.cell(*lines) == ()
        assert checked.api.rounds == 1
        assert len(checked.api.sent) == 14

    asyncio.run(story())


def test_a_warm_cell_asks_only_for_what_may_have_changed() -> None:
    """The trial of job and source, and what is used of the quotas; the job's name changes nothing."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/secrets/s": {}}))
        await checked.cell("%worker=2", "%secret=s")
        await checked.cell("%worker=2", "%secret=s", job=made("%worker=2", "%secret=s", name="other"))
        assert sorted(checked.api.asked()) == sorted([f"{NS}/resourcequotas", f"POST {NS}/configmaps", JOBS])

    asyncio.run(story())


def test_another_job_is_tried_anew() -> None:
    """Its pods are others; rights, nodes and limits are the same."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=2")
        await checked.cell("%worker=2;%cpu=1")
        assert checked.api.asked().count(f"POST {NS}/pods") == 1
        assert len(checked.api.sent) == 4

    asyncio.run(story())


def test_nodes_limits_and_names_are_asked_again_after_a_minute() -> None:
    """Rights and kinds are not: they hold for the session."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/secrets/s": {}}))
        await checked.cell("%secret=s")
        checked.clock.advance(61.0)
        await checked.cell("%secret=s")
        asked = checked.api.asked()
        assert {"/api/v1/nodes", f"{NS}/limitranges", f"{NS}/secrets/s", f"POST {NS}/pods"} <= set(asked)
        assert not {RULES, "/apis/kubeflow.org/v1"} & set(asked)

    asyncio.run(story())


def test_whoever_has_mended_it_is_believed_at_once() -> None:
    """An answer that led to a refusal is not kept."""

    async def story() -> None:
        api = Api()
        checked = Checked(api)
        assert "the largest node" in (await checked.cell("%cpu=9"))[0].message
        api.answers["/api/v1/nodes"] = {
            "items": [{"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "16"}}}]
        }
        assert await checked.cell("%cpu=9") == ()

    asyncio.run(story())


def test_refusals_come_first() -> None:
    """What has to be mended before what is worth knowing."""
    severities = [each.severity for each in found({}, "%cpu=9", "%ttl=5")]
    assert severities == [Severity.REFUSAL, Severity.NOTICE]


def test_of_a_job_that_is_refused_it_is_not_told_what_could_not_be_checked() -> None:
    """It matters when the job can run, and then it is told."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/limitranges": fault(403)}))
        assert [each.severity for each in await checked.cell("%cpu=9")] == [Severity.REFUSAL]
        assert [each.severity for each in await checked.cell("%cpu=1")] == [Severity.NOTICE]

    asyncio.run(story())


def test_whoever_may_not_read_something_is_not_asked_each_time() -> None:
    """Nodes and limits for a minute; the events for the session."""

    async def story() -> None:
        answers = {f"{NS}/limitranges": fault(403), "/api/v1/nodes": fault(403)}
        checked = Checked(Api({**answers, **without(("list", "events"), ("watch", "events"))}))
        assert len(await checked.cell()) == 2
        assert await checked.cell() == ()
        assert len(checked.api.sent) == 3

    asyncio.run(story())


def test_what_could_not_be_checked_is_told_once_in_a_session() -> None:
    """With every cell it would only be noise."""

    async def story() -> None:
        checked = Checked(Api({f"{NS}/resourcequotas": fault(403)}))
        (first,) = await checked.cell()
        assert first == Finding(Severity.NOTICE, "Ciao may not read the quotas of team, so it could not check them.")
        assert await checked.cell() == ()

    asyncio.run(story())


def test_a_cluster_that_does_not_answer_is_none_of_the_findings() -> None:
    """The client's error passes through, and no request is left behind."""

    async def story() -> None:
        checked = Checked(Api({JOBS: Unreachable("The cluster lab does not answer.", sent=True)}))
        with pytest.raises(TargetError, match="does not answer"):
            await checked.cell("%worker=2")
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_a_single_answer_that_does_not_come_is_gone_without() -> None:
    """Unless it is the one that matters."""
    silent = Unreachable("no answer", sent=True)
    assert (
        found(
            {f"{NS}/limitranges": silent, "/api/v1/nodes": silent, RULES: silent, REVIEW: silent, ME: silent}, "%gpu=1"
        )
        == []
    )


def test_nobody_waits_long_for_a_courtesy() -> None:
    """Webhooks may take half a minute over a pod: then none is tried again in this session."""

    async def story() -> None:
        checked = Checked(Api(), patience=0.0)
        assert await checked.cell("%cpu=9") == ()
        assert await checked.cell("%cpu=9") == ()
        assert f"POST {NS}/pods" not in checked.api.asked()
        assert JOBS in checked.api.asked()

    asyncio.run(story())


def test_a_fault_of_the_cluster_is_raised() -> None:
    """The user cannot mend it."""
    error = 'Internal error: failed calling webhook "validator.pytorchjob.training-operator.kubeflow.org": refused'
    with pytest.raises(TargetError, match="training operator is not answering"):
        found({JOBS: fault(500, error, "InternalError")})


def test_a_fault_in_what_is_only_a_courtesy_is_not() -> None:
    """The job can be created without knowing quotas, nodes or what pods would meet."""
    answers = {f"{NS}/resourcequotas": fault(500), "/api/v1/nodes": fault(503), f"POST {NS}/pods": fault(500)}
    assert found(answers, "%gpu=1") == []


def test_a_job_that_goes_at_once_is_noticed() -> None:
    """Its logs go with it."""
    assert "deletes this job 5 s after its end (%ttl)" in notice({}, "%ttl=5")


# -- the operator -------------------------------------------------------------------------------------


def test_a_cluster_without_the_operator_is_told_how_to_get_it() -> None:
    """With the command, and not also by the trial that finds no such path."""
    said = refusal({"/apis/kubeflow.org/v1": fault(404), JOBS: fault(404, "could not find the requested resource")})
    assert said.startswith("This cluster has no training operator, which runs PyTorchJobs.")
    assert 'kubectl apply --server-side -k "github.com/kubeflow/training-operator.git' in said


def test_an_operator_without_the_kind_is_told() -> None:
    """A cluster may serve some of the kinds."""
    answers = {"/apis/kubeflow.org/v1": {"resources": [{"name": "tfjobs"}]}, JOBS: fault(404)}
    assert refusal(answers).startswith("The training operator of this cluster does not know PyTorchJobs.")


def test_an_operator_that_went_after_the_first_cell() -> None:
    """Then the trial says it."""

    async def story() -> None:
        api = Api()
        checked = Checked(api)
        await checked.cell()
        api.answers[JOBS] = fault(404, "the server could not find the requested resource")
        (one,) = await checked.cell()
        assert "training operator is not installed" in one.message

    asyncio.run(story())


def test_the_kinds_are_told_apart() -> None:
    """A TFJob's path and rights are its own."""

    async def story() -> None:
        checked = Checked(Api(plural="tfjobs"))
        assert await checked.cell(framework="tensorflow") == ()
        assert "POST /apis/kubeflow.org/v1/namespaces/team/tfjobs" in checked.api.asked()

    asyncio.run(story())


# -- rights -------------------------------------------------------------------------------------------

ALL = (*needed("pytorchjobs"), *EVENTS)


def without(*gone: tuple[str, str]) -> dict[str, Any]:
    """All rights but these (verb, resource)."""
    left = [each for each in ALL if (each.verb, each.resource) not in gone]

    return {RULES: rules(*left)}


def reviewing(*gone: tuple[str, str]) -> dict[str, Any]:
    """The same where rules are incomplete and show nothing: asked one by one, these are denied."""

    def review(how: Json) -> Json:
        asked = how["body"]["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, [asked["resource"], asked.get("subresource", "")]))
        return {"status": {"allowed": (asked["verb"], resource) not in gone}}

    return {RULES: rules(incomplete=True), REVIEW: review}


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


# -- the trial ----------------------------------------------------------------------------------------


def test_the_trial_creates_nothing() -> None:
    """dryRun=All, everywhere; and a field that nobody knows is told (fieldValidation=Strict)."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=1")
        tried = {
            what: how for what, how in checked.api.sent if what in (JOBS, f"POST {NS}/configmaps", f"POST {NS}/pods")
        }
        assert len(tried) == 3
        assert {how["dryRun"] for how in tried.values()} == {"All"}
        assert tried[JOBS]["fieldValidation"] == "Strict"

    asyncio.run(story())


def test_the_source_is_tried_without_its_contents() -> None:
    """A megabyte need not travel twice; keys are what may be wrong."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell()
        (body,) = [how["body"] for what, how in checked.api.sent if what == f"POST {NS}/configmaps"]
        assert body["data"] == {"cell.py": "", "ciao_replica.py": ""}

    asyncio.run(story())


def test_a_name_that_is_taken_is_no_refusal_here() -> None:
    """Whether the job may replace it is decided when it is submitted."""
    taken = fault(409, "already exists", "AlreadyExists")
    assert found({JOBS: taken, f"POST {NS}/configmaps": taken, f"POST {NS}/pods": taken}) == []


def test_what_the_operator_says_is_said() -> None:
    """Its webhook judges the job."""
    why = "spec.pytorchReplicaSpecs[Master].replicas: Invalid value: 2: must be 1"
    text = f'admission webhook "validator.pytorchjob.training-operator.kubeflow.org" denied the request: {why}'
    assert f"The training operator refuses the job: {why}" in refusal({JOBS: fault(403, text)})


def test_a_field_that_nobody_knows_is_the_overlays_mistake() -> None:
    """Without this the apiserver would drop it without a word."""
    text = 'cannot be handled as a PyTorchJob: strict decoding error: unknown field "spec.x", unknown field "spec.y"'
    assert refusal({JOBS: fault(400, text)}, "%overlay=gpu.yaml") == (
        "PyTorchJobs have no field spec.x or spec.y: correct gpu.yaml (%overlay)."
    )


def test_an_operator_that_is_too_old_for_a_field_of_ciaos_is_noticed() -> None:
    """It runs the job without."""
    text = 'cannot be handled as a PyTorchJob: strict decoding error: unknown field "spec.nprocPerNode"'
    assert "too old to know spec.nprocPerNode" in notice({JOBS: fault(400, text)})


def test_a_source_that_is_refused_is_told() -> None:
    """A quota of ConfigMaps, or a policy."""
    text = (
        'configmaps "demo-5f0c5f0c" is forbidden: exceeded quota: q, requested: count/configmaps=1, '
        "used: count/configmaps=5, limited: count/configmaps=5"
    )
    assert "the quota q is used up" in refusal({f"POST {NS}/configmaps": fault(403, text)})


def test_a_webhook_that_cannot_be_tried_is_noticed() -> None:
    """Then nothing can be said before."""
    text = 'admission webhook "x.y" does not support dry run'
    assert "cannot try this job without creating it" in notice({JOBS: fault(400, text)})
    assert found({f"POST {NS}/pods": fault(400, text)}) == []


def test_a_namespace_that_is_not_there_is_all_that_is_said() -> None:
    """With the nearest one; the claims in it are missing too, but that is no news."""
    gone = missing("namespaces", "team")
    answers = {
        JOBS: gone, f"POST {NS}/configmaps": gone, f"POST {NS}/pods": gone,
        "/api/v1/namespaces": names("teams", "kube"),
        f"{NS}/persistentvolumeclaims/d": missing("persistentvolumeclaims", "d"),
        f"{NS}/persistentvolumeclaims": names(),
    }  # fmt: skip
    said = "There is no namespace team in this cluster."
    assert refusal(answers, "%volume=d:/d") == f"{said} Did you mean teams?"
    answers["/api/v1/namespaces"] = fault(403)
    assert refusal(answers, "%volume=d:/d") == f"{said} Correct %namespace."


# -- the trial of pods --------------------------------------------------------------------------------


def pods_refused(text: str, *lines: str, status: int = 403, **answers: Any) -> list[Finding]:
    """What is found when each pod is refused with these words."""
    return found({f"POST {NS}/pods": fault(status, text), **answers}, *lines)


def test_a_pod_is_tried_as_the_operator_would_make_it() -> None:
    """Of each role the first; a worker beside a master with the operator's init container."""

    async def story() -> None:
        checked = Checked(Api())
        await checked.cell("%worker=2;%cpu=1")
        bodies = [how["body"] for what, how in checked.api.sent if what == f"POST {NS}/pods"]
        assert [each["metadata"]["name"] for each in bodies] == ["demo-master-0", "demo-worker-0"]
        assert all(each["spec"]["restartPolicy"] == "Never" for each in bodies)
        assert all(each["metadata"]["labels"]["ciao.dev/framework"] == "pytorch" for each in bodies)
        init = [[one["name"] for one in each["spec"].get("initContainers", ())] for each in bodies]
        assert init == [[], ["init-pytorch"]]

    asyncio.run(story())


def test_whoever_may_not_create_pods_is_not_asked_again() -> None:
    """It is a courtesy, and no right that Ciao needs."""

    async def story() -> None:
        checked = Checked(Api({f"POST {NS}/pods": no_right("create", "pods")}))
        assert await checked.cell() == ()
        assert await checked.cell("%cpu=1") == ()
        assert f"POST {NS}/pods" not in checked.api.asked()

    asyncio.run(story())


def test_a_policy_that_forbids_the_pods_is_told_before() -> None:
    """Once, with the roles that it concerns and what can be done."""
    text = (
        'pods "demo-master-0" is forbidden: violates PodSecurity "restricted:latest": '
        'runAsNonRoot != true (pod or container "pytorch" must set securityContext.runAsNonRoot=true)'
    )
    (one,) = pods_refused(text, "%user=0", "%worker=1")
    assert one.severity is Severity.REFUSAL
    assert one.message.startswith(
        "The pods of master and worker would be refused: the namespace's policy restricted forbids"
    )
    assert "%user=1000" in one.message


def test_a_policy_that_forbids_only_the_operators_container_is_noticed() -> None:
    """An administrator may have changed it, and this is a guess at what it looks like."""
    text = (
        'pods "demo-worker-0" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "init-pytorch" must set '
        "securityContext.allowPrivilegeEscalation=false)"
    )

    def only_workers(how: Json) -> Any:
        return fault(403, text) if "worker" in how["body"]["metadata"]["name"] else {}

    said = notice({f"POST {NS}/pods": only_workers}, "%worker=1")
    assert said.startswith("The pods of worker may never be made: ")


def test_a_field_of_a_pod_that_is_wrong_is_told() -> None:
    """Nobody looks into a template before: the job would be accepted and never run."""
    causes = [{"field": "spec.containers[0].env[3].name", "message": 'Invalid value: "a b": no blanks'}]
    wrong = fault(422, "is invalid", "Invalid")
    wrong.details["causes"] = causes
    said = refusal({f"POST {NS}/pods": wrong})
    assert "spec.containers[0].env[3].name: no blanks" in said


def test_pods_are_not_spoken_of_when_the_job_is_wrong() -> None:
    """It would be the same mistake twice."""
    wrong = fault(422, "PyTorchJob is invalid: spec: bad", "Invalid")
    assert "PyTorchJob is invalid" in refusal({JOBS: wrong, f"POST {NS}/pods": wrong})


_QUOTA = "is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=3, limited: cpu=4"


@pytest.mark.parametrize(
    "text",
    [
        _QUOTA,
        "is forbidden: failed quota: q: must specify limits.cpu",
        "is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]",
        'is forbidden: error looking up service account team/a: serviceaccount "a" not found',
        "is forbidden: no PriorityClass with name p was found",
    ],
)
def test_what_other_checks_say_better_is_left_to_them(text: str) -> None:
    """With the numbers of the whole job, or the nearest name."""
    assert pods_refused(f'pods "demo-master-0" {text}') == []


def test_where_quotas_may_not_be_read_the_trial_says_what_it_saw() -> None:
    """Better than nothing; it waits, so it is a notice."""
    answers = {f"{NS}/resourcequotas": fault(403)}
    said = [each.message for each in pods_refused(f'pods "x" {_QUOTA}', **answers)]
    assert any(each.startswith("The pods of master will wait: the quota q is used up") for each in said)


# -- what is named ------------------------------------------------------------------------------------

CLAIM, CLAIMS = f"{NS}/persistentvolumeclaims/data", f"{NS}/persistentvolumeclaims"


def claim(phase: str = "Bound", mode: str = "ReadWriteMany", **metadata: str) -> Json:
    """A PersistentVolumeClaim."""
    return {"metadata": metadata, "spec": {"accessModes": [mode]}, "status": {"phase": phase}}


def test_a_claim_that_is_not_there_is_told_with_the_nearest() -> None:
    """The pods would wait for it for ever."""
    answers = {CLAIM: missing("persistentvolumeclaims", "data"), CLAIMS: names("date", "out")}
    said = "There is no volume claim data in team."
    assert refusal(answers, "%volume=data:/data") == f"{said} Did you mean date?"
    answers[CLAIMS] = fault(403)
    assert refusal(answers, "%volume=data:/data").startswith(f"{said} Create it")


def test_a_claim_that_waits_for_its_volume_is_noticed() -> None:
    """Many wait for their first pod; one that lost its volume, or is being deleted, waits for nothing."""
    assert "is not bound to a volume yet" in notice({CLAIM: claim("Pending")}, "%volume=data:/data")
    assert "has lost its volume" in refusal({CLAIM: claim("Lost")}, "%volume=data:/data")
    going = claim(deletionTimestamp="2026-01-01T00:00:00Z")
    assert "is being deleted" in refusal({CLAIM: going}, "%volume=data:/data")


def test_a_claim_for_one_node_is_noticed_with_several_pods() -> None:
    """One for a single pod is refused: the second never starts."""
    lines = ("%worker=2", "%volume=data:/data")
    assert "and 3 pods are to have it" in notice({CLAIM: claim(mode="ReadWriteOnce")}, *lines)
    assert "(ReadWriteOncePod), and 3 are to have it" in refusal({CLAIM: claim(mode="ReadWriteOncePod")}, *lines)
    assert found({CLAIM: claim(mode="ReadWriteOncePod")}, "%volume=data:/data") == []


def test_of_a_secret_nothing_is_read_but_that_it_is_there() -> None:
    """Its metadata: neither cells nor logs nor memory ever hold its value."""

    async def story() -> None:
        there = {f"{NS}/secrets/{name}": {} for name in ("all", "hub", "login")}
        checked = Checked(Api(there))
        assert await checked.cell("%secret=all", "%env=T=secret:hub/token", "%pullSecret=login") == ()
        read = {what: how for what, how in checked.api.sent if "/secrets/" in what}
        assert set(read) == set(there)
        assert all(how == METADATA for how in read.values())

    asyncio.run(story())


METADATA = {"metadata_only": True}


def test_a_secret_that_is_not_there_is_told() -> None:
    """The containers could not be set up; without one to pull with, the image may be free all the same.

    Others are not listed, to name the nearest: the answer would have what is in them.
    """
    gone = {f"{NS}/secrets/hub": missing("secrets", "hub")}
    said = "There is no Secret hub in team. Create it with kubectl create secret"
    assert refusal(gone, "%secret=hub").startswith(said)
    assert refusal(gone, "%env=T=secret:hub/key").startswith(said)
    assert notice(gone, "%pullSecret=hub").startswith(said)


def test_what_may_not_be_looked_at_is_told_as_that() -> None:
    """Most may not read Secrets, and need not."""
    said = notice({f"{NS}/secrets/hub": fault(403)}, "%secret=hub")
    assert said == "Ciao may not look at the secrets of team, so it could not check hub."


def test_accounts_and_classes_are_looked_for() -> None:
    """A class belongs to the whole cluster."""
    account = {f"{NS}/serviceaccounts/a": missing("serviceaccounts", "a"), f"{NS}/serviceaccounts": names("b")}
    assert refusal(account, "%serviceAccount=a").startswith("There is no service account a in team.")
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    priority = {f"{classes}/hihg": missing("priorityclasses", "hihg"), classes: names("high")}
    assert refusal(priority, "%priority=hihg") == "There is no priority class hihg in this cluster. Did you mean high?"


def test_what_is_no_name_is_not_looked_for() -> None:
    """It would be another path; the cell may say anything (``%volume=..:/data``)."""
    assert "No volume claim can have the name '..'" in refusal({}, "%volume=..:/data")


def test_what_an_overlay_names_is_looked_for_too() -> None:
    """Unless it is optional."""
    job = made()
    pod(job)["volumes"] += [
        {"name": "s", "secret": {"secretName": "x"}},
        {"name": "o", "secret": {"secretName": "y", "optional": True}},
    ]
    answers = {f"{NS}/secrets/x": missing("secrets", "x")}
    assert "There is no Secret x" in refusal(answers, job=job)


# -- queues -------------------------------------------------------------------------------------------

KUEUE = "/apis/kueue.x-k8s.io"
QUEUES = f"{KUEUE}/v1beta1/namespaces/team/localqueues"
GROUP = {"preferredVersion": {"version": "v1beta1"}}


def test_without_kueue_a_queue_means_nothing() -> None:
    """The job would start at once, and whoever said it should know."""
    assert notice({KUEUE: fault(404)}, "%queue=research") == (
        "This cluster has no Kueue: %queue=research means nothing here."
    )


def test_a_queue_that_is_not_there_is_refused() -> None:
    """Kueue would hold the job for ever, without a word."""
    answers = {KUEUE: GROUP, QUEUES: names("research", "default")}
    assert found(answers, "%queue=research") == []
    assert refusal(answers, "%queue=reserch").endswith("Did you mean research?")


def test_a_queue_that_admits_nothing_is_noticed() -> None:
    """With Kueue's own words."""
    condition = {"type": "Active", "status": "False", "message": "Can't submit new workloads to clusterQueue"}
    queue = {"metadata": {"name": "research"}, "status": {"conditions": [condition]}}
    assert "admits no jobs now: Can't submit" in notice({KUEUE: GROUP, QUEUES: {"items": [queue]}}, "%queue=research")


def test_queues_that_may_not_be_listed() -> None:
    """Are told as that."""
    assert "could not check research" in notice({KUEUE: GROUP, QUEUES: fault(403)}, "%queue=research")
