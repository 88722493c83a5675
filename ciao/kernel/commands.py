"""What a cell of Ciao's asks for, carried out: jobs are started and followed, questions are answered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ciao.core import presenter
from ciao.core.errors import JobStoppedError, UserError
from ciao.core.events import Ended, Event, LogChunk, StopReason, Submitted
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobStore
from ciao.core.requests import Attach, Launch, Logs, Rerun
from ciao.core.settings import VIEW_BYTES
from ciao.core.view import LogView
from ciao.kernel.answers import answer
from ciao.kernel.elsewhere import Elsewhere
from ciao.kernel.feed import JobFeed, Left, Words
from ciao.kernel.notebook import KernelNotebook
from ciao.kernel.output import output_of
from ciao.kernel.waits import GivenUp, Waits

if TYPE_CHECKING:
    from ciao.bootstrap import App
    from ciao.kernel.pump import Pump
    from ciao.runtime import Running

T = TypeVar("T")


class Commands:
    """One cell: made when it begins, so that its output finds the way to it for ever."""

    def __init__(self, ip: Any, app: App, pump: Pump, waits: Waits) -> None:
        self._ip, self._app, self._pump, self._waits = ip, app, pump, waits
        self._output = output_of(ip)

    async def carry_out(self, source: str) -> None:
        """Understand the cell and do what it asks for. Raises CiaoError."""
        directory = str(Path.cwd())
        request = self._app.interpret(source, _label(self._ip, source), directory)
        match request:
            case Launch(render=False):
                await self._launch(request, directory)
            case Rerun():
                await self._launch(self._app.rerun(request, directory), directory)
            case Attach():
                # A job may be somebody else's: Stop ends the watching, and says how to end the job.
                await self._follow(self._app.attach(request), request.name, stop=StopReason.KERNEL)
            case Logs(follow=True):
                await self._follow_log(request)
            case None:  # the recognizer and the parser disagree; nothing is lost by saying nothing
                return
            case _:
                elsewhere = Elsewhere(self._app.runtime, self._waits)
                self._say(await answer(request, self._app, elsewhere, KernelNotebook.of(self._ip, directory)))

    # -- jobs --------------------------------------------------------------------------------------

    async def _launch(self, request: Launch, directory: str) -> None:
        running = self._app.launch(request, KernelNotebook.of(self._ip, directory))
        if not request.detach:
            await self._follow(running, request.spec.name, quiet=request.quiet)
            return
        feed = self._feed(running, _told_without_an_error, quiet=request.quiet)
        await self._stoppable(running, running.submitted, request.spec.name)
        await self._waits.until(feed.begun, running.stop)

    async def _follow(
        self, running: Running, name: str, *, quiet: bool = False, stop: StopReason = StopReason.USER
    ) -> None:
        """Show a job to its end; an interrupt is told to it as ``stop``. Raises JobError when it does not end well."""
        feed = self._feed(running, presenter.event_lines, quiet=quiet)
        error = presenter.job_error(await self._stoppable(running, feed.shown, name, stop))
        if error is not None:
            raise error

    async def _stoppable(self, running: Running, future: Future[T], name: str, stop: StopReason = StopReason.USER) -> T:
        """Wait; an interrupt means the job."""
        try:
            return await self._waits.until(future, lambda: running.stop(stop))
        except GivenUp:
            text = f"{name} was asked to stop, twice, and has not confirmed it. %jobs shows what became of it."
            raise JobStoppedError(name, text) from None

    async def _follow_log(self, request: Logs) -> None:
        """``%logs --follow``: an interrupt ends the watching, not the job."""
        if request.tail is not None or request.since is not None or request.grep or request.timestamps:
            hint = f"In a terminal, with all its options: ciao logs {request.name} --follow"
            raise UserError("--follow shows every line in a notebook, and takes no other option.", hint=hint)
        running = self._app.attach(Attach(name=request.name, target=request.target))
        feed = self._feed(running, lambda _: (), only=request.replica)

        def leave() -> None:
            feed.leave()
            running.stop(StopReason.KERNEL)

        with suppress(Left):
            await self._waits.until(feed.shown, leave)

    def _feed(self, running: Running, words: Words, *, quiet: bool = False, only: Replica | None = None) -> JobFeed:
        view_of = _views(self._app.store, self._app.settings[VIEW_BYTES])
        feed = JobFeed(self._output, words, view_of, self._pump.wake, quiet=quiet, board=only is None)
        self._pump.open(feed)
        running.subscribe(feed.put if only is None else _restricted(feed.put, only))
        running.finished.add_done_callback(lambda finished: self._fail_after_events(feed, finished))
        return feed

    def _fail_after_events(self, feed: JobFeed, finished: Future[Ended]) -> None:
        """A launch that raised has no last event; what it told before that comes first, through Ciao's loop."""
        error = finished.exception()
        if error is not None:
            self._app.runtime.call(_later(lambda: feed.fail(error)))

    def _say(self, text: str) -> None:
        if text:
            self._output.write(text.rstrip("\n") + "\n")


def _views(store: JobStore, budget: int) -> Callable[[JobHandle], LogView]:
    """How a feed opens the log of its job, once there is one."""

    def view_of(handle: JobHandle) -> LogView:
        record = store.get(handle.target, handle.name)
        label, origins = ("this cell", ()) if record is None else (record.label, record.origins)
        return LogView(
            lambda replica: store.reader(handle, replica), label, budget=budget, job=handle.name, origins=origins
        )

    return view_of


def _restricted(put: Callable[[Event], None], only: Replica) -> Callable[[Event], None]:
    def put_some(event: Event) -> None:
        if not isinstance(event, LogChunk) or event.replica == only:
            put(event)

    return put_some


def _label(ip: Any, source: str) -> str:
    """``Cell In [3]``, as the front-end numbers it.

    The counter itself has moved on already, or has not, by IPython's version. A cell that is not
    kept in the history has no number.
    """
    inputs = ip.history_manager.input_hist_raw
    return f"Cell In [{len(inputs) - 1}]" if inputs[-1].rstrip() == source.rstrip() else "this cell"


def _told_without_an_error(event: Event) -> tuple[str, ...]:
    """For a cell that is answered at once: its job's bad end cannot be raised there any more."""
    if isinstance(event, Submitted) and event.attempt == 1:
        name = event.handle.name
        ways = f"{name} goes on by itself · %attach {name} follows it · %stop {name} ends it"
        return (*presenter.event_lines(event), ways, *_read_by(event))
    error = presenter.job_error(event) if isinstance(event, Ended) else None
    if error is None:
        return presenter.event_lines(event)
    first, *rest = error.lines()
    return (f"✗ {error.title}: {first}", *rest)


def _read_by(event: Submitted) -> tuple[str, ...]:
    """A job that outlives its kernel is read by nobody then."""
    if event.handle.target == "local":
        return ()
    return ("its output is kept while this kernel runs; without one, %attach shows what the cluster still has",)


async def _later(call: Callable[[], None]) -> None:
    call()
