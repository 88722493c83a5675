"""What a cell, a command line or a library call asks for, once it is understood.

The interpreter makes these; ``core.session`` carries them out. Views are asked for with them too,
so that a notebook, the command line and the library cannot differ.
"""

from __future__ import annotations

from attrs import frozen

from ciao.core.model import JobSpec, Replica, Source


@frozen(kw_only=True)
class Launch:
    """Run a job. ``detach``: answer at once; ``quiet``: show only the beginning and the end.

    ``include`` and ``var`` name things of the notebook that travel with the cell.
    ``text`` is the cell as written (for the record); ``render``: show what would be created instead.
    """

    spec: JobSpec
    source: Source
    text: str
    detach: bool = False
    quiet: bool = False
    include: tuple[str, ...] = ()
    var: tuple[str, ...] = ()
    render: bool = False


@frozen(kw_only=True)
class Attach:
    """Show what the job's log has, then follow on. ``name`` ``last``: the newest job."""

    name: str
    target: str | None = None


@frozen(kw_only=True)
class StopJob:
    name: str
    target: str | None = None
    force: bool = False


@frozen(kw_only=True)
class Logs:
    """Lines of a job, from its log. ``replica`` None: all, one after another by time.

    ``tail``: the last lines of each; ``since``: seconds back from now; ``grep``: a regular expression;
    ``follow``: go on while it runs; ``timestamps``: print each line's time.
    """

    name: str
    target: str | None = None
    replica: Replica | None = None
    tail: int | None = None
    since: float | None = None
    grep: str | None = None
    follow: bool = False
    timestamps: bool = False


@frozen(kw_only=True)
class Jobs:
    """The list of jobs; ``all`` with those that ended long ago (else the newest twenty)."""

    target: str | None = None
    all: bool = False


@frozen(kw_only=True)
class Describe:
    name: str
    target: str | None = None


@frozen(kw_only=True)
class Rerun:
    """Run a recorded job's cell again, under a fresh name."""

    name: str
    target: str | None = None


@frozen(kw_only=True)
class Config:
    """``show`` (no ``assignment``) or set ``key = value`` for this session."""

    key: str | None = None
    value: str | None = None


@frozen
class Doctor:
    """What this machine and the targets offer, and what is missing."""


@frozen
class Help:
    """``topic``: a magic's or command's name; empty: all of it."""

    topic: str = ""


Request = Launch | Attach | StopJob | Logs | Jobs | Describe | Rerun | Config | Doctor | Help
