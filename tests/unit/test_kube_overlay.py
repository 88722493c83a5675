"""The overlay: what it may change, how lists are merged, and that every mistake is named with its path."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects.overlay import merged
from ciao.core.errors import UserError

from .kubejobs import PYTORCHJOB, SUBMISSION, Json, container, env, made, pod, roles

JOB = made("%worker=2;%cpu=1", "%env=A=1", "%volume=data:/data", "%nodeSelector=disk=ssd", "%tolerations=gpu")


def over(patch: object, job: Json = JOB) -> Json:
    """The job with the overlay over it."""
    return merged(job, patch, replicas=PYTORCHJOB.replicas, label="patch.yaml")


def of_master(**fields: Any) -> Json:
    """An overlay of the master's pod."""
    return {"spec": {"pytorchReplicaSpecs": {"Master": {"template": {"spec": fields}}}}}


def of_container(**fields: Any) -> Json:
    """An overlay of its container."""
    return of_master(containers=[{"name": "pytorch", **fields}])


def refused(patch: object) -> str:
    """What is said of a bad one."""
    with pytest.raises(UserError) as refusal:
        over(patch)
    return str(refusal.value)


# -- merging ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [None, {}, {"spec": {}}, of_master(), of_container(), of_container(env=[])])
def test_an_empty_overlay_changes_nothing(patch: object) -> None:
    """At whatever depth it is empty."""
    assert over(patch) == JOB


def test_a_field_is_added_where_there_was_none() -> None:
    """What no magic says."""
    assert pod(over(of_master(hostNetwork=True)))["hostNetwork"] is True
    assert over({"spec": {"runPolicy": {"suspend": True}}})["spec"]["runPolicy"]["suspend"] is True


def test_mappings_are_merged_at_any_depth() -> None:
    """What is not named stays as it was."""
    found = pod(over(of_master(securityContext={"fsGroup": 5})))["securityContext"]
    assert (found["fsGroup"], found["runAsUser"]) == (5, 1000)


def test_null_deletes() -> None:
    """A default of Ciao's that does not suit; what is not there may be deleted too."""
    found = pod(over(of_master(securityContext=None, nodeSelector={"disk": None}, dnsPolicy=None)))
    assert "securityContext" not in found
    assert found["nodeSelector"] == {}
    assert "dnsPolicy" not in found


def test_one_variable_of_the_container_is_changed_alone() -> None:
    """Entries are found by their name, and keep their place; others are appended."""
    found = over(of_container(env=[{"name": "A", "value": "2"}, {"name": "B", "value": "$(A)"}]))
    assert [each["name"] for each in container(found)["env"]] == [
        *(each["name"] for each in container(JOB)["env"]),
        "B",
    ]
    assert (env(found)["A"], env(found)["B"]) == ("2", "$(A)")
    assert env(found, "Worker")["A"] == "1"


