"""A cell becomes an image, pods pull it by its digest, and what they print is in the cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..cluster import Cluster
from ..commands import call, has
from ..notebook import Notebook, eventually
from ..tenant import Tenant
from .conftest import Bases
from .index import PACKAGE, Index
from .secured import Secured

CELL = """%framework=pytorch;%name=shipped;%s2i=BUILDER
%image=IMAGE
%file=data,helper.py
import os
from helper import shout
print(shout(open("data/words here.txt").read()), "says", os.environ["CIAO_REPLICA"])
"""
FILES = {
    "data/words here.txt": "grüß dich".encode(),
    "data/large.bin": b"\x00\x01" * (1 << 20),
    "helper.py": b"def shout(text):\n    return text.upper()\n",
}


LIST = "print(subprocess.run([sys.executable, '-m', 'ciao.cli', 'image', 'ls'], capture_output=True, check=True))"


def image_of(tenant: Tenant, job: str) -> str:
    """What a job's pod runs."""
    replicas = tenant.get("pytorchjobs", job)["spec"]["pytorchReplicaSpecs"]
    return str(replicas["Master"]["template"]["spec"]["containers"][0]["image"])


def test_a_cell_becomes_an_image_and_runs(
    builder: str, open_builder: Callable[..., Notebook], bases: Bases, builds: Tenant
) -> None:
    """With each builder: files arrive, pods run what was pushed, and the same cell would be the same image."""
    notebook = open_builder(FILES)
    cell = CELL.replace("BUILDER", builder).replace("IMAGE", bases.of(builder))
    done = notebook.run(cell, timeout=120)
    assert done.status == "ok", done.error + done.text
    assert "GRÜSS DICH says master-0" in done.text
    image = image_of(builds, "shipped")
    assert "@sha256:" in image
    shown = notebook.run(cell.replace("%name=shipped", "%name=shipped;%render"), timeout=60)
    assert f"image: {image}" in shown.text, shown.error + shown.text


def test_the_registry_is_the_way_where_one_is_set(
    open_builder: Callable[..., Notebook], bases: Bases, builds: Tenant
) -> None:
    """Without %s2i; %render pushes nothing, and names the same image as the job that then runs."""
    notebook = open_builder()
    magics = f"%framework=pytorch;%name=plain\n%image={bases.python}\n"
    shown = notebook.run(f"{magics}%render\nprint('here')")
    assert shown.status == "ok", shown.error
    listed = notebook.run("import subprocess, sys\n" + LIST)
    assert "no images" in listed.text, listed.text + listed.error
    done = notebook.run(f"{magics}\nprint('here')", timeout=90)
    assert done.status == "ok", done.error + done.text
    image, _, digest = image_of(builds, "plain").partition("@")
    assert f"image: {image}" in shown.text
    assert digest.startswith("sha256:")
    assert image.rpartition(":")[2][:17] in notebook.run(LIST).text


def test_packages_are_installed_once(open_builder: Callable[..., Notebook], bases: Bases, index: Index) -> None:
    """%pip is a layer of its own: another cell with the same packages does not install them again.

    The registry's builder hands over to the daemon; what others make of %pip is in their contract.
    """
    notebook = open_builder(CIAO_PIP_INDEX=index.url)
    cell = f"%framework=pytorch;%name=packed;%s2i=registry\n%image={bases.python}\n%pip={PACKAGE}\n"
    code = "from ciao_e2e_words import shout\nprint(shout('hello NUMBER'))\n"
    fetched = []
    for number in "12":
        done = notebook.run(cell + code.replace("NUMBER", number), timeout=180)
        assert done.status == "ok", done.error + done.text
        assert f"HELLO {number}!" in done.text
        fetched.append(index.fetched)
    assert fetched[0] == fetched[1]


def test_stop_ends_a_build(open_builder: Callable[..., Notebook], bases: Bases, builds: Tenant) -> None:
    """The cell says so, there is no job, and what built is gone from the cluster."""
    notebook = open_builder()
    request = notebook.send(f"%framework=pytorch;%name=halted;%s2i=kaniko\n%image={bases.python}\nprint('too late')")
    notebook.until(lambda: builds.items("jobs"), 60, "build in the cluster")
    notebook.interrupt()
    cell = notebook.wait(request, 30)
    assert cell.status == "error"
    assert "halted was stopped before it started" in cell.error
    eventually(lambda: not builds.items("jobs,pods,configmaps", "-l", "ciao.dev/builder"), 30, "clean namespace")
    assert builds.items("pytorchjobs") == []


def test_a_registry_with_a_login(
    builder: str, open_builder: Callable[..., Notebook], cluster: Cluster, builds: Tenant, secured: Secured,
    login: Path, bases: Bases,
) -> None:  # fmt: skip
    """Pushed with Docker's login, or with the Secret of builds in the cluster; pulled with %pullSecret."""
    builds.apply(secured.secret("door"))
    path = f"{builds.namespace}/ciao"
    notebook = open_builder(
        DOCKER_CONFIG=str(login),
        CIAO_REGISTRY_PUSH=f"{secured.host}/{path}",
        CIAO_REGISTRY_PODS=f"{secured.in_pods}/{path}",
        CIAO_REGISTRY_INSECURE=f"{cluster.pods_registry},{secured.in_pods}",
    )
    image = bases.of(builder)
    if builder in ("kaniko", "tekton"):  # in pods the base has another name
        image = image.replace(cluster.registry, cluster.pods_registry)
    cell = f"%framework=pytorch;%name=locked;%s2i={builder};%pullSecret=door\n%image={image}\nprint('inside')\n"
    done = notebook.run(cell, timeout=120)
    assert done.status == "ok", done.error + done.text
    assert "inside" in done.text
    assert image_of(builds, "locked").startswith(secured.host)


def test_others_take_the_images(
    open_builder: Callable[..., Notebook], bases: Bases, builds: Tenant, cluster: Cluster
) -> None:
    """What the registry builder made Docker pulls and runs, containerd has pulled, and skopeo understands."""
    notebook = open_builder(FILES)
    cell = "%framework=pytorch;%name=judged;%s2i=registry\n%image=IMAGE\n%file=data,helper.py\n"
    code = "from helper import shout\nprint(shout('by hand'), len(open('data/large.bin', 'rb').read()))\n"
    done = notebook.run(cell.replace("IMAGE", bases.python) + code, timeout=90)
    assert done.status == "ok", done.error + done.text
    image = image_of(builds, "judged")
    repository, digest = image.partition("@")[0].rpartition(":")[0], image.partition("@")[2]
    try:
        call("docker", "pull", "--quiet", f"{repository}@{digest}")
        said = call("docker", "run", "--rm", "--user", "1234", f"{repository}@{digest}")
        assert said == f"BY HAND {2 << 20}\n"
    finally:
        call("docker", "rmi", "--force", f"{repository}@{digest}")
    if cluster.node:
        had = call("docker", "exec", cluster.node, "ctr", "--namespace=k8s.io", "images", "ls", "-q")
        assert f"{repository}@{digest}" in had.split()
    if not has("skopeo"):
        pytest.skip("skopeo is not on PATH; Docker and containerd took it")
    told = call("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}@{digest}")
    assert digest in told
