"""Ciao: a notebook cell becomes a distributed training job.

    import ciao
    result = ciao.run(code, framework="pytorch", worker=2)

Importing this imports nothing else: names are looked up when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciao.api import (
        Client,
        Job,
        Result,
        attach,
        describe,
        jobs,
        launch,
        logs,
        render,
        run,
        run_async,
        stop,
    )
    from ciao.core.errors import (
        CiaoError,
        JobError,
        JobFailedError,
        JobStoppedError,
        StoreError,
        TargetError,
        UserError,
    )

__version__ = "0.1.0"

__all__ = [
    "CiaoError",
    "Client",
    "Job",
    "JobError",
    "JobFailedError",
    "JobStoppedError",
    "Result",
    "StoreError",
    "TargetError",
    "UserError",
    "attach",
    "describe",
    "jobs",
    "launch",
    "load_ipython_extension",
    "logs",
    "render",
    "run",
    "run_async",
    "stop",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("ciao.core.errors" if name.endswith("Error") else "ciao.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_ipython_extension(ip: Any) -> None:
    """``%load_ext ciao``: job cells in any ipykernel."""
    from ciao.kernel.extension import load

    load(ip)
