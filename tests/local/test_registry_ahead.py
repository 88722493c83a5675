"""A changed source is on its way before it is known whether it has to be; whatever turns out, the image is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from ciao.core.errors import SourceError

from ..ociregistry import faults, images, reading, serving
from ..ociregistry.place import SOURCE, TEAM, Place

OTHER = evolve(SOURCE, code="print(2)\n")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A kernel that knows the base, and has pushed one image."""
    with serving() as registry:
        images.image(registry.store, "base/one", "1")
        found = Place(registry=registry, root=tmp_path)
        found.built(spec=found.spec("base/one", "1"))
        yield found


def elsewhere(place: Place) -> Place:
    """Another machine."""
    return Place(registry=place.registry, root=place.root / "elsewhere")


def test_a_base_that_has_moved(place: Place) -> None:
    """The image is on the new one, and nothing of the other is seen."""
    images.image(place.store, "base/one", "1", config={"Env": ["NEW=1"]})
    image = place.built(OTHER, place.spec("base/one", "1"))
    assert not reading.stumbled(place.store, TEAM, image.digest)
    assert "NEW=1" in reading.config(place.store, TEAM, image.digest)["config"]["Env"]
    assert len(place.store.tags(TEAM)) == 2
    assert not place.store.repository(TEAM).uploads


def test_an_image_that_another_machine_has_pushed(place: Place) -> None:
    """It is taken as it is, and no upload is left that was begun for nothing."""
    theirs = elsewhere(place).built(OTHER, place.spec("base/one", "1"))
    assert place.built(OTHER, place.spec("base/one", "1")) == theirs
    assert not place.store.repository(TEAM).uploads


def test_who_may_not_push_may_use_what_is_there(place: Place) -> None:
    """The refusal of what would have been sent does not matter then."""
    theirs = elsewhere(place).built(OTHER, place.spec("base/one", "1"))
    place.registry.goes_wrong(faults.error(403, "DENIED", "read only"), "POST", f"/v2/{TEAM}/blobs/uploads/", times=-1)
    assert place.built(OTHER, place.spec("base/one", "1")) == theirs


def test_a_base_that_is_gone(place: Place) -> None:
    """One error about the base; no tag, and no upload that lies around."""
    place.store.repository("base/one").tags.clear()
    with pytest.raises(SourceError, match=r"There is no image .*base/one:1"):
        place.built(OTHER, place.spec("base/one", "1"))
    assert len(place.store.tags(TEAM)) == 1
    assert not place.store.repository(TEAM).uploads
