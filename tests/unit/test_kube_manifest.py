"""Every magic arrives in its field of the job's object (contracts A.1, A.2, A.4, A.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from ciao.adapters.kubeflow.objects.manifest import job_object
from ciao.adapters.kubeflow.objects.options import Options
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.magics.items import ITEMS
from ciao.core.model import Image, Volume

from .kubejobs import SUBMISSION, container, env, made, mounted, object_of, pod, roles, spec_of

ON_A_CLUSTER: dict[str, tuple[str, str, Any]] = {
    "timeout": ("%timeout=1h30m", "spec.runPolicy.activeDeadlineSeconds", 5400),
    "ttl": ("%ttl=2d", "spec.runPolicy.ttlSecondsAfterFinished", 172_800),
    "nproc": ("%nproc=4", "spec.nprocPerNode", "4"),
    "queue": ("%queue=research", "metadata.labels.kueue.x-k8s.io/queue-name", "research"),
    "cpu": ("%cpu=500m", "container.resources.limits.cpu", "500m"),
    "memory": ("%memory=2Gi", "container.resources.requests.memory", "2Gi"),
    "gpu": ("%gpu=2", "container.resources.limits.nvidia.com/gpu", "2"),
    "resource": ("%resource=rdma/hca=1", "container.resources.requests.rdma/hca", "1"),
    "image": ("%image=registry/own:1", "container.image", "registry/own:1"),
    "python": ("%python=/opt/bin/python3", "container.command.0", "/opt/bin/python3"),
    "args": ("%args=--lr 0.1", "container.command.4", "--lr"),
    "secret": ("%secret=hub", "container.envFrom", [{"secretRef": {"name": "hub"}}]),
    "user": ("%user=1234", "pod.securityContext.runAsUser", 1234),
    "priority": ("%priority=high", "pod.priorityClassName", "high"),
    "nodeSelector": ("%nodeSelector=disk=ssd", "pod.nodeSelector", {"disk": "ssd"}),
    "platform": ("%platform=linux/arm64", "pod.nodeSelector", {"kubernetes.io/arch": "arm64"}),
    "serviceAccount": ("%serviceAccount=trainer", "pod.serviceAccountName", "trainer"),
    "pullSecret": ("%pullSecret=hub-login", "pod.imagePullSecrets", [{"name": "hub-login"}]),
    "tolerations": (
        "%tolerations=gpu=yes:NoSchedule",
        "pod.tolerations",
        [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
    ),
    "name": ("", "metadata.name", "demo"),
    "framework": ("", "kind", "PyTorchJob"),
}
IN_TESTS_OF_THEIR_OWN = {"env", "volume", "cleanPolicy"}
NO_PART_OF_THE_OBJECT = {
    "target", "context", "namespace", "s2i", "overlay",  # they decide where and from what it is made
    "retries", "on_exit", "detach", "quiet", "render",  # they decide what Ciao does
    "var", "include", "file", "pip",  # they are in the source, or in the image
}  # fmt: skip


def at(job: Any, path: str) -> Any:
    """``pod.nodeSelector``, ``container.command.0``; a key may have dots."""
    start, _, rest = path.partition(".")
    found: Any = {"pod": pod(job), "container": container(job)}.get(start, job)
    path = rest if start in ("pod", "container") else path
    while path:
        if isinstance(found, list):
            key, _, path = path.partition(".")
            found = found[int(key)]
            continue
        key = next(each for each in found if path == each or path.startswith(f"{each}."))
        found, path = found[key], path[len(key) + 1 :]
    return found


@pytest.mark.parametrize(("line", "path", "value"), ON_A_CLUSTER.values(), ids=ON_A_CLUSTER)
def test_a_magic_arrives_in_its_field(line: str, path: str, value: object) -> None:
    """In the object that is sent, where Kubernetes and the operator look for it."""
    assert at(made(line), path) == value


def test_every_magic_is_accounted_for() -> None:
    """Whoever adds a magic says here what becomes of it on a cluster."""
    known = {*ON_A_CLUSTER, *IN_TESTS_OF_THEIR_OWN, *NO_PART_OF_THE_OBJECT}
    assert {each.name for each in ITEMS} == known


def test_the_object_is_json() -> None:
    """It goes as it is into a request."""
    job = made("%worker=2;%cpu=1;%env=A=ä", "%volume=d:/data:ro", "%timeout=1m")
    assert json.loads(json.dumps(job)) == job


# -- roles --------------------------------------------------------------------------------------------


def test_roles_have_the_operators_spelling_and_their_count() -> None:
    """Admission refuses any other; an unwritten count of a master too."""
    found = roles(made("%chief=1", "%worker=2", "%ps=3", "%evaluator=1", framework="tensorflow"))
    assert {key: each["replicas"] for key, each in found.items()} == {"Chief": 1, "Worker": 2, "PS": 3, "Evaluator": 1}


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow"])
def test_no_replica_is_restarted_alone(framework: str) -> None:
    """Under the operator's own default a broken script would run for ever."""
    found = roles(made("%worker=2", framework=framework))
    assert {each["restartPolicy"] for each in found.values()} == {"Never"}
    assert all("restartPolicy" not in each["template"]["spec"] for each in found.values())


