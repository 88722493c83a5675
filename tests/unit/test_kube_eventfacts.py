"""From events as a real cluster had them to troubles."""

from __future__ import annotations

import pytest

from ciao.adapters.kubeflow.seen import admission
from ciao.adapters.kubeflow.seen.eventfacts import event_facts, event_trouble
from ciao.adapters.kubeflow.seen.troubles import Trouble
from ciao.core.remedies import TROUBLES

from .kube_recorded import Json, event, every

POD = "its pod cannot be created: "
TOLD = {
    "quota-unsaid": (
        "QuotaUnsaid",
        f"{POD}the quota team-quota wants every pod to say limits.memory and requests.cpu",
    ),
    "quota-exceeded": (
        "QuotaExceeded",
        f"{POD}the quota team-quota is used up (8Gi of limits.memory asked, 0 of 1Gi in use; "
        "4 of requests.cpu asked, 0 of 1 in use)",
    ),
    "limit-range": (
        "LimitRange",
        f"{POD}its namespace allows memory at least 64Mi for each container, not 1Mi; "
        "cpu at most 1 for each container, not 4",
    ),
    "pod-security": (
        "PodSecurity",
        f"{POD}the namespace's policy restricted forbids: allowPrivilegeEscalation != false, "
        "unrestricted capabilities, runAsNonRoot != true, seccompProfile",
    ),
    "pod-security-init": (
        "OperatorInit",
        f"{POD}the namespace's policy restricted forbids of the operator's init container init-pytorch: "
        "allowPrivilegeEscalation != false, unrestricted capabilities",
    ),
    "policy": ("AdmissionDenied", f"{POD}the policy labels denied it: every pod needs the label team"),
    "no-account": ("ServiceAccountMissing", f"{POD}there is no service account trainer in the namespace team"),
    "no-priority": ("PriorityMissing", f"{POD}there is no priority class nosuch-high"),
    "no-runtime": ("CreateFailed", f'{POD}pod rejected: RuntimeClass "nosuch-rt" not found'),
    "bad-field": (
        "CreateFailed",
        f"{POD}spec.containers[0].volumeMounts.subPath: Invalid value: \"../x\": must not contain '..'",
    ),
    "long-name": (
        "NameTooLong",
        "its Service cannot be created: the names of its pods and Services have more than 63 characters",
    ),
    "mount-secret": ("SecretMissing", "there is no Secret certs in the namespace team"),
    "mount-configmap": ("ConfigMapMissing", "there is no ConfigMap demo-code in the namespace team"),
    "pull-failed": (
        "ImageMissing",
        "the image registry.example:5999/none/train:1 cannot be pulled: there is no such image or tag in the registry",
    ),
}


def trouble(found: Json) -> Trouble | None:
    """What an event tells about a job whose name begins its pod's."""
    about = event_facts(found)
    return event_trouble(found, about.name.rsplit("-", 2)[0] if about.kind == "Pod" else about.name, "pytorch")


@pytest.mark.parametrize("name", TOLD)
def test_what_events_tell(name: str) -> None:
    """A word with a remedy and a sentence, about the replica whose pod or Service it is."""
    found = trouble(event(name))
    assert found is not None
    assert (found.reason, found.message) == TOLD[name]
    assert found.reason in TROUBLES
    assert str(found.replica) == ("worker-0" if name in ("pod-security-init", "long-name") else "master-0")


@pytest.mark.parametrize("name", sorted(set(every("events")) - set(TOLD)))
def test_what_is_no_trouble_or_told_by_the_pod_itself(name: str) -> None:
    """Normal events, copies that the operator makes, ends, and a kubelet's word after the end."""
    assert trouble(event(name)) is None


def test_the_source_of_the_job_comes_after_it() -> None:
    """That its mount fails at first is no trouble; that it does so for long is one."""
    found = event("mount-source")
    assert trouble(found) is None
    found |= {"count": 6, "lastTimestamp": "2027-01-01T00:00:00Z"}
    late = trouble(found)
    assert late is not None
    assert late.message == "there is no ConfigMap restricted-ab12cd34 in the namespace team"


