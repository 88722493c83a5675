"""Texts of Dockerfiles. Pure.

Commands have the exec form, a list of JSON, so that no shell is in between. Names of the user's files are never in
them: a directory is copied whole, since the names in a COPY are patterns, in which variables are replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from ciao.adapters.command import CELL, RUNNER
from ciao.core.errors import TargetError

SOURCE = "/ciao"
"""The directory of an image that holds cell, runner and files."""
_PIP = ("-m", "pip", "install", "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.$@\\+-]*(?::[A-Za-z0-9_][A-Za-z0-9_.$@\\+-]*)?", re.ASCII)
Labels = Sequence[tuple[str, str]]


def environment(base: str, packages: Sequence[str], *, python: str, user: str, labels: Labels) -> str:
    """``base`` with packages. ``user``: as whom the base runs ("": root); the result does so, too.

    After ``--`` pip takes nothing for an option. An index comes as build arguments, see ``index_arguments``. The label
    is last: a layer cache keeps the layer below an image that is removed.
    """
    lines = [f"FROM {base}", "ARG PIP_BREAK_SYSTEM_PACKAGES=1", "ARG PIP_ROOT_USER_ACTION=ignore"]
    lines += ["ARG PIP_INDEX_URL", "ARG PIP_TRUSTED_HOST"]
    run = f"RUN {json.dumps([python, *_PIP, *packages])}"
    lines += ["USER 0", run, f"USER {_user(user)}"] if user else [run]
    return _text(*lines, _labels(labels))


def index_arguments(index: str) -> tuple[tuple[str, str], ...]:
    """The build arguments for a package index (``pip.index``): pip trusts one without TLS only by name."""
    if not index:
        return ()
    found = urlsplit(index)
    trusted = (("PIP_TRUSTED_HOST", found.hostname or ""),) if found.scheme == "http" else ()
    return (("PIP_INDEX_URL", index), *trusted)


def index_options(index: str) -> tuple[str, ...]:
    """The same as lines of a requirements.txt."""
    options = {"PIP_INDEX_URL": "--index-url", "PIP_TRUSTED_HOST": "--trusted-host"}
    return tuple(f"{options[name]} {value}" for name, value in index_arguments(index))


def image(base: str, directories: Sequence[str], *, python: str, labels: Labels = ()) -> str:
    """``base`` with directories of the context as one ``/ciao``, the one that changes least first.

    ``docker run`` of it runs the cell: an entry point of the base's would take the command for its arguments.
    """
    command = [python, "-u", f"{SOURCE}/{RUNNER}", f"{SOURCE}/{CELL}"]
    lines = [f"FROM {base}", f"ENV CIAO_SOURCE={SOURCE}", "ENTRYPOINT []", f"CMD {json.dumps(command)}"]
    lines += [f"COPY {json.dumps([f'{each}/', f'{SOURCE}/'])}" for each in directories]
    return _text(*lines, f"WORKDIR {SOURCE}", *([_labels(labels)] if labels else []))


def labelled(base: str, source: str, *, python: str, labels: Labels) -> str:
    """``base``, which has the source in it already, so that it runs the cell, and says what it is."""
    command = [python, "-u", f"{source}/{RUNNER}", f"{source}/{CELL}"]
    return _text(f"FROM {base}", f"CMD {json.dumps(command)}", _labels(labels))


def _labels(labels: Labels) -> str:
    return "LABEL " + " ".join(f"{_quoted(name)}={_quoted(value)}" for name, value in labels)


def _quoted(text: str) -> str:
    r"""In double quotes, where ``\``, ``"`` and ``$`` have a meaning and a line has to be one."""
    escaped = re.sub(r'([\\"$])', r"\\\1", " ".join(text.split()))
    return f'"{escaped}"'


def _user(user: str) -> str:
    if not _USER.fullmatch(user):
        raise TargetError(f"The user of the base image, {user!r}, is none that a Dockerfile can name.")
    return re.sub(r"([\\$])", r"\\\1", user)


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"
