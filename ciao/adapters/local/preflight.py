"""Whether a job can run on this machine, and what of it means nothing here. Creates nothing.

A table of small checks; each looks at the job first, so that a plain job costs microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ciao.adapters.local import interpreter, leases
from ciao.adapters.local.machine import Machine, Options
from ciao.core.model import EnvVar, JobSpec, SecretRef
from ciao.core.ports import Finding, Severity

Check = Callable[[JobSpec, Machine, Options], Iterator[Finding]]

_SPELLING = {
    "node_selector": "nodeSelector",
    "service_account": "serviceAccount",
    "pull_secret": "pullSecret",
}


def findings(spec: JobSpec, machine: Machine, options: Options) -> tuple[Finding, ...]:
    """All of them, refusals and notices, in the order of the table."""
    if machine.platform == "win32":
        return (_refused("Jobs on this machine need Linux or macOS: on Windows, run Jupyter inside WSL."),)
    return tuple(each for check in _CHECKS for each in check(spec, machine, options))


def _python(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    python = spec.python or options.python
    found = interpreter.located(python, machine.environ, machine.interpreter)
    if found is None and python:
        where = "on PATH" if "/" not in python else "that can be run"
        yield _refused(f"There is no interpreter {python} {where}: correct %python (or the setting local.python).")
    elif found is None:
        yield _refused("This Python does not know its own interpreter: name one with %python=PATH.")
    elif python and not interpreter.is_python(found, machine.environ):
        yield _refused(f"{found} is not a Python 3 interpreter: correct %python (or the setting local.python).")
    elif spec.nproc and not interpreter.has_module(found, "torch", machine.environ):
        yield _refused(
            f"%nproc runs each replica under torchrun, and {found} has no torch: "
            f"install it ({found} -m pip install torch), or leave %nproc out."
        )


def _images(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    if any(role.image for role in spec.roles):
        yield _refused("Replicas on this machine are processes without an image: leave %image out.")
    if spec.builder not in (None, "", "in-place", "in_place", "mounted"):
        yield _refused(f"%s2i={spec.builder} builds an image, and replicas on this machine have none: leave it out.")


def _secrets(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    named = list(spec.secrets) + [each.value.name for each in all_env(spec) if isinstance(each.value, SecretRef)]
    if named:
        yield _refused(
            f"There is no Secret {named[0]} on this machine, only in a cluster: set the variable "
            "before you start Jupyter (replicas inherit it), or read a file that only you can read."
        )


def _meaningless(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    said = [f"%{_SPELLING.get(name, name)}" for name in spec.placement.said()]
    said += ["%platform"] if spec.platform else []
    said += ["%volume"] if spec.volumes else []
    said += ["%resource"] if any(role.resources.extended for role in spec.roles) else []
    if len(said) == 1:
        yield _noticed(f"{said[0]} means nothing on this machine and is ignored.")
    elif said:
        yield _noticed(f"{', '.join(said[:-1])} and {said[-1]} mean nothing on this machine and are ignored.")


def _gpus(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    wanted = gpus_wanted(spec)
    if not wanted:
        return
    there = machine.gpus(machine.environ)
    free = [each for each in there if each not in leases.held(machine.runtime_directory() / "leases").gpus]
    if wanted > len(free):
        yield _refused(leases.too_few_gpus(wanted, len(there), len(free)))


def _limits(spec: JobSpec, machine: Machine, options: Options) -> Iterator[Finding]:
    if any(role.resources.memory is not None for role in spec.roles) and machine.platform != "linux":
        yield _noticed("%memory is not enforced on this machine: it has no means to measure a replica's memory.")
    if any(role.resources.cpu is not None for role in spec.roles) and machine.group("cpu") is None:
        yield _noticed(
            "%cpu is not enforced on this machine: no control group can be made here, so replicas may use every core."
        )


_CHECKS: tuple[Check, ...] = (_python, _images, _secrets, _meaningless, _gpus, _limits)


def gpus_wanted(spec: JobSpec) -> int:
    """By all replicas together."""
    return sum((role.resources.gpu or 0) * role.replicas for role in spec.roles)


def all_env(spec: JobSpec) -> list[EnvVar]:
    """The job's and every role's."""
    return [*spec.env, *(each for role in spec.roles for each in role.env)]


def _refused(message: str) -> Finding:
    return Finding(Severity.REFUSAL, message)


def _noticed(message: str) -> Finding:
    return Finding(Severity.NOTICE, message)
