"""Ciao as a library: everything a notebook can do, in a script, and also inside a notebook.

``Client`` is the whole of it; the functions here (``ciao.run``, ``ciao.launch``, …) are those of a client that is
opened with the first call, with the settings of the working directory and the environment. Items of a job
are the magics' own, as keyword arguments: ``run(code, framework="pytorch", worker=2, env={"A": "1"})``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from ciao.api.client import Client
from ciao.api.job import Job, Result

__all__ = [
    "Client", "Job", "Result",
    "attach", "describe", "jobs", "launch", "logs", "render", "run", "run_async", "stop",
]  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")

_default: list[Client] = []


def client() -> Client:
    """The client behind ``ciao.run`` and the others; opened with the first call."""
    if not _default:
        _default.append(Client())
    return _default[0]


def _forward(method: Callable[Concatenate[Client, P], T]) -> Callable[P, T]:
    """A method of the default client as a function."""

    @functools.wraps(method)
    def function(*args: P.args, **kwargs: P.kwargs) -> T:
        return method(client(), *args, **kwargs)

    return function


run = _forward(Client.run)
run_async = _forward(Client.run_async)
launch = _forward(Client.launch)
attach = _forward(Client.attach)
render = _forward(Client.render)
jobs = _forward(Client.jobs)
logs = _forward(Client.logs)
stop = _forward(Client.stop)
describe = _forward(Client.describe)
