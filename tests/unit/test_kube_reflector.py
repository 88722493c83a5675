"""List, watch, and go on: what a Reflector asks of the apiserver, when, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.adapters.kube.apierrors import AccessError, ApiError, Unreachable
from ciao.adapters.kube.reflector import Reflector
from ciao.adapters.kube.watchcache import Change, Json

from .kubeobjects import Cluster, check, line, status, thing
from .kubestage import BROKEN, HANG, NOWHERE, PODS, Done, Page, Script, Stage, Step, Time, Wait, answer, bookmark, event

# -- how it goes ----------------------------------------------------------------------------------


def test_list_then_watch() -> None:
    """It lists, tells the list, says that it is synced, and watches from the list's resourceVersion."""
    stage = Stage(Page("9", "a:u1@5"), (event("MODIFIED", "a:u1@10"), event("DELETED", "a:u1@11"))).play()
    assert stage.told == "u1@5, synced, u1@10, -u1@11"
    assert stage.asked == "list 500, watch 9, watch 11"


def test_what_is_asked() -> None:
    """Lists are of now (no resourceVersion); watches have bookmarks, an end of their own, and a limit of silence."""
    stage = Stage(Page("9"), labels="ciao.dev/uid=x", fields="metadata.name=a").play()
    selectors = {"labelSelector": "ciao.dev/uid=x", "fieldSelector": "metadata.name=a"}
    how = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": "9", "timeoutSeconds": "360"}
    assert stage.api.params == [{**selectors, "limit": "500"}, {**selectors, **how}]
    assert stage.api.idle == [130.0]


def test_selectors_that_are_empty_are_not_sent() -> None:
    """Without selectors everything at the path is watched."""
    stage = Stage(Page("9")).play()
    assert stage.api.params[0] == {"limit": "500"}
    assert "labelSelector" not in stage.api.params[1]


def test_synced_after_an_empty_list() -> None:
    """An empty list is a list: synced is called, once, however often is listed again."""
    stage = Stage(Page("9"), answer(410), Page("20"), (event("ADDED", "a:u1@21"),)).play()
    assert stage.told == "synced, u1@21"


def test_big_sets_come_in_pages() -> None:
    """All pages are one list, told when it is whole."""
    stage = Stage(Page("9", "a:u1@5", more="m1"), Page("9", "b:u2@6", more="m2"), Page("9", "c:u3@7")).play()
    assert stage.told == "u1@5, u2@6, u3@7, synced"
    assert stage.asked == "list 500, list 500 m1, list 500 m2, watch 9"


def test_pages_that_are_no_more_are_asked_for_at_once() -> None:
    """A 410 between pages begins the list anew, without pages; nothing of the former one is told."""
    stage = Stage(Page("9", "a:u1@5", more="m1"), answer(410), Page("20", "b:u2@6")).play()
    assert stage.told == "u2@6, synced"
    assert stage.asked == "list 500, list 500 m1, list, watch 20"
    assert stage.time.slept == []


def test_items_of_a_list_say_what_they_are() -> None:
    """Objects look the same from lists, whose items do not name their kind, and from watches."""
    stage = Stage(Page("9", "a:u1@5")).play()
    assert stage.changes[0].object == {"apiVersion": "v1", "kind": "Pod", **thing("a:u1@5")}


def test_a_watch_that_ends_is_gone_on_with_at_once() -> None:
    """The apiserver ends every watch after a while; the next begins where that one was, bookmarks counted."""
    stage = Stage(Page("9"), (event("ADDED", "a:u1@10"), Wait(300)), (Wait(240), bookmark("44")), (Wait(360),)).play()
    assert stage.asked == "list 500, watch 9, watch 10, watch 44, watch 44"
    assert stage.time.slept == []
    assert stage.told == "synced, u1@10"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_of_any_size(size: int) -> None:
    """Events are the same however the stream is cut into pieces."""
    data = event("ADDED", "a:u1@10") + bookmark("11") + event("ADDED", "b:u2@12") + event("DELETED", "a:u1@13")
    pieces = tuple(data[at : at + size] for at in range(0, len(data), size))
    assert Stage(Page("9"), pieces).play().told == "synced, u1@10, u2@12, -u1@13"


