"""Ciao as a library: everything a notebook can do, in a script, and also inside a notebook.

``Client`` is the whole of it; the functions that ``ciao`` exports (``ciao.run``, ``ciao.launch``, …) are those of a
client that is opened with the first call, with the settings of the working directory and the environment. Items
of a job are the magics' own, as keyword arguments: ``run(code, framework="pytorch", worker=2, env={"A": "1"})``.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from attrs import field, frozen

from ciao.bootstrap import App, open_app
from ciao.console import follow
from ciao.core import presenter
from ciao.core.errors import SourceError, UserError
from ciao.core.events import Diagnosis, Ended, Event, Outcome, StopReason
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Document, JobRecord, Notebook
from ciao.core.requests import Attach, Jobs, Launch, Logs, StopJob
from ciao.runtime import Running

P = ParamSpec("P")
T = TypeVar("T")
OnEvent = Callable[[Event], None]


@frozen(kw_only=True)
class Result:
    """How a job ended. ``seconds`` since its submission; ``diagnosis`` says why when it did not succeed."""

    name: str
    outcome: Outcome
    seconds: float
    handle: JobHandle
    diagnosis: Diagnosis | None = None
    _client: Client = field(repr=False, eq=False)

    @property
    def succeeded(self) -> bool:
        """True when every replica that decides ended with exit code 0."""
        return self.outcome is Outcome.SUCCEEDED

    def logs(self, replica: str | None = None, *, tail: int | None = None) -> Iterator[str]:
        """The job's output, line by line, from the job store: of one replica (``worker-1``) or of all."""
        return self._client.logs(self.name, replica, tail=tail)


class Job:
    """A job that this process follows: wait for it, await it, iterate over its events, stop it."""

    def __init__(self, client: Client, running: Running) -> None:
        self._client, self.running = client, running

    @property
    def name(self) -> str:
        """The job's name; waits until the job exists, and raises what kept it from existing."""
        return self.running.submitted.result().handle.name

    def wait(self, timeout: float | None = None, *, check: bool = True) -> Result:
        """Block until the end. TimeoutError after ``timeout`` seconds (the job goes on); JobError with ``check``."""
        return self._client.result(self.running.finished.result(timeout), check)

    def __await__(self) -> Generator[Any, None, Result]:
        return self._awaited().__await__()

    async def _awaited(self) -> Result:
        return self._client.result(await asyncio.wrap_future(self.running.finished), check=True)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """All events of the job from its first to ``Ended``, on the caller's own event loop."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

        def hand_over(event: Event | None) -> None:
            with suppress(RuntimeError):  # the caller's loop is gone
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        leave = self.running.subscribe(hand_over)
        # A launch that fails has no Ended: its future says so, after every event.
        self.running.finished.add_done_callback(lambda _: hand_over(None))
        try:
            while (event := await arrived.get()) is not None:
                yield event
                if isinstance(event, Ended):
                    return
            self.running.finished.result(0)
        finally:
            leave()

    def stop(self, *, force: bool = False) -> None:
        """Ask the job to end (``force``: without its grace); returns at once."""
        for _ in range(2 if force else 1):
            self.running.stop(StopReason.USER)


class Client:
    """Ciao in this process: one session, one thread, closed by ``close`` or the process's end.

    ``settings`` beat every file and variable: ``Client(settings={"store.path": "/data/jobs"})``.
    """

    def __init__(
        self,
        *,
        directory: str | os.PathLike[str] = ".",
        settings: Mapping[str, str] | None = None,
        app: App | None = None,
    ) -> None:
        self._app = app or open_app(
            directory=str(Path(directory).resolve()),
            environ=os.environ,
            overrides=settings or {},
            owner=f"process {os.getpid()}",
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the local jobs of this client and end its thread."""
        self._app.close()

    # -- one job --------------------------------------------------------------------------------

    def run(
        self,
        source: str | os.PathLike[str],
        /,
        *,
        check: bool = True,
        output: bool = True,
        on_event: OnEvent | None = None,
        **items: Any,
    ) -> Result:
        """Run a job to its end and print what its replicas print.

        ``source`` is code (a string) or a file (a Path). Raises UserError before anything starts;
        JobFailedError or JobStoppedError at the end unless ``check`` is False. Ctrl-C stops the job and raises
        KeyboardInterrupt when it has ended.
        """
        job = self.launch(source, **items)
        leave = job.running.subscribe(on_event) if on_event else None
        try:
            return self.result(self._until_the_end(job, output), check)
        finally:
            if leave:
                leave()

    async def run_async(
        self, source: str | os.PathLike[str], /, *, check: bool = True, on_event: OnEvent | None = None, **items: Any
    ) -> Result:
        """``run`` for an event loop: silent, never blocks it; cancelled, it stops the job and waits for its end."""
        job = self.launch(source, **items)
        ended = asyncio.ensure_future(asyncio.wrap_future(job.running.finished))
        leave = job.running.subscribe(on_event) if on_event else None
        try:
            return self.result(await asyncio.shield(ended), check)
        except asyncio.CancelledError:
            job.stop()
            with suppress(Exception):
                await ended
            raise
        finally:
            if leave:
                leave()

    def launch(self, source: str | os.PathLike[str], /, *, notebook: Notebook | None = None, **items: Any) -> Job:
        """Start a job and return at once. UserError when the request is wrong."""
        return Job(self, self._app.launch(self._request(source, items), notebook, presenter.LIBRARY))

    def attach(self, name: str, *, target: str | None = None) -> Job:
        """Follow a job that exists, or replay one that has ended. ``last`` is the newest."""
        return Job(self, self._app.attach(Attach(name=name, target=target)))

    def render(
        self, source: str | os.PathLike[str], /, *, notebook: Notebook | None = None, **items: Any
    ) -> tuple[Document, ...]:
        """What would be created, without creating it."""
        return self._wait(self._app.render(self._request(source, items), notebook, presenter.LIBRARY))

    # -- jobs that exist -------------------------------------------------------------------------

    def jobs(self, *, target: str | None = None, everything: bool = False) -> tuple[JobRecord, ...]:
        """The jobs in the store, newest first."""
        return self._wait(self._app.session.jobs(Jobs(target=target, all=everything)))

    def logs(
        self,
        name: str,
        replica: str | None = None,
        *,
        tail: int | None = None,
        since: float | None = None,
        grep: str | None = None,
        timestamps: bool = False,
        target: str | None = None,
    ) -> Iterator[str]:
        """Lines of a job's log, also after its end. ``since`` in seconds back from now."""
        request = Logs(
            name=name,
            target=target,
            replica=_replica(replica),
            tail=tail,
            since=since,
            grep=grep,
            timestamps=timestamps,
        )
        pieces = self._app.logs(request)
        return (line for piece in pieces for line in piece.removesuffix("\n").split("\n"))

    def stop(self, name: str, *, force: bool = False, target: str | None = None) -> str:
        """Stop a job, whoever follows it; the sentence that says what was done."""
        return self._wait(self._app.session.stop(StopJob(name=name, target=target, force=force)))

    def describe(self, name: str, *, target: str | None = None) -> JobRecord:
        """What the store knows of a job. UnknownJobError when it knows none of that name."""
        return self._app.session.record(name, target)

    # -- inside ----------------------------------------------------------------------------------

    def result(self, ended: Ended, check: bool) -> Result:
        """The end of a job as a Result; raises its JobError with ``check``."""
        error = presenter.job_error(ended, presenter.LIBRARY) if check else None
        if error is not None:
            raise error
        return Result(
            name=ended.handle.name, outcome=ended.outcome, seconds=ended.seconds, handle=ended.handle,
            diagnosis=ended.diagnosis, client=self,
        )  # fmt: skip

    def _request(self, source: str | os.PathLike[str], items: Mapping[str, Any]) -> Launch:
        code, label, directory = _read(source)
        return self._app.request(code, label=label, directory=directory, options=_options(items), spelling="{}=".format)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._app.runtime.call(work).result()

    def _until_the_end(self, job: Job, output: bool) -> Ended:
        try:
            return self._shown(job) if output else job.running.finished.result()
        except KeyboardInterrupt:
            job.stop()
            with suppress(Exception):
                _insist(job)
            raise

    def _shown(self, job: Job) -> Ended:
        return follow(self._app, job.running)


