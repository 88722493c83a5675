"""The context of a build: a source's files below directories that a Dockerfile can copy whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from attrs import evolve, frozen

from ciao.adapters.s2i.content import Content, Entry
from ciao.core.ports import Workspace

DATA, CODE = "data", "code"


@frozen(kw_only=True)
class Context(Content):
    """Content whose first directory is only the context's: ``code/train.py`` is the workspace's ``train.py``."""

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """As ``Content.open``."""
        with Content.open(self, evolve(entry, path=entry.path.partition("/")[2])) as file:
            yield file


def laid_out(content: Content) -> tuple[Context, tuple[str, ...]]:
    """The context, and its directories, the one that changes least first."""
    data, code = content.parts()
    entries = [evolve(each, path=f"{CODE}/{each.path}") for each in code]
    entries += [evolve(each, path=f"{DATA}/{each.path}") for each in data]
    context = Context(entries=tuple(entries), directory=content.directory, workspace=content.workspace)
    return context, (DATA, CODE) if data else (CODE,)


def empty(workspace: Workspace) -> Content:
    """The context of a Dockerfile that copies nothing."""
    return Content(entries=(), directory="", workspace=workspace)
