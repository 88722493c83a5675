"""The ports: all that the core asks of the world, each a short list of promises.

An adapter keeps every promise in its port's docstring; ``ciao.testing`` has a contract suite for
each, and the in-memory adapters pass the same suites as the real ones.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import BinaryIO, Protocol, TypeVar

from attrs import frozen

from ciao.core.events import Input, Observation, Outcome, Progress
from ciao.core.model import Artifact, JobHandle, JobSpec, Origin, Replica, Source

T = TypeVar("T")
Report = Callable[[Progress], None]


class Severity(enum.Enum):
    """REFUSAL: the job cannot run. NOTICE: it can, and this is worth knowing."""

    REFUSAL = "refusal"
    NOTICE = "notice"


@frozen
class Finding:
    """One result of a preflight: a sentence with its remedy."""

    severity: Severity
    message: str


@frozen
class Document:
    """What would be created: ``kind`` (PyTorchJob, ConfigMap, process) and its text (YAML or the like)."""

    kind: str
    name: str
    text: str


@frozen
class Cursor:
    """How far a watcher has come: per replica the byte offset of its log that it has already."""

    offsets: Mapping[Replica, int]


@frozen
class Query:
    """Which jobs to find; None matches all."""

    name: str | None = None
    uid: str | None = None


@frozen
class JobSummary:
    """One line of ``%jobs`` as a backend sees it. ``outcome`` None: it still runs.

    ``roles``, ``label`` and ``owner`` are as in ``JobRecord``, where the target knows them: then a job that another
    machine's kernel started can be followed from here.
    """

    handle: JobHandle
    framework: str
    replicas: int
    created: float
    outcome: Outcome | None = None
    roles: tuple[tuple[str, int], ...] = ()
    label: str = ""
    digest: str = ""
    owner: str = ""


@frozen
class Stop:
    """How to stop. ``replicas`` None: all. ``grace`` in seconds between asking (SIGTERM) and
    forcing (SIGKILL), None: the backend's own; 0: force now. ``remove``: also delete what the job
    left on the target (objects, pods); logs in the job store stay.
    """

    replicas: tuple[Replica, ...] | None = None
    grace: float | None = None
    remove: bool = False


class Backend(Protocol):
    """A target: where replicas run.

    - ``check`` answers without creating anything; nothing exists afterwards. It never raises for
      what the user can mend: that is a Finding.
    - ``render`` is pure: the documents that ``submit`` would create.
    - ``submit`` is all or nothing: when it raises or is cancelled, nothing of the job is left; when it returns, the
      job exists and its ``LogChunk`` and ``ReplicaSeen`` can be watched. The launcher has created the job's
      record in the store before (with a handle that has no uid yet). The same job may be submitted again once it
      has ended (``%retries``): it gets another uid, and its logs go on.
    - ``watch`` first replays what is so (the newest ReplicaSeen of each replica, one LogChunk for
      what its log holds past the cursor, an outcome), then what changes, in order. The iterator ends
      when every replica has ended and every byte of every log has been reported, or after ``JobGone``.
      Any number may watch one job. A replica's last LogChunk comes before its ended ReplicaSeen.
    - ``platform`` is for which ``os/architecture`` an image has to be, as far as the target can tell; "" where images
      have no meaning, or nobody knows.
    - ``find`` returns every job of this target that still exists there.
    - ``stop`` returns when the request is accepted; the effect is observed through ``watch``. It is
      idempotent, and a job that is over or gone is not an error.
    - ``close`` releases connections and ends what must not outlive this process.

    Raises TargetError for faults of the target, UnknownJobError for a handle that never was.
    """

    @property
    def target(self) -> str: ...

    @property
    def decides(self) -> bool:
        """True where an operator decides the outcome (OutcomeSeen); else core.policy does."""

    @property
    def accepts_images(self) -> bool: ...

    async def check(self, spec: JobSpec) -> tuple[Finding, ...]: ...

    def render(self, spec: JobSpec, artifact: Artifact) -> tuple[Document, ...]: ...

    async def submit(self, spec: JobSpec, artifact: Artifact) -> JobHandle: ...

    def watch(
        self, handle: JobHandle, cursor: Cursor | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Observation]]: ...

    async def platform(self, spec: JobSpec) -> str: ...

    async def find(self, query: Query) -> tuple[JobSummary, ...]: ...

    async def stop(self, handle: JobHandle, how: Stop) -> None: ...

    async def close(self) -> None: ...


class S2IClient(Protocol):
    """Source to image (or to mounted files).

    The same source gives the same digest, and then nothing is uploaded. Raises SourceError for what
    the user can mend (a %file that matches nothing, a size over the limit), TargetError for faults
    of a registry or daemon. Cancelled in the middle, it leaves nothing half-published.
    ``preview`` is what it would give, without anything being built, uploaded or left: an image that is not there yet
    has no digest (""). ``close`` releases connections; closed again, it does nothing.
    """

    async def source_to_image(self, source: Source, spec: JobSpec, report: Report) -> Artifact: ...

    async def preview(self, source: Source, spec: JobSpec) -> Artifact: ...

    async def close(self) -> None: ...


@frozen(kw_only=True)
class JobRecord:
    """What the store keeps of a job besides its logs. Values of env and secrets are redacted.

    ``source`` is the text of the cell as the user wrote it (with magics, redacted); ``label`` how he
    knows it; ``owner`` says which process follows the job. ``attempts`` counts submissions.
    """

    handle: JobHandle
    framework: str
    roles: tuple[tuple[str, int], ...]
    created: float
    source: str
    label: str
    digest: str
    owner: str = ""
    attempts: int = 1
    ended: float | None = None
    outcome: Outcome | None = None
    summary: str = ""
    origins: tuple[Origin, ...] = ()

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """All replicas, role by role."""
        return tuple(Replica(role, index) for role, count in self.roles for index in range(count))


@frozen
class LogGap:
    """Bytes may be missing before line ``line`` (the number of lines: at the end).

    ``after``: when the line before the gap came; ``before``: the line behind it, None while there is none.
    """

    line: int
    after: float
    before: float | None


class LogReader(Protocol):
    """One replica's log, readable while it grows. Offsets are bytes, lines count from 0.

    An unterminated last line counts as a line. ``read`` returns at most ``limit`` bytes from
    ``offset`` (b"" at the present end). Every line has a time: ``stamps`` gives, for lines
    ``first .. first + count``, seconds since the epoch, never decreasing.
    """

    @property
    def size(self) -> int: ...

    @property
    def lines(self) -> int: ...

    def read(self, offset: int, limit: int) -> bytes: ...

    def offset_of(self, line: int) -> int:
        """Where a line begins; the size for a line past the end."""

    def line_at(self, offset: int) -> int:
        """Which line the byte at ``offset`` belongs to."""

    def since(self, at: float) -> int:
        """The first line that came at or after a time; the number of lines when there is none."""

    def stamps(self, first: int, count: int) -> tuple[float, ...]: ...

    def gaps(self, first: int, count: int) -> tuple[LogGap, ...]:
        """The gaps before lines ``first .. first + count``, in order. A gap is no byte of the log."""

    def trouble(self) -> str:
        """Why the log is incomplete; empty when it is not."""

    def close(self) -> None: ...


class LogWriter(Protocol):
    """The one writer of a job's logs. Nothing here raises for a full disk or a reached limit: ``append``
    drops the bytes, returns None, and ``trouble`` says why, once and for good.

    ``keep`` and ``kept`` are for a writer whose source outlives it: how far it was read, to go on from there. The
    mark survives the death of this process at any instant (it is the old one or the new one), not that of the
    machine. A new job of the name has none.
    """

    def append(self, replica: Replica, data: bytes, at: float) -> tuple[int, int, int, int] | None:
        """(first_line, count, offset, end) of what was appended, as in ``LogChunk``."""

    def gap(self, replica: Replica, at: float) -> None:
        """Bytes may be missing here; an unterminated line ends. ``at``: when the last line before came."""

    def keep(self, replica: Replica, mark: str) -> None:
        """Remember the mark (at most 60,000 bytes of UTF-8) and the log's size now. Costs microseconds."""

    def kept(self, replica: Replica) -> tuple[str, int]:
        """The last mark, and the size that the log had then; ``("", 0)`` when there is none."""

    def size(self, replica: Replica) -> int: ...

    def read(self, replica: Replica, offset: int, limit: int) -> bytes:
        """As ``LogReader.read``; b"" where it cannot be read."""

    def trouble(self, replica: Replica) -> str: ...

    def close(self) -> None: ...


