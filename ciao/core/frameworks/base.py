"""What a framework is: a value. Adding one is writing one (see ``pytorch.py``) and registering it
under the entry-point group ``ciao.frameworks``; nothing else in Ciao changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from ciao.core.model import JobSpec, Replica


@frozen
class RoleRule:
    """One role that a framework has.

    ``counts`` is the inclusive range of replicas (maximum None: no limit). ``ends`` False: its processes
    serve until somebody stops them (parameter servers). ``key`` is Kubeflow's spelling (``Master``, ``PS``).
    """

    name: str
    key: str
    doc: str
    minimum: int = 1
    maximum: int | None = None
    ends: bool = True


@frozen
class Address:
    """Where a replica can be reached by the others."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@frozen
class Success:
    """When a job has succeeded (kubeflow-contracts A.3), tried in order of ``leaders``:

    the first role of ``leaders`` that the job has decides: all its replicas succeeded. When it has none of
    them: all replicas of ``otherwise`` succeeded, or, with ``first_suffices``, replica 0 of it did.
    A replica that fails before that fails the job, of whatever role.
    """

    leaders: tuple[str, ...]
    otherwise: str
    first_suffices: bool = False


Environment = Callable[[JobSpec, Replica, Mapping[Replica, Address]], tuple[tuple[str, str], ...]]


@frozen(kw_only=True)
class Framework:
    """A framework as Ciao needs to know it.

    ``default_role`` is what a bare ``%framework=`` runs one replica of; ``implied`` roles are added with one replica
    when any other role was named (PyTorch's master); of the roles in one group of ``exclusive`` a job has at most one.
    ``kind``, ``container`` and ``port`` are Kubeflow's.
    ``environment`` gives, in order, what the operator would add to a replica's environment, for targets that
    have no operator; ``addresses`` has one entry per replica. ``nproc_launcher``: may run under torchrun.
    """

    name: str
    kind: str
    roles: tuple[RoleRule, ...]
    default_role: str
    success: Success
    image: str
    container: str
    port: int
    environment: Environment = field(repr=False)
    implied: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    nproc_launcher: bool = False
    doc: str = ""

    def rule(self, role: str) -> RoleRule | None:
        """The rule of a role, or None when the framework has no such role."""
        return next((rule for rule in self.roles if rule.name == role), None)
