"""Requests to an apiserver on a real socket: what is sent, what is made of the answer, and what is sent again."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from aiohttp import web

import ciao
from ciao.adapters.kube.client import ApiError, Unreachable

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


def test_no_name_leads_elsewhere(config):
    """Whatever is typed as a namespace stays a name, and a large body arrives whole."""

    async def main():
        async with answered(config, always(good)) as (server, cluster):
            await cluster.get("/api/v1/namespaces/../pods")
            await cluster.get("/api/v1/namespaces/a b?x#y/pods/q%2Fr")
            await cluster.post(PODS, {"x": "y" * (3 << 20)})
        return server.seen

    dots, odd, large = run(main())
    assert dots.path == "/api/v1/namespaces/../pods" and odd.path == "/api/v1/namespaces/a b?x#y/pods/q/r"
    assert len(large.body) == (3 << 20) + len('{"x":""}') and large.headers["Content-Length"] == str(len(large.body))


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


# -- its end ---------------------------------------------------------------------------------------


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
