"""The credentials in force: had anew before they expire, and when they were refused; once, however many wait for them.

Why not the client library (kubernetes 37.0.2): it runs a plug-in again only when somebody calls it on a timer, five
minutes before expiry, which for short-lived credentials is always; it never does after a 401, never for certificates,
and reads ``tokenFile`` once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from attrs import evolve, frozen

from ciao.adapters.kube.apierrors import AccessError, Unreachable
from ciao.adapters.kube.execplugin import run_plugin
from ciao.adapters.kube.login import Credential, Fixed, Login, Plugin, Provider, TokenFile
from ciao.adapters.kube.providers import Providers

_REREAD = 60.0  # seconds; a pod's token is written anew long before it expires
_SOON = 5.0  # seconds in which neither a refusal nor a lost connection is looked into again
_LOGIN = "Log in again as you do for kubectl (`kubectl auth whoami` shows whether it worked), then run the cell again."


_CLOSED = Unreachable("The connection to the cluster was closed.", sent=False, passing=False)


@frozen(eq=False)
class Pass:
    """What a request is sent with; another one is in force after each renewal."""

    login: Login
    credential: Credential


class Keeper:
    """``load`` looks up the login anew, ``fetch`` makes credentials of it; ``now`` is seconds since the epoch.

    Lives on one event loop. May be asked by many at once: they share one renewal, and one of them that is cancelled
    does not end it for the others.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Login]],
        fetch: Callable[[Login], Awaitable[Credential]],
        now: Callable[[], float],
    ) -> None:
        self._load, self._fetch, self._now = load, fetch, now
        self._held: Pass | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._refusal = self._loss = float("-inf")  # when one was looked into last

    @property
    def held(self) -> Pass:
        """What was in force last."""
        assert self._held is not None, "nothing was asked for yet"
        return self._held

    async def current(self) -> Pass:
        """What is in force, renewed if that is due. AccessError when there is nothing to be had."""
        if self._held is None:
            await self._renew(look=True)
        elif self._held.credential.due <= self._now():
            await self._renew(look=False)
        return self.held

    async def refused(self, used: Pass) -> None:
        """A server does not accept ``used`` (401). Returns when another is in force; AccessError when there is none."""
        if used is not self._held:
            return
        if self._renewal is not None or not self._is_soon(self._refusal):
            self._refusal = self._now()
            await self._renew(look=True)
        if self._held is used or _same(self.held, used):
            raise refusal(used.login)

    async def moved(self, used: Pass) -> bool:
        """There is no way to the server of ``used``: whether the same context leads to another by now. Never raises."""
        if used is not self._held:
            return used.login.endpoint != self.held.login.endpoint
        if self._is_soon(self._loss):
            return False
        self._loss = self._now()
        try:
            if (await self._load()).endpoint != used.login.endpoint:
                await self._renew(look=True)
        except AccessError:
            return False
        return self.held.login.endpoint != used.login.endpoint

    async def close(self) -> None:
        """End a renewal that goes on; Unreachable for those who wait for it."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    # -- inside ----------------------------------------------------------------------------------

    def _is_soon(self, last: float) -> bool:
        return abs(self._now() - last) < _SOON  # abs: a clock may be set back

    async def _renew(self, look: bool) -> None:
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._renewed(look))
            self._renewal.add_done_callback(self._over)
        renewal = self._renewal
        try:
            await asyncio.shield(renewal)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if renewal.cancelled() and task is not None and not task.cancelling():
                raise _CLOSED from None  # it was the renewal that was cancelled, not who waits for it
            raise

    def _over(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # those who wait have it; there may be nobody left

    async def _renewed(self, look: bool) -> None:
        held, now = self._held, self._now()
        try:
            login = await self._load() if look or held is None else held.login
            credential = await self._fetch(login)
        except AccessError:
            if look or held is None or held.credential.expires <= now:
                raise
            # Still good: whoever gives credentials may be well again before they expire.
            login, credential = held.login, evolve(held.credential, due=now + _SOON)
        self._held = Pass(login, credential)


def refusal(login: Login) -> AccessError:
    """401, after all that could be done about it."""
    return AccessError(f"The cluster of the context {login.context} does not accept these credentials.", hint=_LOGIN)


def _same(one: Pass, other: Pass) -> bool:
    """Whether a server could not tell them apart."""
    mine, yours = one.credential, other.credential
    return (mine.header, mine.pair, one.login.endpoint, one.login.user.headers) == (
        yours.header,
        yours.pair,
        other.login.endpoint,
        other.login.user.headers,
    )


class Fetcher:
    """A login's credentials, from wherever its user has them. ``environ`` is what programs are started with."""

    def __init__(self, environ: Mapping[str, str], now: Callable[[], float]) -> None:
        self._environ, self._now, self._providers = environ, now, Providers(environ)

    async def __call__(self, login: Login) -> Credential:
        """AccessError when there are none to be had."""
        found = await self._found(login)
        if not found.header.isprintable():
            raise AccessError(f"The token of the context {login.context} has characters in it that no token has.")
        return found if found.pair is not None else evolve(found, pair=login.user.pair)

    async def _found(self, login: Login) -> Credential:
        match login.user.token:
            case None:
                return Credential()
            case Fixed(header):
                return Credential(header=header)
            case TokenFile() as file:
                return Credential(header=f"Bearer {_token(file)}", due=self._now() + _REREAD)
            case Plugin() as plugin:
                return await run_plugin(plugin, self._environ, self._now())
            case Provider() as provider:
                return await self._providers.credential(provider, self._now())


def _token(file: TokenFile) -> str:
    try:
        found = file.path.read_text().strip()
    except (OSError, ValueError) as error:
        found = file.token
        if not found:
            raise AccessError(f"The token in {file.path} cannot be read: {error}.") from error
    if not found:
        raise AccessError(f"There is no token in {file.path}: the file is empty.")
    return found
