"""The cluster of one run: made here, or there already; and whatever was made is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import frozen

from . import nodeimages, operator, tekton
from .commands import Kubectl, call
from .leftovers import Run, delete_cluster, sweep
from .machine import require
from .registry import Registry, advertised, push
from .steps import Steps
from .torchimage import REPOSITORY, torch_image
from .wanted import Wanted


@frozen(kw_only=True)
class Cluster:
    """What tests know of it.

    ``run`` names the run (``ciao-e2e-…``), as a label too. ``own``: made by this run, so that a case may break it; then
    ``node`` is its container. ``registry`` is the host of images that the cluster pulls and this machine pushes, "":
    none; ``pods_registry`` the same registry's host for pods. ``python`` and ``torch`` are images; without ``torch``,
    ``no_torch`` says why. ``tekton``: its pipelines are there.
    """

    run: str
    kubeconfig: str
    context: str
    own: bool
    node: str = ""
    registry: str = ""
    python: str
    torch: str = ""
    no_torch: str = ""
    pods_registry: str = ""
    tekton: bool = False

    @property
    def kubectl(self) -> Kubectl:
        """With all rights that there are."""
        return Kubectl(self.kubeconfig, self.context)


class Provided:
    """A cluster for as long as a run lasts: ``cluster`` from ``begin`` to ``end``."""

    def __init__(self, wanted: Wanted, say: Callable[[str], None]) -> None:
        self._wanted, self._say = wanted, say
        self._run: Run | None = None
        self._registry: Registry | None = None

    def begin(self) -> Cluster:
        """Make or find it. Missing, and nothing is left, when that cannot be done."""
        require(self._wanted)
        steps = Steps(self._say)
        try:
            self._run = Run()
            found = self._adopt(self._run, steps) if self._wanted.context else self._create(self._run, steps)
        except BaseException:
            self._say("the cluster is not there: removing what was made of it")
            self._destroy()
            raise
        steps.total("the cluster is ready")
        self.cluster = found
        return found

    def end(self) -> None:
        """Remove what ``begin`` made; CIAO_E2E_KEEP leaves it, and says how to use and how to remove it."""
        if self._run is None:
            return
        if self._wanted.context:
            self.cluster.kubectl("delete", "namespaces", "-l", f"ciao-e2e={self._run.name}", "--wait=false")
            self._run.end()
        elif self._wanted.keep:
            self._keep(self._run)
        else:
            with Steps(self._say).step(f"removing {self._run.name}"):
                self._destroy()

    # -- a cluster of its own ----------------------------------------------------------------------

    def _create(self, run: Run, steps: Steps) -> Cluster:
        with steps.step("looking for what an earlier run left"):
            for name in sweep():
                self._say(f"          removed {name}, left by a run that was killed")
        with ThreadPoolExecutor(2) as pool:
            pictures = pool.submit(self._images, run, steps)
            self._kind(run, steps)
            kubectl = Kubectl(str(run.folder / "kubeconfig"), f"kind-{run.name}")
            nodes = call("kind", "get", "nodes", "--name", run.name).split()
            installed = pool.submit(self._operator, kubectl, steps)
            registry, python, torch, no_torch = pictures.result()
            with steps.step("images on the node"):
                registry.wire(nodes, kubectl)
                nodeimages.load([*(each for each in (python, torch) if each), *self._wanted.preload], nodes)
            if self._wanted.images:
                with steps.step("Tekton"):
                    tekton.install(kubectl, self._wanted.tekton)
            installed.result()
        return Cluster(
            run=run.name, kubeconfig=str(run.folder / "kubeconfig"), context=f"kind-{run.name}", own=True,
            node=nodes[0], registry=registry.host, python=python, torch=torch, no_torch=no_torch,
            pods_registry=registry.in_pods() if self._wanted.images else "", tekton=self._wanted.images,
        )  # fmt: skip

    def _kind(self, run: Run, steps: Steps) -> None:
        image = ("--image", self._wanted.node_image) if self._wanted.node_image else ()
        with steps.step(f"kind cluster {run.name}"):
            target = ("--name", run.name, "--kubeconfig", str(run.folder / "kubeconfig"))
            call("kind", "create", "cluster", *target, *image, timeout=400)

    def _images(self, run: Run, steps: Steps) -> tuple[Registry, str, str, str]:
        client = nodeimages.docker()
        with steps.step("registry"):
            nodeimages.present(client, self._wanted.registry_image)
            self._registry = Registry(self._wanted.registry_image, f"{run.name}-registry", self._wanted.keep)
            self._registry.start()
        with steps.step("images on this machine"):
            base = nodeimages.present(client, self._wanted.python_image)
            torch, no_torch = self._torch(client, base)
        return self._registry, self._wanted.python_image, torch, no_torch

    def _torch(self, client: Any, base: Any) -> tuple[str, str]:
        return torch_image(client, base) if self._wanted.torch else ("", "PyTorch is not wanted")

    def _operator(self, kubectl: Kubectl, steps: Steps) -> None:
        with steps.step("training operator"):
            operator.install(kubectl, self._wanted.operator)
            operator.wait(kubectl)

    def _destroy(self) -> None:
        """In any state of the making."""
        run, self._run = self._run, None
        if run is None:
            return
        try:
            if not self._wanted.context:
                delete_cluster(run.name, run.folder / "kubeconfig")
        finally:
            if self._registry is not None:
                self._registry.stop()
            run.end()

    def _keep(self, run: Run) -> None:
        run.keep()
        run.end()
        config = run.folder / "kubeconfig"
        pods = f" CIAO_E2E_PODS_REGISTRY={self._registry.in_pods()}" if self._registry and self._wanted.images else ""
        self._say(
            f"kept: KUBECONFIG={config} CIAO_E2E_CONTEXT=kind-{run.name}{pods} make e2e{'-images' if pods else ''}"
        )
        remove = f"kind delete cluster --name {run.name}", f"docker rm -fv {run.name}-registry", f"rm -r {run.folder}"
        self._say(f"remove it: {' && '.join(remove)}")

    # -- a cluster that is there -------------------------------------------------------------------

    def _adopt(self, run: Run, steps: Steps) -> Cluster:
        with steps.step(f"the cluster of {self._wanted.context}"):
            config = run.folder / "kubeconfig"
            shown = call(
                "kubectl", "config", "view", "--raw", "--flatten", "--minify", "--context", self._wanted.context
            )
            config.touch(0o600)
            config.write_text(shown, encoding="utf-8")
            kubectl = Kubectl(str(config), self._wanted.context)
            operator.wait(kubectl, 20)
            registry = self._wanted.registry or advertised(kubectl)
            python, torch, no_torch = self._images_there(kubectl)
        return Cluster(
            run=run.name, kubeconfig=str(config), context=self._wanted.context, own=False,
            registry=registry, python=python, torch=torch, no_torch=no_torch,
            pods_registry=self._wanted.pods_registry, tekton=tekton.installed(kubectl),
        )  # fmt: skip

    def _images_there(self, kubectl: Kubectl) -> tuple[str, str, str]:
        """By way of a registry that was named; else what nodes have, or can pull, by itself."""
        if self._wanted.registry:
            client = nodeimages.docker()
            base = nodeimages.present(client, self._wanted.python_image)
            torch, no_torch = self._torch(client, base)
            python = push(self._wanted.python_image, self._wanted.registry, "ciao-e2e-python:latest")
            there = push(torch, self._wanted.registry, torch) if torch else ""
            return python, there, no_torch
        torch = nodeimages.on_nodes(kubectl, REPOSITORY)
        reason = f"no node of {self._wanted.context} has {REPOSITORY}: name a registry in CIAO_E2E_REGISTRY"
        return self._wanted.python_image, torch, "" if torch else reason