def test_what_stands_beside_a_role_belongs_to_it() -> None:
    """And nothing of it to the others."""
    job = made("%worker=1;%cpu=2;%image=w:1;%env=A=w;%resource=amd.com/gpu=1", "%memory=1Gi")
    worker, master = container(job, "Worker"), container(job, "Master")
    assert worker["resources"]["limits"] == {"cpu": "2", "memory": "1Gi", "amd.com/gpu": "1"}
    assert master["resources"]["limits"] == {"memory": "1Gi"}
    assert (worker["image"], master["image"]) == ("w:1", PYTORCH.image)
    assert "A" not in env(job, "Master")


def test_a_role_that_the_framework_does_not_have_is_refused() -> None:
    """A plug-in's mistake ends in a sentence, not in a job without pods."""
    spec = spec_of("%worker=1")
    broken = evolve(PYTORCH, roles=PYTORCH.roles[:1])
    with pytest.raises(UserError, match="pytorch has no role 'worker'"):
        job_object(spec, mounted(), broken, SUBMISSION, Options())


def test_a_framework_of_another_kind_is_refused() -> None:
    """Ciao cannot write what it does not know."""
    other: Framework = evolve(PYTORCH, name="own", kind="OwnJob")
    with pytest.raises(UserError, match=r"cannot run own \(OwnJob\) on a cluster") as refusal:
        job_object(spec_of(), mounted(), other, SUBMISSION, Options())
    assert "PyTorchJob and TFJob" in str(refusal.value)


# -- the job as a whole -------------------------------------------------------------------------------


def test_labels_and_annotations_tell_where_a_job_comes_from() -> None:
    """By them a job is found again after its kernel is gone."""
    metadata = made()["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "ciao",
        "ciao.dev/framework": "pytorch",
        "ciao.dev/uid": SUBMISSION.uid,
        "ciao.dev/kernel": "kernel-7",
    }
    assert metadata["annotations"] == {"ciao.dev/cell": "Cell In [3]", "ciao.dev/code": mounted().digest}
    assert metadata["namespace"] == "team"


def test_pods_carry_the_labels_of_their_job_but_not_its_queue() -> None:
    """A queue's label on pods would have Kueue queue each of them by itself."""
    template = roles(made("%queue=research"))["Master"]["template"]
    assert template["metadata"]["labels"]["ciao.dev/uid"] == SUBMISSION.uid
    assert "kueue.x-k8s.io/queue-name" not in template["metadata"]["labels"]


