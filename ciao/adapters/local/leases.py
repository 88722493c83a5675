"""Ports and GPUs that jobs of one user hold, so that no two jobs get the same.

Each job has a file ``leases/<uid>`` that says what it holds, and its supervisor holds a lock (flock) on that file: the
operating system lets go of it however the supervisor ends, and the next job that looks removes the file.
Another user's jobs are met by trying to bind, and by starting the search at a place of one's own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from ciao.core.errors import PreflightError, TargetError

_PATIENCE, _PAUSE = 5.0, 0.005


@frozen
class Held:
    """What living jobs hold."""

    ports: frozenset[int]
    gpus: frozenset[str]


@frozen
class Lease:
    """``descriptor`` is inherited by the supervisor and closed here; the lease lasts as long as one is open."""

    descriptor: int
    path: Path
    ports: tuple[int, ...]
    gpus: tuple[str, ...]

    def close(self) -> None:
        """Of this process's descriptor."""
        os.close(self.descriptor)

    def drop(self) -> None:
        """There is no job after all."""
        self.path.unlink(missing_ok=True)
        self.close()


def short(uid: str) -> str:
    """The beginning of the names of a job's sockets and pipes: a Unix socket's path has room for about 100 bytes."""
    return uid[:12]


def held(directory: Path) -> Held:
    """What is taken now; for a preflight: it may change."""
    with _locked(directory):
        return _living(directory)


def take(
    directory: Path, uid: str, span: tuple[int, int], *, ports: int, gpus: Sequence[str] = (), wanted_gpus: int = 0
) -> Lease:
    """So many ports of ``span`` that can be bound and are nobody's, and so many of ``gpus``.

    PreflightError when there are not enough: what was asked, what is there, and the remedy.
    """
    with _locked(directory):
        taken = _living(directory)
        free_gpus = [each for each in gpus if each not in taken.gpus]
        if wanted_gpus > len(free_gpus):
            raise PreflightError("this machine", [too_few_gpus(wanted_gpus, len(gpus), len(free_gpus))])
        found = _free_ports(span, taken.ports, ports, zlib.crc32(uid.encode()))
        if len(found) < ports:
            raise PreflightError("this machine", [_too_few_ports(span, ports, len(found))])
        mine = tuple(free_gpus[:wanted_gpus])
        return _written(directory / uid, found, mine)


def too_few_gpus(wanted: int, there: int, free: int) -> str:
    """The sentence, with its remedy."""
    asked = f"The job asks for {_gpus(wanted)}"
    if wanted > there:
        return f"{asked}; this machine has {_gpus(there)} that CUDA may use. Ask for fewer (%gpu), or run it elsewhere."
    return f"{asked}; of this machine's {there}, {free} are free. Wait for a job to end (%jobs), or stop one (%stop)."


def _gpus(count: int) -> str:
    return f"{count or 'no'} GPU{'' if count == 1 else 's'}"


def _too_few_ports(span: tuple[int, int], wanted: int, free: int) -> str:
    return (
        f"The job needs {wanted} free port{'' if wanted == 1 else 's'}, and local.ports = {span[0]}-{span[1]} "
        f"has {free}. Widen it: %ciao config local.ports=20000-29999"
    )


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TargetError(f"{directory} cannot be used: {error.strerror}") from error
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TargetError(f"another process holds {directory / '.lock'} and does not let go") from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _living(directory: Path) -> Held:
    ports: set[int] = set()
    gpus: set[str] = set()
    for path in directory.iterdir():
        if path.name.startswith("."):
            continue
        if _abandoned(path):
            # A supervisor that was killed has left its socket and its named pipes.
            for left in [path, *directory.parent.glob(f"{short(path.name)}.*")]:
                left.unlink(missing_ok=True)
            continue
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            lease = json.loads(path.read_bytes())
            ports.update(map(int, lease["ports"]))
            gpus.update(map(str, lease["gpus"]))
    return Held(frozenset(ports), frozenset(gpus))


def _abandoned(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _written(path: Path, ports: Sequence[int], gpus: tuple[str, ...]) -> Lease:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"ports": list(ports), "gpus": list(gpus)}).encode())
    except OSError as error:
        raise TargetError(f"{path} cannot be written: {error.strerror}") from error
    return Lease(descriptor, path, tuple(ports), gpus)


def _free_ports(span: tuple[int, int], taken: frozenset[int], wanted: int, start: int) -> list[int]:
    low, high = span
    size = high - low + 1
    found: list[int] = []
    for step in range(size):
        if len(found) == wanted:
            break
        port = low + (start + step) % size
        if port not in taken and can_bind(port):
            found.append(port)
    return found


def can_bind(port: int) -> bool:
    """Nobody listens there, on any address: frameworks listen on all of them."""
    families = [(socket.AF_INET, "")] + ([(socket.AF_INET6, "::")] if socket.has_ipv6 else [])
    for family, host in families:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                continue
            return False
    return True
