"""Kernels on this machine: one for all tests of a module, or as many as a test starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..kernels import Kernel, kernelspecs


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with kernelspecs."""
    return kernelspecs(tmp_path_factory.mktemp("specs"))


@pytest.fixture(scope="session")
def start(specs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel: ``start("ciao")``. All that were started are ended with the tests."""
    started: list[Kernel] = []

    def begin(name: str = "ciao", home: Path | None = None, **env: str) -> Kernel:
        started.append(Kernel(name, specs, home or tmp_path_factory.mktemp("home"), **env))
        return started[-1]

    yield begin
    for kernel in started:
        kernel.close()


@pytest.fixture(scope="module")
def kernel(start: Callable[..., Kernel]) -> Kernel:
    """One Ciao kernel for all tests of a module."""
    return start()
