"""``ciao image``: what is in the registry, and what goes away."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciao.cli import guarded
from ciao.core.model import Source
from ciao.terminal import Terminal, terminal_of

from ..ociregistry import Registry, images, serving
from ..ociregistry.builder import Session, job
from ..ociregistry.docker import Docker


class Place:
    """A registry with two of Ciao's images and one of somebody else's; ``known`` is what this machine knows."""

    def __init__(self, registry: Registry, root: Path) -> None:
        self.registry, self.root, self.known = registry, root, root / "images"
        images.platforms(registry.store, "base/python", "3")
        session = Session(push=f"{registry.host}/team/app", home=root, docker=Docker.at(root))

        async def build() -> None:
            client = session.client()
            for code in ("print(1)\n", "print(2)\n"):
                source = Source(code=code, label="Cell In [7]", directory=str(root))
                await client.source_to_image(source, job(f"{registry.host}/base/python:3"), lambda _: None)
            await client.close()

        asyncio.run(build())
        manifest = registry.store.tags("team/app")
        self.tags = sorted(manifest)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output, and what was said on the side."""
        out, err = io.StringIO(), io.StringIO()
        terminal: Terminal = terminal_of(out, err, {})
        return guarded(["image", *words], terminal), out.getvalue(), err.getvalue()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with serving() as registry:
        found = Place(registry, tmp_path)
        for name in [name for name in os.environ if name.startswith("CIAO_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("CIAO_REGISTRY_PUSH", f"{registry.host}/team/app")
        monkeypatch.setenv("CIAO_REGISTRY_PATH", str(found.known))
        monkeypatch.chdir(tmp_path)
        yield found


def test_images_are_listed(place: Place) -> None:
    """With size, builder, base, and what this machine knows of them."""
    code, out, _ = place.run("ls")
    head, *rows = out.splitlines()
    assert code == 0
    assert head.split() == ["image", "size", "own", "made", "by", "on", "pushed", "for"]
    assert sorted(row.split()[0] for row in rows) == sorted(tag[:17] for tag in place.tags)
    assert all("registry" in row and row.endswith("ciao-images") for row in rows)


def test_one_is_inspected_by_how_its_name_begins(place: Place) -> None:
    """All that the registry and this machine know, also as JSON."""
    tag = place.tags[0]
    code, out, _ = place.run("inspect", tag[:12])
    assert code == 0
    assert f"/team/app:{tag}" in out
    assert "Cell In [7]" in out
    (form,) = json.loads(place.run("inspect", tag, "--json")[1])
    assert form["image"].endswith(tag)
    assert form["own"] < form["size"]
    assert place.run("inspect", form["digest"][:20])[1] == out


def test_one_is_removed(place: Place) -> None:
    """And not the other; the same cell makes it again."""
    gone, left = place.tags
    code, out, _ = place.run("rm", gone)
    assert (code, out.split()[0]) == (0, "removed")
    assert list(place.registry.store.tags("team/app")) == [left]
    assert place.run("rm", gone)[0] == 2


def test_all_are_removed(place: Place) -> None:
    """Those of Ciao; then there is nothing to list."""
    assert place.run("rm", "--all")[0] == 0
    assert not place.registry.store.tags("team/app")
    code, out, err = place.run("ls")
    assert (code, out.strip()) == (0, "")
    assert "no images" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "nothing-like-it"), "There is no image 'nothing-like-it'"),
        (("inspect", "ciao-"), "is how 2 images begin"),
        (("inspect",), "wants to know which"),
        (("rm", "x", "--all"), "wants to know which"),
        (("ls", "x"), "lists all of them"),
        (("ls", "--all"), "--all belongs to"),
        (("lst",), "Did you mean ls?"),
    ],
)
def test_a_mistake_is_one_sentence(place: Place, words: tuple[str, ...], said: str) -> None:
    """With exit code 2."""
    code, _, err = place.run(*words)
    assert code == 2
    assert said in err


def test_without_a_registry_it_is_said_how_to_name_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked."""
    monkeypatch.delenv("CIAO_REGISTRY_PUSH")
    code, _, err = place.run("ls")
    assert code == 2
    assert "ciao config set registry.push" in err