def test_half_an_event_is_none() -> None:
    """What a broken connection cut off comes again on the next one."""
    whole, half = event("ADDED", "a:u1@10"), event("ADDED", "b:u2@11")
    stage = Stage(Page("9"), (whole + half[:-1], BROKEN), (half,)).play()
    assert stage.told == "synced, u1@10, u2@11"
    assert stage.asked == "list 500, watch 9, watch 10, watch 11"


# -- what goes wrong ------------------------------------------------------------------------------


def test_back_off() -> None:
    """The first attempt after a break comes quickly, the next ones ever later, up to 5 s."""
    stage = Stage(Page("9"), (BROKEN,), *[NOWHERE] * 8).play()
    assert stage.time.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_back_off_begins_anew_when_something_was_heard() -> None:
    """An event, or a connection that held for a while, ends the series."""
    stage = Stage(Page("9"), NOWHERE, NOWHERE, (bookmark("10"), BROKEN), (Wait(6), BROKEN), (Wait(1), BROKEN)).play()
    assert stage.time.slept == [0.1, 0.2, 0.1, 0.1, 0.2]


def test_chance_spreads_the_attempts() -> None:
    """The wait is between half and all of its longest, so that many clients do not come at once."""
    stage = Stage(Page("9"), NOWHERE, NOWHERE)
    stage.reflector._chance = lambda least, _: least
    assert stage.play().time.slept == [0.05, 0.1]


def test_it_never_gives_up_on_silence() -> None:
    """An outage of hours ends nothing, and what changed meanwhile is told after it."""
    stage = Stage(Page("9"), *[NOWHERE] * 2000, (event("ADDED", "a:u1@10"),)).play()
    assert stage.time.at > 2 * 3600
    assert [each for each in stage.heard if "trouble" not in each] == ["synced", "u1@10"]


@pytest.mark.parametrize("expired", [answer(410), (line("ERROR", status(410, reason="Expired")) + b"\n",)])
def test_410_lists_again(expired: Step) -> None:
    """A resourceVersion that is too old, as status or as event: list again, and tell only what is new."""
    stage = Stage(Page("9", "a:u1@5 b:u2@6"), expired, Page("20", "a:u1@5 c:u3@15")).play()
    assert stage.told == "u1@5, u2@6, synced, -u2@6, u3@15"
    assert stage.asked == "list 500, watch 9, list 500, watch 20"
    assert stage.time.slept == [0.1]


def test_410_again_and_again_is_no_storm() -> None:
    """A server that forgets faster than it can be watched is asked ever less often."""
    stage = Stage(*[Page("9"), answer(410)] * 8).play()
    assert stage.time.slept[-1] == 5.0


def test_other_error_events_list_again() -> None:
    """What a server cannot go on from, a list gets past."""
    stage = Stage(Page("9"), (line("ERROR", status(500, "PrevKv=nil")) + b"\n",), Page("20", "a:u1@15")).play()
    assert stage.told == "synced, u1@15"
    assert stage.time.slept == [0.1]


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_refusals_for_now(code: int) -> None:
    """Too many requests, and faults of servers and proxies, are asked again, lists and watches alike."""
    stage = Stage(answer(code), Page("9"), answer(code), (event("ADDED", "a:u1@10"),)).play()
    assert stage.asked == "list 500, list 500, watch 9, watch 9, watch 10"


def test_retry_after_is_obeyed() -> None:
    """A server that says when to come again is not asked before, within reason."""
    stage = Stage(answer(429, 7.0), answer(503, 3600.0), answer(503, 0.0), Page("9")).play()
    assert stage.time.slept == [7.0, 60.0, 0.4]


@pytest.mark.parametrize("code", [400, 403, 404, 405, 422])
def test_refusals_for_good_are_raised(code: int) -> None:
    """What is refused from the beginning, list or watch, is raised at once."""
    for steps in ([answer(code)], [Page("9"), answer(code)]):
        with pytest.raises(ApiError) as raised:
            asyncio.run(Stage(*steps).run())
        assert raised.value.status == code


@pytest.mark.parametrize("code", [403, 404])
def test_what_worked_once_must_be_refused_for_long(code: int) -> None:
    """A server that starts may refuse for a moment what it allowed before: that is waited for, a minute long."""
    again = (event("ADDED", "a:u1@10"), Wait(9))
    stage = Stage(Page("9"), again, *[answer(code)] * 15, again, *[answer(code)] * 50)
    with pytest.raises(ApiError):
        asyncio.run(stage.run())
    over, second = 60.3, 69.3  # the first refusals end, the second ones begin
    assert f"trouble at {over}: None" in stage.heard
    assert 60 < stage.time.at - second < 66