class JobStore(Protocol):
    """Jobs and their logs, on disk or in memory; they outlive kernels and pods.

    - ``create`` replaces an ended job of the same target and name, with its logs; NameInUseError when
      that one has not ended. StoreError (naming the path and the remedy) when it cannot be written.
    - ``update`` is atomic: a reader sees the old record or the new one. Creates nothing.
    - ``get``/``list`` never raise for a damaged record: they leave it out (``list`` newest first).
    - ``writer``: one at a time per job, over processes; StoreError when another holds it.
    - ``remove`` deletes record and logs; no error when there are none.
    """

    def create(self, record: JobRecord) -> None: ...

    def update(self, record: JobRecord) -> None: ...

    def get(self, target: str, name: str) -> JobRecord | None: ...

    def list(self) -> tuple[JobRecord, ...]: ...

    def writer(self, handle: JobHandle) -> LogWriter: ...

    def reader(self, handle: JobHandle, replica: Replica) -> LogReader: ...

    def remove(self, handle: JobHandle) -> None: ...


@frozen
class WorkspaceFile:
    """A file of the user's: ``path`` relative to the workspace's root, size in bytes.

    ``stamp`` changes whenever the file has been written to, as far as its file system tells ("": it tells nothing);
    equal stamps of one path in one directory mean equal contents. ``named``: a pattern named it in full.
    """

    path: str
    size: int
    executable: bool = False
    stamp: str = ""
    named: bool = False


