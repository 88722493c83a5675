"""``%pip``: which sets of packages are the same, and what cannot be installed."""

from __future__ import annotations

import asyncio

import pytest

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.reference import parse
from ciao.adapters.s2i.environment import build_of, recipe
from ciao.core.errors import SourceError

from .s2ibuilding import CopyingEngine, Shelf


def base(name: str = "python:3", user: str = "") -> Base:
    """An image that a shelf knows."""

    async def platform() -> str:
        return "linux/amd64"

    return asyncio.run(Shelf(user).resolve(parse(name), name, platform))


def tag(*packages: str, name: str = "python:3", python: str = "python", index: str = "") -> str:
    """Of the environment with these packages."""
    wanted = recipe(packages, python=python, index=index)
    return build_of(wanted, base(name), CopyingEngine(Shelf()), MemoryWorkspace({})).tag


def test_names_are_equal_as_pip_has_it_and_order_means_nothing() -> None:
    """``PyYAML`` is ``pyyaml``, ``a_b`` is ``a.b``; each counts once."""
    assert tag("Py_YAML>=6", "numpy") == tag("numpy", "py.yaml>=6") == tag("numpy", "numpy", " py-yaml>=6")
    assert tag("numpy").startswith("pip-")


def test_everything_else_makes_another_environment() -> None:
    """Version, base, index, interpreter."""
    others = {
        tag("numpy"), tag("numpy>=2"), tag("numpy", name="python:4"), tag("numpy", index="https://i.test/"),
        tag("numpy", python="python3"),
    }  # fmt: skip
    assert len(others) == 5


def test_a_url_is_left_as_it_is() -> None:
    """Its letters count."""
    assert recipe(("Ciao @ https://Host/A.whl",), python="", index="").packages == ("ciao @ https://Host/A.whl",)
    assert recipe(("https://Host/A.whl",), python="", index="").packages == ("https://Host/A.whl",)


@pytest.mark.parametrize("path", ["./net", "/opt/net", "dist/net.whl", "../x"])
def test_a_path_is_refused(path: str) -> None:
    """There are none of the user's files in an image that is shared by cells."""
    with pytest.raises(SourceError, match="a path means nothing in an image"):
        recipe((path,), python="", index="")


def test_a_password_is_refused_and_not_repeated() -> None:
    """It would be in the history of the image."""
    with pytest.raises(SourceError, match="credentials in its URL") as error:
        recipe(("a @ https://me:hunter2@host/a.whl",), python="", index="")
    assert "hunter2" not in str(error.value)


def test_the_index_is_a_build_argument() -> None:
    """So that it is no variable of every image made on it."""
    wanted = recipe(("a",), python="python", index="https://i.test/simple")
    build = build_of(wanted, base(user="1000"), CopyingEngine(Shelf()), MemoryWorkspace({}))
    assert build.arguments == (("PIP_INDEX_URL", "https://i.test/simple"),)
    assert "i.test" not in build.dockerfile
    assert build.dockerfile.startswith("FROM reached.test/library/python@sha256:")
    assert build.context.entries == ()