def test_no_sidecar_keeps_a_pod_from_ending() -> None:
    """Istio reads the label, older ones the annotation."""
    metadata = roles(made())["Master"]["template"]["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"


def test_a_deadline_is_the_jobs_and_its_pods() -> None:
    """The operator's is noticed late (contracts A.3), the kubelet's in time; part of a second counts as one."""
    job = made("%timeout=90.5")
    assert job["spec"]["runPolicy"]["activeDeadlineSeconds"] == 91
    assert pod(job)["activeDeadlineSeconds"] == 91


def test_without_a_deadline_there_is_none() -> None:
    """Nothing is invented."""
    job = made()
    assert "activeDeadlineSeconds" not in job["spec"]["runPolicy"]
    assert "activeDeadlineSeconds" not in pod(job)


def test_seconds_beyond_what_the_api_takes_are_the_most_it_takes() -> None:
    """68 years are as good as any longer time, and a larger number would be refused."""
    job = made("%timeout=99999d", "%ttl=99999d")
    assert job["spec"]["runPolicy"]["ttlSecondsAfterFinished"] == 2**31 - 1
    assert pod(job)["activeDeadlineSeconds"] == 2**31 - 1


@pytest.mark.parametrize(
    ("lines", "policy"),
    [
        (["%worker=1"], "None"),
        (["%worker=1", "%cleanPolicy=All"], "None"),
        (["%worker=1", "%ps=1"], "Running"),
        (["%worker=1", "%ps=1", "%cleanPolicy=All"], "Running"),
        (["%worker=1", "%ps=1", "%cleanPolicy=None"], "None"),
    ],
)
def test_the_operator_cleans_only_where_somebody_would_never_end(lines: list[str], policy: str) -> None:
    """What it deletes takes its log along; the rest Ciao does once the logs are read."""
    assert made(*lines, framework="tensorflow")["spec"]["runPolicy"]["cleanPodPolicy"] == policy


def test_the_ttl_of_the_settings_is_the_net() -> None:
    """For jobs whose kernel never comes back."""
    assert made(options=Options(ttl=60.0))["spec"]["runPolicy"]["ttlSecondsAfterFinished"] == 60


def test_processes_per_replica_are_written_out_where_the_kind_has_them() -> None:
    """The operator's default starts one per core."""
    assert made()["spec"]["nprocPerNode"] == "1"
    assert "nprocPerNode" not in made(framework="tensorflow")["spec"]


# -- what no cluster would take -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/ciao", "own source lies in /ciao"),
        ("/ciao/data", "own source lies in /ciao"),
        ("/data/../ciao/", "own source lies in /ciao"),
        ("/", "hide the whole image"),
    ],
)
def test_a_volume_does_not_cover_what_a_replica_needs(path: str, why: str) -> None:
    """A pod with such a mount never starts."""
    spec = evolve(spec_of(), volumes=(Volume("data", path),))
    with pytest.raises(UserError, match=why):
        object_of(spec)


def test_two_volumes_at_one_path_are_refused() -> None:
    """However the path is written."""
    spec = evolve(spec_of(), volumes=(Volume("a", "/data"), Volume("b", "/data/")))
    with pytest.raises(UserError, match="Two volumes are to be at /data"):
        object_of(spec)


def test_an_image_is_pulled_by_its_digest() -> None:
    """What was built is what runs."""
    image = Image("registry/team/demo", "sha256:abc")
    job = object_of(spec_of("%image=base:1"), image)
    assert container(job)["image"] == "registry/team/demo@sha256:abc"
    assert all(each["name"] != "ciao-source" for each in pod(job)["volumes"])
    pinned = Image("registry/team/demo@sha256:abc", "sha256:abc")
    assert container(object_of(spec_of(), pinned))["image"] == "registry/team/demo@sha256:abc"


def test_the_setting_names_the_image_of_jobs_that_do_not() -> None:
    """And the framework the one of settings that do not."""
    assert container(made(options=Options(image="site/torch:1")))["image"] == "site/torch:1"
    assert container(made())["image"] == PYTORCH.image
