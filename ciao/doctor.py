"""What this machine offers to Ciao, what is missing, and what to do about it.

Each check looks at one thing, takes what it looks at as an argument, and never raises for what it finds. Nothing heavy
is imported to be looked at: a package's version is in its metadata.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ciao.adapters.local.supervisor import cgroups
from ciao.core.errors import CiaoError, UserError
from ciao.core.ports import Severity

if TYPE_CHECKING:
    from ciao.adapters.kube.access import Access
    from ciao.adapters.kubeflow.preflight.visit import Visit

_TRIED_PORTS = 16
_GIB = 2**30
_LEAST_FREE = 1 * _GIB


@frozen
class Check:
    """One finding. ``good`` None: neither well nor ill, worth knowing; ``remedy`` is there when it is False."""

    name: str
    good: bool | None
    text: str
    remedy: str = ""


def examine(setting: Callable[[str], str], environ: Mapping[str, str]) -> Iterator[Check]:
    """All checks, in the order in which a first job would need them. ``setting`` gives a value by its dotted key."""
    yield system(sys.platform, platform.release())
    yield interpreter(setting("local.python"))
    yield package("PyTorch", "torch", "pip install torch  (only replicas need it: any interpreter that %python names)")
    yield gpus(environ)
    yield from limits(cgroups.find)
    yield ports(setting("local.ports"))
    yield store(Path(setting("store.path")))
    yield from cluster(setting, environ)
    yield kernelspec(_kernel_directories())
    for name in ("ipykernel", "jupyter-client", "jupyterlab"):
        yield package(name, name, f"pip install {name}", needed=name != "jupyterlab")


def system(name: str, release: str) -> Check:
    """Linux has all; macOS lacks the subreaper; others are refused."""
    if name == "linux":
        return Check("system", True, f"Linux {release}")
    if name == "darwin":
        return Check("system", None, f"macOS {release}: a process that leaves its replica's group may outlive the job")
    return Check("system", False, f"{name}: jobs cannot run on this machine", "use Linux, macOS or WSL 2")


def interpreter(configured: str) -> Check:
    """Whose Python runs replicas."""
    path = configured or sys.executable
    found = shutil.which(path)
    if found is None:
        return Check("python", False, f"{path} does not exist", "ciao config set local.python PATH")
    version = f"{platform.python_version()} at " if not configured else ""
    return Check("python", True, f"{version}{found}")


def package(name: str, distribution: str, remedy: str, *, needed: bool = False) -> Check:
    """A package by its metadata; one that is merely useful is no fault."""
    try:
        return Check(name, True, metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return Check(name, False if needed else None, "not installed here", remedy)


def gpus(environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> Check:
    """NVIDIA devices as the driver lists them, and what CUDA_VISIBLE_DEVICES leaves of them."""
    command = which("nvidia-smi")
    if command is None:
        return Check("GPUs", None, "none (no nvidia-smi on PATH)")
    try:
        listed = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Check("GPUs", False, f"nvidia-smi fails: {error}", "look at the NVIDIA driver's installation")
    names = [line.partition(" (UUID")[0] for line in listed.splitlines() if line.startswith("GPU ")]
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    limited = "" if visible is None else f"; CUDA_VISIBLE_DEVICES={visible}"
    return Check("GPUs", None if not names else True, ("; ".join(names) or "none") + limited)


def limits(find: Callable[[str], cgroups.Place | None]) -> Iterator[Check]:
    """Whether the kernel can enforce %memory and %cpu: a control group in which this user may make others."""
    remedy = (
        "start Jupyter under `systemd-run --user --scope -p Delegate=yes`, or in a container with a writable cgroup"
    )
    without = {"memory": "Ciao adds up what a replica uses and ends it above its limit", "cpu": "no limit is enforced"}
    for controller, instead in without.items():
        place = find(controller)
        if place is not None:
            yield Check(f"%{controller}", True, f"limits are the kernel's (cgroup v{place.version}, {place.path})")
        else:
            yield Check(f"%{controller}", None, f"no cgroup that this user may write: {instead}", remedy)


def ports(span: str) -> Check:
    """Whether the range of local.ports has ports that can be bound on 127.0.0.1."""
    first, _, last = span.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last) < 65536):
        return Check("ports", False, f"{span!r} is no range", "ciao config set local.ports 20000-29999")
    tried = range(int(first), int(last) + 1)[:: max(1, (int(last) - int(first) + 1) // _TRIED_PORTS)]
    free = sum(_can_bind(port) for port in tried)
    if not free:
        return Check(
            "ports", False, f"none of {len(tried)} tried in {span} is free", "ciao config set local.ports 30000-39999"
        )
    return Check("ports", True, f"{span}: {free} of {len(tried)} tried are free")


def store(path: Path) -> Check:
    """Whether the job store can be written, what it holds, and how much room is left."""
    above = next(each for each in (path, *path.parents) if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        return Check("job store", False, f"{path} cannot be written", "ciao config set store.path DIRECTORY")
    free = shutil.disk_usage(above).free
    jobs = sum(1 for _ in path.glob("*/*/record.json"))
    text = f"{path}: {_counted(jobs, 'job')}, {_size(_used(path))} used, {_size(free)} free"
    if free < _LEAST_FREE:
        return Check("job store", False, text, "make room, or: ciao config set store.path DIRECTORY")
    return Check("job store", True, text)


def cluster(setting: Callable[[str], str], environ: Mapping[str, str]) -> Iterator[Check]:
    """The cluster that %target=kubeflow means, and what would keep a job from running there."""
    from ciao.adapters.kube.access import Access

    wanted = setting("target") == "kubeflow"
    access = Access(setting("kubeflow.kubeconfig"), setting("kubeflow.context") or None, environ)
    try:
        access.login()
    except UserError as error:
        yield Check("cluster", False if wanted else None, error.message, error.hint)
        return
    try:
        found = asyncio.run(_visited(access, setting("kubeflow.namespace")))
    except (CiaoError, TimeoutError) as error:
        text = " ".join(error.lines()) if isinstance(error, CiaoError) else "it does not answer"
        yield Check("cluster", False if wanted else None, text, "kubectl version  (does it reach the cluster?)")
        return
    yield Check("cluster", True, f"{found.context}: Kubernetes {found.version}, namespace {found.namespace}")
    for each in found.findings:
        yield Check("jobs there", False if each.severity is Severity.REFUSAL else None, each.message)


async def _visited(access: Access, namespace: str) -> Visit:
    from ciao.adapters.kubeflow.objects.options import Options
    from ciao.adapters.kubeflow.preflight.visit import visit
    from ciao.adapters.system import SystemClock
    from ciao.core.frameworks.pytorch import PYTORCH
    from ciao.core.frameworks.tensorflow import TENSORFLOW

    return await visit(access, namespace, Options(), (PYTORCH, TENSORFLOW), SystemClock())


def kernelspec(directories: Iterable[Path]) -> Check:
    """Whether front ends find the kernel "Ciao", and whether the interpreter that it names exists."""
    remedy = "ciao install --user  (or --sys-prefix inside an environment)"
    for directory in directories:
        file = directory / "ciao" / "kernel.json"
        try:
            command = str(json.loads(file.read_text())["argv"][0])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, LookupError, TypeError) as error:
            return Check("kernel", False, f"{file} is damaged: {error}", remedy)
        # Jupyter replaces a bare "python" by the interpreter of the server itself.
        if "/" in command and not os.access(command, os.X_OK):
            return Check("kernel", False, f"{file} names {command}, which does not exist", remedy)
        return Check("kernel", True, str(file.parent))
    return Check("kernel", False, "Jupyter does not know the kernel Ciao", remedy)


def _kernel_directories() -> list[Path]:
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    return [Path(each) for each in jupyter_path("kernels")]


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def _used(path: Path) -> int:
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(directory) / name).lstat().st_blocks * 512
            except OSError:  # a job that is removed just now
                continue
    return total


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
