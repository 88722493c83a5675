"""What the supervisor shall do, as one plain value: commands, environments, limits.

uid, owner (pid of the process that must live), directory (of the job), cwd, socket, ranks (path prefix of
named pipes), grace (s), log_limit (bytes), header (of the journal), environment (of all),
    groups (controller -> [directory, version] of control groups),
replicas: [{name, argv, environment (added), memory (bytes | None), cpu (cores | None), ranks}]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from ciao.adapters.local import environment, leases
from ciao.adapters.local.machine import Machine, Options
from ciao.core.frameworks.base import Address, Framework
from ciao.core.model import JobSpec, Mounted, Replica

CELL, RUNNER = "cell.py", "ciao_replica.py"
TORCHRUN = ("-m", "torch.distributed.run")


@frozen(kw_only=True)
class Planner:
    """One job's plan, once its ports and GPUs are known; ``python`` is an absolute path or a command."""

    spec: JobSpec
    framework: Framework
    artifact: Mounted
    directory: Path
    machine: Machine
    options: Options
    python: str

    def plan(self, uid: str, created: float, ports: tuple[int, ...], gpus: tuple[str, ...]) -> dict[str, Any]:
        """Only None, numbers, text, lists and dicts: it goes through ``marshal``."""
        runtime = self.machine.runtime_path
        base = environment.inherited(self.machine.environ)
        base.update(environment.shared_threads(self.spec, base, self.machine.cores))
        socket, ranks = str(runtime / f"{leases.short(uid)}.sock"), str(runtime / f"{leases.short(uid)}.")
        addresses = dict(zip(self.spec.replicas, self._addresses(ports), strict=True))
        shares = self._shares(gpus)
        return {
            "uid": uid,
            "owner": os.getpid(),
            "directory": str(self.directory),
            "cwd": self.artifact.directory or str(self.directory / "source"),
            "socket": socket,
            "ranks": ranks,
            "grace": self.options.grace,
            "log_limit": self.options.log_size,
            "header": self._header(uid, created, socket),
            "environment": base,
            "groups": self._groups(),
            "replicas": [
                self._replica(uid, each, addresses, shares[each], ranks if self.spec.nproc else "")
                for each in self.spec.replicas
            ],
        }

    def command(self) -> list[str]:
        """The same for every replica; ``ciao_replica.py`` runs the cell where it travels along."""
        source = self.directory / "source"
        names = {each.path for each in self.artifact.files}
        runner = [str(source / RUNNER)] if RUNNER in names else []
        start = [self.python, "-u"]
        if self.spec.nproc:
            start += [*TORCHRUN, f"--nproc-per-node={self.spec.nproc}"]
        return [*start, *runner, str(source / CELL), *self.spec.args]

    def _replica(
        self, uid: str, replica: Replica, addresses: Mapping[Replica, Address], gpus: tuple[str, ...], ranks: str
    ) -> dict[str, Any]:
        role = self.spec.role(replica.role)
        asks = any(each.resources.gpu for each in self.spec.roles)
        report = str(self.directory / "reports" / f"{replica}.json")
        added = environment.of_replica(self.spec, self.framework, replica, addresses)
        added.update(environment.gpus_of(role, gpus, asks))
        added.update(environment.marks(self.spec.name, uid, replica, report, f"{ranks}{replica}." if ranks else ""))
        limits = role.resources
        return {
            "name": str(replica),
            "argv": self.command(),
            "environment": added,
            "memory": None if limits.memory is None else int(limits.memory),
            "cpu": None if limits.cpu is None else float(limits.cpu),
            "ranks": self.spec.nproc or 0,
        }

    def _groups(self) -> dict[str, list[Any]]:
        """Controller -> (directory, version) where limits can be set; asked only when there are any."""
        limits = [role.resources for role in self.spec.roles]
        asked = {"memory": any(each.memory for each in limits), "cpu": any(each.cpu for each in limits)}
        found = {name: self.machine.group(name) for name, wanted in asked.items() if wanted}
        return {name: [place.path, place.version] for name, place in found.items() if place is not None}

    def _addresses(self, ports: tuple[int, ...]) -> list[Address]:
        return [Address(environment.LOOPBACK, port) for port in ports]

    def _shares(self, gpus: tuple[str, ...]) -> dict[Replica, tuple[str, ...]]:
        rest = list(gpus)
        shares = {}
        for replica in self.spec.replicas:
            count = self.spec.role(replica.role).resources.gpu or 0
            shares[replica], rest = tuple(rest[:count]), rest[count:]
        return shares

    def _header(self, uid: str, created: float, socket: str) -> dict[str, Any]:
        replicas = [str(each) for each in self.spec.replicas]
        return {
            "uid": uid,
            "name": self.spec.name,
            "framework": self.spec.framework,
            "replicas": replicas,
            "created": created,
            "socket": socket,
        }