def test_an_entry_may_be_turned_into_another_sort() -> None:
    """A value becomes a reference: null takes the former out."""
    source = {"valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
    found = container(over(of_container(env=[{"name": "A", "value": None, **source}])))
    assert [each for each in found["env"] if each["name"] == "A"] == [{"name": "A", **source}]


def test_volumes_and_mounts_are_found_by_name_and_path() -> None:
    """The user's beside Ciao's."""
    mount = {"mountPath": "/data", "subPath": "train"}
    extra = {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}
    patch = of_master(
        containers=[{"name": "pytorch", "volumeMounts": [mount, {"mountPath": "/scratch", "name": "scratch"}]}],
        volumes=[{"name": "ciao-shm", "emptyDir": {"sizeLimit": "2Gi"}}, extra],
    )
    found = over(patch)
    mounts = {each["mountPath"]: each for each in container(found)["volumeMounts"]}
    assert mounts["/data"] == {"name": "volume-0", "mountPath": "/data", "subPath": "train"}
    assert mounts["/scratch"] == {"mountPath": "/scratch", "name": "scratch"}
    volumes = {each["name"]: each for each in pod(found)["volumes"]}
    assert volumes["ciao-shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert volumes["scratch"] == extra


def test_a_second_container_stands_behind_the_first() -> None:
    """The operator looks for its own by name."""
    found = pod(over(of_master(containers=[{"name": "proxy", "image": "p:1", "stdin": None}])))["containers"]
    assert [each["name"] for each in found] == ["pytorch", "proxy"]
    assert found[1] == {"name": "proxy", "image": "p:1"}


def test_every_other_list_is_replaced() -> None:
    """A toleration has no name to be found by."""
    found = pod(over(of_master(tolerations=[{"operator": "Exists"}])))
    assert found["tolerations"] == [{"operator": "Exists"}]
    ports = [{"containerPort": 8080}, {"containerPort": 8081}]
    assert container(over(of_container(ports=ports)))["ports"] == ports


def test_one_role_is_changed_alone() -> None:
    """Roles have their keys in the object."""
    patch = {"spec": {"pytorchReplicaSpecs": {"Worker": {"template": {"spec": {"priorityClassName": "low"}}}}}}
    assert pod(over(patch), "Worker")["priorityClassName"] == "low"
    assert "priorityClassName" not in pod(over(patch), "Master")


def test_neither_is_changed() -> None:
    """The job may be merged again, and the result changed."""
    job, patch = copy.deepcopy(JOB), of_master(tolerations=[{"key": "a"}], affinity={"nodeAffinity": {}})
    kept = copy.deepcopy(patch)
    found = over(patch, job)
    pod(found)["tolerations"][0]["key"] = pod(found)["affinity"]["nodeAffinity"]["x"] = "changed"
    assert job == JOB
    assert patch == kept


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "a", "1Gi"]))
_KEYS = st.sampled_from(["env", "volumes", "nodeSelector", "tolerations", "runAsUser", "x", "y", "securityContext"])
_ENTRIES = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["A", "B", "ciao-home"])}, optional={"value": _SCALARS}),
    max_size=3,
    unique_by=lambda each: each["name"],
)
_FIELDS = st.recursive(
    _SCALARS | _ENTRIES, lambda inner: st.dictionaries(_KEYS, inner, max_size=3) | st.lists(inner, max_size=2)
)


@given(st.dictionaries(_KEYS, _FIELDS, max_size=3), st.dictionaries(_KEYS, _FIELDS, max_size=3))
def test_merged_again_it_is_the_same(of_pod: Json, of_its_container: Json) -> None:
    """Whatever is added, replaced or deleted."""
    patch = of_master(**of_pod, containers=[{"name": "pytorch", **of_its_container}])
    try:
        once = over(patch)
    except UserError:
        assume(False)
    assert over(patch, once) == once


@given(st.dictionaries(_KEYS, _FIELDS, max_size=3))
def test_what_is_not_named_is_not_touched(of_pod: Json) -> None:
    """The other role's pod, and every field that the overlay does not mention."""
    try:
        found = over(of_master(**of_pod))
    except UserError:
        assume(False)
    assert pod(found, "Worker") == pod(JOB, "Worker")
    assert {key: each for key, each in pod(found).items() if key not in of_pod} == {
        key: each for key, each in pod(JOB).items() if key not in of_pod
    }


# -- what the cell says, the cell says ----------------------------------------------------------------

_ROLE = "spec.pytorchReplicaSpecs.Master"


