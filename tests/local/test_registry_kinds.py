"""Registries and what stands before them differ: uploads, tags and removal do with any of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ciao.adapters.oci.blobs import BytesBlob, RemoteBlob
from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.oci.patience import Patience
from ciao.adapters.oci.session import Repository

from ..ociregistry import Bearer, Cut, Redirect, Registry, Spoil, Traits, faults, images, serving
from ..ociregistry.client import pull, push, registries, run, with_repository


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as made:
        yield made


def refused(registry: Registry, story) -> str:
    """The error of what cannot work."""
    with pytest.raises(RegistryError) as error:
        with_repository(registry, story)
    return str(error.value)


@pytest.mark.parametrize(
    "traits",
    [
        Traits(mounts=False),
        Traits(patches=False),
        Traits(digests=False),
        Traits(relative=True),
        Traits(deletes=False),
        Traits(resumes=True),
    ],
    ids=["no mounts", "no PATCH", "no digest in answers", "relative places", "no DELETE", "strict about chunks"],
)
def test_registries_differ(traits):
    """A push and a pull do with any of them, and the digest is known."""
    with serving(traits=traits) as registry:

        async def story(repository: Repository) -> tuple[str, str | None, int]:
            pushed = await push(repository)
            return pushed, await repository.digest("v1"), len(await pull(repository))

        pushed, found, layers = with_repository(registry, story)
        assert (pushed, layers) == (found, 1)


def test_a_registry_without_head():
    """405: the manifest itself says its digest."""
    with serving(traits=Traits(heads=False)) as registry:

        async def story(repository: Repository) -> tuple[str, str | None]:
            return await push(repository), await repository.digest("v1")

        pushed, found = with_repository(registry, story)
        assert pushed == found


def test_a_mount_that_the_registry_does_not_do():
    """False, and the upload that it began instead does not lie around."""
    with serving(traits=Traits(mounts=False)) as registry:
        digest = registry.store.add("base", b"layer")

        async def mount(repository: Repository) -> bool:
            return await repository.mount(digest, f"{registry.host}/base")

        assert with_repository(registry, mount) is False
        assert not registry.store.repository("team/app").uploads


def test_tags_come_in_pages():
    """All of them; none of a repository that never was."""
    with serving(traits=Traits(page=2)) as registry:
        for tag in "abcde":
            images.image(registry.store, "team/app", tag)

        async def tags(repository: Repository) -> tuple[str, ...]:
            return await repository.tags()

        assert with_repository(registry, tags) == tuple("abcde")
        assert with_repository(registry, tags, "team/other") == ()


def test_blobs_may_lie_elsewhere():
    """A redirect to another host is followed, without the credentials that are for the registry."""
    with serving(Bearer({}, anonymous={"*": "pull"})) as registry:
        digest = registry.store.add("team/app", b"0123456789")
        registry.goes_wrong(Redirect(), "GET", digest, times=-1)

        async def fetch(repository: Repository) -> bytes:
            return await repository.fetch(digest, 10)

        assert with_repository(registry, fetch) == b"0123456789"
        assert [each.scheme for each in registry.asked(path="/storage/")] == [""]


def test_removal_is_by_digest_and_may_be_repeated(registry):
    """With all tags; False when it is gone; a registry that does not delete says so."""

    async def story(repository: Repository) -> list[bool]:
        digest = await push(repository)
        return [await repository.delete(digest), await repository.delete(digest)]

    assert with_repository(registry, story) == [True, False]
    assert not registry.store.tags("team/app")
    with serving(traits=Traits(deletes=False)) as stubborn:
        assert "switched it off" in refused(stubborn, story)


@pytest.mark.parametrize("fault", [faults.error(503), Cut(sent=100), Cut(sent=0)])
def test_a_blob_of_another_registry(registry, fault):
    """Passed on as it comes; when the other one fails for a moment it is begun anew."""
    content = bytes(range(256)) * 4096
    with serving() as other:
        digest = other.store.add("base", content)
        met = other.goes_wrong(fault, "GET", digest, times=2)

        async def main() -> None:
            async with registries() as client:
                source = client.repository(f"{other.host}/base")
                await client.repository(f"{registry.host}/team/app").upload(RemoteBlob(digest, len(content), source))

        run(main())
        assert met.met == 2
    found = registry.store.repository("team/app")
    assert (found.blobs, found.uploads) == ({digest}, {})


@pytest.mark.parametrize(
    ("fault", "says"),
    [(faults.error(404, "BLOB_UNKNOWN"), "there is none"), (Spoil(), "gave other bytes than the digest says")],
)
def test_a_blob_of_another_registry_that_is_not_to_be_had(registry, fault, says):
    """The sentence names that one, not where it was to go."""
    with serving() as other:
        digest = other.store.add("base", bytes(1 << 20))
        other.goes_wrong(fault, "GET", digest, times=-1)

        async def main() -> None:
            async with registries() as client:
                source = client.repository(f"{other.host}/base")
                await client.repository(f"{registry.host}/team/app").upload(RemoteBlob(digest, 1 << 20, source))

        with pytest.raises(RegistryError) as error:
            run(main())
        assert says in str(error.value)
        assert str(error.value).startswith(other.host)
    found = registry.store.repository("team/app")
    assert (found.blobs, found.uploads) == (set(), {})


# -- large ones -------------------------------------------------------------------------------------


def large(megabytes: int = 65) -> BytesBlob:
    return BytesBlob(bytes(megabytes << 20))


@pytest.mark.parametrize("traits", [Traits(), Traits(resumes=True), Traits(patches=False)])
def test_a_large_blob(traits):
    """In chunks; at once where a registry takes none."""
    blob = large()
    with serving(traits=traits) as registry:

        async def upload(repository: Repository) -> None:
            told: list[int] = []
            await repository.upload(blob, told.append)
            assert max(told) == blob.size

        with_repository(registry, upload)
        assert blob.digest in registry.store.repository("team/app").blobs


@pytest.mark.parametrize("resumes", [True, False])
def test_a_large_blob_goes_on_after_a_cut(resumes):
    """Where the registry has come to, if it knows; else from the beginning."""
    blob = large()
    with serving(traits=Traits(resumes=resumes)) as registry:
        cut = registry.goes_wrong(Cut(received=20 << 20), "PATCH")

        async def upload(repository: Repository) -> None:
            await repository.upload(blob)

        with_repository(registry, upload)
        assert cut.met == 1
        assert blob.digest in registry.store.repository("team/app").blobs
        limit = blob.size + (1 << 20) if resumes else blob.size + (21 << 20)
        assert registry.uploaded <= limit


def test_a_proxy_that_takes_no_large_bodies():
    """413 for all at once: then in small chunks."""
    blob = large(9)
    with serving(traits=Traits(largest=5 << 20)) as registry:

        async def upload(repository: Repository) -> None:
            await repository.upload(blob)

        with_repository(registry, upload)
        assert blob.digest in registry.store.repository("team/app").blobs


def test_a_cancelled_upload_leaves_nothing(registry):
    """The upload that had begun is given up."""
    blob = large(32)

    async def story(repository: Repository) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(repository.upload(blob, lambda _: loop.call_soon(task.cancel)))
        with pytest.raises(asyncio.CancelledError):
            await task

    with_repository(registry, story)
    found = registry.store.repository("team/app")
    assert (found.blobs, found.uploads) == (set(), {})


def test_patience_is_counted() -> None:
    """Attempts, growth and the longest wait: a table."""
    patience = Patience(attempts=3, first=1.0, growth=2.0, longest=5.0)
    passing, stubborn = RegistryError("x", status=503, passing=True), RegistryError("x", status=403)
    assert [patience.pause(made, passing, 1.0) for made in (1, 2, 3)] == [1.0, 2.0, None]
    assert patience.pause(1, stubborn, 1.0) is None
    assert patience.pause(1, RegistryError("x", passing=True, after=6.0), 1.0) is None
    assert patience.pause(1, RegistryError("x", passing=True, after=4.0), 1.0) == 4.0
