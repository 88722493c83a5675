"""Credentials in force: when they are had anew, how often, and what those hear who wait for them."""

from __future__ import annotations

import asyncio

import pytest
from attrs import evolve

from ciao.adapters.kube.apierrors import AccessError, Unreachable
from ciao.adapters.kube.keeper import Keeper
from ciao.adapters.kube.login import INF, Credential, Endpoint, Login, User

LOGIN = Login(context="c", namespace="n", endpoint=Endpoint(server="https://a"), user=User())
GONE = AccessError("gone")


class World:
    """A kubeconfig that can change, a program that gives credentials, a clock; ``gate`` holds the program back."""

    def __init__(self, life: float = INF, fixed: bool = False) -> None:
        self.login, self.life, self.fixed, self.at = LOGIN, life, fixed, 1000.0
        self.loads = self.fetches = 0
        self.fails: AccessError | None = None
        self.gate: asyncio.Event | None = None
        self.keeper = Keeper(self.load, self.fetch, lambda: self.at)

    async def load(self) -> Login:
        self.loads += 1
        return self.login

    async def fetch(self, login: Login) -> Credential:
        self.fetches += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        ends = self.at + self.life
        return Credential(header="x" if self.fixed else f"x{self.fetches}", due=ends - 10, expires=ends)


def test_they_are_had_once_and_used_until_they_are_due():
    """Then once more, with the same login."""

    async def main():
        world = World(life=100)
        first = await world.keeper.current()
        world.at += 89
        assert await world.keeper.current() is first
        world.at += 1
        second = await world.keeper.current()
        return world.loads, world.fetches, second.credential.header

    assert asyncio.run(main()) == (1, 2, "x2")


def test_many_who_wait_share_one_renewal():
    """Whether they are due or refused."""

    async def main():
        world = World(life=100)
        first = await world.keeper.current()
        world.gate = asyncio.Event()
        world.at += 95
        waiting = [asyncio.ensure_future(world.keeper.current()) for _ in range(5)]
        waiting += [asyncio.ensure_future(world.keeper.refused(first)) for _ in range(5)]
        await asyncio.sleep(0)
        world.gate.set()
        await asyncio.gather(*waiting)
        return world.fetches

    assert asyncio.run(main()) == 2


def test_one_that_is_cancelled_does_not_end_it_for_the_others():
    """The renewal goes on."""

    async def main():
        world = World()
        world.gate = asyncio.Event()
        one, other = (asyncio.ensure_future(world.keeper.current()) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
        world.gate.set()
        return (await other).credential.header, world.fetches

    assert asyncio.run(main()) == ("x1", 1)


def test_closing_ends_a_renewal():
    """Those who wait for it are told; they are not cancelled themselves."""

    async def main():
        world = World()
        world.gate = asyncio.Event()
        waiting = asyncio.ensure_future(world.keeper.current())
        await asyncio.sleep(0)
        await world.keeper.close()
        with pytest.raises(Unreachable, match="was closed"):
            await waiting

    asyncio.run(main())


def test_what_is_still_good_is_used_when_no_other_is_to_be_had():
    """Until it ends; a program that fails is asked again a little later."""

    async def main():
        world = World(life=100)
        first = await world.keeper.current()
        world.fails, world.at = GONE, world.at + 91
        second = await world.keeper.current()
        await world.keeper.current()
        tried = world.fetches
        world.at += 5
        await world.keeper.current()
        again = world.fetches
        world.at += 5
        with pytest.raises(AccessError, match="gone"):
            await world.keeper.current()
        return first.credential.header == second.credential.header, tried, again

    assert asyncio.run(main()) == (True, 2, 3)


def test_a_refusal_looks_the_login_up_again():
    """Whoever has logged in again is believed."""

    async def main():
        world = World()
        first = await world.keeper.current()
        world.login = evolve(LOGIN, namespace="other")
        await world.keeper.refused(first)
        return (await world.keeper.current()).login.namespace, world.loads, world.fetches

    assert asyncio.run(main()) == ("other", 2, 2)


def test_a_refusal_of_what_is_no_longer_in_force_costs_nothing():
    """Somebody else has renewed it meanwhile."""

    async def main():
        world = World()
        first = await world.keeper.current()
        await world.keeper.refused(first)
        await world.keeper.refused(first)
        return world.fetches

    assert asyncio.run(main()) == 2


def test_the_same_again_is_no_help():
    """A server that did not accept it will not accept it now; and it is not asked for with every request."""

    async def main():
        world = World(fixed=True)
        used = await world.keeper.current()
        for _ in range(3):
            with pytest.raises(AccessError, match="context c does not accept these credentials"):
                await world.keeper.refused(used)
            used = await world.keeper.current()
        soon = world.fetches
        world.at -= 3600  # the clock was set back
        with pytest.raises(AccessError):
            await world.keeper.refused(used)
        return soon, world.fetches

    assert asyncio.run(main()) == (2, 3)


def test_a_refusal_when_nothing_is_to_be_had_says_why():
    """The program's own error."""

    async def main():
        world = World()
        used = await world.keeper.current()
        world.fails = GONE
        with pytest.raises(AccessError, match="gone"):
            await world.keeper.refused(used)

    asyncio.run(main())


def test_a_server_that_is_elsewhere_by_now():
    """The login is looked up, once in a while; the program runs only when it did change."""

    async def main():
        world = World()
        used = await world.keeper.current()
        same = await world.keeper.moved(used)
        world.login = evolve(LOGIN, endpoint=Endpoint(server="https://b"))
        soon = await world.keeper.moved(used)
        world.at += 5
        before = world.fetches
        later = await world.keeper.moved(used)
        return same, soon, before, later, await world.keeper.moved(used), world.fetches

    assert asyncio.run(main()) == (False, False, 1, True, True, 2)


def test_a_login_that_cannot_be_looked_up_has_not_moved():
    """The first trouble is the one to tell."""

    async def main():
        world = World()
        used = await world.keeper.current()
        world.login, world.fails = evolve(LOGIN, endpoint=Endpoint(server="https://b")), GONE
        return await world.keeper.moved(used)

    assert asyncio.run(main()) is False