@pytest.mark.parametrize(
    ("patch", "path", "hint"),
    [
        ({"apiVersion": "v2"}, "apiVersion", "%framework"),
        ({"kind": "TFJob"}, "kind", "%framework"),
        ({"metadata": {"name": "other"}}, "metadata.name", "%name"),
        ({"metadata": {"namespace": None}}, "metadata.namespace", "%namespace"),
        ({"status": {}}, "status", "The operator writes it"),
        ({"metadata": {"labels": {"ciao.dev/uid": "x"}}}, "metadata.labels.ciao.dev/uid", "Ciao finds its jobs"),
        ({"metadata": {"annotations": None}}, "metadata.annotations.ciao.dev/cell", "Ciao finds its jobs"),
        ({"spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 2}}}}, f"{_ROLE}.replicas", "%master"),
        ({"spec": {"pytorchReplicaSpecs": {"Master": {"replicas": True}}}}, f"{_ROLE}.replicas", "%master"),
        (
            {"spec": {"pytorchReplicaSpecs": {"Master": {"restartPolicy": "OnFailure"}}}},
            f"{_ROLE}.restartPolicy",
            "%retries",
        ),
        (of_master(restartPolicy="Always"), f"{_ROLE}.template.spec.restartPolicy", "%retries"),
        (
            {"spec": {"pytorchReplicaSpecs": {"Master": {"template": {"metadata": {"labels": None}}}}}},
            f"{_ROLE}.template.metadata.labels.app.kubernetes.io/managed-by",
            "Ciao finds its jobs",
        ),
    ],
)
def test_what_is_said_elsewhere_is_not_changed_here(patch: Json, path: str, hint: str) -> None:
    """Watcher and object would disagree; the way to change it is said."""
    said = refused(patch)
    assert said.startswith(f"{path}: this cannot be changed here.")
    assert hint in said
    assert "patch.yaml" in said


def test_the_same_as_before_is_no_change() -> None:
    """A whole object from ``%render`` is an overlay, with one field edited."""
    whole = {**copy.deepcopy(JOB)}
    whole["spec"]["runPolicy"]["ttlSecondsAfterFinished"] = 5
    assert over(whole) == whole


def test_labels_of_ones_own_are_added() -> None:
    """Beside those by which Ciao finds the job."""
    labels = over({"metadata": {"labels": {"team": "vision"}}})["metadata"]["labels"]
    assert labels["team"] == "vision"
    assert labels["ciao.dev/uid"] == SUBMISSION.uid


def test_a_role_that_the_job_does_not_have_is_refused() -> None:
    """With the nearest one; how many there are is said in the cell."""
    assert "this job has no Wroker.\n  patch.yaml\n  Did you mean Worker?" in refused(
        {"spec": {"pytorchReplicaSpecs": {"Wroker": {"replicas": 1}}}}
    )
    assert "It has Master and Worker." in refused({"spec": {"pytorchReplicaSpecs": {"Launcher": {}}}})


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": None},
        {"spec": {"pytorchReplicaSpecs": None}},
        {"spec": {"pytorchReplicaSpecs": {"Master": None}}},
        of_master(containers=None),
    ],
)
def test_a_role_is_not_taken_out(patch: Json) -> None:
    """Of whatever the null is put in front."""
    assert "its containers cannot be deleted" in refused(patch)


# -- what makes no sense ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ([], "The whole of it: a list where the job's fields are expected"),
        ("text", "The whole of it: a single value where"),
        ({"spec": {"runPolicy": 3}}, "spec.runPolicy: a mapping is there, and this is a single value."),
        ({"spec": {"runPolicy": []}}, "spec.runPolicy: a mapping is there, and this is a list."),
        ({"metadata": {"name": {"x": 1}}}, "metadata.name: a single value is there, and this is a mapping."),
        (of_master(tolerations={}), f"{_ROLE}.template.spec.tolerations: a list is there, and this is a mapping."),
        (of_master(tolerations=3), f"{_ROLE}.template.spec.tolerations: a list is there, and this is a single value."),
        (of_master(containers=["x"]), "containers[0]: a single value where a mapping with a name is expected."),
        (of_master(containers=[[]]), "containers[0]: a list where a mapping with a name is expected."),
        (of_master(containers=[{"image": "x"}]), f"{_ROLE}.template.spec.containers[0]: its name is missing"),
        (
            of_container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            f"{_ROLE}.template.spec.containers[0].env[1]: the name A is there twice.",
        ),
        (of_container(volumeMounts=[{"name": "x"}]), "volumeMounts[0]: its mountPath is missing"),
        ({True: 1}, "The whole of it: the key True is not text."),
        ({"metadata": {"labels": {1: "x"}}}, "metadata.labels: the key 1 is not text."),
        ({"spec": {"$patch": "replace"}}, "spec.$patch: directives of kubectl's patches have no meaning here."),
        (of_container(image=object), "containers[0].image: <class 'object'> was read as type."),
        (of_master(priority=float("nan")), f"{_ROLE}.template.spec.priority: nan is no number that can be sent."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_path(patch: object, said: str) -> None:
    """As one would look for it in the file."""
    assert said in refused(patch)


def test_a_date_in_yaml_is_told_as_one() -> None:
    """What YAML reads from ``started: 2026-01-01`` is no text, and the remedy is a pair of quotes."""
    import datetime

    said = refused({"metadata": {"annotations": {"started": datetime.date(2026, 1, 1)}}})
    assert (
        "metadata.annotations.started: 2026-01-01 was read as date.\n  patch.yaml\n  If it is text, put it in quotes."
        in said
    )


def test_roles_stay_the_operators() -> None:
    """An overlay that only names a role leaves it as it is."""
    assert list(roles(over({"spec": {"pytorchReplicaSpecs": {"Worker": {}}}}))) == ["Master", "Worker"]
