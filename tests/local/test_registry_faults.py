"""What goes wrong with registries: success in the end where that can be, else one sentence, and nothing in halves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from attrs import evolve

from ciao.adapters.oci.blobs import BytesBlob, sha256
from ciao.adapters.oci.errors import MissingBlobs, RegistryError
from ciao.adapters.oci.session import Repository
from ciao.core.errors import TargetError

from ..ociregistry import Cut, Hang, Registry, Spoil, faults, images, serving
from ..ociregistry.client import QUICK, SHORT, pull, push, registries, run, with_repository

UPLOADS = "/blobs/uploads/"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as made:
        yield made


async def there_and_back(repository: Repository) -> list[bytes]:
    await push(repository)
    return await pull(repository)


def refused(registry: Registry, story=there_and_back, **options) -> str:
    """The error of what cannot work: one sentence or two on one line, with the registry in it."""
    with pytest.raises(TargetError) as error:
        with_repository(registry, story, **options)
    told = str(error.value)
    assert registry.host in told
    assert "\n" not in told
    assert "Traceback" not in told
    assert "<html" not in told.lower()
    return told


# -- what passes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.error(500),
        faults.plain(502, "Bad Gateway"),
        faults.html(503, "Service Unavailable"),
        faults.plain(504),
        faults.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="0"),
        faults.plain(429),
    ],
    ids=["500", "502", "503", "504", "429", "429 without a word"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", UPLOADS), ("PUT", UPLOADS), ("PUT", "/manifests/"), ("GET", "/manifests/"), ("GET", "/blobs/sha256")],
)
def test_what_passes_is_waited_for(registry, fault, method, path):
    """Twice no, then yes: nobody notices."""

    async def story(repository: Repository) -> bytes:
        await push(repository)
        config = (await repository.manifest("v1")).document["config"]
        return await repository.fetch(config["digest"], config["size"])

    met = registry.goes_wrong(fault, method, path, times=2)
    assert b"diff_ids" in with_repository(registry, story)
    assert met.met == 2


@pytest.mark.parametrize(
    ("cut", "method", "path"),
    [
        (Cut(received=5), "PUT", UPLOADS),
        (Cut(received=0), "PUT", UPLOADS),
        (Cut(received=5), "PUT", "/manifests/"),
        (Cut(sent=0), "POST", UPLOADS),
        (Cut(sent=10), "GET", "/manifests/"),
    ],
)
def test_a_connection_that_breaks(registry, cut, method, path):
    """In the middle of what is sent, or of an answer: it is done again."""
    met = registry.goes_wrong(cut, method, path, times=2)
    assert len(with_repository(registry, there_and_back)) == 1
    assert met.met == 2


def test_a_blob_that_breaks_off_while_it_is_fetched(registry):
    """A small one is fetched again; one that is streamed is an error, for its reader has begun with it."""
    digest = registry.store.add("team/app", b"0123456789")

    async def fetch(repository: Repository) -> bytes:
        return await repository.fetch(digest, 10)

    async def stream(repository: Repository) -> bytes:
        async with repository.stream(digest) as pieces:
            return b"".join([piece async for piece in pieces])

    registry.goes_wrong(Cut(sent=4), "GET", digest, times=2)
    assert with_repository(registry, fetch) == b"0123456789"
    registry.goes_wrong(Cut(sent=4), "GET", digest, times=1)
    assert "the connection broke" in refused(registry, stream)


def test_the_time_that_a_registry_asks_for_is_kept(registry):
    """Retry-After is waited for; longer than patience lasts it is said at once, with what to do."""
    registry.goes_wrong(faults.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1"), "POST", UPLOADS)

    async def timed(repository: Repository) -> float:
        begin = asyncio.get_running_loop().time()
        await push(repository)
        return asyncio.get_running_loop().time() - begin

    assert with_repository(registry, timed) >= 1
    registry.goes_wrong(faults.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600"), "POST", UPLOADS)
    told = refused(registry)
    assert "too many requests (slow down)" in told
    assert "log in" in told


# -- what does not pass -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.error(401, "UNAUTHORIZED", "authentication required"), "Log in:  docker login"),
        (
            faults.error(403, "DENIED", "requested access is denied"),
            "this account may not (requested access is denied)",
        ),
        (faults.error(404, "NAME_UNKNOWN", "no such project"), "there is none (no such project)"),
        (faults.error(405, "UNSUPPORTED", "read-only"), "read-only"),
        (faults.plain(507, "no space left"), "its storage is full"),
        (faults.error(500, "UNKNOWN", "filesystem: write: no space left on device"), "its disk is full"),
        (faults.html(200), "does not answer as a registry does"),
        (faults.html(403, "Blocked by policy"), "this account may not"),
    ],
    ids=["401", "403", "404", "405", "507", "disk full", "html", "html 403"],
)
@pytest.mark.parametrize(("method", "path"), [("POST", UPLOADS), ("PUT", UPLOADS), ("PUT", "/manifests/")])
def test_what_does_not_pass_is_said_at_once(registry, fault, says, method, path):
    """Why and what to do, after one attempt; there is no tag."""
    met = registry.goes_wrong(fault, method, path, times=-1)
    assert says in refused(registry)
    assert met.met == 1
    assert not registry.store.tags("team/app")
    assert not registry.store.repository("team/app").uploads


@pytest.mark.parametrize("status", [500, 502, 503])
def test_patience_ends(registry, status):
    """After a few attempts it is said, with how it answered."""
    met = registry.goes_wrong(faults.error(status), "PUT", "/manifests/", times=-1)
    assert f"HTTP {status}" in refused(registry)
    assert met.met == QUICK.attempts


@pytest.mark.parametrize(
    ("method", "path"), [("POST", UPLOADS), ("PUT", UPLOADS), ("PUT", "/manifests/"), ("GET", "/manifests/")]
)
def test_no_answer(registry, method, path):
    """Every wait has an end, and the sentence says how long it was."""
    registry.goes_wrong(Hang(), method, path, times=-1)
    options = {"limits": SHORT, "patience": evolve(QUICK, attempts=2)}
    assert "there was no answer within 0.5 s" in refused(registry, **options)


@pytest.mark.parametrize("status", [413, 507])
def test_an_answer_before_all_has_been_sent(registry, status):
    """Is heard, though the connection breaks while one is still sending."""
    registry.goes_wrong(evolve(faults.plain(status), reads=False), "PUT", UPLOADS, times=-1)
    large = BytesBlob(bytes(3 << 20))

    async def upload(repository: Repository) -> None:
        await repository.upload(large)

    told = refused(registry, upload)
    assert {413: "something is too large for it", 507: "its storage is full"}[status] in told


def test_nobody_is_there():
    """Says so, with whether it is running; before TLS was tried and after."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> None:
            async with registries(patience=QUICK) as client:
                await push(client.repository(f"{host}/team/app"))

        with pytest.raises(RegistryError, match=r"cannot be reached for .*: Connection refused") as error:
            run(main())
    assert host in str(error.value)
    assert "registry.push" in str(error.value)


