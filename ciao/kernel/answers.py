"""Ciao's commands in a notebook (``%jobs``, ``%logs``, ``%ciao config`` …): a request in, a text out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ciao.core import presenter
from ciao.core.help import help_text
from ciao.core.measures import Table, size
from ciao.core.requests import Config, Describe, Doctor, Help, Jobs, Launch, Logs, Request, StopJob
from ciao.core.settings import VIEW_BYTES

if TYPE_CHECKING:
    from ciao.bootstrap import App
    from ciao.core.ports import Notebook
    from ciao.kernel.elsewhere import Elsewhere


async def answer(request: Request, app: App, elsewhere: Elsewhere, notebook: Notebook) -> str:
    """The text that answers a request that is not about following a job. Raises CiaoError."""
    match request:
        case Launch():
            return presenter.documents(await elsewhere.on_ciao(app.render(request, notebook)))
        case StopJob():
            return await elsewhere.on_ciao(app.session.stop(request))
        case Jobs():
            records = await elsewhere.on_ciao(app.session.jobs(request))
            return presenter.jobs_table(records, time.time()).text if records else "There is no job yet."
        case Describe():
            found = await elsewhere.on_ciao(app.session.describe(request))
            return presenter.describe(found.record, time.time(), lines=found.lines)
        case Logs():
            return await elsewhere.on_thread(lambda stopped: _logs(request, app, stopped))
        case Config():
            return _config(request, app)
        case Doctor():
            return await elsewhere.on_thread(lambda _: _doctor(app))
        case Help():
            return help_text(app.vocabulary, request.topic)
        case _:
            raise AssertionError(f"{request} is answered elsewhere")


def _logs(request: Logs, app: App, stopped: Callable[[], bool]) -> str:
    """As much as a cell shows of one job; a cell is no place for a gigabyte."""
    budget, shown = app.settings[VIEW_BYTES], 0
    pieces: list[str] = []
    for piece in app.logs(request):
        if stopped():
            break
        lines = piece.splitlines(keepends=True)
        fitting = list(_fitting(lines, budget - shown))
        pieces += fitting
        shown += sum(map(_utf8, fitting))
        if len(fitting) < len(lines):
            pieces.append(
                f"... {size(shown)} are shown. The last lines: %logs {request.name} --tail 100; "
                f"some lines: --grep PATTERN; all, in a terminal: ciao logs {request.name}\n"
            )
            break
    return "".join(pieces)


def _fitting(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= _utf8(line)
        if room < 0:
            return
        yield line


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _config(request: Config, app: App) -> str:
    if request.key is not None and request.value is not None:
        app.configure(request.key, request.value)
        return f"{request.key} = {request.value}, until this kernel ends"
    rows = tuple((row.key, row.value, row.origin) for row in app.settings.show() if request.key in (None, row.key))
    return Table(("setting", "value", "from"), rows).text


def _doctor(app: App) -> str:
    from ciao.doctor import examine

    checks = tuple(examine(app.settings.text, os.environ))
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        mark = {True: "✓", False: "✗", None: "·"}[check.good]
        lines.append(f"{mark} {check.name.ljust(width)}  {check.text}")
        lines += [f"{' ' * (width + 4)}→ {check.remedy}"] if check.remedy else []
    return "\n".join(lines)
