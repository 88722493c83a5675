"""A project's own Dockerfile: what it makes is the base that a cell is put on.

It is built apart from the cell, so that a changed cell leaves the project's layers as they are. Its context is the
whole directory, without what ignore files leave out; ``%file`` brings such a file back.
"""

from __future__ import annotations

from attrs import frozen

from ciao.adapters.s2i.content import Content, Entry, largest, refuse_secrets
from ciao.core.errors import SourceError
from ciao.core.measures import size
from ciao.core.model import JobSpec, Source
from ciao.core.ports import Workspace

NAME = "Dockerfile"
PREFIX = "project-"
"""What tags of such bases begin with."""


@frozen
class Project:
    """``text`` is the Dockerfile's, ``context`` the directory that it lies in."""

    text: str
    context: Content


def found(source: Source, spec: JobSpec, workspace: Workspace, limit: int) -> Project | None:
    """The project of a source's directory; None when it has no Dockerfile, or an image is named (``%image``).

    SourceError for files that must not travel, or are too many. Blocking.
    """
    if not source.directory or any(role.image for role in spec.roles):
        return None
    text = _text(workspace, source.directory)
    if text is None:
        return None
    files = workspace.select(source.directory, (".", *source.files))
    refuse_secrets(files)
    if (total := sum(each.size for each in files)) > limit:
        raise SourceError(
            f"The directory of the {NAME} is too large to travel: {size(total)}, and {size(limit)} is the limit.",
            hint=f"{largest(files)}\nLeave data out with a .dockerignore, or raise the setting s2i.limit.",
        )
    entries = tuple(Entry(each.path, each.size, each.executable, None, each.stamp) for each in files)
    return Project(text, Content(entries=entries, directory=source.directory, workspace=workspace))


def _text(workspace: Workspace, directory: str) -> str | None:
    try:
        read = workspace.read(directory, NAME)
    except SourceError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return None
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{NAME} in {directory} is no text (UTF-8): {error.reason}.") from error
