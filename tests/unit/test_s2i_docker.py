"""The Docker daemon's side, without one: its context, what it says, what its errors mean, and threads of one's own."""

from __future__ import annotations

import asyncio
import tarfile
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.oci.dockerconfig import Credentials
from ciao.adapters.s2i.apart import Cancelled, Stop, apart, from_thread
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.docker.archive import packed
from ciao.adapters.s2i.docker.faults import of_build, of_registry
from ciao.adapters.s2i.docker.logins import hosts, login_of
from ciao.adapters.s2i.docker.messages import Said
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.events import Progress

LONG = "d" * 90 + "/" + "ünïcode-名前 " * 20


def content(files: dict[str, bytes], *, size: int | None = None, executable: tuple[str, ...] = ()) -> Content:
    """All of a workspace's files; ``size``: what they are said to have."""
    entries = tuple(
        Entry(path, len(found) if size is None else size, path in executable) for path, found in files.items()
    )
    return Content(entries=entries, directory="/work", workspace=MemoryWorkspace(files))


DOCKERFILE = Entry("Dockerfile.ciao", 5, content=b"FROM ")


class TestArchive:
    def test_it_holds_all_files_as_they_are(self) -> None:
        """Names of any length and letters, directories above them, one kind of rights; no owner, one time."""
        files = {LONG: b"x" * 1000, "a/b/run.sh": b"#!", "empty": b""}
        stream = b"".join(packed(content(files, executable=("a/b/run.sh",)), (DOCKERFILE,), Stop()))
        with tarfile.open(fileobj=BytesIO(stream)) as archive:
            members = {each.name: each for each in archive.getmembers()}
            found = {name: archive.extractfile(each).read() for name, each in members.items() if each.isfile()}  # type: ignore[union-attr]
        assert found == {**files, "Dockerfile.ciao": b"FROM "}
        assert {name for name, each in members.items() if each.isdir()} == {"a", "a/b", LONG.partition("/")[0]}
        assert {each.mode for each in members.values()} == {0o644, 0o755}
        assert members["a/b/run.sh"].mode == 0o755
        assert {(each.uid, each.gid, each.mtime) for each in members.values()} == {(0, 0, 315_619_200)}

    def test_the_same_files_are_the_same_bytes(self) -> None:
        """In whatever order they were found."""
        one, other = {"a": b"1", "b/c": b"2"}, {"b/c": b"2", "a": b"1"}
        assert b"".join(packed(content(one), (), Stop())) == b"".join(packed(content(other), (), Stop()))

    def test_a_file_of_the_users_does_not_replace_the_dockerfile(self) -> None:
        """What Ciao adds wins."""
        stream = b"".join(packed(content({"Dockerfile.ciao": b"theirs"}), (DOCKERFILE,), Stop()))
        with tarfile.open(fileobj=BytesIO(stream)) as archive:
            assert [each.size for each in archive.getmembers()] == [5]

    @pytest.mark.parametrize("size", [3, 5])
    def test_a_file_that_changes_meanwhile_is_an_error(self, size: int) -> None:
        """Shorter or longer than it was: the archive would be broken."""
        with pytest.raises(SourceError, match="a changed while it was packed"):
            b"".join(packed(content({"a": b"1234"}, size=size), (), Stop()))

    def test_it_ends_when_it_is_cancelled(self) -> None:
        """Between two pieces."""
        stop = Stop()
        stop.set()
        with pytest.raises(Cancelled):
            b"".join(packed(content({"a": b"1234"}), (), stop))


def heard(*messages: dict[str, Any]) -> tuple[Said, list[Progress]]:
    """What a daemon has said, and what people are told of it."""
    said = Said("push it")
    told = [each for message in messages for each in said.hear(message)]
    return said, [*told, *said.end()]


class TestMessages:
    def test_lines_are_told_whole(self) -> None:
        """However they are cut; without colours, noise and empty ones; the last even if it has no end."""
        _, told = heard(
            {"stream": "Step 1/2 : FROM a"}, {"stream": "\n"}, {"stream": " ---> 1234\n"}, {"stream": "\x1b[31mre"},
            {"stream": "d\x1b[0m\r\n\n50%\r100%\n"}, {"stream": "no end"},
        )  # fmt: skip
        assert [each.what for each in told] == ["Step 1/2 : FROM a", "red", "50%", "100%", "no end"]

    def test_the_last_lines_are_kept(self) -> None:
        """As many as an error can show."""
        said, _ = heard(*({"stream": f"line {number}\n"} for number in range(100)))
        assert said.lines == [f"line {number}" for number in range(80, 100)]

    def test_transfers_are_told_as_one(self) -> None:
        """All layers together, every mebibyte; the bytes of unpacking are not counted again."""
        half = 1 << 20

        def layer(name: str, current: int, status: str = "Pushing") -> dict[str, Any]:
            return {"status": status, "id": name, "progressDetail": {"current": current, "total": 2 * half}}

        _, told = heard(layer("a", half), layer("b", 1), layer("b", half), layer("a", half, "Extracting"))
        assert told == [Progress("push it", half, 2 * half), Progress("push it", 2 * half, 4 * half)]

    def test_what_it_says_on_the_side_is_found(self) -> None:
        """The image's ID, the manifest's digest."""
        said, told = heard({"aux": {"ID": "sha256:1"}}, {"aux": {"Tag": "t", "Digest": "sha256:2", "Size": 3}})
        assert (said.found["ID"], said.found["Digest"], told) == ("sha256:1", "sha256:2", [])

    @pytest.mark.parametrize(
        "message", [{"error": "no", "errorDetail": {"message": "no"}}, {"error": "no"}, {"message": "no"}]
    )
    def test_an_error_is_kept_for_the_end(self, message: dict[str, Any]) -> None:
        """Of whatever form."""
        assert heard(message)[0].error == "no"


