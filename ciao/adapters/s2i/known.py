"""What is known of contents, layers, bases and pushes, on disk: SQLite, so that any number of kernels may share it.

All of it but the list of pushes can be found out again, so a file that is damaged, or that cannot be written, is
done without. Blocking, for microseconds.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

_SCHEMA = """
create table if not exists files (path text primary key, stamp text not null, digest text not null) without rowid;
create table if not exists facts (kind text, key text, value text not null, primary key (kind, key)) without rowid;
create table if not exists pushes (reference text primary key, value text not null, at real not null) without rowid;
"""
_BUSY = 2.0  # seconds that another kernel may hold the file
_MANY = 500


@frozen(kw_only=True)
class Push:
    """One image that Ciao pushed from this machine. ``at``: seconds since the epoch; ``label`` as in ``Source``."""

    reference: str
    digest: str
    builder: str
    base: str
    label: str
    job: str
    at: float


class Known:
    """``directory`` is made when something is to be kept; ``None``: only in memory."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / "known.sqlite" if directory is not None else None
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    # -- contents of files: sha256 by path, as long as the stamp is the same ---------------------------

    def digests(self, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Path -> (stamp, digest), of those that are known."""
        found: dict[str, tuple[str, str]] = {}
        wanted = list(paths)
        for first in range(0, len(wanted), _MANY):
            some = wanted[first : first + _MANY]
            marks = ",".join("?" * len(some))
            rows = self._rows(f"select path, stamp, digest from files where path in ({marks})", some)  # noqa: S608 - marks
            found.update((path, (stamp, digest)) for path, stamp, digest in rows)
        return found

    def keep_digests(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """(path, stamp, digest) of each."""
        self._write("insert or replace into files values (?, ?, ?)", list(rows))

    # -- facts: JSON by kind and key ------------------------------------------------------------------

    def fact(self, kind: str, key: str) -> Any:
        """None: it is not known."""
        rows = self._rows("select value from facts where kind = ? and key = ?", [kind, key])
        return json.loads(rows[0][0]) if rows else None

    def keep_fact(self, kind: str, key: str, value: Any) -> None:
        """Replaces what was known."""
        self._write("insert or replace into facts values (?, ?, ?)", [(kind, key, json.dumps(value))])

    # -- pushes -------------------------------------------------------------------------------------

    def pushes(self) -> tuple[Push, ...]:
        """From the oldest."""
        rows = self._rows("select value from pushes order by at", [])
        return tuple(Push(**json.loads(value)) for (value,) in rows)

    def keep_push(self, push: Push) -> None:
        """Replaces one of the same reference."""
        self._write(
            "insert or replace into pushes values (?, ?, ?)", [(push.reference, json.dumps(asdict(push)), push.at)]
        )

    def forget_push(self, reference: str) -> None:
        """No error when there is none."""
        self._write("delete from pushes where reference = ?", [(reference,)])

    def close(self) -> None:
        """Opened again by the next use."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    # -- inside -------------------------------------------------------------------------------------

    def _rows(self, query: str, values: list[Any]) -> list[Any]:
        with self._lock, suppress(sqlite3.Error, OSError):
            return self._database().execute(query, values).fetchall()
        return []

    def _write(self, statement: str, rows: list[Any]) -> None:
        with self._lock, suppress(sqlite3.Error, OSError), self._database() as database:
            database.executemany(statement, rows)

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = self._open()
            except (sqlite3.DatabaseError, OSError):
                self._opened = self._anew()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        where = ":memory:"
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            where = str(self._path)
        opened = sqlite3.connect(where, timeout=_BUSY, check_same_thread=False)
        try:
            opened.execute("pragma journal_mode = wal")
            opened.execute("pragma synchronous = off")  # a machine that dies costs a cache, which is then made anew
            opened.executescript(_SCHEMA)
        except sqlite3.Error:
            opened.close()
            raise
        return opened

    def _anew(self) -> sqlite3.Connection:
        """A damaged file makes way; where nothing can be written memory must do."""
        try:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
            return self._open()
        except (sqlite3.Error, OSError):
            opened = sqlite3.connect(":memory:", check_same_thread=False)
            opened.executescript(_SCHEMA)
            return opened
