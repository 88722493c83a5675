"""For which architecture images have to be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ciao.adapters.kubeflow.platform import node_platform
from ciao.core.errors import CiaoError, TargetError, UserError

from .kubeapi import Api, fault, no_right

NODES, VERSION = "/api/v1/nodes", "/version"


def nodes(*architectures: str) -> dict[str, Any]:
    """A list of nodes; "" for one without the label."""
    return {"items": [{"metadata": {"labels": {"kubernetes.io/arch": each} if each else {}}} for each in architectures]}


def asked(answers: dict[str, Any]) -> tuple[str, Api]:
    """The platform, and who was asked."""
    api = Api(answers)
    return asyncio.run(node_platform(api)), api


def test_the_nodes_say_it() -> None:
    """By their labels alone: nothing else of them is sent, and nobody else is asked."""
    found, api = asked({NODES: nodes("arm64", "arm64")})
    assert found == "linux/arm64"
    assert api.sent == [(NODES, {"metadata_only": True})]


def test_of_several_architectures_the_most_frequent_one_counts() -> None:
    """Nodes without the label do not."""
    assert asked({NODES: nodes("amd64", "arm64", "", "", "", "arm64")})[0] == "linux/arm64"


@pytest.mark.parametrize(
    "answer",
    [no_right("list", "nodes"), fault(401), nodes(), nodes("")],
    ids=["forbidden", "who", "none", "unlabelled"],
)
def test_where_nodes_say_nothing_the_apiserver_s_own_counts(answer: Any) -> None:
    """It answers everybody."""
    assert asked({NODES: answer, VERSION: {"platform": "linux/s390x"}})[0] == "linux/s390x"


def test_an_apiserver_that_does_not_say_it_either_leaves_it_open() -> None:
    """Then nobody knows."""
    assert asked({NODES: nodes(), VERSION: {}})[0] == ""


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({NODES: fault(500, "etcd")}, TargetError),
        ({NODES: nodes(), VERSION: fault(503)}, TargetError),
        ({NODES: nodes(), VERSION: fault(401)}, UserError),
    ],
)
def test_faults_are_a_cluster_s_errors(answers: dict[str, Any], kind: type[CiaoError]) -> None:
    """No answer of the API leaves as it is."""
    with pytest.raises(kind):
        asked(answers)