class Workspace(Protocol):
    """The files that a Source names. Patterns are relative to ``directory``; a directory stands for
    all below it; ignore files are respected; links that lead outside are SourceErrors. ``open`` reads a selected
    file in pieces, however large it is; ``stamp`` is the one that it has now.
    """

    def select(self, directory: str, patterns: tuple[str, ...]) -> tuple[WorkspaceFile, ...]: ...

    def read(self, directory: str, path: str) -> bytes: ...

    def open(self, directory: str, path: str) -> AbstractContextManager[BinaryIO]: ...

    def stamp(self, directory: str, path: str) -> str: ...


class Clock(Protocol):
    """``now``: seconds since the epoch. ``monotonic``: seconds, never going back."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class Names(Protocol):
    """Fresh names. ``job("pytorch")`` -> ``pytorch-k3f9x``: a DNS-1035 label of at most 33 characters."""

    def job(self, framework: str) -> str: ...

    def uid(self) -> str: ...


class Inbox(Protocol):
    """What one running job hears: its backend's observations, merged with what it is told from outside.

    - ``post`` may be called from any thread, at any time; after the job's end it does nothing.
    - ``after`` posts ``TimerFired(name)`` once, ``seconds`` later; a timer set again under its name
      replaces the former; seconds < 0 cancels it.
    - ``merged`` iterates over both in the order of arrival and ends when the observations end.
      Inputs posted before it is entered come first. An error of the observations is raised there.
    - ``unless_stopped`` awaits ``work``; a StopRequested that comes first cancels it, waits for its
      clean-up, and raises ``Interrupted`` (the StopRequested stays in the inbox).
    """

    def post(self, message: Input) -> None: ...

    def after(self, seconds: float, name: str) -> None: ...

    def merged(self, observations: AsyncIterator[Observation]) -> AbstractAsyncContextManager[AsyncIterator[Input]]: ...

    async def unless_stopped(self, work: Awaitable[T]) -> T: ...


class Interrupted(Exception):
    """Raised by ``Inbox.unless_stopped``: the job was stopped before it existed."""


@frozen
class Definition:
    """What the notebook knows of a name: its source as a module-level statement.

    ``kind`` is function, class, import (``text``: import statements that bind the name) or module (``name``
    dotted, ``text`` of its file at ``path``, relative to the notebook's directory, with ``/``).
    ``origin`` and ``line`` say where it was written: line 5 of ``Cell In [2]``.
    """

    name: str
    kind: str
    text: str
    path: str = ""
    origin: str = ""
    line: int = 1


class Notebook(Protocol):
    """The names of the notebook that a cell stands in.

    - ``has``: the user's name is defined there (not IPython's own, not a builtin).
    - ``value``: the name's value as JSON text; SourceError when it is not plain data (None, bool, int,
      float, str, list, tuple, dict with str keys of those) or larger than 1 MiB.
    - ``definition``: its source (never kind module); SourceError when it has none (a value, or made by exec).
    - ``module``: the file of a module by its dotted name, when it lies in the notebook's directory; None for
      modules that are installed, built in, or not found. A package's is its ``__init__.py``.

    Asking changes nothing and runs no code of the user's.
    """

    def has(self, name: str) -> bool: ...

    def value(self, name: str) -> str: ...

    def definition(self, name: str) -> Definition: ...

    def module(self, dotted: str) -> Definition | None: ...
