"""What a plug-in's factory is given: everything that an adapter may be made of.

A backend is registered under the entry-point group ``ciao.backends`` as ``create(wiring: Wiring) -> Backend``; the
name of the entry point is the target's. A builder is one of ``ciao.builders``, ``create(wiring: Wiring) -> S2IClient``;
its name is what ``%s2i`` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from ciao.core.frameworks.base import Framework
from ciao.core.model import JobSpec
from ciao.core.ports import Clock, JobStore, Names, S2IClient, Workspace
from ciao.core.settings import Settings

if TYPE_CHECKING:
    from ciao.adapters.kube.connections import Connections


@frozen(kw_only=True)
class Wiring:
    """``settings`` is asked each time, since ``%ciao config`` may have changed them; ``environ`` is this process's.

    ``clusters``: the session's connections, one for each context of the kubeconfig. ``platform``: as
    ``Backend.platform`` of the job's target. ``builder``: another builder by its name, for one that hands over to it.
    """

    settings: Callable[[], Settings]
    frameworks: Mapping[str, Framework]
    store: JobStore
    workspace: Workspace
    clock: Clock
    names: Names
    environ: Mapping[str, str]
    clusters: Callable[[], Connections]
    platform: Callable[[JobSpec], Awaitable[str]]
    builder: Callable[[str], S2IClient]
