"""What Kaniko prints, understood; the words are those of Kaniko 1.24, recorded."""

from __future__ import annotations

import re

import pytest

from ciao.adapters.s2i.incluster.failures import failure
from ciao.adapters.s2i.incluster.kanikolog import KanikoLog
from ciao.core.errors import CiaoError, SourceError, TargetError
from ciao.core.events import Exit

from .incluster import own

TARGET = "reg.lan:5000/team/ciao:t1"
CHECK = (
    "error checking push permissions -- make sure you entered the correct tag name, and that you are authenticated "
    f'correctly, and try again: checking push permission for "{TARGET}": '
)
NO_TRANSPORT = f"{CHECK}creating push check transport for reg.lan:5000 failed: "
BUILD = "error building image: "


def heard(*lines: str) -> tuple[KanikoLog, list[str]]:
    """A log that was read to its end, and what was told."""
    told: list[str] = []
    log = KanikoLog(told.append)
    log.feed("".join(f"{line}\n" for line in lines).encode())
    log.end()
    return log, told


def error_of(*lines: str, code: int = 1, reason: str = "Error", message: str = "") -> CiaoError:
    """What a build with this log ends in."""
    return failure(heard(*lines)[0], Exit(code=code, reason=reason, at=0.0, message=message), TARGET)


# -- its lines ----------------------------------------------------------------------------------------


def test_steps_and_what_they_print_are_told_and_nothing_else() -> None:
    """Kaniko says much that nobody needs."""
    _, told = heard(
        own("Retrieving image manifest python:3"), own("Retrieving image python:3 from registry docker.io"),
        own("Built cross stage deps: map[]"), own("Unpacking rootfs as cmd RUN x requires it."), own("RUN x"),
        own("Taking snapshot of full filesystem..."), "hello", "", own("Cmd: /bin/sh"), own("Pushing image to y"),
    )  # fmt: skip
    assert told == [
        "Retrieving image python:3 from registry docker.io",
        "Unpacking rootfs as cmd RUN x requires it.",
        "RUN x",
        "hello",
        "Pushing image to y",
    ]


def test_lines_come_in_pieces_of_any_size() -> None:
    """Also within a character; the last one may have no end."""
    told: list[str] = []
    log = KanikoLog(told.append)
    for byte in "é one\ntwo".encode():
        log.feed(bytes([byte]))
    log.end()
    assert told == ["é one", "two"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("\x1b[31mred\x1b[0m", "red"),
        ('{"loss": 3}', '{"loss": 3}'),
        ('{"level": broken', '{"level": broken'),
        ("error building wheel for x", "error building wheel for x"),
        ("x" * 1000, "x" * 400),
    ],
)
def test_what_steps_print_is_shown_as_a_terminal_would(line: str, said: str) -> None:
    """A step may print anything, JSON and the word error, too."""
    assert heard(line)[1] == [said]


# -- its end ------------------------------------------------------------------------------------------


