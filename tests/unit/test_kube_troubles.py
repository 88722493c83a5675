"""What keeps replicas from going on, of pods as a real cluster had them."""

from __future__ import annotations

import pytest

from ciao.adapters.kubeflow.seen import pulls, scheduling
from ciao.adapters.kubeflow.seen.facts import created
from ciao.adapters.kubeflow.seen.troubles import PATIENCE, Trouble, detail, news, pod_trouble, waits_for_master
from ciao.core.model import Replica
from ciao.core.remedies import TROUBLES

from .kube_recorded import Json, every, pod

PULL = "cannot be pulled: "
SAID = {
    "pull-404": (
        "ImageMissing",
        f"the image registry.example:5999/none/train:1 {PULL}there is no such image or tag in the registry",
    ),
    "pull-401": (
        "ImageForbidden",
        f"the image registry.example:5999/r401/train:1 {PULL}the registry gives no access to it "
        "(registry.example:5999: 401 Unauthorized)",
    ),
    "pull-403": (
        "ImageForbidden",
        f"the image registry.example:5999/r403/train:1 {PULL}the registry gives no access to it "
        "(registry.example:5999: 403 Forbidden)",
    ),
    "pull-token": (
        "ImageForbidden",
        f"the image registry.example:5999/rtoken/train:1 {PULL}the registry gives no access to it (403 Forbidden)",
    ),
    "pull-429": (
        "ImageLimited",
        f"the image registry.example:5999/r429/train:1 {PULL}the registry allows no more pulls for now (429)",
    ),
    "pull-500": (
        "ImageFailed",
        f"the image registry.example:5999/r500/train:1 {PULL}registry.example:5999: 500 Internal Server Error",
    ),
    "pull-x509": (
        "ImageUntrusted",
        f"the image registry.example:5998/a/train:1 {PULL}its node does not trust the registry's certificate",
    ),
    "pull-refused": (
        "ImageUnreachable",
        f"the image registry.example:1/a/train:1 {PULL}its node cannot reach the registry "
        "(registry.example:1: connection refused)",
    ),
    "pull-dns": (
        "ImageUnreachable",
        f"the image registry.invalid/a/train:1 {PULL}its node cannot reach the registry "
        "(registry.invalid: no such host)",
    ),
    "pull-backoff": (
        "ImageUnreachable",
        f"the image nosuchorg/train:latest {PULL}its node cannot reach the registry "
        "(registry-1.docker.io: no such host)",
    ),
    "pull-name": (
        "ImageName",
        "Bad Image:1 is no name of an image: repository name (library/Bad Image) must be lowercase",
    ),
    "pull-never": (
        "ImageAbsent",
        "the image nosuch/never:1 is not on its node, and it was not to be pulled",
    ),
    "init-image": (
        "OperatorInit",
        "the operator's init container init-pytorch cannot start: the image registry.invalid/alpine:3.10 "
        f"{PULL}its node cannot reach the registry (registry.invalid: no such host)",
    ),
    "no-secret-env": ("SecretMissing", "there is no Secret creds in the namespace team"),
    "no-key": ("SecretMissing", "the Secret have has no key token"),
    "no-configmap-env": ("ConfigMapMissing", "there is no ConfigMap conf in the namespace team"),
    "runs-as-root": (
        "RunsAsRoot",
        "it would run as root, and must not: container has runAsNonRoot and image will run as root",
    ),
    "no-claim": ("ClaimMissing", "there is no volume claim data in the namespace team"),
    "unbound-claim": ("ClaimUnbound", "a volume claim of it has no volume yet (unbound)"),
    "too-large": (
        "NoRoom",
        "no node takes it (of 1): 1 has too little cpu for the 64 that it asks for "
        "and 1 has too little memory for the 900Gi that it asks for",
    ),
    "no-gpu": ("NoRoom", "no node takes it (of 1): 1 has too little nvidia.com/gpu for the 1 that it asks for"),
    "too-large-and-tainted": (
        "Unschedulable",
        "no node takes it (of 2): 1 has too little cpu for the 64 that it asks for "
        "and 1 has taints it does not tolerate",
    ),
    "no-such-node": ("NodeSelector", "no node takes it (of 1): 1 does not match what it asks of its node"),
    "spread": (
        "Unschedulable",
        "no node takes it (of 1): 1 didn't match pod topology spread constraints (missing required label)",
    ),
    "gated": ("SchedulingGated", "it waits to be admitted (kueue.x-k8s.io/admission)"),
    "node-silent": ("NodeLost", "its node node-2 does not answer, and whether it still runs is not known"),
    "node-tainted": ("NodeLost", "its node node-2 does not answer, and whether it still runs is not known"),
}


