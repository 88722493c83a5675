"""Requests to an apiserver on a real socket: what is sent, what is made of the answer, and what is sent again."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

import ciao
from ciao.adapters.kubeflow.client import ApiError, Unreachable
from ciao.adapters.kubeflow.patience import Patience, Timeouts

from .kubeserver import PODS, QUICK, always, answered, connected, good, in_turn, kubeconfig, run, serving, status

TOKEN = "s3cr3t-t0k3n-0f-4nn"
USER = {"token": TOKEN}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


# -- what is sent -----------------------------------------------------------------------------------


def test_each_verb_sends_what_it_promises(config):
    """Method, path, quoted parameters, body and its type, whose token, who asks; the answer is the JSON."""

    async def main():
        async with serving(always(lambda: good(a=1))) as server:
            kubeconfig(config, server.url, user={**USER, "as": "bob", "as-groups": ["x", "y"]})
            async with connected(config) as cluster:
                assert await cluster.get(PODS, labelSelector="a=b,c in (d)") == {"kind": "Thing", "a": 1}
                await cluster.post(PODS, {"ä": 1}, dryRun="All")
                await cluster.patch(f"{PODS}/p", {"spec": None})
                await cluster.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})
                await cluster.delete(f"{PODS}/p")
        return server.seen

    get, post, patch, *deletes = run(main())
    assert (get.method, get.path, get.query) == ("GET", PODS, {"labelSelector": "a=b,c in (d)"})
    assert get.headers["Authorization"] == f"Bearer {TOKEN}" and get.headers["Accept"] == "application/json"
    assert get.headers["User-Agent"] == f"ciao/{ciao.__version__}" and get.headers["Impersonate-User"] == "bob"
    assert (post.method, post.query, json.loads(post.body)) == ("POST", {"dryRun": "All"}, {"ä": 1})
    assert post.headers["Content-Type"] == "application/json"
    assert (patch.method, patch.body) == ("PATCH", '{"spec":null}')
    assert patch.headers["Content-Type"] == "application/merge-patch+json"
    assert [(each.method, each.body) for each in deletes] == [("DELETE", '{"gracePeriodSeconds":0}'), ("DELETE", "")]


def test_requests_are_counted_by_verb_and_resource(config):
    """For the bench: subresources apart, watches apart, discovery by its path."""

    async def main():
        async with answered(config, always(good)) as (_, cluster):
            await cluster.get(f"{PODS}/p/log")
            await cluster.get("/apis/kubeflow.org/v1")
            await cluster.get("/apis/kubeflow.org/v1/namespaces/n/pytorchjobs/j")
            await cluster.get("/api/v1/nodes")
            async with cluster.stream(PODS, watch="true"):
                pass
            return dict(cluster.requests)

    named = ["pods/log", "apis/kubeflow.org/v1", "pytorchjobs", "nodes"]
    assert run(main()) == {**{f"GET {each}": 1 for each in named}, "WATCH pods": 1}


def test_metadata_alone_is_asked_for_as_such(config):
    """Of one object or of a list; the server never sends the rest, so the rest is never here."""

    async def main():
        async with answered(config, always(good)) as (server, cluster):
            await cluster.get("/api/v1/namespaces/n/secrets/s", metadata_only=True)
            await cluster.get("/api/v1/namespaces/n/secrets", metadata_only=True)
        return [each.headers["Accept"].split(";")[1] for each in server.seen]

    assert run(main()) == ["as=PartialObjectMetadata", "as=PartialObjectMetadataList"]


def test_one_connection_serves_one_request_after_another(config):
    """Keep-alive, after refusals too; requests at the same time have one each, however many they are."""

    async def main():
        async def handle(request):
            await asyncio.sleep(0.1 if request.path == "/slow" else 0)
            return status(404) if request.path == "/none" else good()

        async with answered(config, handle) as (server, cluster):
            for path in ("/a", "/none", "/b"):
                await asyncio.gather(cluster.get(path), return_exceptions=True)
            after = len(server.peers)
            began = time.monotonic()
            await asyncio.gather(*(cluster.get("/slow") for _ in range(150)))
            return after, len(server.peers), time.monotonic() - began

    after, peers, seconds = run(main())
    assert after == 1 and peers == 150 and seconds < 5


# -- what is made of answers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: status(409, "AlreadyExists", "it is there"), (409, "AlreadyExists", "it is there")),
        (lambda: web.Response(status=404, text="404 page not found\n"), (404, "NotFound", "404 page not found")),
        (lambda: web.Response(status=302, headers={"Location": "https://l/?t=x"}), (302, "Unknown", "https://l/")),
    ],
)
def test_a_refusal_is_an_apierror(config, answer, told):
    """The Status's own words, a short line of any other body; a redirect is not followed."""

    async def main():
        async with answered(config, always(answer)) as (server, cluster):
            with pytest.raises(ApiError) as error:
                await cluster.post(PODS, {})
            return error.value, len(server.seen)

    error, asked = run(main())
    assert (error.status, error.reason) == told[:2] and told[2] in error.message and asked == 1