def test_a_step_that_fails_is_the_users_with_its_last_lines() -> None:
    """First the step and its exit code; then what it printed, and no step before it."""
    error = error_of(
        own("RUN one"), "of another step", own("RUN two"), "Traceback", "KeyError: 3",
        f"{BUILD}error building stage: failed to execute command: waiting for process to exit: exit status 1",
    )  # fmt: skip
    assert isinstance(error, SourceError)
    assert error.lines() == (
        "A step of the Dockerfile failed (exit status 1): RUN two.",
        "  Traceback",
        "  KeyError: 3",
    )


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        (f"{BUILD}parsing dockerfile: dockerfile parse error on line 2: unknown instruction: COPI (did you mean COPY?)",
         SourceError, "The Dockerfile cannot be read: line 2: unknown instruction: COPI"),
        (f"{BUILD}error building stage: failed to get files used from context: failed to get fileinfo for "
         "/kaniko/buildcontext/nofile: lstat /kaniko/buildcontext/nofile: no such file or directory",
         SourceError, "The image cannot be built: .* lstat nofile: no such file or directory"),
        (f"{BUILD}unable to complete operation after 0 attempts, last error: GET http://reg.lan:5000/v2/nothing/"
         "manifests/3.11: MANIFEST_UNKNOWN: manifest unknown; map[Tag:3.11]",
         SourceError, "The build finds no image nothing:3.11 in the registry reg.lan:5000"),
        (f"{BUILD}unable to complete operation after 0 attempts, last error: GET https://auth.docker.io/token?scope=x: "
         "UNAUTHORIZED: authentication required",
         TargetError, "does not give the build an image that it is made from .*UNAUTHORIZED.*registry.secret"),
        (f"{CHECK}POST http://reg.lan:5000/v2/team/ciao/blobs/uploads/: UNAUTHORIZED: authentication required; "
         "[map[Action:pull Class: Name:team/ciao Type:repository]]",
         TargetError, f"reg.lan:5000 does not let the build push {TARGET} .UNAUTHORIZED.*registry.secret"),
        (f"{CHECK}POST https://reg.lan:5000/v2/team/ciao/blobs/uploads/: unexpected status code 403 Forbidden",
         TargetError, f"does not let the build push {TARGET}"),
        (f'{NO_TRANSPORT}Get "https://reg.lan:5000/v2/": tls: failed to verify certificate: x509: certificate signed '
         "by unknown authority",
         TargetError, "does not trust the certificate of the registry reg.lan:5000 .*registry.ca"),
        (f'{NO_TRANSPORT}Get "https://reg.lan:5000/v2/": http: server gave HTTP response to HTTPS client',
         TargetError, "reg.lan:5000 speaks plain HTTP.*registry.insecure"),
        (f'{NO_TRANSPORT}Get "https://reg.lan:5000/v2/": dial tcp 172.18.0.9:5000: connect: no route to host; Get '
         '"http://reg.lan:5000/v2/": dial tcp 172.18.0.9:5000: connect: no route to host',
         TargetError, "Pods cannot reach the registry reg.lan:5000 .no route to host.. registry.pods"),
        (f'{NO_TRANSPORT}Get "https://reg.lan:5000/v2/": dial tcp: lookup reg.lan on 10.96.0.10:53: server misbehaving',
         TargetError, "Pods cannot reach the registry reg.lan:5000 .lookup reg.lan on .*server misbehaving"),
        (f"error pushing image: failed to push to destination {TARGET}: PATCH http://reg.lan:5000/v2/team/ciao/blobs/"
         "uploads/x: unexpected status code 507 Insufficient Storage",
         TargetError, f"reg.lan:5000 did not take {TARGET}: unexpected status code 507"),
        (f"{BUILD}error building stage: failed to execute command: waiting for process to exit: signal: killed",
         TargetError, "was killed.*ran out of memory"),
    ],
    ids=[
        "syntax", "no file", "no base", "base refused", "push refused", "push forbidden", "authority", "plain", "route",
        "name", "full", "killed",
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence_with_its_remedy(line: str, kind: type[CiaoError], said: str) -> None:
    """Whose fault it is, and at which registry."""
    error = error_of(own("RUN x"), line)
    assert type(error) is kind
    assert re.search(said, str(error)), str(error)


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("OOMKilled", "limit 1Gi", "ran out of memory .limit 1Gi."),
        ("Evicted", "it was evicted from n1", "it was evicted from n1"),
        ("DeadlineExceeded", "its time of 1 h was up", "its time of 1 h was up"),
        ("StartError", "exec: no such file", "could not be started: exec: no such file"),
        ("Error", "", "ended with exit code 137 and said nothing"),
    ],
)
def test_what_ended_a_build_from_outside_is_no_fault_of_the_dockerfile(reason: str, message: str, said: str) -> None:
    """And the step that it was in is named."""
    error = error_of(own("RUN make"), "half way", code=137, reason=reason, message=message)
    assert isinstance(error, TargetError)
    assert re.search(said, str(error)), str(error)
    assert "in the step RUN make" in str(error)
    assert str(error).endswith("half way")
