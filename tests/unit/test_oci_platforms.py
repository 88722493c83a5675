"""Choosing from an index, as containerd does."""

from __future__ import annotations

import pytest

from ciao.adapters.oci.platforms import chosen, normal, of_config
from ciao.core.errors import SourceError


def index(*platforms: str) -> dict:
    """An index of images for these platforms; their digests are their names. ``?``: it does not say."""
    listed = []
    for each in platforms:
        system, _, rest = each.partition("/")
        architecture, _, variant = rest.partition("/")
        platform = {"os": system, "architecture": architecture, **({"variant": variant} if variant else {})}
        listed.append({"digest": each, **({} if each == "?" else {"platform": platform})})
    return {"manifests": listed}


@pytest.mark.parametrize(
    ("there", "wanted", "found"),
    [
        (("linux/amd64", "linux/arm64"), "linux/arm64", "linux/arm64"),
        (("linux/amd64", "linux/arm64/v8"), "linux/arm64", "linux/arm64/v8"),
        (("linux/arm/v6", "linux/arm/v7"), "linux/arm", "linux/arm/v7"),
        (("windows/amd64", "linux/amd64"), "linux/amd64", "linux/amd64"),
        (("unknown/unknown", "linux/amd64"), "linux/x86_64", "linux/amd64"),
        (("linux/amd64", "linux/arm64"), "linux/aarch64", "linux/arm64"),
        (("?",), "linux/amd64", "?"),
    ],
)
def test_the_image_for_a_platform(there, wanted, found):
    """Variants that everybody means are filled in; one that says nothing is taken if there is no other."""
    assert chosen(index(*there), wanted, "app") == found


@pytest.mark.parametrize("there", [("linux/arm64", "linux/386"), ("unknown/unknown",) * 2, ()])
def test_none_for_a_platform(there):
    """A SourceError that names the image and what there is."""
    with pytest.raises(SourceError, match="app is not there for linux/amd64") as error:
        chosen(index(*there), "linux/amd64", "app")
    assert "unknown" not in str(error.value)
    assert all(each in str(error.value) for each in there if "unknown" not in each)


def test_names_of_platforms():
    """Those that people and machines have for them."""
    assert normal("linux/x86_64") == normal("linux/amd64") == ("linux", "amd64", "")
    assert of_config({"os": "linux", "architecture": "arm64", "variant": "v8"}) == "linux/arm64/v8"