@pytest.mark.parametrize("text", ["<html><head><title>Log in</title></head><body></body></html>", "[1]", ""])
def test_a_success_that_is_no_object_is_no_apiserver(config, text):
    """A login page or a proxy in between: said so, and not tried again."""

    async def main():
        handle = always(lambda: web.Response(text=text))
        async with answered(config, handle) as (server, cluster):
            with pytest.raises(Unreachable, match="does not answer as an apiserver does") as error:
                await cluster.get(PODS)
            return error.value, len(server.seen)

    error, asked = run(main())
    assert error.sent and asked == 1


# -- what is sent again -----------------------------------------------------------------------------

BUSY = [lambda: status(503), lambda: status(500), lambda: web.Response(status=502, text="<p>bad gateway</p>"), good]


def test_a_get_outlasts_a_server_that_is_busy(config):
    """500, 502, 503, 429: a few times, after a pause."""

    async def main():
        async with answered(config, in_turn(*BUSY)) as (server, cluster):
            await cluster.get(PODS)
            return len(server.seen), cluster.requests["GET pods"]

    assert run(main()) == (4, 4)


def test_a_get_gives_up_in_the_end(config):
    """With what the server said last."""

    async def main():
        handle = always(lambda: status(503, "ServiceUnavailable", "etcd sleeps"))
        async with answered(config, handle) as (server, cluster):
            with pytest.raises(ApiError, match="etcd sleeps"):
                await cluster.get(PODS)
            return len(server.seen)

    assert run(main()) == QUICK.attempts


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        (lambda: status(503), 1),
        (lambda: status(429), 1),
        (lambda: status(429, **{"Retry-After": "0"}), 2),
        (lambda: status(429, **{"Retry-After": "3600"}), 1),
    ],
)
def test_a_change_is_sent_again_only_when_it_was_put_off(config, first, asked):
    """429 with a Retry-After that is no longer than patience lasts."""

    async def main():
        async with answered(config, in_turn(first, good)) as (server, cluster):
            await asyncio.gather(cluster.post(PODS, {}), return_exceptions=True)
            return len(server.seen)

    assert run(main()) == asked


def test_retry_after_is_waited_for(config):
    """Seconds that the server asks for, not fewer."""

    async def main():
        handle = in_turn(lambda: status(429, **{"Retry-After": "1"}), good)
        async with answered(config, handle) as (_, cluster):
            began = time.monotonic()
            await cluster.get(PODS)
            return time.monotonic() - began

    assert run(main()) >= 1.0


# -- no answer --------------------------------------------------------------------------------------


@contextmanager
def mute() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield f"127.0.0.1:{made.getsockname()[1]}"