def trouble(found: Json, after: float = 1.0, master: str = "") -> Trouble | None:
    """What keeps a pod, so many seconds after it was created."""
    return pod_trouble(found, created(found) + after, container="pytorch", job="demo", master=master)


@pytest.mark.parametrize("name", SAID)
def test_what_keeps_a_pod(name: str) -> None:
    """A word with a remedy, and a sentence with the numbers."""
    found = trouble(pod(name))
    assert found is not None
    assert (found.reason, found.message) == SAID[name]
    assert not found.vague
    assert found.reason in TROUBLES or found.reason == "SchedulingGated"
    assert found.seen.replica == Replica("worker" if name == "init-image" else "master", 0)


@pytest.mark.parametrize("name", sorted(set(every("pods")) - set(SAID)))
def test_what_is_no_trouble(name: str) -> None:
    """Passing states, pods that run, and pods that have ended."""
    assert trouble(pod(name)) is None


@pytest.mark.parametrize("name", SAID)
def test_a_trouble_is_said_once(name: str) -> None:
    """Its sentence does not change while nothing does: it counts neither seconds nor tries."""
    early, late = trouble(pod(name)), trouble(pod(name), 12.0)
    assert early is not None
    assert news(None, early)
    assert not news(early, late)


def test_what_is_news() -> None:
    """Another sentence, but not a vaguer one; that a trouble is over is no sentence."""
    one = Trouble(replica=None, reason="ImageMissing", message="a", at=1.0)
    other = Trouble(replica=None, reason="ImageMissing", message="b", at=1.0)
    vague = Trouble(replica=None, reason="ImageFailed", message="c", at=1.0, vague=True)
    assert news(one, other)
    assert news(vague, one)
    assert not news(one, vague)
    assert not news(one, None)
    assert not news(None, None)


def test_an_older_kubelet_says_why_only_now_and_then() -> None:
    """Backing off it names the image only; that is vague, and adds nothing to the cause."""
    found = pod("pull-backoff")
    found["status"]["containerStatuses"][0]["state"]["waiting"]["message"] = 'Back-off pulling image "nosuchorg/train"'
    vague = trouble(found)
    assert vague is not None
    assert (vague.reason, vague.vague) == ("ImageFailed", True)
    assert vague.message == "the image nosuchorg/train:latest cannot be pulled"
    assert not news(trouble(pod("pull-404")), vague)


def test_a_worker_waits_for_its_master() -> None:
    """That is told when it takes long, with what keeps the master."""
    found = pod("waiting-for-master")
    assert trouble(found, PATIENCE - 1) is None
    late = trouble(found, PATIENCE + 2)
    assert late is not None
    assert (late.reason, late.message, late.replica) == (
        "MasterAbsent",
        "it waits for its master",
        Replica("worker", 1),
    )
    with_cause = trouble(found, PATIENCE + 2, master="pulling its image")
    assert with_cause is not None
    assert with_cause.message == "it waits for its master: pulling its image"


def test_a_pod_that_does_not_go() -> None:
    """Deleted, with its grace over for a while: its node does nothing."""
    found = pod("deleted-asked")
    over = created(found) + 20
    assert pod_trouble(found, over, container="pytorch") is None
    late = pod_trouble(found, over + PATIENCE, container="pytorch")
    assert late is not None
    assert (late.reason, late.message) == ("NodeLost", "it was deleted, and its node node-1 does not end it")


def test_a_pod_that_is_going_has_no_other_trouble() -> None:
    """Nobody needs its image any more."""
    found = pod("pull-404")
    found["metadata"] |= {"deletionTimestamp": "2026-11-25T13:40:00Z", "deletionGracePeriodSeconds": 5}
    assert trouble(found) is None


