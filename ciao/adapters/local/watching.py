"""Following one job: live from its supervisor's socket, or afterwards from its journal. Both say the same.

A supervisor that is gone without having written ``end`` was killed: then what it left is killed here too (on Linux
its replicas have died with it, but not what they had forked), and the job is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.reader import LogFileReader
from ciao.adapters.local.supervisor import journal, processes
from ciao.adapters.report import report_of
from ciao.core.errors import TargetError, UnknownJobError
from ciao.core.events import Exit, JobGone, LogChunk, LogTrouble, Observation, Phase, ReplicaSeen
from ciao.core.model import JobHandle, Replica

Message = Mapping[str, Any]

GONE = "its supervisor was killed, and with it the job"
_LINE = 4 << 20
_SOON = 5.0


async def observations(
    directory: Path, handle: JobHandle, offsets: Mapping[Replica, int]
) -> AsyncGenerator[Observation, None]:
    """As ``Backend.watch`` says. UnknownJobError when there never was such a job."""
    header = header_of(directory, handle)
    if header["uid"] != handle.uid:
        yield JobGone(f"another job named {handle.name} has taken its place", time.time())
        return
    known = dict(offsets)
    connection = await connected(header["socket"])
    if connection is not None:
        reader, writer = connection
        try:
            writer.write(b'{"do":"watch"}\n')
            async with aclosing(_messages(reader)) as messages:
                async for message in messages:
                    if message["t"] == "end":
                        return
                    for seen in _live(message, directory, known):
                        yield seen
        finally:
            writer.close()
    for seen in _recorded(directory, handle, known):
        yield seen


def header_of(directory: Path, handle: JobHandle) -> Message:
    """The first line of the journal."""
    for message in recorded(directory):
        if message.get("t") == "job":
            return message
    raise UnknownJobError(f"There is no job {handle.name} on this machine. %jobs lists those that are.")


def recorded(directory: Path) -> list[journal.Message]:
    """The journal; TargetError when it cannot be read."""
    try:
        return journal.read(str(directory))
    except OSError as error:
        raise TargetError(f"{error.filename} cannot be read: {error.strerror}") from error


async def connected(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """To the supervisor; None when there is none any more."""
    until = time.monotonic() + _SOON
    while True:
        try:
            return await asyncio.open_unix_connection(path, limit=_LINE)
        except BlockingIOError:
            # Its queue of connections is full: very many watchers have come at once.
            if time.monotonic() > until:
                raise TargetError("the job's supervisor does not answer") from None
            await asyncio.sleep(0.01)
        except OSError:
            return None


def end_processes(uid: str) -> None:
    """Kill whatever carries the job's mark; where there is no /proc, nothing is found."""
    until = time.monotonic() + _SOON
    while (left := processes.of_job(uid)) and time.monotonic() < until:
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


async def _messages(reader: asyncio.StreamReader) -> AsyncGenerator[Message, None]:
    while True:
        try:
            line = await reader.readline()
        except (ConnectionError, ValueError):
            return
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)


def _live(message: Message, directory: Path, known: dict[Replica, int]) -> list[Observation]:
    match message["t"]:
        case "hello":
            found = [_grown(directory, Replica.parse(name), known, end) for name, end in message["ends"].items()]
            return [each for each in found if each is not None]
        case "log":
            chunk = _chunk(message)
            known[chunk.replica] = chunk.end
            return [chunk]
        case _:
            return _told(message)


def _recorded(directory: Path, handle: JobHandle, known: dict[Replica, int]) -> list[Observation]:
    """What is so, from disk."""
    found: list[Observation] = []
    newest: dict[str, Observation] = {}
    complete = False
    messages = recorded(directory)
    for message in messages:
        if message.get("t") == "replica":
            newest[message["r"]] = _told(message)[0]
        elif message.get("t") == "trouble":
            found += _told(message)
        complete = complete or message.get("t") == "end"
    if not complete:
        _make_sure_it_is_gone(directory)
        end_processes(handle.uid)
    replicas = [Replica.parse(name) for name in messages[0]["replicas"]]
    chunks = [_grown(directory, replica, known, None) for replica in replicas]
    found = [*(each for each in chunks if each is not None), *found, *newest.values()]
    return found if complete else [*found, JobGone(GONE, time.time())]


def _make_sure_it_is_gone(directory: Path) -> None:
    """Never kill what a living supervisor looks after. A killed one lets go of its lock a moment after its socket."""
    until = time.monotonic() + _SOON
    while alive(directory):
        if time.monotonic() > until:
            raise TargetError(f"the supervisor of {directory.name} lives and does not answer on its socket")
        time.sleep(0.002)


def _grown(directory: Path, replica: Replica, known: dict[Replica, int], end: int | None) -> LogChunk | None:
    """One chunk for what a log holds past what is known, up to ``end`` (None: all of it)."""
    reader = LogFileReader(directory / "logs", str(replica))
    try:
        start, end = known.get(replica, 0), reader.size if end is None else end
        if end <= start:
            return None
        first = reader.line_at(start)
        count = reader.line_at(end - 1) + 1 - first
    finally:
        reader.close()
    known[replica] = end
    return LogChunk(replica, first, count, start, end)


def _chunk(message: Message) -> LogChunk:
    return LogChunk(Replica.parse(message["r"]), message["line"], message["count"], message["offset"], message["end"])


def _told(message: Message) -> list[Observation]:
    match message["t"]:
        case "replica":
            ended = message.get("exit")
            phase = Phase(message["p"])
            return [ReplicaSeen(Replica.parse(message["r"]), phase, message["at"], _exit(ended) if ended else None)]
        case "trouble":
            return [LogTrouble(Replica.parse(message["r"]), message["m"], message["at"])]
        case _:
            return []


def _exit(ended: Message) -> Exit:
    report = ended.get("report")
    return Exit(
        code=ended["code"],
        reason=ended["reason"],
        at=ended["at"],
        message=ended["message"],
        report=report_of(report) if report else None,
    )


async def let_go(directory: Path) -> None:
    """Wait for a supervisor that has told the end of all its replicas: it holds the job for moments only."""
    until = time.monotonic() + _SOON
    while alive(directory) and _all_ended(directory) and time.monotonic() < until:  # noqa: ASYNC110 - a file's lock
        await asyncio.sleep(0.005)


def _all_ended(directory: Path) -> bool:
    messages = recorded(directory)
    newest = {each["r"]: each for each in messages if each.get("t") == "replica"}
    names: list[str] = next((each["replicas"] for each in messages if each.get("t") == "job"), [])
    return bool(names) and all("exit" in newest.get(name, {}) for name in names)


def alive(directory: Path) -> bool:
    """A supervisor writes the job's logs."""
    try:
        return JobLock(directory).held()
    except OSError:
        return False
