"""Images that others are made on: which one is meant, and those that nothing can be put on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from ciao.core.errors import SourceError, TargetError

from ..ociregistry import Account, Bearer, Redirect, Traits, images, reading, serving
from ..ociregistry.builder import job
from ..ociregistry.place import SOURCE, TEAM, Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving() as registry:
        images.platforms(registry.store, "base/python", "3")
        yield Place(registry=registry, root=tmp_path)


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_an_index_is_resolved_for_the_cluster(place, docker, architecture):
    """By the platform of the cluster's nodes; what is attested of images is none."""
    images.platforms(place.store, "base/many", "1", docker=docker)
    session = place.session(platform=f"linux/{architecture}")
    image = place.built(spec=place.spec("base/many", "1"), session=session)
    assert reading.config(place.store, TEAM, image.digest)["architecture"] == architecture
    assert image.platform.startswith(f"linux/{architecture}")
    assert reading.files(place.store, TEAM, image.digest, "/etc")["arch"].content == architecture.encode()


def test_a_manifest_that_does_not_name_its_type(place):
    """As OCI allows."""
    images.image(place.store, "base/terse", "1", types=False)
    assert not reading.stumbled(place.store, TEAM, place.built(spec=place.spec("base/terse", "1")).digest)


def test_a_base_by_its_digest(place):
    """Needs no tag, and is not asked for twice."""
    digest = images.image(place.store, "base/pinned", "")
    image = place.built(spec=job(f"{place.registry.host}/base/pinned@{digest}"))
    assert not reading.stumbled(place.store, TEAM, image.digest)


def test_layers_that_nobody_here_can_read_are_left_alone(place):
    """zstd: taken over as they are."""
    images.zstandard(place.store, "base/zstd", "1")
    image = place.built(spec=place.spec("base/zstd", "1"))
    assert not reading.stumbled(place.store, TEAM, image.digest)
    assert place.store.document(TEAM, image.digest)["layers"][0]["mediaType"].endswith("+zstd")


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_foreign_layers(docker, tmp_path):
    """Taken over by name where a registry allows that; else one sentence, after one attempt."""
    with serving(traits=Traits(foreign=True)) as registry:
        images.foreign(registry.store, "base/foreign", "1", docker=docker)
        place = Place(registry=registry, root=tmp_path / "allowed")
        image = place.built(spec=place.spec("base/foreign", "1"))
        assert place.store.document(TEAM, image.digest)["layers"][0]["urls"] == ["https://elsewhere.test/layer"]
    with serving() as registry:
        images.foreign(registry.store, "base/foreign", "1", docker=docker)
        place = Place(registry=registry, root=tmp_path / "refused")
        told = place.refused(TargetError, spec=place.spec("base/foreign", "1"))
        assert "layers are to be fetched from elsewhere" in told
        assert len(registry.asked("PUT", "/manifests/")) == 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (images.chart, r"it is an artifact of the type application/vnd\.cncf\.helm\.config\.v1\+json"),
        (images.schema1, "schema 1"),
        (images.incomplete, "is damaged: .* lacks its layer sha256:"),
    ],
    ids=["chart", "schema 1", "a layer is missing"],
)
def test_what_nobody_can_build_on(place, make, says):
    """One sentence with the base as it was named, and what to do."""
    make(place.store, "base/bad", "1")
    told = place.refused(spec=place.spec("base/bad", "1"))
    assert re.search(says, told)
    assert f"{place.registry.host}/base/bad:1" in told


def test_a_base_with_a_layer_missing_elsewhere(place, tmp_path):
    """The sentence names the registry that lacks it, not the one that is pushed to."""
    with serving() as other:
        images.incomplete(other.store, "base/bad", "1")
        told = place.refused(TargetError, spec=job(f"{other.host}/base/bad:1"))
        assert f"{other.host}/base/bad lacks its layer" in told


def test_a_base_of_another_registry(place):
    """Its layers are passed on, once; another image on it sends none of them."""
    with serving() as other:
        images.image(
            other.store, "base/far", "1", layers=tuple(images.Layer.of({f"{at}": bytes([at])}) for at in range(9))
        )
        spec = job(f"{other.host}/base/far:1")
        assert not reading.stumbled(place.store, TEAM, place.built(spec=spec).digest)
        asked = len(other.asked("GET", "/blobs/"))
        place.built(evolve(SOURCE, code="print(2)"), spec=spec)
        assert len(other.asked("GET", "/blobs/")) == asked


def test_a_base_whose_blobs_lie_in_an_object_store(place):
    """Behind a redirect, with a login for the registry."""
    with serving(Bearer({"ann": Account("secret")})) as other:
        place.docker.login(other.host, "ann", "secret")
        images.image(other.store, "base/far", "1")
        other.goes_wrong(Redirect(), "GET", "/blobs/", times=-1)
        image = place.built(spec=job(f"{other.host}/base/far:1"))
        assert not reading.stumbled(place.store, TEAM, image.digest)
        assert {each.scheme for each in other.asked(path="/storage/")} == {""}


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("{host}/base/none:1", "There is no image {host}/base/none:1"),
        ("{host}/base/python:4", "There is no image {host}/base/python:4"),
        ("{host}/base/python@sha256:" + "0" * 64, "there is no manifest"),
        ("{host}/Base:1", "'Base' has capitals"),
        ("{host}/base:", "'' is no tag"),
        ("{host}/base@sha256:12", "is no digest"),
        ("{host}/", "the name is missing"),
        ("http://{host}/base", "is not a reference of an image"),
        ("a b", "is not a reference of an image"),
    ],
)
def test_a_base_that_is_not_there(place, image, says):
    """The user's mistake: the image as it was written, and what to look at."""
    told = place.refused(SourceError, spec=job(image.format(host=place.registry.host)))
    assert says.format(host=place.registry.host) in told


def test_a_base_for_another_architecture(place):
    """An index without it names those that there are."""
    told = place.refused(SourceError, session=place.session(platform="linux/s390x"))
    assert "is not there for linux/s390x" in told
    assert "linux/amd64" in told
    assert "linux/arm64" in told


def test_a_base_whose_tag_moves(place):
    """Is asked for each time: the image is another one."""
    first = place.built()
    images.image(place.store, "base/python", "3", config={"Env": ["NEW=1"]})
    second = place.built()
    assert first.digest != second.digest
    assert "NEW=1" in reading.config(place.store, TEAM, second.digest)["config"]["Env"]
