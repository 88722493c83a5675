"""Texts of Dockerfiles: what reaches a shell, an option or a variable, and what cannot."""

from __future__ import annotations

import json

import pytest

from ciao.adapters.s2i.dockerfile import environment, image, index_arguments, index_options, labelled
from ciao.core.errors import TargetError

BASE = "registry.test/base@sha256:0"
LABELS = (("dev.ciao.key", 'a "$b" \\c\nd'),)


def test_packages_are_installed_without_a_shell_and_are_no_options() -> None:
    """Exec form; behind ``--`` pip takes everything for a requirement."""
    text = environment(
        BASE, ["numpy>=2; python_version > '3'", "-r/etc/passwd"], python="python3", user="", labels=LABELS
    )
    (run,) = [line for line in text.splitlines() if line.startswith("RUN ")]
    command = json.loads(run.removeprefix("RUN "))
    assert command[:4] == ["python3", "-m", "pip", "install"]
    assert command[command.index("--") + 1 :] == ["numpy>=2; python_version > '3'", "-r/etc/passwd"]
    assert "ARG PIP_BREAK_SYSTEM_PACKAGES=1" in text
    assert "\nUSER " not in text


def test_a_base_that_is_not_roots_stays_so() -> None:
    """Root installs; after that it is the base's user again."""
    lines = environment(BASE, ["a"], python="python", user="1000:100", labels=LABELS).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("RUN"))
    assert (lines[at - 1], lines[at + 1]) == ("USER 0", "USER 1000:100")


@pytest.mark.parametrize("user", ["1000\nRUN evil", "a b", "-x"])
def test_a_user_that_no_line_can_hold_is_refused(user: str) -> None:
    """The base's config is somebody else's text."""
    with pytest.raises(TargetError, match="user of the base image"):
        environment(BASE, ["a"], python="python", user=user, labels=LABELS)


def test_an_index_without_tls_is_trusted_by_name() -> None:
    """As build arguments, which are no variables of the image; and as options of a file of requirements."""
    assert index_arguments("") == ()
    assert index_arguments("https://index.test/simple") == (("PIP_INDEX_URL", "https://index.test/simple"),)
    assert index_options("http://index.test:80/simple") == (
        "--index-url http://index.test:80/simple", "--trusted-host index.test",
    )  # fmt: skip


def test_an_image_runs_the_cell_whatever_the_base_runs() -> None:
    """No entry point, directories copied whole in their order, labels in quotes on one line."""
    lines = image(BASE, ["data", "code"], python="python", labels=LABELS).splitlines()
    assert lines[0] == f"FROM {BASE}"
    assert "ENTRYPOINT []" in lines
    assert 'CMD ["python", "-u", "/ciao/ciao_replica.py", "/ciao/cell.py"]' in lines
    assert [line for line in lines if line.startswith("COPY")] == [
        'COPY ["data/", "/ciao/"]',
        'COPY ["code/", "/ciao/"]',
    ]
    assert lines[-1] == r'LABEL "dev.ciao.key"="a \"\$b\" \\c d"'


def test_where_the_source_is_already_only_the_command_changes() -> None:
    """An entry point that sets up its environment is kept."""
    lines = labelled("made", "/opt/src", python="python", labels=LABELS).splitlines()
    assert lines[:2] == ["FROM made", 'CMD ["python", "-u", "/opt/src/ciao_replica.py", "/opt/src/cell.py"]']
    assert not any(line.startswith("ENTRYPOINT") for line in lines)
