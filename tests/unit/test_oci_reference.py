"""References of images, as Docker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.oci.reference import Reference, parse
from ciao.core.errors import SourceError

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("python", ("docker.io", "library/python", "", "")),
        ("python:3.11", ("docker.io", "library/python", "3.11", "")),
        ("team/app", ("docker.io", "team/app", "", "")),
        ("index.docker.io/team/app", ("docker.io", "team/app", "", "")),
        ("docker.io/python", ("docker.io", "library/python", "", "")),
        ("localhost/app", ("localhost", "app", "", "")),
        ("localhost:5000/app:1", ("localhost:5000", "app", "1", "")),
        ("registry.example.com/a/b/c", ("registry.example.com", "a/b/c", "", "")),
        ("[::1]:5000/app", ("[::1]:5000", "app", "", "")),
        (f"ghcr.io/a/b:1@{DIGEST}", ("ghcr.io", "a/b", "1", DIGEST)),
        ("Host/app", ("Host", "app", "", "")),
    ],
)
def test_references(text, parts):
    """Host, path, tag and digest; without a host it is Docker Hub."""
    assert parse(text) == Reference(*parts)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a b", "Python", "python:", "python@", "python@sha256:0", f"python@sha512:{'0' * 128}", "/app", "a//b",
        "http://host/app", "host:port/app", "host.io/", "host.io/-a", "host.io/a_", "host.io/a..b", "a:b:c", "../a",
        "host.io/app:ä", "host.io/äpp", "host.io/app\n", f"host.io/{'a' * 256}", f"app:{'1' * 129}",
    ],
)  # fmt: skip
def test_what_is_none(text):
    """A SourceError that quotes it."""
    with pytest.raises(SourceError) as error:
        parse(text)
    assert repr(text) in str(error.value)


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_mistake(text):
    """Nothing else is raised; and what is one is written as it is read."""
    try:
        found = parse(text)
    except SourceError:
        return
    assert parse(str(found)) == found


def test_another_repository_of_the_same_image():
    """``at`` keeps tag and digest."""
    assert str(parse(f"python:3@{DIGEST}").at("host:1/a/b")) == f"host:1/a/b:3@{DIGEST}"
    assert parse("host.io/a").wanted == "latest"
    assert parse("host.io/a:1").pinned(DIGEST) == f"host.io/a@{DIGEST}"
