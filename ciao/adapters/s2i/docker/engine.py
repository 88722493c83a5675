"""Port ``Engine`` on a Docker daemon: the classic builder of its API, which every daemon has, then a push.

Each build has a thread and a connection of its own. The image has no name before it is pushed, so a build that was
left alone can publish nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from ciao.adapters.oci.dockerconfig import DockerConfig
from ciao.adapters.oci.reference import Reference
from ciao.adapters.s2i.apart import Stop, apart, from_thread
from ciao.adapters.s2i.content import Entry
from ciao.adapters.s2i.destination import Destination, destination
from ciao.adapters.s2i.docker.archive import packed
from ciao.adapters.s2i.docker.client import SILENCE, connected, heard, interruptible
from ciao.adapters.s2i.docker.faults import failed_step, of_build
from ciao.adapters.s2i.docker.logins import login_of, logins
from ciao.adapters.s2i.docker.messages import Said
from ciao.adapters.s2i.docker.pushing import Target, pushed
from ciao.adapters.s2i.engine import DOCKERFILE, Build
from ciao.adapters.wiring import Wiring
from ciao.core.errors import TargetError
from ciao.core.model import JobSpec
from ciao.core.ports import Report

if TYPE_CHECKING:
    from docker import APIClient

_FROM = re.compile(r"(?:Step \S+ : )?FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE)
_ASKING = 5
"""Seconds within which a daemon that can be used says so."""


class DockerEngine:
    """``goal``: where images go, asked with each build; ``logins``: whose credentials."""

    name = "docker"

    def __init__(self, environ: Mapping[str, str], goal: Callable[[], Destination], logins: DockerConfig) -> None:
        self._environ, self._goal, self._logins = environ, goal, logins

    def reached(self, reference: Reference) -> Reference:
        """A daemon has the names that this machine has."""
        return reference

    async def build(self, build: Build, spec: JobSpec, report: Report) -> str:
        """As the port says."""
        target, loop = await self.target(build.tag), asyncio.get_running_loop()
        pulling = await logins(build.dockerfile, self._logins)

        def work(stop: Stop) -> str:
            told = from_thread(report, stop, loop)
            with connected(self._environ, logins=pulling) as client:
                return pushed(client, built(client, build, stop, told), target, stop, told)

        return await apart(work)

    async def target(self, tag: str) -> Target:
        """Where an image of that tag goes, and who pushes it."""
        repository = self._goal().push
        host = repository.partition("/")[0]
        login = login_of(await self._logins.credentials(host), host)
        return Target(repository=repository, tag=tag, login=login)

    async def why_not(self, spec: JobSpec) -> str:
        """One sentence why no daemon can be used here and now; "" when one can."""
        try:
            await apart(partial(_asked, self._environ))
        except TargetError as error:
            return str(error)
        return ""

    async def close(self) -> None:
        """Nothing is held: connections end with their builds."""


def docker_engine(wiring: Wiring) -> DockerEngine:
    """On the daemon that the environment names."""
    environ = wiring.environ
    return DockerEngine(environ, lambda: destination(wiring.settings(), DockerEngine.name), DockerConfig(environ))


def built(client: APIClient, build: Build, stop: Stop, report: Report) -> str:
    """The ID of the image. SourceError for a step that failed, with the last lines that were said."""
    from docker.errors import APIError

    said, text = Said("pull"), build.dockerfile.encode()
    context = packed(build.context, (Entry(DOCKERFILE, len(text), content=text),), stop)
    try:
        with interruptible(client, stop):
            stream = client.build(
                fileobj=cast(IO[bytes], context),  # an iterator: requests sends it in chunks
                custom_context=True, dockerfile=DOCKERFILE, rm=True, forcerm=True, decode=True,
                platform=build.platform or None, buildargs=dict(build.arguments), timeout=SILENCE,
            )  # fmt: skip
            heard(stream, said, stop, report)
    except APIError as error:
        if not error.is_client_error():
            raise
        raise failed_step(str(error.explanation), said.lines) from error
    if said.error:
        raise of_build(_base(build, said), said.error, said.lines)
    if "ID" not in said.found:
        raise TargetError("The Docker daemon ended the build without an image. Run the cell again, or look at its log.")
    return said.found["ID"]


def _base(build: Build, said: Said) -> str:
    """What the build was on when it ended: of several stages the last that began."""
    lines = (*reversed(said.lines), *build.dockerfile.splitlines())
    return next((found[1] for line in lines if (found := _FROM.match(line))), "the base")


def _asked(environ: Mapping[str, str], stop: Stop) -> None:
    with connected(environ, patience=_ASKING):
        pass
