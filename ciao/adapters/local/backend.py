"""Port ``Backend`` for this machine. See the package's docstring for the way things go."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from ciao.adapters.local import interpreter, leases, link, preflight, watching
from ciao.adapters.local.machine import Machine, Options
from ciao.adapters.local.planning import Planner
from ciao.core.errors import NameInUseError, PreflightError, StoreError, UserError
from ciao.core.events import Observation
from ciao.core.frameworks.base import Framework
from ciao.core.model import Artifact, JobHandle, JobSpec, Mounted
from ciao.core.ports import Cursor, Document, Finding, JobSummary, Query, Stop
from ciao.core.redact import MASK

TARGET, KIND = "local", "LocalJob"
_BEYOND = 1.0
"""Seconds that ``close`` waits for supervisors beyond their grace."""
_NO_UID, _NO_TIME = "0" * 32, 0.0


class LocalBackend:
    """One supervisor per job; this process holds their links. Not for several event loops at once."""

    def __init__(
        self,
        *,
        root: Path,
        frameworks: Mapping[str, Framework],
        uid: Callable[[], str],
        machine: Machine,
        options: Options,
    ) -> None:
        self._root = root.expanduser() / TARGET
        self._frameworks, self._uid = frameworks, uid
        self._machine, self._options = machine, options
        self._links: set[link.Link] = set()

    @property
    def target(self) -> str:
        """``local``."""
        return TARGET

    @property
    def decides(self) -> bool:
        """False: ``core.policy`` decides by the operator's rules."""
        return False

    @property
    def accepts_images(self) -> bool:
        """False: replicas are processes."""
        return False

    async def check(self, spec: JobSpec) -> tuple[Finding, ...]:
        """As the port says; off the loop where an interpreter or nvidia-smi has to be asked."""
        named = spec.python or self._options.python
        if spec.nproc is None and not named and not preflight.gpus_wanted(spec):
            return preflight.findings(spec, self._machine, self._options)
        return await asyncio.to_thread(preflight.findings, spec, self._machine, self._options)

    async def platform(self, spec: JobSpec) -> str:
        """Nothing: no image runs here."""
        return ""

    def render(self, spec: JobSpec, artifact: Artifact) -> tuple[Document, ...]:
        """One document per replica: its command and what is added to the environment.

        Ports are the first ones of their range. Values of %env are not shown: notebooks are saved and shared.
        """
        planner = self._planner(spec, _files(artifact))
        ports = tuple(range(self._options.ports[0], self._options.ports[0] + len(spec.replicas)))
        gpus = tuple(str(number) for number in range(preflight.gpus_wanted(spec)))
        plan = planner.plan(_NO_UID, _NO_TIME, ports, gpus)
        documents, hidden = [], {each.name for each in preflight.all_env(spec)}
        for each in plan["replicas"]:
            each["environment"].update({name: MASK for name in hidden if name in each["environment"]})
            shown = {key: each[key] for key in ("argv", "environment", "memory", "cpu") if each[key] is not None}
            text = json.dumps({"cwd": plan["cwd"], **shown}, indent=2)
            documents.append(Document("process", f"{spec.name}-{each['name']}", text))
        return tuple(documents)

    async def submit(self, spec: JobSpec, artifact: Artifact) -> JobHandle:
        """As the port says. NameInUseError while a job of that name runs; PreflightError without ports or GPUs."""
        uid, files = self._uid(), _files(artifact)
        planner = self._planner(spec, files)
        wanted = preflight.gpus_wanted(spec)
        gpus = await asyncio.to_thread(self._machine.gpus, self._machine.environ) if wanted else ()
        await watching.let_go(planner.directory)  # %retries: the former attempt may still be cleaning up
        directory = self._machine.runtime_directory() / "leases"
        fresh = not planner.directory.exists()
        lease = leases.take(
            directory, uid, self._options.ports, ports=len(spec.replicas), gpus=gpus, wanted_gpus=wanted
        )
        try:
            _furnish(planner.directory, files)
            plan = planner.plan(uid, time.time(), lease.ports, lease.gpus)
            started = await link.start(plan, lease.descriptor)
        except BaseException:
            lease.drop()
            if fresh:
                shutil.rmtree(planner.directory, ignore_errors=True)
            raise
        lease.close()
        self._links.add(started)
        started.over.add_done_callback(lambda _: self._links.discard(started))
        return JobHandle(TARGET, "", "", KIND, spec.name, uid)

    @asynccontextmanager
    async def watch(self, handle: JobHandle, cursor: Cursor | None = None) -> AsyncIterator[AsyncIterator[Observation]]:
        """As the port says."""
        offsets = cursor.offsets if cursor is not None else {}
        async with aclosing(watching.observations(self._root / handle.name, handle, offsets)) as stream:
            yield stream

    async def find(self, query: Query) -> tuple[JobSummary, ...]:
        """Those whose supervisor lives; where one was killed, what it left is killed first."""
        if query.name is not None:
            places = [self._root / query.name]
        else:
            places = list(self._root.iterdir()) if self._root.is_dir() else []
        found = [summary for place in places if (summary := _summary(place)) is not None]
        return tuple(each for each in found if query.uid in (None, each.handle.uid))

    async def stop(self, handle: JobHandle, how: Stop) -> None:
        """As the port says. ``remove`` finds nothing to remove: a job leaves nothing but its store entry."""
        try:
            header = watching.header_of(self._root / handle.name, handle)
        except UserError:
            return
        if header["uid"] != handle.uid or (connection := await watching.connected(header["socket"])) is None:
            return
        reader, writer = connection
        names = None if how.replicas is None else [str(each) for each in how.replicas]
        try:
            writer.write(json.dumps({"do": "stop", "replicas": names, "grace": how.grace}).encode() + b"\n")
            await reader.readline()
        except ConnectionError:
            pass  # it ended meanwhile
        finally:
            writer.close()

    def leave(self) -> None:
        """Close all links, so that every job is stopped; waits for nothing and needs no loop."""
        for each in tuple(self._links):
            each.close()

    async def close(self) -> None:
        """``leave``, and wait until the supervisors have ended, for at most their grace and a second."""
        self.leave()
        waiting = [each.over for each in self._links]
        if waiting:
            await asyncio.wait(waiting, timeout=self._options.grace + _BEYOND)

    def _planner(self, spec: JobSpec, files: Mounted) -> Planner:
        python = interpreter.located(
            spec.python or self._options.python, self._machine.environ, self._machine.interpreter
        )
        if python is None:
            raise PreflightError("this machine", [f"There is no interpreter {spec.python or self._options.python}."])
        return Planner(
            spec=spec,
            framework=self._frameworks[spec.framework],
            artifact=files,
            directory=self._root / spec.name,
            machine=self._machine,
            options=self._options,
            python=python,
        )