def mount(message: str, count: int = 1, reason: str = "FailedMount") -> Trouble | None:
    """What is told of a mount that failed so often."""
    found = event("mount-secret")
    now = found["lastTimestamp"]
    return trouble(found | {"reason": reason, "message": message, "count": count, "firstTimestamp": now})


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32',
            "the volume data cannot be mounted: mount failed: exit status 32",
        ),
        (
            "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: timed out",
            "the volume data cannot be mounted: Unable to attach or mount volumes: unmounted volumes=[data], "
            "unattached volumes=[data]: timed out",
        ),
    ],
)
def test_a_mount_that_may_still_come(message: str, told: str) -> None:
    """Storage takes its time: it is told when it fails for the third time."""
    assert mount(message, 2) is None
    found = mount(message, 3)
    assert found is not None
    assert (found.reason, found.message) == ("MountFailed", told)


def test_a_volume_that_another_node_holds() -> None:
    """It will not come by itself."""
    found = mount(
        'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) a', reason="FailedAttachVolume"
    )
    assert found is not None
    assert (found.reason, found.message) == ("VolumeBusy", "the volume pvc-1 is in use on another node")


def test_a_pod_without_a_network() -> None:
    """When it is told again."""
    found = event("mount-secret") | {
        "reason": "FailedCreatePodSandBox",
        "message": "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to set up network: no way",
    }
    told = trouble(found)
    assert told is not None
    assert told.message.endswith("failed to set up network: no way")
    assert trouble(found | {"count": 1}) is None


def test_an_operator_that_refuses_the_job() -> None:
    """Kinds without a webhook are validated later (MPIJobFailedValidation)."""
    found = event("no-account") | {"reason": "MPIJobFailedValidation", "message": "worker replicas is 0"}
    told = trouble(found)
    assert told is not None
    assert (told.replica, told.message) == (None, "the operator refuses the job: worker replicas is 0")


def test_an_image_that_another_container_needs() -> None:
    """Only the main container's is told here; the others stand in the pod."""
    found = event("pull-failed")
    assert trouble(found | {"message": "Failed to pull image"}) is None
    found["involvedObject"]["fieldPath"] = "spec.containers{sidecar}"
    assert trouble(found) is None


def test_when_and_how_often() -> None:
    """The old form has timestamps, the new one a series."""
    found = event_facts(event("mount-configmap"))
    assert (found.kind, found.reason, found.count, found.warning) == ("Pod", "FailedMount", 10, True)
    assert found.at - found.first == 250.0
    assert found.lasts
    new = {
        "eventTime": "2026-01-01T00:00:00.500000Z",
        "series": {"count": 3, "lastObservedTime": "2026-01-01T00:00:20.500000Z"},
    }
    assert (event_facts(new).count, event_facts(new).lasts) == (3, True)
    assert event_facts({"eventTime": "2026-01-01T00:00:00.500000Z"}).at == event_facts(new).first
    assert event_facts({}).count == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "failed quota: q: must specify limits.cpu,limits.memory",
            ("QuotaUnsaid", "the quota q wants every pod to say limits.cpu and limits.memory"),
        ),
        (
            'pods "a-0" is forbidden: maximum cpu usage per Container is 500m, but limit is 1',
            ("LimitRange", "its namespace allows cpu at most 500m for each container, not 1"),
        ),
        (
            'pods "a-0" is forbidden: maximum memory usage per Pod is 1.5Gi. No limit is specified',
            ("LimitRange", "its namespace allows memory at most 1.5Gi for each pod, and it must be said"),
        ),
        (
            'pods "a-0" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4.0',
            ("LimitRange", "its namespace allows cpu limits of at most 2 times the request"),
        ),
        (
            'admission webhook "validation.gatekeeper.sh" denied the request: [owner] you must provide labels\n',
            ("AdmissionDenied", "validation.gatekeeper.sh denied it: [owner] you must provide labels"),
        ),
    ],
)
def test_other_words_of_admission(text: str, said: tuple[str, str]) -> None:
    """Forms that were not met on the recording cluster."""
    assert admission.cause(text) == said


def test_words_that_nobody_knows() -> None:
    """They are passed on, without whom they are about."""
    assert admission.cause('Error creating: pods "a-0" is forbidden: because') == ("CreateFailed", "because")
    assert admission.subject('Error creating: pods "a-0" is forbidden: because') == "a-0"
    assert admission.said("because") is None
