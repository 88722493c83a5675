"""Values of the settings that speak of registries, and of %platform."""

from __future__ import annotations

import pytest

from ciao.core import settings as keys
from ciao.core.errors import SettingsError
from ciao.core.scan import Value
from ciao.core.settings import resolve
from ciao.core.values import platform


@pytest.mark.parametrize(
    "text",
    ["", "localhost/ciao", "localhost:5000/team/ciao", "registry.example.com/a/b/c", "10.0.0.5:5000/x", "[::1]:5000/x"],
)
def test_a_repository_has_its_registry(text: str) -> None:
    """Host and path, no tag; or nothing."""
    assert resolve().assign("registry.push", text)[keys.REGISTRY_PUSH] == text


@pytest.mark.parametrize(
    "text", ["ciao", "team/ciao", "localhost:5000", "localhost:5000/x:1", "host.a/X", "https://h/x"]
)
def test_what_is_none_is_refused(text: str) -> None:
    """With the form that is wanted."""
    with pytest.raises(SettingsError, match=r"registry\.example\.com/team/ciao"):
        resolve().assign("registry.push", text)


def test_hosts_are_listed() -> None:
    """By commas, with ports or without."""
    assert resolve().assign("registry.insecure", "a.lan, b:5000")[keys.REGISTRY_INSECURE] == ("a.lan", "b:5000")
    with pytest.raises(SettingsError, match="is not a registry's host"):
        resolve().assign("registry.insecure", "http://a")


def test_an_index_has_no_password() -> None:
    """It would be readable in every image; and the message does not repeat it."""
    assert resolve().assign("pip.index", "https://pypi.lan/simple")[keys.PIP_INDEX] == "https://pypi.lan/simple"
    with pytest.raises(SettingsError, match="readable in every image") as refusal:
        resolve().assign("pip.index", "https://ann:geheim@pypi.lan/simple")
    assert "geheim" not in str(refusal.value)
    with pytest.raises(SettingsError, match="URL of a package index"):
        resolve().assign("pip.index", "pypi.lan")


def test_a_platform_is_a_system_and_an_architecture() -> None:
    """As images name them."""
    assert platform(Value("linux/arm/v7")) == "linux/arm/v7"
    with pytest.raises(ValueError, match="is not a platform"):
        platform(Value("arm64"))
