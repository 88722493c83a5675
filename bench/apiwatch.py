"""A watch of the apiserver that is none of Ciao's: when an object became what, by the clock of whoever measures."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """An object as it was when its change arrived (perf_counter)."""

    at: float
    object: Json = field(repr=False)


class ApiWatch:
    """All changes of one collection since this began, on a thread and a connection of its own.

    ``kubeconfig`` is a tenant's: JSON, with a token.
    """

    def __init__(self, kubeconfig: Path, path: str) -> None:
        content = json.loads(kubeconfig.read_text(encoding="utf-8"))
        place = content["clusters"][0]["cluster"]
        authority = base64.b64decode(place["certificate-authority-data"]).decode()
        where = urlsplit(place["server"])
        tls = ssl.create_default_context(cadata=authority)
        self._connection = http.client.HTTPSConnection(where.hostname or "", where.port, context=tls, timeout=30)
        self._headers = {"Authorization": f"Bearer {content['users'][0]['user']['token']}"}
        self._path = path
        self._seen: list[Seen] = []
        self._arrived = threading.Condition()
        self._over = ""
        version = json.loads(self._get("limit=1").read())["metadata"]["resourceVersion"]
        self._answer = self._get(f"watch=1&timeoutSeconds=3600&resourceVersion={version}")
        # The connection's own timeout is for what is asked, a watch may be silent.
        assert self._connection.sock is not None
        self._connection.sock.settimeout(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def first(self, condition: Callable[[Json], object], timeout: float = 30.0) -> Seen:
        """The first change after which the condition held; waits for it."""
        deadline = time.monotonic() + timeout
        looked = 0
        while new := self._after(looked, deadline - time.monotonic()):
            for each in new:
                if condition(each.object):
                    return each
            looked += len(new)
        raise RuntimeError(self._over or f"nothing of the kind in {self._path} within {timeout:.0f} s")

    def stop(self) -> None:
        """Close the connection; the thread ends with it."""
        with suppress(OSError):
            if self._connection.sock is not None:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._connection.close()

    def _after(self, looked: int, timeout: float) -> list[Seen]:
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._seen) > looked or self._over, timeout)
            return self._seen[looked:]

    def _get(self, query: str) -> http.client.HTTPResponse:
        self._connection.request("GET", f"{self._path}?{query}", headers=self._headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{self._path}: {answer.status} {answer.read(500)!r}")
        return answer

    def _read(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):
            while line := self._answer.readline():
                at = time.perf_counter()
                change = json.loads(line)
                with self._arrived:
                    self._seen.append(Seen(at, change["object"]))
                    self._arrived.notify_all()
        with self._arrived:
            self._over = f"the watch of {self._path} has ended"
            self._arrived.notify_all()


@contextmanager
def watching(kubeconfig: Path, path: str) -> Iterator[ApiWatch]:
    """For the length of a ``with``."""
    watch = ApiWatch(kubeconfig, path)
    try:
        yield watch
    finally:
        watch.stop()


def named(name: str) -> Callable[[Json], bool]:
    """Condition: the object's name is this."""
    return lambda found: found["metadata"]["name"] == name


def container(name: str, state: str) -> Callable[[Json], bool]:
    """Condition: the (only main) container of the pod of that name is ``running`` or ``terminated``."""

    def holds(pod: Json) -> bool:
        states = pod.get("status", {}).get("containerStatuses") or ()
        return bool(pod["metadata"]["name"] == name and any(state in each.get("state", {}) for each in states))

    return holds


def over(name: str) -> Callable[[Json], bool]:
    """Condition: the job of that name has succeeded or failed, says its operator."""

    def holds(job: Json) -> bool:
        conditions = job.get("status", {}).get("conditions") or ()
        ended = (each["type"] for each in conditions if each["status"] == "True")
        return bool(job["metadata"]["name"] == name and {"Succeeded", "Failed"}.intersection(ended))

    return holds
