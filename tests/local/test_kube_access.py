"""Where a cluster is looked for, in real files; what is said when there is none, or what is there is of no use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ciao.adapters.kube.access import Access
from ciao.adapters.kube.apierrors import AccessError
from ciao.adapters.kube.login import Fixed, Login, TokenFile

from .kubeserver import kubeconfig


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """What makes this machine a pod; its service account lies in ``account``."""
    account = tmp_path / "account"
    account.mkdir()
    for name, text in {"token": "t0k3n", "ca.crt": "-----", "namespace": "team\n"}.items():
        (account / name).write_text(text)
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def login(home: Path, *, kubeconfig: str = "", context: str | None = None, **environ: str) -> Login:
    account = home.parent / "account"
    return Access(kubeconfig, context, {"HOME": str(home), **environ}, account).login()


def refused(home: Path, **asked: Any) -> str:
    with pytest.raises(AccessError) as error:
        login(home, **asked)
    return str(error.value)


# -- the order --------------------------------------------------------------------------------------


def test_the_setting_beats_the_variable_beats_the_home_beats_the_pod(home, tmp_path, pod):
    """One after another is taken away."""
    files = {name: kubeconfig(tmp_path / name, f"https://{name}", context=name) for name in ("set", "variable")}
    usual = kubeconfig(home / ".kube" / "config", "https://home", context="home")
    env = {**pod, "KUBECONFIG": str(files["variable"])}
    assert login(home, kubeconfig=str(files["set"]), **env).context == "set"
    assert login(home, **env).context == "variable"
    assert login(home, **pod).context == "home"
    usual.unlink()
    assert login(home, **pod).context == "in-cluster"


def test_the_account_of_a_pod(home, pod):
    """Its server, CA and namespace, and a token that is read as long as the pod lives."""
    found = login(home, **pod)
    assert (found.context, found.namespace, found.endpoint.server) == ("in-cluster", "team", "https://10.0.0.1:443")
    assert found.endpoint.ca == b"-----" and found.user.token == TokenFile(home.parent / "account" / "token")
    assert login(home, **{**pod, "KUBERNETES_SERVICE_HOST": "fd00::1"}).endpoint.server == "https://[fd00::1]:443"
    (home.parent / "account" / "namespace").unlink()
    assert login(home, **pod).namespace == "default"


def test_the_pods_account_can_be_named_beside_a_kubeconfig(home, pod):
    """A job that was started with it is found again when there is a kubeconfig by now."""
    kubeconfig(home / ".kube" / "config", "https://home")
    assert login(home, context="in-cluster", **pod).endpoint.server == "https://10.0.0.1:443"


def test_a_home_can_be_written_with_a_tilde(home):
    """In the setting and in the variable; it is the home of the environment that Ciao was given."""
    kubeconfig(home / "mine", "https://mine")
    assert login(home, kubeconfig="~/mine").endpoint.server == "https://mine"
    assert login(home, KUBECONFIG="~/mine:~/not-there").endpoint.server == "https://mine"


def test_of_several_files_the_first_that_says_it_counts(home, tmp_path):
    """As kubectl merges them, the current context too; a file that is not there says nothing."""
    one = kubeconfig(tmp_path / "one", "https://one", context="one")
    two = kubeconfig(tmp_path / "two", "https://two", context="two")
    both = f"{tmp_path}/none:{one}:{two}"
    assert login(home, KUBECONFIG=both).context == "one"
    # the cluster named c is the first file's
    assert login(home, KUBECONFIG=both, context="two").endpoint.server == "https://one"
    one.write_text(json.dumps({"clusters": None, "users": None, "contexts": None}))
    assert login(home, KUBECONFIG=both).endpoint.server == "https://two"


# -- what a context says ----------------------------------------------------------------------------


def test_namespace_and_user_of_a_context(home):
    """Its own namespace; without one ``default``; a context without user asks as nobody."""
    path = kubeconfig(home / ".kube" / "config", "https://x:6443/prefix/", user={"token": " t "})
    found = login(home)
    assert (found.namespace, found.endpoint.server) == ("default", "https://x:6443/prefix")
    assert found.user.token == Fixed("Bearer t")
    tree = json.loads(path.read_text())
    tree["contexts"][0]["context"] = {"cluster": "c", "namespace": "team"}
    path.write_text(json.dumps(tree))
    assert (login(home).namespace, login(home).user.token) == ("team", None)


def test_name_and_password(home):
    """Basic."""
    kubeconfig(home / ".kube" / "config", "https://x", user={"username": "ann", "password": "p:w"})
    assert login(home).user.token == Fixed("Basic YW5uOnA6dw==")


def test_a_server_without_a_scheme(home):
    """TLS when there is anything that only TLS needs, as kubectl guesses."""
    kubeconfig(home / ".kube" / "config", "x:8080")
    assert login(home).endpoint.server == "http://x:8080"
    kubeconfig(home / ".kube" / "config", "x:6443", cluster={"insecure-skip-tls-verify": True})
    assert login(home).endpoint.server == "https://x:6443"


# -- what is wrong ----------------------------------------------------------------------------------


def test_no_cluster_at_all(home, tmp_path):
    """What was looked at, how to mend it, and that there is a target that needs none."""
    told = refused(home)
    assert f"$KUBECONFIG is not set, no context is in {home}/.kube/config and this is not a pod." in told
    assert "%target=local needs no cluster" in told and "kubeflow.kubeconfig=PATH" in told
    assert "$KUBECONFIG names /a or /b, where no context is" in refused(home, KUBECONFIG="/a:/b")
    assert f"There is no kubeconfig at {tmp_path}/x (setting" in refused(home, kubeconfig=f"{tmp_path}/x")
    (tmp_path / "empty").write_text("")
    assert "empty has no contexts and this is not a pod" in refused(home, kubeconfig=f"{tmp_path}/empty")


def test_a_pod_without_an_account(home, pod):
    """automountServiceAccountToken: false."""
    (home.parent / "account" / "token").unlink()
    assert "this pod has no token of a service account" in refused(home, **pod)
    assert "is the account of a pod, and this is not a pod" in refused(home, context="in-cluster")


def test_an_unknown_context(home, pod):
    """The nearest name, and all there are."""
    path = kubeconfig(home / ".kube" / "config", "https://x", context="kind-dev")
    told = refused(home, context="knd-dev")
    assert f"There is no context knd-dev in {path}." in told and "Did you mean kind-dev? It has kind-dev." in told
    tree = json.loads(path.read_text())
    tree["current-context"] = "gone"
    path.write_text(json.dumps(tree))
    assert "There is no context gone in" in refused(home) and "to be the current one" in refused(home)
    del tree["current-context"]
    path.write_text(json.dumps(tree))
    assert "has no current context" in refused(home) and "%context" in refused(home, **pod)
    path.unlink()
    assert "There is no context other: no context is in" in refused(home, context="other", **pod)


def test_many_contexts_are_not_all_listed(home):
    """The first of them, and how many more."""
    path = kubeconfig(home / ".kube" / "config", "https://x")
    tree = json.loads(path.read_text())
    tree["contexts"] = [{"name": f"c{n:03}", "context": {"cluster": "c"}} for n in range(100)]
    path.write_text(json.dumps(tree))
    assert "c011 and 88 more" in refused(home, context="zzz")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: }\n", "config, line 2, column "),
        ("token: s3cr3t\n  bad: indent", "The kubeconfig is not YAML"),
        ("- a\n- b", "is no kubeconfig: it is not a mapping"),
        ("contexts: {a: 1}", "contexts of the kubeconfig"),
        ("contexts: [{context: {}}]", "an entry of contexts has no name"),
        ("contexts: [{name: a, context: 7}]", "an entry of contexts has no name, or no context"),
        ("current-context: 2026-01-01", "is not text (put it in quotes)"),
        ("a: 2026-99-99", "The kubeconfig is not YAML"),
        ("a: \x00", "The kubeconfig is not YAML"),
    ],
)
def test_a_file_that_is_none(home, text, told):
    """One sentence that names the file; what stands in the file is not shown."""
    path = home / ".kube" / "config"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    found = refused(home)
    assert told in found and str(path) in found and "s3cr3t" not in found


def test_a_file_that_cannot_be_read(home):
    """A directory, for once."""
    (home / ".kube" / "config").mkdir(parents=True)
    assert f"The kubeconfig {home}/.kube/config cannot be read: Is a directory." in refused(home)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"contexts": [{"name": "here", "context": {"cluster": "x"}}]}, "names the cluster x, and there is none"),
        ({"contexts": [{"name": "here", "context": {"cluster": "c", "user": "x"}}]}, "names the user x, and there is"),
        ({"contexts": [{"name": "here"}]}, "the context here in {path} names no cluster"),
        ({"clusters": [{"name": "c"}]}, "server of the cluster c in {path} is no URL of an apiserver"),
        ({"clusters": [{"name": "c", "cluster": {"server": "ftp://x"}}]}, "is no URL of an apiserver"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://a:b@x"}}]}, "is no URL of an apiserver"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://x:port"}}]}, "is no URL of an apiserver"),
        ({"clusters": [{"name": "c", "cluster": {"server": "https://x", "proxy-url": "socks5://p"}}]}, "kind socks5"),
        ({"users": [{"name": "u", "user": {"token": 12345678}}]}, "token of the user u in {path} is not text"),
        ({"users": [{"name": "u", "user": {"exec": {"apiVersion": "v1"}}}]}, "exec of the user u in {path} has no com"),
        ({"users": [{"name": "u", "user": {"exec": {"command": "a"}}}]}, "has no apiVersion"),
        ({"users": [{"name": "u", "user": {"exec": {"command": "a", "apiVersion": "v", "env": [1]}}}]}, "without name"),
    ],
)
def test_entries_that_are_missing_or_wrong(home, change, told):
    """The entry and the file are named; no value is."""
    path = kubeconfig(home / ".kube" / "config", "https://x")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    found = refused(home)
    assert told.format(path=path) in found and "12345678" not in found and "a:b" not in found
