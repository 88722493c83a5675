"""What a registry wants to be told, out of the headers of a 401."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.oci.challenge import challenges, chosen


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Basic realm="Registry Realm"', "basic", {"realm": "Registry Realm"}),
        (
            'Bearer realm="https://auth/token",service="r",scope="repository:a/b:pull,push repository:c:pull"',
            "bearer",
            {"realm": "https://auth/token", "service": "r", "scope": "repository:a/b:pull,push repository:c:pull"},
        ),
        ("BEARER Realm=x , Error = insufficient_scope", "bearer", {"realm": "x", "error": "insufficient_scope"}),
        (r'Basic realm="a \"quoted\", word"', "basic", {"realm": 'a "quoted", word'}),
        ("Negotiate", "negotiate", {}),
    ],
)
def test_a_challenge(header, scheme, parameters):
    """Quoted values may have commas and blanks; names have no case."""
    (found,) = challenges([header])
    assert (found.scheme, dict(found.parameters)) == (scheme, parameters)


def test_several_challenges():
    """In one header or in several; Bearer is taken before Basic, and neither where there is none."""
    found = challenges(['Basic realm="a", Bearer realm="b",service="s"', "Negotiate"])
    assert [each.scheme for each in found] == ["basic", "bearer", "negotiate"]
    assert chosen(found) == found[1]
    assert chosen(challenges(["Bearer service=x", 'Basic realm="a"'])).scheme == "basic"
    assert chosen(challenges(["Negotiate"])) is None


def test_scopes():
    """Several stand in one value."""
    (found,) = challenges(['Bearer realm="x",scope="repository:a:pull,push repository:b:pull"'])
    assert found.scopes == {"repository:a:pull,push", "repository:b:pull"}


@given(st.text(max_size=60))
def test_any_header_is_read(text):
    """Whatever a registry says, nothing is raised."""
    chosen(challenges([text]))
