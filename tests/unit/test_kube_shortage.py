"""How much is missing, and where it lacks least."""

from __future__ import annotations

from ciao.adapters.kubeflow.seen.shortage import shortage

from .kube_recorded import Json, every, pod

NODES = list(every("nodes").values())  # node-1: 2 cores, 23.5Gi; node-2: tainted, 4 cores, a GPU
OTHERS = list(every("others").values())


def node(name: str, ready: str = "True", **allocatable: str) -> Json:
    """A node that has so much."""
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": name}, "spec": {}, "status": {"allocatable": allocatable, "conditions": conditions}}


def asking(*containers: dict[str, str], before: dict[str, str] | None = None) -> Json:
    """A pod whose containers ask for so much."""
    spec: Json = {"containers": [{"name": "c", "resources": {"requests": each}} for each in containers]}
    if before is not None:
        spec["initContainers"] = [{"name": "i", "resources": {"requests": before}}]
    return {"spec": spec}


def on(name: str, **requests: str) -> Json:
    """A pod that runs there."""
    found = asking(requests)
    found["spec"]["nodeName"] = name
    return found


def test_more_than_any_node_has() -> None:
    """Every resource that is short, with the most that there is."""
    assert shortage(pod("too-large"), NODES) == (
        "cpu: 64 asked, the most that a node has is 2 (node-1); "
        "memory: 900Gi asked, the most that a node has is 23.5Gi (node-1)"
    )


def test_with_the_pods_known_it_says_what_is_free() -> None:
    """The system's own pods have their part too."""
    found = shortage(pod("too-large"), NODES, OTHERS)
    assert found.startswith("cpu: 64 asked, the most that a node has is 2 (node-1), of which 1.15 are free; ")


def test_what_is_free_decides() -> None:
    """A node that has enough and is full is short; one that has ended has given back."""
    nodes = [node("a", cpu="4", pods="9"), node("b", cpu="8", pods="9")]
    pods = [on("a", cpu="1"), on("b", cpu="7500m"), {**on("b", cpu="1"), "status": {"phase": "Succeeded"}}]
    said = shortage(asking({"cpu": "3500m"}), nodes, pods)
    assert said == "cpu: 3.5 asked, the most that a node has is 4 (a), of which 3 are free"
    assert shortage(asking({"cpu": "3"}), nodes, pods) == ""


def test_a_resource_that_no_node_has() -> None:
    """Of those that it may run on."""
    assert shortage(pod("no-gpu"), NODES) == "nvidia.com/gpu: 1 asked, no node that it may run on has any"


def test_a_node_whose_taint_is_tolerated_counts() -> None:
    """And one that does not answer does not."""
    found = pod("no-gpu")
    found["spec"]["tolerations"] = [{"key": "team", "operator": "Exists"}]
    there = [NODES[0], {**NODES[1], "status": {**NODES[1]["status"], "conditions": NODES[0]["status"]["conditions"]}}]
    assert shortage(found, there) == ""
    assert shortage(found, NODES) != ""


def test_where_no_node_may_be_used_nothing_is_said() -> None:
    """Labels are another reason, and the scheduler gives it."""
    assert shortage(pod("no-such-node"), NODES) == ""
    assert shortage(asking({"cpu": "99"}), [node("a", "Unknown", cpu="4", pods="9")]) == ""
    closed = node("a", cpu="4", pods="9")
    closed["spec"]["unschedulable"] = True
    assert shortage(asking({"cpu": "99"}), [closed]) == ""


def test_everything_is_there_but_never_together() -> None:
    """The nearest node, and what it lacks."""
    nodes = [node("many", cpu="32", memory="8Gi", pods="9"), node("large", cpu="4", memory="256Gi", pods="9")]
    assert shortage(asking({"cpu": "16", "memory": "12Gi"}), nodes) == (
        "no node has 16 cpu, 12Gi memory together; many lacks 4Gi memory"
    )


def test_containers_add_up_and_init_containers_do_not() -> None:
    """As the scheduler counts."""
    nodes = [node("a", cpu="3", pods="9")]
    assert "4 asked" in shortage(asking({"cpu": "2"}, {"cpu": "2"}, before={"cpu": "1"}), nodes)
    assert "5 asked" in shortage(asking({"cpu": "2"}, before={"cpu": "5"}), nodes)
    assert shortage(asking({"cpu": "2"}, before={"cpu": "3"}), nodes) == ""


def test_a_node_that_is_full_of_pods() -> None:
    """Pods are counted as well."""
    assert shortage(asking({"cpu": "1"}), [node("a", cpu="9", pods="1")], [on("a", cpu="1")]) == (
        "pods: 1 asked, the most that a node has is 1 (a), of which 0 are free"
    )


def test_objects_may_lack_anything() -> None:
    """Nothing is known, and nothing is said."""
    assert shortage({}, []) == ""
    assert shortage({}, [{}], [{}]) == ""