def unreachable(config: Path, server: str, *, verb: str = "GET", patience: Patience = QUICK) -> tuple[Unreachable, int]:
    """What is raised, and after how many attempts."""

    async def main():
        limits = Timeouts(connect=0.3, answer=0.3)
        async with connected(kubeconfig(config, server, user=USER), timeouts=limits, patience=patience) as cluster:
            with pytest.raises(Unreachable) as error:
                await (cluster.get(PODS) if verb == "GET" else cluster.post(PODS, {}))
            return error.value, cluster.requests.total()

    error, attempts = run(main())
    assert f"context here ({server})" in str(error) and "%target=local" in str(error) and TOKEN not in str(error)
    return error, attempts


def test_nobody_listens(config):
    """Connection refused: tried a few times, a POST too, since it certainly was not done."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        server = f"http://127.0.0.1:{made.getsockname()[1]}"
    for verb in ("GET", "POST"):
        error, attempts = unreachable(config, server, verb=verb)
        assert "cannot be reached: Connection refused." in str(error)
        assert not error.sent and attempts == QUICK.attempts


def test_localhost_is_told_once(config):
    """A name with two addresses: one sentence all the same."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        port = made.getsockname()[1]
    assert "cannot be reached: Connection refused." in str(unreachable(config, f"http://localhost:{port}")[0])


def test_there_is_no_such_host(config):
    """DNS."""
    error, _ = unreachable(config, "https://no-such-host.invalid:6443")
    assert "there is no host no-such-host.invalid" in str(error) and not error.sent


def test_no_connection_in_time(config):
    """A TLS handshake that nobody answers counts as none; not tried for ever."""
    with mute() as server:
        error, attempts = unreachable(config, f"https://{server}", patience=Patience(first=0.01, whole=0.2))
    assert "no connection within 0.3 s" in str(error) and not error.sent and attempts == 1


def test_no_answer_in_time(config):
    """It may have arrived, so a POST is sent once."""
    with mute() as server:
        error, attempts = unreachable(config, f"http://{server}", verb="POST")
    assert "no answer within 0.3 s" in str(error) and error.sent and attempts == 1


def test_an_answer_that_drips_has_an_end_too(config):
    """Bytes that come one by one for ever are no answer."""

    async def main():
        async def handle(request):
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)

        limits = Timeouts(connect=0.2, answer=0.2)
        async with answered(config, handle, timeouts=limits) as (server, cluster):
            with pytest.raises(Unreachable, match="no answer"):
                await cluster.post(PODS, {})
            await asyncio.sleep(0.1)
            return server.open

    assert run(main()) == 0


def test_closed_without_an_answer(config):
    """A GET is sent again, a POST is not."""

    async def main(verb: str):
        async def hang_up(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as made:
            port = made.sockets[0].getsockname()[1]
            async with connected(kubeconfig(config, f"http://127.0.0.1:{port}"), patience=QUICK) as cluster:
                with pytest.raises(Unreachable, match="closed the connection without an answer") as error:
                    await (cluster.get(PODS) if verb == "GET" else cluster.post(PODS, {}))
                return error.value.sent, cluster.requests.total()

    assert run(main("GET")) == (True, QUICK.attempts) and run(main("POST")) == (True, 1)


def test_cancelled_requests_close_their_connections(config):
    """Nobody goes on answering, and nothing is left in the pool."""

    async def main():
        async def handle(request):
            await asyncio.sleep(60)
            return good()

        async with answered(config, handle) as (server, cluster):
            tasks = [asyncio.ensure_future(cluster.get(PODS)) for _ in range(5)]
            await server.until(open=5)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.until(open=0)
            return all(task.cancelled() for task in tasks)

    assert run(main())


def test_closing_ends_what_waits(config):
    """Who waits for an answer is told; closing twice is once; asking afterwards is Unreachable."""

    async def main():
        async def handle(request):
            await asyncio.sleep(60)
            return good()

        async with answered(config, handle) as (server, cluster):
            waiting = asyncio.ensure_future(cluster.post(PODS, {}))
            await server.until(open=1)
            await cluster.close()
            await cluster.close()
            return await asyncio.gather(waiting, cluster.post(PODS, {}), return_exceptions=True)

    assert [type(each) for each in run(main())] == [Unreachable, Unreachable]