class TestFaults:
    @pytest.mark.parametrize(
        ("said", "remedy"),
        [
            ("no basic auth credentials", "docker login reg.test"),
            ("unauthorized: authentication required", "docker login reg.test"),
            ("denied: requested access to the resource is denied", "may not"),
            ('Get "https://reg.test/v2/": http: server gave HTTP response to HTTPS client', "insecure-registries"),
            ("x509: certificate signed by unknown authority", "/etc/docker/certs.d/reg.test/ca.crt"),
            ("dial tcp 10.0.0.1:443: connect: connection refused", "reachable from the daemon"),
            ("write /layer: no space left on device", "Make room"),
            ("toomanyrequests: Too Many Requests", "Wait"),
            ("manifest unknown: manifest unknown", "name and the tag"),
            ("something new", "something new"),
        ],
    )
    def test_a_registrys_error_has_a_remedy(self, said: str, remedy: str) -> None:
        """And names what was done, the reference and the registry."""
        error = of_registry("Pushing", "reg.test/a:1", said)
        assert str(error).startswith("Pushing reg.test/a:1 failed at reg.test: ")
        assert remedy in str(error)

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            ("The command '[\"false\"]' returned a non-zero code: 1", SourceError),
            ("COPY failed: file not found in build context", SourceError),
            ("pull access denied for reg.test/a, repository does not exist", TargetError),
            ("Get https://reg.test/v2/: dial tcp: lookup reg.test: no such host", TargetError),
        ],
    )
    def test_a_step_is_the_users_and_a_base_the_registrys(self, said: str, kind: type[CiaoError]) -> None:
        """The lines of the log are for a step: they say why."""
        error = of_build("reg.test/a", said, ["why it fails"])
        assert type(error) is kind
        assert ("why it fails" in "\n".join(error.lines())) == (kind is SourceError)


@pytest.mark.parametrize(
    ("credentials", "login"),
    [
        (None, {}),
        (Credentials("me", "secret"), {"username": "me", "password": "secret", "serveraddress": "reg.test"}),
        (Credentials(identity="token"), {"identitytoken": "token", "serveraddress": "reg.test"}),
        (Credentials(bearer="token"), {"registrytoken": "token"}),
    ],
)
def test_logins_are_told_as_the_api_has_them(credentials: Credentials | None, login: dict[str, str]) -> None:
    """``AuthConfig`` of the Engine API."""
    assert login_of(credentials, "reg.test") == login


def test_a_build_gets_the_logins_of_the_registries_that_its_dockerfile_names() -> None:
    """Of all stages, of a copy from an image, of an image in an ARG; not of what a step speaks of."""
    text = """
        ARG BASE=arg.test/a:1
        FROM --platform=linux/amd64 one.test:5000/a/b:1 AS first
        FROM ${OTHER:-two.test/b@sha256:%s}
        COPY --from=three.test/c /a /b
        RUN curl four.test/d
    """ % ("0" * 64)
    assert set(hosts(text)) - {"docker.io"} == {"arg.test", "one.test:5000", "two.test", "three.test"}
    assert hosts("FROM python:3") == ("docker.io",)


def play(story: Callable[[], Any]) -> Any:
    """On a loop of its own."""
    return asyncio.run(story())


class TestApart:
    def test_it_returns_and_raises_what_the_work_does(self) -> None:
        """As if it had been done here."""

        def fails(stop: Stop) -> None:
            raise SourceError("no")

        assert play(lambda: apart(lambda stop: 3)) == 3
        with pytest.raises(SourceError, match="no"):
            play(lambda: apart(fails))

    def test_what_is_cancelled_is_woken_and_waited_for(self) -> None:
        """Its clean-up has been done when the cancellation is over; what it reports after that is not heard."""
        over, told = threading.Event(), list[int]()

        async def story() -> None:
            loop, begun = asyncio.get_running_loop(), asyncio.Event()

            def work(stop: Stop) -> None:
                hung_up = threading.Event()
                stop.wakes(hung_up.set)
                loop.call_soon_threadsafe(begun.set)
                hung_up.wait(10)
                from_thread(told.append, stop, loop)(1)
                over.set()

            task = asyncio.ensure_future(apart(work))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert over.is_set()

        play(story)
        assert told == []

    def test_work_that_hangs_is_left_alone(self) -> None:
        """Cancelling takes the grace, no more; its thread keeps no process from ending."""
        never = threading.Event()

        async def story() -> None:
            loop, begun = asyncio.get_running_loop(), asyncio.Event()

            def hangs(stop: Stop) -> None:
                assert threading.current_thread().daemon
                loop.call_soon_threadsafe(begun.set)
                never.wait(10)

            task = asyncio.ensure_future(apart(hangs, grace=0.0))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        play(story)
        never.set()

    def test_a_wait_that_begins_late_is_ended_at_once(self) -> None:
        """The cancellation came before the thread had a connection."""
        stop, hung_up = Stop(), threading.Event()
        stop.set()
        stop.wakes(hung_up.set)
        assert hung_up.is_set()
        with pytest.raises(Cancelled):
            stop.check()
