"""A namespace and an account in it that has the rights of deploy/rbac.yaml and no others: who a case's kernel is."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from .cluster import Cluster
from .commands import Kubectl

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RIGHTS, NODES = DEPLOY / "rbac.yaml", DEPLOY / "rbac-nodes.yaml"
ACCOUNT = "notebook"
Object = dict[str, Any]


@frozen(kw_only=True)
class Tenant:
    """``kubeconfig`` is the account's; ``kubectl`` has all rights, for what the test itself does."""

    cluster: Cluster
    namespace: str
    kubeconfig: Path

    @property
    def kubectl(self) -> Kubectl:
        return self.cluster.kubectl

    def items(self, kind: str, *arguments: str) -> list[Object]:
        """All objects of a kind in its namespace."""
        return self.kubectl.items(kind, self.namespace, *arguments)

    def get(self, kind: str, name: str) -> Object:
        """One object of its namespace; Missing when there is none."""
        found: Object = self.kubectl.json("get", kind, name, "-n", self.namespace)
        return found

    def apply(self, *objects: Object) -> None:
        """Create or change objects in its namespace."""
        self.kubectl.apply(
            *({**each, "metadata": {**each["metadata"], "namespace": self.namespace}} for each in objects)
        )

    def delete(self, kind: str, name: str, *arguments: str) -> None:
        """Delete one object of its namespace, not waiting for its end."""
        self.kubectl("delete", kind, name, "-n", self.namespace, "--wait=false", *arguments)


def settle(cluster: Cluster, folder: Path, rights: Path | None = RIGHTS) -> Tenant:
    """A fresh namespace with an account; ``rights`` None: it may do nothing."""
    name = f"{cluster.run}-{''.join(random.choices(string.ascii_lowercase, k=5))}"
    # Clusters that look after their users enforce at least this much.
    labels = {"ciao-e2e": cluster.run, "pod-security.kubernetes.io/enforce": "baseline"}
    cluster.kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": name}},
        *(granted(rights, name, name) if rights else ()),
    )
    signed = sign(folder / f"{name}.kubeconfig", config(cluster, name, {"token": token(cluster, name)}))
    return Tenant(cluster=cluster, namespace=name, kubeconfig=signed)


def granted(rights: Path, namespace: str, account_namespace: str) -> Iterable[Object]:
    """The roles of a file in a namespace, each bound to the account of a (perhaps other) namespace."""
    import yaml

    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": account_namespace}]
    for role in yaml.safe_load_all(rights.read_text(encoding="utf-8")):
        kind = role["kind"] if role else ""
        if kind not in ("Role", "ClusterRole"):
            continue  # the file's own account and binding are an example's
        name = f"{role['metadata']['name']}-{account_namespace}"
        place = {"namespace": namespace} if kind == "Role" else {}
        yield {**role, "metadata": {"name": name, **place}}
        yield {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **place},
            "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        }


def config(cluster: Cluster, namespace: str, user: Object, place: Object | None = None) -> Object:
    """A kubeconfig with one context, called ``e2e``; ``place`` is the ``cluster`` of something before the real one."""
    shown = cluster.kubectl.json("config", "view", "--raw", "--minify", "--flatten")
    place = place or shown["clusters"][0]["cluster"]
    context = {"cluster": "e2e", "user": "e2e", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": place}],
        "users": [{"name": "e2e", "user": user}],
        "contexts": [{"name": "e2e", "context": context}],
        "current-context": "e2e",
    }


def token(cluster: Cluster, namespace: str, *arguments: str) -> str:
    """A token of the account."""
    return cluster.kubectl("create", "token", ACCOUNT, "-n", namespace, *arguments).strip()


def sign(path: Path, content: Object) -> Path:
    """Write a kubeconfig."""
    path.touch(0o600)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