def _files(artifact: Artifact) -> Mounted:
    if not isinstance(artifact, Mounted):
        raise UserError("Replicas on this machine are processes: they cannot run an image.", hint="Leave %image out.")
    return artifact


def _furnish(directory: Path, files: Mounted) -> None:
    """The job's directory with what runs; logs of earlier attempts stay."""
    if watching.alive(directory):
        raise NameInUseError(f"{directory.name} still runs.", hint=f"%stop {directory.name} ends it.")
    try:
        for name in ("source", "reports"):
            shutil.rmtree(directory / name, ignore_errors=True)
            (directory / name).mkdir(mode=0o700, parents=True)
        (directory / "logs").mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        with suppress(FileNotFoundError):
            (directory / "observations.jsonl").unlink()
        for file in files.files:
            path = directory / "source" / file.path
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(file.content)
    except OSError as error:
        raise StoreError(f"{error.filename} cannot be written: {error.strerror}. Another place: store.path.") from error


def _summary(place: Path) -> JobSummary | None:
    """None when nothing of it runs."""
    messages = [] if place.name.startswith(".") else watching.recorded(place)
    if not messages or messages[0].get("t") != "job" or messages[-1].get("t") == "end":
        return None
    header = messages[0]
    if not watching.alive(place):
        watching.end_processes(header["uid"])
        return None
    handle = JobHandle(TARGET, "", "", KIND, header["name"], header["uid"])
    return JobSummary(handle, header["framework"], len(header["replicas"]), header["created"])
