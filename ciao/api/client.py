"""The library's one class: Ciao in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ciao.api.given import options, read, replica_named
from ciao.api.job import Job, Result
from ciao.bootstrap import App, open_app
from ciao.console import follow
from ciao.core import presenter
from ciao.core.events import Ended, Event
from ciao.core.ports import Document, JobRecord, Notebook
from ciao.core.requests import Attach, Jobs, Launch, Logs, StopJob

T = TypeVar("T")
OnEvent = Callable[[Event], None]


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
            replica=replica_named(replica),
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
        code, label, directory = read(source)
        return self._app.request(code, label=label, directory=directory, options=options(items), spelling="{}=".format)

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


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    for piece in pieces:
        yield from piece.splitlines()
