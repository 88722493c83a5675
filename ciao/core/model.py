"""What a job is, as values: complete at birth, never changed, equal when they say the same.

Nothing here knows where a job runs. Words are the field's own: a *job* has *roles*, a role has
*replicas*; a *source* becomes an *artifact*; a job that exists somewhere has a *handle*.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable

from attrs import field, fields, frozen

from ciao.core.quantity import Quantity


class CleanPolicy(enum.Enum):
    """What happens to replicas when the job is over; values are Kubeflow's ``cleanPodPolicy``."""

    ALL = "All"
    RUNNING = "Running"
    NONE = "None"


class OnExit(enum.Enum):
    """What happens to a cluster job when its kernel leaves. A local job always ends with it."""

    KEEP = "keep"
    STOP = "stop"


@frozen
class SecretRef:
    """One key of a Secret, by reference: its value never passes through Ciao."""

    name: str
    key: str


@frozen
class EnvVar:
    """``repr`` hides the value: it may be a password, and reprs end in logs."""

    name: str
    value: str | SecretRef = field(repr=False)


@frozen
class Resources:
    """What one replica may use. ``gpu`` counts whole devices; None: nothing was said.

    ``extended`` are resources that only a cluster has, by their full names (``rdma/hca``), in whole numbers.
    """

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: int | None = None
    extended: tuple[tuple[str, int], ...] = ()


@frozen
class Role:
    """``replicas`` equal processes (pods) of one kind; ``name`` is lower case: master, worker, ps."""

    name: str
    replicas: int
    resources: Resources = Resources()
    image: str | None = None
    env: tuple[EnvVar, ...] = ()


@frozen(order=True)
class Replica:
    """One process (pod) of a role; prints as ``worker-1``."""

    role: str
    index: int

    def __str__(self) -> str:
        return f"{self.role}-{self.index}"

    @classmethod
    def parse(cls, text: str) -> Replica:
        """``worker-1`` -> Replica; ValueError for anything else."""
        role, dash, index = text.rpartition("-")
        if not (role and dash and index.isascii() and index.isdigit()):
            raise ValueError(f"{text!r} is not a replica (role-index, as in worker-1)")
        return cls(role, int(index))


@frozen
class Volume:
    """A PersistentVolumeClaim (or a directory, on targets that have those) mounted at ``path``."""

    claim: str
    path: str
    read_only: bool = False


@frozen(kw_only=True)
class Placement:
    """What only a cluster understands. On this machine it has no meaning, and Ciao says so."""

    context: str | None = None
    namespace: str | None = None
    queue: str | None = None
    priority: str | None = None
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[str, ...] = ()
    service_account: str | None = None
    pull_secret: str | None = None
    overlay: str | None = None
    ttl: float | None = None
    user: str | None = None

    def said(self) -> tuple[str, ...]:
        """The names of the fields that were set, in order."""
        return tuple(each.name for each in fields(Placement) if getattr(self, each.name))


@frozen(kw_only=True)
class JobSpec:
    """All that was asked for, with every default filled in.

    ``timeout`` is the job's deadline in seconds from its submission. ``nproc`` None: the cell runs
    once per replica, without torchrun. ``python`` is an interpreter for targets that have files.
    ``builder`` None: by what is there. ``platform`` (``linux/arm64``) None: the target's own.
    """

    name: str
    framework: str
    target: str
    roles: tuple[Role, ...]
    env: tuple[EnvVar, ...] = ()
    args: tuple[str, ...] = ()
    clean_policy: CleanPolicy = CleanPolicy.RUNNING
    on_exit: OnExit = OnExit.KEEP
    timeout: float | None = None
    retries: int = 0
    nproc: int | None = None
    python: str | None = None
    builder: str | None = None
    platform: str | None = None
    volumes: tuple[Volume, ...] = ()
    secrets: tuple[str, ...] = ()
    placement: Placement = Placement()

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """All replicas, role by role in the order of ``roles``, then by index."""
        return tuple(Replica(role.name, index) for role in self.roles for index in range(role.replicas))

    def role(self, name: str) -> Role:
        """The role of that name; KeyError when the job has none."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(name)


@frozen
class SourceFile:
    """A file that travels with the cell; ``path`` is relative, with ``/``, and stays inside."""

    path: str
    content: bytes = field(repr=False)


@frozen(kw_only=True)
class Source:
    """What a job runs, before any builder has seen it.

    ``code`` keeps the line numbers of what the user wrote (magic lines are blank). ``label`` is how
    the user knows it: ``Cell In [3]``, ``train.py``. ``modules`` are made by Ciao (``%include``,
    ``%var``); ``files`` are the user's ``%file`` patterns below ``directory`` (absolute path).
    """

    code: str = field(repr=False)
    label: str = "this cell"
    modules: tuple[SourceFile, ...] = ()
    files: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    directory: str = ""

    @property
    def digest(self) -> str:
        """``sha256:…`` of code and modules: the same source has the same digest."""
        return digest_of([SourceFile("cell.py", self.code.encode("utf-8", "surrogatepass")), *self.modules])


@frozen
class Origin:
    """Lines ``first .. last`` of ``ciao_names.py`` were written elsewhere: ``line`` of ``label`` and on."""

    first: int
    last: int
    label: str
    line: int


@frozen
class Image:
    """An image in a registry, pinned: ``reference`` is pulled by ``digest``.

    ``source`` is the directory in it that holds ``cell.py``, ``ciao_replica.py`` and the user's files. ``platform``
    (``linux/amd64``): the only nodes that it runs on; "" when nobody knows.
    """

    reference: str
    digest: str
    source: str = "/ciao"
    platform: str = ""


@frozen
class Mounted:
    """Files that appear in every replica, beside each other; ``cell.py`` is what runs.

    ``directory`` is where it runs, on targets that share the user's disk (absolute path).
    """

    files: tuple[SourceFile, ...]
    digest: str
    directory: str = ""


Artifact = Image | Mounted


@frozen
class JobHandle:
    """A job that exists: enough to find it again from another process.

    ``context`` and ``namespace`` are empty on this machine; ``kind`` is ``LocalJob``, ``PyTorchJob``, …
    ``uid`` tells two jobs of one name apart.
    """

    target: str
    context: str
    namespace: str
    kind: str
    name: str
    uid: str


def digest_of(files: Iterable[SourceFile]) -> str:
    """``sha256:…`` over paths and contents, independent of their order."""
    whole = hashlib.sha256()
    for item in sorted(files, key=lambda each: each.path):
        path = item.path.encode()
        whole.update(b"%d:%s:%d:" % (len(path), path, len(item.content)))
        whole.update(item.content)
    return f"sha256:{whole.hexdigest()}"
