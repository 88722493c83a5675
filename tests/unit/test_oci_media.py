"""Documents of registries: those that an image can be made on, and all others."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.oci import media
from ciao.adapters.oci.platforms import chosen
from ciao.core.errors import CiaoError, TargetError

CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:1", "size": 1}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:2", "size": 2}
MANIFEST = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]}


def understood(document: object, kind: str = media.OCI_MANIFEST) -> media.Manifest:
    return media.understood(json.dumps(document).encode(), kind, "sha256:0", "host/app:1")


def test_its_type_is_in_it_or_beside_it():
    """The document's word counts; an index may be without any."""
    assert understood(MANIFEST, f"{media.OCI_MANIFEST}; charset=utf-8").media_type == media.OCI_MANIFEST
    docker = {**MANIFEST, "mediaType": media.DOCKER_MANIFEST}
    assert understood(docker).media_type == media.DOCKER_MANIFEST
    assert understood({"schemaVersion": 2, "manifests": []}, "application/json").is_index


@pytest.mark.parametrize(
    ("document", "kind", "says"),
    [
        ("<html>", media.OCI_MANIFEST, "is no JSON"),
        ([], media.OCI_MANIFEST, "is no JSON"),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json", "schema 1"),
        ({"schemaVersion": 2}, "application/json", "is no image: its manifest is application/json"),
        ({"schemaVersion": 2}, "", "of no known type"),
        ({"schemaVersion": 2}, media.OCI_MANIFEST, "is damaged"),
        ({**MANIFEST, "layers": None}, media.OCI_MANIFEST, "is damaged"),
        ({**MANIFEST, "layers": [{"digest": "x"}]}, media.OCI_MANIFEST, "is damaged"),
        ({**MANIFEST, "layers": ["x"]}, media.OCI_MANIFEST, "is damaged"),
        ({"schemaVersion": 2, "manifests": ["x"]}, media.OCI_INDEX, "is no list of manifests"),
        ({"manifests": [{"digest": "x", "platform": {"os": 1}}]}, media.OCI_INDEX, "is no list of manifests"),
        ({**MANIFEST, "config": {**CONFIG, "mediaType": "application/x"}}, media.OCI_MANIFEST, "is an artifact"),
        ({**MANIFEST, "layers": [{**LAYER, "mediaType": "x+encrypted"}]}, media.OCI_MANIFEST, "has encrypted layers"),
    ],
)
def test_what_nothing_can_be_made_on(document, kind, says):
    """One sentence that names the image."""
    body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    with pytest.raises(TargetError, match=says) as error:
        media.understood(body, kind, "sha256:0", "host/app:1")
    assert "host/app:1" in str(error.value)


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["config", "layers", "mediaType", "digest", "size", "manifests", "platform", "architecture", "os"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(_JSON, st.sampled_from([*media.MANIFESTS, *media.INDEXES, "application/json", ""]))
def test_any_document_is_understood_or_refused(document, kind):
    """Whatever a registry sends, nothing but a CiaoError is raised, by choosing from an index neither."""
    with suppress(CiaoError):
        found = understood(document, kind)
        if found.is_index:
            chosen(found.document, "linux/amd64", "app")


def test_the_same_document_is_the_same_bytes():
    """Sorted, without blanks."""
    assert media.encoded({"b": "é", "a": [1]}) == '{"a":[1],"b":"é"}'.encode()
