"""The registry as a server: its rules, who may use it, what goes wrong with it, and a log of what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, evolve

from . import api
from .auth import REALM, Bearer, Guard, Nobody
from .faults import Cut, Fault, Faults, Hang, Instead, Redirect, Spoil
from .messages import Answer, Request, said
from .sockets import Listener, Outcome, Reset, counted
from .store import Store, Traits

_STORAGE = "/storage/"


@define
class Seen:
    """A request. ``received``: bytes of its body; ``status`` 0: not answered. ``scheme`` of its Authorization."""

    method: str
    path: str
    query: dict[str, list[str]]
    scheme: str = ""
    accept: str = ""
    received: int = 0
    status: int = 0

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class Registry:
    """One registry; ``with serving(…) as registry``. ``host`` is what references begin with."""

    def __init__(
        self,
        guard: Guard | None = None,
        traits: Traits | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.store, self.guard, self.traits = Store(), guard or Nobody(), traits or Traits()
        self.faults = Faults()
        self.seen: list[Seen] = []
        self._over = threading.Event()
        self._listener = Listener(self._exchange, tls, port)
        self._storage = Listener(self._exchange_storage, tls)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self._listener.scheme}://{self.host}"

    @property
    def uploaded(self) -> int:
        """Bytes of all bodies that came, but to the token service."""
        return sum(each.received for each in self.seen if each.path != REALM)

    def asked(self, method: str = "", path: str = "") -> list[Seen]:
        """The requests of a method (any: "") whose path has a text in it."""
        return [each for each in self.seen if method in ("", each.method) and path in each.path]

    def goes_wrong(
        self, does: Instead | Cut | Spoil | Hang | Redirect, method: str = "", path: str = "", times: int = 1
    ) -> Fault:
        """Switch a fault on; see ``Fault``."""
        fault = Fault(does, method, path, times)
        self.faults.on.append(fault)
        return fault

    def begin(self) -> None:
        """Answering when this returns."""
        self._listener.begin()
        self._storage.begin()

    def end(self) -> None:
        """AssertionError for what went wrong in here, rather than by a fault."""
        self._over.set()
        self._listener.end()
        self._storage.end()
        wrong = [*self._listener.errors, *self._storage.errors]
        assert not wrong, f"the registry of the tests failed by itself: {wrong!r}"

    def _exchange(self, request: Request) -> Outcome:
        seen = _seen(request)
        self.seen.append(seen)
        does = self.faults.of(request)
        most = does.received if isinstance(does, Cut) else None

        def got(count: int) -> None:
            seen.received += count

        request = counted(request, got, most)
        outcome = self._done(does, request)
        seen.status = outcome.answer.status
        return outcome

    def _done(self, does: Instead | Cut | Spoil | Hang | Redirect | None, request: Request) -> Outcome:
        match does:
            case Instead(answer, reads):
                if reads:
                    request.body()
                return Outcome(answer, closes=not reads)
            case Hang():
                self._over.wait()
                raise Reset
            case Redirect(status):
                return Outcome(Answer(status, {"Location": self._elsewhere(request.path)}))
            case Spoil():
                answer = self._answer(request)
                return Outcome(evolve(answer, body=answer.body[:-1] + bytes([answer.body[-1] ^ 1])))
            case Cut(received, sent):
                answer = self._answer(request)
                if received is not None:
                    request.body()
                    raise Reset  # the body was shorter
                return Outcome(answer, sends=sent)
            case None:
                return Outcome(self._answer(request))

    def _answer(self, request: Request) -> Answer:
        if request.path == REALM and isinstance(self.guard, Bearer):
            return self.guard.token(request)
        if request.path.startswith("/v2"):
            refusal = self.guard.refuses(request, api.needs(request))
            if refusal is not None:
                return refusal
        return api.answer(request, self.store, self.traits)

    def _elsewhere(self, path: str) -> str:
        return f"{self._storage.scheme}://localhost:{self._storage.port}{_STORAGE}{path.rpartition('/')[2]}"

    def _exchange_storage(self, request: Request) -> Outcome:
        seen = _seen(request)
        self.seen.append(seen)
        does = self.faults.of(request)
        content = self.store.blobs.get(request.path.removeprefix(_STORAGE))
        if seen.scheme:
            answer = said(400, "Only one auth mechanism allowed")
        elif content is None:
            answer = said(404, "NoSuchKey")
        else:
            answer = Answer(200, {"Content-Type": "binary/octet-stream"}, content)
        seen.status = answer.status
        return Outcome(answer, sends=does.sent if isinstance(does, Cut) else None)


def _seen(request: Request) -> Seen:
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    return Seen(request.method, request.path, dict(request.query), scheme, request.headers.get("accept", ""))


@contextmanager
def serving(
    guard: Guard | None = None, *, traits: Traits | None = None, tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Registry]:
    """A registry that answers, until the block ends."""
    registry = Registry(guard, traits, tls, port)
    registry.begin()
    try:
        yield registry
    finally:
        registry.end()
