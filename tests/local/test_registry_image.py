"""From a source to an image in a registry: what is in it, and what it costs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from ciao.core.errors import SourceError

from ..ociregistry import images, reading, serving
from ..ociregistry.builder import job
from ..ociregistry.place import FILES, SOURCE, TEAM, Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving() as registry:
        images.platforms(registry.store, "base/python", "3")
        yield Place(registry=registry, root=tmp_path)


# -- what is in it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_an_image_that_runs_the_cell(place, docker):
    """The base's layers and config with what is new, in the base's own family of types."""
    settings = {"Env": ["PATH=/bin"], "User": "1000", "Entrypoint": ["/tini"], "WorkingDir": "/", "Labels": {"a": "b"}}
    images.image(place.store, "base/one", "1", docker=docker, config=settings)
    image = place.built(spec=place.spec("base/one", "1"))
    assert not reading.stumbled(place.store, TEAM, image.digest)
    running = reading.config(place.store, TEAM, image.digest)["config"]
    assert running["Cmd"][-2:] == ["/ciao/ciao_replica.py", "/ciao/cell.py"]
    assert not running.get("Entrypoint")
    assert (running["User"], running["Labels"]["a"]) == ("1000", "b")
    assert running["Env"][0] == "PATH=/bin"
    document = place.store.document(TEAM, image.digest)
    assert document["layers"][0] == place.store.document("base/one", "1")["layers"][0]


def test_files_are_for_anybody(place):
    """Readable to every user, owned by root, without a time; the executable bit stays."""
    image = place.built()
    found = reading.files(place.store, TEAM, image.digest)
    assert set(found) == {"cell.py", "ciao_replica.py", *FILES}
    assert {path for path, each in found.items() if each.executable} == {"src/run.sh"}
    assert {(each.mode & 0o444, each.owner, each.mtime) for each in found.values()} == {(0o444, (0, 0), 0)}


def test_names_of_any_kind(place):
    """Backslashes, more than 100 bytes, blanks at the end, a hundred directories."""
    names = ["back\\slash", "x" * 200, "d/" * 100 + "file", "ends with a blank ", "名前" * 20]
    files = {f"odd/{name}": name.encode() for name in names}
    image = place.built(evolve(SOURCE, files=("odd",)), files=files)
    found = reading.files(place.store, TEAM, image.digest)
    assert {path: each.content for path, each in found.items() if path.startswith("odd/")} == files


def test_names_that_are_no_text(place):
    """A newline, say: refused before anything is sent, with the name."""
    told = place.refused(SourceError, source=evolve(SOURCE, files=("odd",)), files={"odd/a\nb": b""})
    assert "'odd/a\\nb'" in told
    assert not place.registry.seen


def test_data_have_a_layer_of_their_own(place):
    """So that a change of the code sends the code alone."""
    files = {**FILES, "data/large.bin": bytes(range(256)) * 8192}
    first = place.built(files=files)
    before = place.registry.uploaded
    second = place.built(evolve(SOURCE, code="print(2)"), files=files)
    layers = [place.store.document(TEAM, each.digest)["layers"] for each in (first, second)]
    assert len(layers[0]) == len(layers[1]) == 3
    assert layers[0][1] == layers[1][1]
    assert place.registry.uploaded - before < 50_000


def test_the_image_is_named_as_the_cluster_pulls_it(place):
    """``registry.pull``; a base may be named so, too."""
    session = place.session(pull="registry.cluster.test:5000/team/app")
    image = place.built(spec=job("registry.cluster.test:5000/base/python:3"), session=session)
    assert image.reference.startswith("registry.cluster.test:5000/team/app:ciao-")
    assert place.store.tags(TEAM) == (image.reference.rpartition(":")[2],)


# -- what it costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("same_kernel", [True, False])
def test_an_unchanged_source_costs_two_requests(place, same_kernel):
    """And 0 bytes; also of a kernel that has only the disk to remember by."""
    first = place.built(times=1)
    sent, asked = place.registry.uploaded, len(place.registry.seen)
    again = place.built(times=2 if same_kernel else 1)
    assert again == first
    assert place.registry.uploaded == sent
    seen = place.registry.seen[asked:]
    assert [each.method for each in seen] == ["HEAD"] * len(seen)
    assert len(seen) <= (4 if same_kernel else 2)


def test_a_small_change_costs_few_requests(place):
    """Two HEADs, two uploads of two requests each, one manifest."""
    place.built()
    asked, sent = len(place.registry.seen), place.registry.uploaded
    place.built(evolve(SOURCE, code="print(2)\n"))
    assert len(place.registry.seen) - asked <= 7
    assert place.registry.uploaded - sent < 40_000


def test_base_layers_are_not_uploaded(place):
    """Mounted from the base's repository; of the base only its config is read."""
    images.image(
        place.store, "base/large", "1", layers=(images.Layer.of({"big": random.Random(0).randbytes(1 << 20)}),)
    )
    place.built(spec=place.spec("base/large", "1"))
    assert place.registry.uploaded < 50_000
    assert len(place.registry.asked("GET", "/v2/base/large/blobs/")) == 1