def test_there_is_no_such_host():
    """DNS."""

    async def main() -> None:
        async with registries() as client:
            await client.repository("registry.invalid/team/app").digest("v1")

    with pytest.raises(RegistryError, match=r"registry\.invalid cannot be reached for .*\(DNS\)"):
        run(main())


# -- bytes that are others --------------------------------------------------------------------------


def test_other_bytes_than_the_digest_says(registry):
    """A blob or a manifest that was asked for by its digest is not taken."""
    digest = images.image(registry.store, "team/app", "v1")
    blob = registry.store.add("team/app", b"0123456789")

    async def manifest(repository: Repository) -> None:
        await repository.manifest(digest)

    async def tagged(repository: Repository) -> None:
        await repository.manifest("v1")

    async def fetch(repository: Repository) -> None:
        await repository.fetch(blob, 10)

    async def stream(repository: Repository) -> None:
        async with repository.stream(blob) as pieces:
            async for _ in pieces:
                pass

    registry.goes_wrong(Spoil(), "GET", "/(manifests|blobs)/", times=-1)
    for story in (manifest, tagged, fetch, stream):
        assert "gave other bytes than the digest says" in refused(registry, story)


def test_a_blob_that_is_larger_than_was_said(registry):
    """Is not read to its end: memory is not for it."""
    blob = registry.store.add("team/app", bytes(5 << 20))

    async def fetch(repository: Repository) -> None:
        await repository.fetch(blob, 1000)

    assert "other bytes" in refused(registry, fetch)


def test_bytes_that_change_on_their_way_up(registry):
    """The registry notices; the sentence says what that means."""
    wrong = BytesBlob(b"content")
    other = type("Other", (), {"digest": sha256(b"another"), "size": 7, "pieces": wrong.pieces})()

    async def upload(repository: Repository) -> None:
        await repository.upload(other)

    assert "what arrived is not what was sent" in refused(registry, upload)


def test_blobs_that_a_manifest_lacks_are_named(registry):
    """All of them, so that they can be brought."""
    with_repository(registry, push)
    found = registry.store.repository("team/app")
    ((kind, body),) = found.manifests.values()
    lost, found.blobs = set(found.blobs), set()

    async def again(repository: Repository) -> None:
        await repository.put("v2", body, kind)

    with pytest.raises(MissingBlobs) as error:
        with_repository(registry, again)
    assert set(error.value.digests) == lost
    assert registry.store.tags("team/app") == ("v1",)
