"""The engine ``docker`` with what answers like a daemon: what is asked of it, and each way in which it fails."""

from __future__ import annotations

import asyncio
import base64
import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.oci.dockerconfig import DockerConfig
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.destination import Destination
from ciao.adapters.s2i.docker.engine import DockerEngine
from ciao.adapters.s2i.engine import Build
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.events import Progress
from ciao.core.model import JobSpec

from .dockerdaemon import HANG, Daemon, Script, serving

SPEC = JobSpec(name="job-1", framework="pytorch", target="kubeflow", roles=())
GOAL = Destination(push="reg.test/team/ciao", pull="reg.test/team/ciao", pods="reg.test/team/ciao")
FILES = {"code/cell.py": b"print(1)\n"}
OK = {"aux": {"ID": "sha256:1"}}


def build_of(files: dict[str, bytes], size: int | None = None) -> Build:
    """A build that copies some files."""
    entries = tuple(Entry(path, len(found) if size is None else size) for path, found in files.items())
    context = Content(entries=entries, directory="/work", workspace=MemoryWorkspace(files))
    return Build(
        dockerfile="FROM base.test/python:3\n", context=context, tag="ciao-1", platform="linux/arm64",
        arguments=(("PIP_INDEX_URL", "https://i.test/"),),
    )  # fmt: skip


def engine(host: str, config: Path) -> DockerEngine:
    """For a daemon, with the logins of a directory."""
    environ = {"DOCKER_HOST": host, "DOCKER_CONFIG": str(config), "HOME": str(config)}
    return DockerEngine(environ, lambda: GOAL, DockerConfig(environ))


def build(
    daemon: Daemon, config: Path, build: Build | None = None, report: Callable[[Progress], None] = lambda _: None
) -> str:
    """The digest of one build."""
    return asyncio.run(engine(daemon.host, config).build(build or build_of(FILES), SPEC, report))


def test_it_builds_names_pushes_and_forgets(tmp_path: Path) -> None:
    """The image has its name only while it is pushed; the context is a tar with the Dockerfile in it."""
    told: list[Progress] = []
    with serving(Daemon(build=({"stream": "Step 1/1 : FROM x\n"}, OK))) as daemon:
        assert build(daemon, tmp_path, report=told.append) == "sha256:2"
    assert daemon.asked == [
        "POST /build",
        "POST /images/sha256:1/tag",
        "POST /images/reg.test/team/ciao/push",
        "DELETE /images/reg.test/team/ciao:ciao-1",
    ]
    with tarfile.open(fileobj=BytesIO(daemon.contexts[0])) as archive:
        assert archive.getnames() == ["code", "code/cell.py", "Dockerfile.ciao"]
    assert told == [Progress("Step 1/1 : FROM x")]


def test_it_pulls_and_pushes_with_the_logins_of_those_registries(tmp_path: Path) -> None:
    """Of the session's ``config.json``, not of the process's; the daemon hears of no others."""
    auths = {
        "reg.test": {"auth": base64.b64encode(b"me:secret").decode()},
        "other.test": {"auth": "eDp5"},
        "base.test": {"identitytoken": "t"},
    }
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    with serving(Daemon()) as daemon:
        build(daemon, tmp_path)
    sent = json.loads(base64.urlsafe_b64decode(daemon.headers["X-Registry-Auth"]))
    assert sent == {"username": "me", "password": "secret", "serveraddress": "reg.test"}
    pulling = json.loads(base64.urlsafe_b64decode(daemon.headers["X-Registry-Config"]))
    assert pulling == {"base.test": {"identitytoken": "t", "serveraddress": "base.test"}}


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (
            ({"stream": "why it fails\n"}, {"errorDetail": {"code": 1, "message": "returned a non-zero code: 1"}}),
            SourceError,
            "non-zero code: 1.*\n.*why it fails",
        ),
        ((400, {"message": "dockerfile parse error line 1: no"}), SourceError, "parse error line 1"),
        ((500, {"message": "out of luck"}), TargetError, r"refused \(500\): out of luck"),
        (
            ({"error": "pull access denied for base.test/python"},),
            TargetError,
            r"Building on base\.test/python:3 failed at base\.test: this account may not",
        ),
        ((), TargetError, "without an image"),
        ((b"<html>",), TargetError, "does not answer"),
    ],
    ids=["a step", "no Dockerfile", "500", "base", "no image", "no JSON"],
)
def test_a_build_that_fails_is_one_error(script: Script, kind: type[CiaoError], message: str, tmp_path: Path) -> None:
    """Nothing is named or pushed then."""
    with serving(Daemon(build=script)) as daemon, pytest.raises(kind, match=message):
        build(daemon, tmp_path)
    assert daemon.asked == ["POST /build"]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            ({"error": "denied: not yours"},),
            "Pushing reg.test/team/ciao:ciao-1 failed at reg.test: this account may not",
        ),
        (({"status": "done"},), "did not say what it has pushed"),
        ((500, {"message": "no such id"}), "refused"),
    ],
    ids=["denied", "no digest", "500"],
)
def test_a_push_that_fails_leaves_no_name(script: Script, message: str, tmp_path: Path) -> None:
    """The image loses the one it had for that."""
    with serving(Daemon(push=script)) as daemon, pytest.raises(TargetError, match=message):
        build(daemon, tmp_path)
    assert daemon.asked[-1] == "DELETE /images/reg.test/team/ciao:ciao-1"