def _insist(job: Job) -> None:
    """Wait for a job that was asked to end; the next Ctrl-C cuts its grace short."""
    try:
        job.running.finished.result()
    except KeyboardInterrupt:
        job.stop()
        job.running.finished.result()


def _read(source: str | os.PathLike[str]) -> tuple[str, str, str]:
    """Code, what to call it, and its working directory."""
    if not isinstance(source, str):
        path = Path(source)
        try:
            return path.read_bytes().decode("utf-8"), path.name, str(Path.cwd())
        except UnicodeDecodeError as error:
            raise SourceError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
    if "\n" not in source and source.endswith((".py", ".ipynb")):
        raise SourceError(f"{source!r} is a string, and so is code", hint=f"for a file: pathlib.Path({source!r})")
    return source, "<string>", str(Path.cwd())


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    for piece in pieces:
        yield from piece.splitlines()


def _replica(text: str | None) -> Replica | None:
    try:
        return None if text is None else Replica.parse(text)
    except ValueError as error:
        raise UserError(str(error)) from error


def _options(items: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Keyword arguments as the magics' own texts: ``env={"A": 1}`` is ``env=A=1``; True is a flag."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in items.items():
        match value:
            case None | False:
                continue
            case True:
                found[name] = ("",)
            case Mapping():
                found[name] = tuple(f"{key}={each}" for key, each in value.items())
            case list() | tuple():
                found[name] = tuple(str(each) for each in value)
            case _:
                found[name] = (str(value),)
    return found


_default: list[Client] = []


def client() -> Client:
    """The client behind ``ciao.run`` and the others; opened with the first call."""
    if not _default:
        _default.append(Client())
    return _default[0]


def _forward(method: Callable[Concatenate[Client, P], T]) -> Callable[P, T]:
    """A method of the default client as a function."""

    @functools.wraps(method)
    def function(*args: P.args, **kwargs: P.kwargs) -> T:
        return method(client(), *args, **kwargs)

    return function


run = _forward(Client.run)
run_async = _forward(Client.run_async)
launch = _forward(Client.launch)
attach = _forward(Client.attach)
render = _forward(Client.render)
jobs = _forward(Client.jobs)
logs = _forward(Client.logs)
stop = _forward(Client.stop)
describe = _forward(Client.describe)