@pytest.mark.parametrize("error", [AccessError("log in"), Unreachable("no such host", sent=False, passing=False)])
def test_what_never_worked_and_would_not_mend_is_raised(error: Exception) -> None:
    """Without credentials, or with a wrong address, nothing begins."""
    with pytest.raises(type(error), match=str(error)):
        asyncio.run(Stage(error).run())


def test_credentials_that_expire_are_waited_for() -> None:
    """Once accepted, credentials may expire while a job runs: the trouble is told, and who logs in again goes on."""
    stage = Stage(Page("9"), (Wait(300),), *[AccessError("log in")] * 9, (event("ADDED", "a:u1@10"),)).play()
    assert stage.told == "synced, trouble at 305.0: log in., trouble at 321.3: None, u1@10"


def test_what_is_no_event() -> None:
    """A proxy's page instead of events is a failure like others; the watch goes on from where it was."""
    stage = Stage(Page("9"), (b"<html>\n",), (event("ADDED", "a:u1@10"),)).play()
    assert stage.told == "synced, u1@10"
    assert stage.asked == "list 500, watch 9, watch 9, watch 10"


def test_what_is_no_list() -> None:
    """JSON that is no list is a failure like others."""

    class Odd(Script):
        async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json:
            page = await super().get(path, metadata_only=metadata_only, **params)
            return {} if len(self.asked) == 1 else page

    stage = Stage(Page("8"), Page("9"))
    stage.reflector._api = Odd(stage.time, stage.api.steps)
    stage.play()
    assert (stage.told, stage.time.slept) == ("synced", [0.1])


def test_watches_that_end_at_once_are_no_storm() -> None:
    """A server that ends every watch at once is asked ever less often, and that is told as a trouble."""
    stage = Stage(Page("9"), *[(Wait(0.5),)] * 9).play()
    assert stage.time.slept[:4] == [0.1, 0.2, 0.4, 0.8]


# -- trouble --------------------------------------------------------------------------------------


def test_short_troubles_are_nobodys_concern() -> None:
    """What mends within 5 s is not told."""
    assert Stage(Page("9"), (BROKEN,), Wait(4), NOWHERE, (Wait(300),)).play().told == "synced"


def test_lasting_trouble_is_told_once() -> None:
    """After 5 s it is told why, once, and when it is over, once."""
    stage = Stage(Page("9"), (BROKEN,), *[NOWHERE] * 20, (Wait(300),), (Wait(300),), (BROKEN,)).play()
    assert stage.heard[0] == "synced"
    assert stage.heard[1].startswith("trouble at 5.0: no answer from the apiserver")
    assert stage.heard[2].endswith("None")
    assert len(stage.heard) == 3


def test_trouble_is_told_while_an_attempt_hangs() -> None:
    """5 s are 5 s, whatever is being waited for."""
    stage = Stage(Page("9"), (BROKEN,), Wait(5), Wait(55), (Wait(300),)).play()
    assert stage.told == "synced, trouble at 5.0: the connection broke., trouble at 60.1: None"


def test_trouble_before_the_first_list() -> None:
    """A cluster that does not answer at all is told too."""
    stage = Stage(*[NOWHERE] * 8, Page("9")).play()
    assert stage.told == "trouble at 5.0: no answer from the apiserver., trouble at 16.3: None, synced"


def test_trouble_says_what_the_apiserver_answers() -> None:
    """A refusal that lasts is told in the apiserver's words."""
    stage = Stage(Page("9"), *[answer(503)] * 8).play()
    assert stage.heard[1] == "trouble at 5.0: The apiserver answers 503 Reason: message"


def test_each_trouble_is_told() -> None:
    """After one trouble is over, the next is told as well."""
    stage = Stage(Page("9"), *[NOWHERE] * 8, (Wait(300),), *[NOWHERE] * 8, (Wait(300),)).play()
    assert sum("None" in each for each in stage.heard) == 2
    assert sum("no answer" in each for each in stage.heard) == 2


# -- ends -----------------------------------------------------------------------------------------


async def until(true: Callable[[], bool]) -> None:
    """Let others run until it is so."""
    for _ in range(100):
        await asyncio.sleep(0)
    assert true()