def waits(reason: str, message: str = "") -> Trouble | None:
    """What is said of a container that waits so."""
    found = pod("creating")
    found["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": reason, "message": message}}
    return trouble(found)


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        (
            "CreateContainerConfigError",
            "failed to prepare subPath for volumeMount",
            "its container cannot be set up: failed to prepare subPath for volumeMount",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image has non-numeric user (me), cannot verify user is non-root",
            "it would run as root, and must not: "
            "container has runAsNonRoot and image has non-numeric user (me), cannot verify user is non-root",
        ),
        (
            "CreateContainerError",
            "context deadline exceeded",
            "its container cannot be started: context deadline exceeded",
        ),
        ("RunContainerError", "", "its container cannot be started: RunContainerError"),
    ],
)
def test_other_states_of_a_container(reason: str, message: str, said: str) -> None:
    """Which the recording cluster did not get into."""
    found = waits(reason, message)
    assert found is not None
    assert found.message == said
    assert found.reason in TROUBLES


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "SomethingNew"])
def test_passing_states(reason: str) -> None:
    """They say nothing."""
    assert waits(reason) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "pull access denied, repository does not exist or may require authorization: "
            "server message: insufficient_scope: authorization failed",
            "ImageForbidden",
        ),
        ("toomanyrequests: You have reached your pull rate limit", "ImageLimited"),
        ("Error response from daemon: manifest for a:b not found: manifest unknown", "ImageMissing"),
        ("reading manifest 9 in quay.example/a: manifest unknown", "ImageMissing"),
        ("no match for platform in manifest: not found", "ImagePlatform"),
        ("failed to extract layer: write /x: no space left on device", "NodeFull"),
        ("http: server gave HTTP response to HTTPS client", "ImageUntrusted"),
        (
            "failed to authorize: failed to fetch anonymous token: Get https://auth.example/token: "
            "dial tcp: lookup auth.example: i/o timeout",
            "ImageUnreachable",
        ),
        ("context deadline exceeded", "ImageUnreachable"),
        ("unexpected status code 502 Bad Gateway", "ImageFailed"),
    ],
)
def test_words_of_other_runtimes_and_registries(message: str, reason: str) -> None:
    """Docker, CRI-O, Docker Hub and others say it differently."""
    assert pulls.why("a/denied-429:404", "ErrImagePull", message)[0] == reason


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "0/5 nodes are available: 2 node(s) had untolerated taint {nvidia.com/gpu: present}, 3 Too many pods. "
            "preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.",
            (
                "Unschedulable",
                "no node takes it (of 5): 2 have the taint nvidia.com/gpu it does not tolerate "
                "and 3 have as many pods as there may be",
            ),
        ),
        (
            "0/3 nodes are available: 3 node(s) had taint {dedicated: x}, that the pod didn't tolerate.",
            ("Tainted", "no node takes it (of 3): 3 have the taint dedicated it does not tolerate"),
        ),
        (
            "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had volume node affinity conflict.",
            (
                "Unschedulable",
                "no node takes it (of 2): 1 is closed for new pods and 1 had volume node affinity conflict",
            ),
        ),
        ("0/0 nodes are available", ("Unschedulable", "no node takes it: 0/0 nodes are available")),
        ("", ("Unschedulable", "no node takes it")),
    ],
)
def test_words_of_other_schedulers(message: str, said: tuple[str, str]) -> None:
    """Of older ones, and of larger clusters."""
    assert scheduling.unschedulable({}, message) == said


def test_claims_that_have_no_volume_yet_are_named() -> None:
    """Other volumes are not, nor is one that the pod makes for itself, which has no name yet."""
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    own = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}
    claims = [{"name": each, "persistentVolumeClaim": {"claimName": each}} for each in ("data", "out")]
    said = "a volume claim of it has no volume yet"
    for volumes, named in (([own, *claims], " (data and out)"), ([own], "")):
        found = scheduling.unschedulable({"spec": {"volumes": volumes}}, message)
        assert found == ("ClaimUnbound", f"{said}{named}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("new", "waiting for a node"),
        ("too-large", "waiting for a node"),
        ("gated", "waiting for admission"),
        ("creating", "creating its container"),
        ("pull-404", "pulling its image"),
        ("waiting-for-master", "waiting for its master"),
        ("deleted-waiting", ""),
        ("running", ""),
        ("exit-3", ""),
    ],
)
def test_what_a_pod_is_doing(name: str, said: str) -> None:
    """For the board; nothing of pods that run or are over."""
    assert detail(pod(name), "pytorch") == said


@pytest.mark.parametrize("name", ["new", "creating", "pull-404", "waiting-for-master", "running"])
def test_whose_events_say_nothing_more(name: str) -> None:
    """A worker's that waits for its master: all the rest of it is there."""
    assert waits_for_master(pod(name)) == (name == "waiting-for-master")


def test_other_init_containers() -> None:
    """By their names."""
    found = pod("waiting-for-master")
    found["status"]["initContainerStatuses"][0]["name"] = "fetch"
    assert detail(found, "pytorch") == "running fetch"
    found["metadata"]["deletionTimestamp"] = "2026-11-25T13:40:00Z"
    assert detail(found, "pytorch") == "being deleted"
