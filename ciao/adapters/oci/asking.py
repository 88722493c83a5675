"""Asking one registry: with a login where it wants one, again where that may help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from attrs import evolve, frozen

from ciao.adapters.oci.challenge import challenges, chosen
from ciao.adapters.oci.errors import RegistryError, answered, no_credentials
from ciao.adapters.oci.patience import Patience
from ciao.adapters.oci.tokens import Logins, Scopes
from ciao.adapters.oci.wire import Answer, Ask, Wire

T = TypeVar("T")
_ROUNDS = 3  # without a login, with a token that allows too little, with a fresh one


@frozen(kw_only=True)
class Asking:
    """``chance``: a number from 0 to 1."""

    wire: Wire
    logins: Logins
    patience: Patience
    chance: Callable[[], float]

    async def ask(self, ask: Ask, scopes: Scopes, fine: tuple[int, ...]) -> Answer:
        """An answer whose status is one of ``fine``; RegistryError for any other, when trying again does not help."""
        return await self.patiently(lambda: self.once(ask, scopes, fine))

    async def once(self, ask: Ask, scopes: Scopes, fine: tuple[int, ...]) -> Answer:
        """The same without trying again (but with a login)."""
        async with self.open(ask, scopes, fine) as response:
            try:
                body = await response.read()
            except Exception as error:
                raise self.wire.lost(ask, error) or error from error
            return _whole(response, body)

    @asynccontextmanager
    async def open(self, ask: Ask, scopes: Scopes, fine: tuple[int, ...]) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body is still to come."""
        used = await self.logins.header(ask.host, scopes, ask.what)
        for remaining in reversed(range(_ROUNDS)):
            sent = evolve(ask, headers={**ask.headers, "Authorization": used}) if used else ask
            async with self.wire.open(sent) as response:
                if response.status in fine and not _is_page(response, ask):
                    yield response
                    return
                said = await self._said(response, ask)
            used = await self._again(ask, scopes, used, said, remaining)
        raise AssertionError("the last round raises")

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Until it does not raise what may pass, or patience ends."""
        made = 0
        while True:
            made += 1
            try:
                return await attempt()
            except RegistryError as error:
                pause = self.patience.pause(made, error, self.chance())
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def _said(self, response: aiohttp.ClientResponse, ask: Ask) -> Answer:
        try:
            return _whole(response, await response.content.read(1 << 20))
        except Exception as error:
            raise self.wire.lost(ask, error) or error from error

    async def _again(self, ask: Ask, scopes: Scopes, used: str, said: Answer, remaining: int) -> str:
        """Another header to try with; raises when there is none."""
        challenge = chosen(challenges(said.challenges)) if said.status == 401 else None
        if challenge is not None and remaining:
            return await self.logins.refused(ask.host, challenge, scopes, used, ask.what)
        if said.status == 401 and not await self.logins.known(ask.host):
            raise no_credentials(ask.host, ask.what)
        putting = ask.verb == "PUT"
        raise answered(ask.what, ask.host, said.status, said.headers, said.body, putting=putting)


def _whole(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    asked: Mapping[str, str] = response.headers
    return Answer(
        response.status, asked, body, str(response.url), tuple(response.headers.getall("WWW-Authenticate", ()))
    )


def _is_page(response: aiohttp.ClientResponse, ask: Ask) -> bool:
    """A login page, say, that calls itself a success. What is fetched is checked by who fetches it."""
    return response.status < 400 and ask.verb != "GET" and "html" in response.headers.get("Content-Type", "")