@pytest.mark.parametrize(
    "steps",
    [(HANG,), (Page("9"), HANG), (Page("9"), (HANG,)), (Page("9", more="m"), HANG)],
    ids=["in the list", "before the watch", "in the watch", "between pages"],
)
def test_cancelled(steps: tuple[Step, ...]) -> None:
    """Cancelled anywhere, it ends at once and leaves no stream open and no timer."""

    async def story() -> None:
        stage = Stage(NOWHERE, *steps)
        running = asyncio.ensure_future(stage.run())
        await until(lambda: not stage.api.steps)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert stage.api.open == 0
        stage.time.pass_(60)
        assert not any("trouble" in each for each in stage.heard)

    asyncio.run(story())


def test_started() -> None:
    """The block is entered when the first list was told; when it is left, nothing is watched any more."""

    async def story() -> None:
        stage = Stage(Page("9", "a:u1@5"), (event("ADDED", "b:u2@10"), HANG))
        async with stage.reflector.started(stage.tell):
            assert stage.told.startswith("u1@5")
            await until(lambda: stage.told == "u1@5, u2@10")
            assert stage.api.open == 1
        assert stage.api.open == 0

    asyncio.run(story())


def test_started_but_refused() -> None:
    """Who waits for the first list hears why there is none."""

    async def story() -> None:
        async with Stage(answer(403)).reflector.started(lambda _: None):
            raise AssertionError("not reached")

    with pytest.raises(ApiError):
        asyncio.run(story())


def test_started_and_refused_later() -> None:
    """A refusal in the middle ends the block, and is raised from it."""

    async def story() -> None:
        stage = Stage(Page("9"), answer(403))
        async with stage.reflector.started(stage.tell):
            await asyncio.Event().wait()

    with pytest.raises(ApiError):
        asyncio.run(story())


def test_started_and_the_block_fails() -> None:
    """An error of the block itself is raised as it is."""

    async def story() -> None:
        stage = Stage(Page("9"), (HANG,))
        async with stage.reflector.started(stage.tell):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(story())


# -- any history ----------------------------------------------------------------------------------


class Weather:
    """A cluster's apiserver, and what befalls each request in turn; between two, objects change."""

    def __init__(self, time: Time, turns: list[tuple[Any, ...]]) -> None:
        self.cluster, self.time, self.turns = Cluster(), time, turns
        self.oldest = 0

    def _befalls(self) -> str:
        """What befalls this request; at the end all is well, and then it is over."""
        if not self.turns:
            raise Done
        what, changes = self.turns.pop(0)
        for name, change in changes:
            self.cluster.change(name, change)
        if what == "compact":
            self.oldest = self.cluster.now
        if what in ("refused", "broken"):
            raise NOWHERE if what == "broken" else answer(503)
        return str(what)

    async def get(self, path: str, *, metadata_only: bool = False, **params: str) -> Json:
        self._befalls()
        version = self.cluster.version(self.cluster.now)
        items = list(self.cluster.alive.values())
        return {"kind": "ThingList", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items}

    @asynccontextmanager
    async def stream(
        self, path: str, *, idle: float | None = None, **params: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        what = self._befalls()
        if self.cluster.number(params["resourceVersion"]) < self.oldest:
            if what == "cut":
                raise answer(410)
            data = line("ERROR", status(410)) + b"\n"
        else:
            data = self.cluster.stream(params["resourceVersion"], 0)
        share = len(data) * 2 // 3 if what == "cut" else len(data)
        yield self._pieces(data[:share], what)

    async def _pieces(self, data: bytes, what: str) -> AsyncIterator[bytes]:
        for at in range(0, len(data), 50):
            yield data[at : at + 50]
        self.time.pass_(300)
        if what == "cut":
            raise BROKEN


CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["touch", "touch", "touch", "delete", "renew"])), max_size=5
)
TURNS = st.tuples(st.sampled_from(["well", "cut", "cut", "broken", "refused", "compact"]), CHANGES)


@settings(max_examples=200)
@given(st.lists(TURNS, max_size=30))
def test_any_weather(turns: list[tuple[Any, ...]]) -> None:
    """Whatever befalls requests: each state is told at most once, the last one always, gone once."""
    time = Time()
    weather = Weather(time, [*turns, ("well", []), ("well", []), ("well", []), ("well", [])])
    told: list[Change] = []
    reflector = Reflector(weather, PODS, time=time)
    with pytest.raises(Done):
        asyncio.run(reflector.run(told.append))
    check(weather.cluster, told)