def test_a_file_that_changed_ends_the_build(tmp_path: Path) -> None:
    """The daemon has only a part of the context then, and builds nothing of it."""
    with serving(Daemon()) as daemon, pytest.raises(SourceError, match=r"changed while it was packed"):
        build(daemon, tmp_path, build_of(FILES, size=1000))
    assert "POST /images/sha256:1/tag" not in daemon.asked


@pytest.mark.parametrize("step", ["build", "push"])
def test_cancelling_hangs_up(step: str, tmp_path: Path) -> None:
    """The daemon hears it, and stops; nothing is pushed after that, and no name is left."""
    layer = {"status": "Pushing", "id": "a", "progressDetail": {"current": 1, "total": 2}}
    scripts: dict[str, Script] = {step: ({"stream": "running\n"} if step == "build" else layer, HANG)}

    async def main(daemon: Daemon) -> None:
        running = asyncio.Event()
        work = engine(daemon.host, tmp_path).build(build_of(FILES), SPEC, lambda _: running.set())
        task = asyncio.ensure_future(work)
        await asyncio.wait_for(running.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serving(Daemon(**scripts)) as daemon:
        asyncio.run(main(daemon))
        assert daemon.hung_up.wait(5)
    assert daemon.asked[-1] == {"build": "POST /build", "push": "DELETE /images/reg.test/team/ciao:ciao-1"}[step]


def test_no_daemon_is_said_with_the_ways_out(tmp_path: Path) -> None:
    """Of a build, and of the question whether there is one."""
    found = engine(f"unix://{tmp_path}/no.sock", tmp_path)
    with pytest.raises(TargetError, match=r"does not answer: no such file or directory.*DOCKER_HOST.*%s2i=registry"):
        asyncio.run(found.build(build_of(FILES), SPEC, lambda _: None))
    assert "does not answer" in asyncio.run(found.why_not(SPEC))


def test_a_daemon_that_answers_can_be_used(tmp_path: Path) -> None:
    """Nothing else is asked of it."""
    with serving(Daemon()) as daemon:
        assert asyncio.run(engine(daemon.host, tmp_path).why_not(SPEC)) == ""
    assert daemon.asked == []


def test_what_is_no_daemon_is_told(tmp_path: Path) -> None:
    """DOCKER_HOST may be anything."""
    assert "does not answer" in asyncio.run(engine("nonsense://x", tmp_path).why_not(SPEC))


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    """The file of logins, and what to do."""
    (tmp_path / "config.json").write_text("{")
    with serving(Daemon()) as daemon, pytest.raises(TargetError, match=r"config\.json.*Correct it, or log in anew"):
        build(daemon, tmp_path)


def test_only_the_helpers_of_the_builds_registries_are_asked(tmp_path: Path) -> None:
    """One that fails is named; one for another registry may be as broken as it likes."""
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {"other.test": "not-there"}}))
    with serving(Daemon()) as daemon:
        build(daemon, tmp_path)
        (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {"base.test": "not-there"}}))
        with pytest.raises(TargetError, match=r"docker-credential-not-there.*base\.test"):
            build(daemon, tmp_path)
