"""The program ``s2i`` in a process group of its own: its lines, its end, and what its faults mean."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from attrs import field, frozen

from ciao.adapters.kube.phrases import shortened
from ciao.adapters.s2i.apart import Stop
from ciao.adapters.s2i.docker.faults import no_daemon
from ciao.adapters.s2i.docker.messages import Said
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.ports import Report

_NOISE = re.compile(r"WARNING: could not inspect the builder image|Checking if image |Build (?:failed|completed)")
_REMEDIES = re.compile(r"ERROR: (?:Suggested solution|If the problem persists)")
_SCRIPTS = re.compile(r"failed to install \[|scripts-url label|scripts inside the image")
_DAEMON = re.compile(r"Cannot connect to the Docker daemon|client version .* is too old|permission denied .*docker")


def located(environ: Mapping[str, str]) -> str:
    """Where the tool is. TargetError where it is not."""
    found = shutil.which("s2i", path=environ.get("PATH"))
    if found is None:
        raise TargetError(
            "%s2i=s2i needs the program s2i on $PATH, and it is not there. "
            "It is at https://github.com/openshift/source-to-image/releases; %s2i=docker needs none."
        )
    return found


@frozen(kw_only=True)
class Tool:
    """``program`` is its path; ``image`` how people know the builder image. ``grace``: seconds that it may take to
    remove its container before it is killed.
    """

    program: str
    image: str
    environ: Mapping[str, str] = field(repr=False)
    grace: float = 5.0

    def build(self, source: Path, builder: str, result: str, stop: Stop, report: Report) -> None:
        """Make ``result``, an image of the daemon's. SourceError when the builder image cannot, or will not."""
        said = Said("s2i")
        command = [self.program, "build", ".", builder, result, "--copy", "--pull-policy=never"]
        with self._process(command, source) as process:
            stop.wakes(partial(_end, process, self.grace))
            assert process.stdout is not None
            for line in process.stdout:
                if not _NOISE.match(line):
                    for progress in said.hear({"stream": line.replace(builder, self.image)}):
                        report(progress)
            code = process.wait()
            stop.wakes(None)
        stop.check()
        if code:
            raise self._failed(said.lines, code)

    @contextmanager
    def _process(self, command: Sequence[str], directory: Path) -> Iterator[subprocess.Popen[str]]:
        try:
            process = subprocess.Popen(
                command, cwd=directory, env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
                start_new_session=True,  # the kernel's interrupts are not for it
            )  # fmt: skip
        except OSError as error:
            raise TargetError(f"{self.program} cannot be started: {error.strerror or error}.") from error
        with process:
            try:
                yield process
            finally:
                _kill(process)

    def _failed(self, lines: Sequence[str], code: int) -> CiaoError:
        text = "\n".join(lines)
        if _SCRIPTS.search(text):
            return SourceError(
                f"{self.image} is no builder image of source-to-image: it has no scripts assemble and run.",
                hint="Name one that has them (%image), or choose a builder that needs none (%s2i=registry, docker).",
            )
        if found := _DAEMON.search(text):
            host = self.environ.get("DOCKER_HOST") or "/var/run/docker.sock"
            return no_daemon(host, f"s2i says: {shortened(found[0])}")
        shown = [line for line in lines if not _REMEDIES.match(line)]
        return SourceError(
            f"{self.image} could not put the source into itself: s2i ended with {code}.", hint="\n".join(shown)
        )


def _end(process: subprocess.Popen[str], grace: float) -> None:
    """Asked to end it removes its container; one that does not is killed."""
    _signal(process, signal.SIGTERM)
    killing = threading.Timer(grace, _kill, (process,))
    killing.daemon = True
    killing.start()


def _kill(process: subprocess.Popen[str]) -> None:
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: int) -> None:
    """To the whole group, also when its leader has ended and its children have not; once waited for, its number is
    somebody else's.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
