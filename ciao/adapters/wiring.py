"""What a plug-in's factory is given: everything that an adapter may be made of.

A backend is registered under the entry-point group ``ciao.backends`` as ``create(wiring: Wiring) -> Backend``; the
name of the entry point is the target's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from ciao.core.frameworks.base import Framework
from ciao.core.ports import Clock, JobStore, Names, Workspace
from ciao.core.settings import Settings


@frozen(kw_only=True)
class Wiring:
    """``settings`` is asked each time, since ``%ciao config`` may have changed them; ``environ`` is this process's."""

    settings: Callable[[], Settings]
    frameworks: Mapping[str, Framework]
    store: JobStore
    workspace: Workspace
    clock: Clock
    names: Names
    environ: Mapping[str, str]
