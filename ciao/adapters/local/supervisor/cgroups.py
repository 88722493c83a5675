"""Control groups, where this process may make them: hard limits of memory and CPU for one replica.

Version 2 (a delegated subtree: systemd user sessions, rootless containers with delegation) and version 1
(root in many containers). Source: Linux ``admin-guide/cgroup-v2.rst`` and ``cgroup-v1/memory.rst``.
Where neither may be written, ``find`` gives no place and the supervisor watches memory itself.
Standard library only; ``proc`` is an argument so that a test can give a made-up tree.
"""

from __future__ import annotations

import contextlib
import os

_PERIOD = 100_000
"""Microseconds; the default period of the CFS bandwidth controller."""


class Place:
    """A directory of a mounted hierarchy in which this process may make groups; ``version`` 1 or 2."""

    def __init__(self, path: str, version: int) -> None:
        self.path, self.version = path, version

    def __repr__(self) -> str:
        return f"Place({self.path!r}, {self.version})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and (self.path, self.version) == (other.path, other.version)

    def __hash__(self) -> int:
        return hash((self.path, self.version))


def find(controller: str, proc: str = "/proc") -> Place | None:
    """Where groups with ``controller`` (``memory``, ``cpu``) can be made; None: nowhere."""
    own = _own_groups(proc)
    for version, root, controllers, base in _mounts(proc):
        inside = own.get(controller if version == 1 else "")
        if inside is None or (version == 1 and controller not in controllers):
            continue
        here = _below(root, base, inside)
        # Version 2 has no processes in inner groups, so groups are made beside the own one, not in it.
        for path in [here] if version == 1 else [here, os.path.dirname(here)]:
            if path.startswith(root) and _usable(path, controller, version):
                return Place(path, version)
    return None


class Group:
    """One replica's groups, one directory per hierarchy. Made by ``make``; ``remove`` when all in it is dead."""

    def __init__(self, paths: tuple[str, ...], memory: str) -> None:
        self._paths, self._memory = paths, memory

    @property
    def limits_memory(self) -> bool:
        """False: it only limits CPU."""
        return bool(self._memory)

    @property
    def procs(self) -> tuple[str, ...]:
        """The files into which a process writes 0 to join."""
        return tuple(f"{path}/cgroup.procs" for path in self._paths)

    def kills(self) -> int:
        """How many of its processes the kernel has killed for memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                for line in _lines(f"{self._memory}/{name}"):
                    key, _, value = line.partition(" ")
                    if key == "oom_kill":
                        return int(value)
        return 0

    def remove(self) -> None:
        """No error when it is gone, or when something in it is still dying."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                os.rmdir(path)


def make(name: str, *, memory: tuple[Place, int] | None = None, cpu: tuple[Place, float] | None = None) -> Group | None:
    """A group with these limits (bytes, cores), each where its controller has a place; None: none can be set."""
    wanted: dict[Place, list[tuple[str, str]]] = {}
    if memory is not None:
        wanted.setdefault(memory[0], []).extend(_memory_settings(memory[0].version, memory[1]))
    if cpu is not None:
        wanted.setdefault(cpu[0], []).extend(_cpu_settings(cpu[0].version, cpu[1]))
    paths: list[str] = []
    try:
        for place, settings in wanted.items():
            path = f"{place.path}/{name}"
            os.mkdir(path)
            paths.append(path)
            for key, value in settings:
                _write(f"{path}/{key}", value)
    except OSError:
        Group(tuple(paths), "").remove()
        return None
    return Group(tuple(paths), f"{memory[0].path}/{name}" if memory is not None else "") if paths else None


def _memory_settings(version: int, limit: int) -> list[tuple[str, str]]:
    if version == 2:
        return [("memory.max", str(limit)), ("?memory.swap.max", "0"), ("?memory.oom.group", "1")]
    return [("memory.limit_in_bytes", str(limit)), ("?memory.memsw.limit_in_bytes", str(limit))]


def _cpu_settings(version: int, cores: float) -> list[tuple[str, str]]:
    quota = str(max(1000, round(cores * _PERIOD)))
    if version == 2:
        return [("cpu.max", f"{quota} {_PERIOD}")]
    return [("cpu.cfs_period_us", str(_PERIOD)), ("cpu.cfs_quota_us", quota)]


def _write(path: str, value: str) -> None:
    """A name that begins with ``?`` is a file that some kernels do not have."""
    optional = "/?" in path
    with contextlib.suppress(OSError) if optional else contextlib.nullcontext():
        file = os.open(path.replace("/?", "/"), os.O_WRONLY)
        try:
            os.write(file, value.encode())
        finally:
            os.close(file)


def _own_groups(proc: str) -> dict[str, str]:
    """Controller -> path inside its hierarchy; "" is version 2."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in _lines(f"{proc}/self/cgroup"):
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                found[controller] = path
    return found


def _mounts(proc: str) -> list[tuple[int, str, tuple[str, ...], str]]:
    """(version, mount point, controllers, path of the hierarchy that is mounted there)."""
    found = []
    with contextlib.suppress(OSError):
        for line in _lines(f"{proc}/self/mountinfo"):
            before, _, after = line.partition(" - ")
            kind, _, options = [*after.split(), "", "", ""][:3]
            fields = before.split()
            if kind in ("cgroup", "cgroup2") and len(fields) > 4:
                version = 2 if kind == "cgroup2" else 1
                found.append((version, fields[4], tuple(options.split(",")), fields[3]))
    return found


def _below(root: str, base: str, inside: str) -> str:
    """Where a group stands on disk: a container may see only a part (``base``) of the hierarchy."""
    if base != "/" and inside.startswith(base):
        inside = inside[len(base) :]
    return f"{root}/{inside.strip('/')}".rstrip("/")


def _usable(path: str, controller: str, version: int) -> bool:
    if not (os.access(path, os.W_OK) and os.access(f"{path}/cgroup.procs", os.W_OK)):
        return False
    if version == 1:
        return True
    try:
        return controller in " ".join(_lines(f"{path}/cgroup.subtree_control")).split()
    except OSError:
        return False


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()
