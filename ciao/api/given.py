"""What a program hands over, in the words that the interpreter reads: code or a file, items, a replica's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ciao.core.errors import SourceError, UserError
from ciao.core.model import Replica


def read(source: str | os.PathLike[str]) -> tuple[str, str, str]:
    """Code, what to call it, and its working directory."""
    if not isinstance(source, str):
        path = Path(source)
        try:
            return path.read_bytes().decode("utf-8"), path.name, str(Path.cwd())
        except UnicodeDecodeError as error:
            raise SourceError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
        except OSError as error:
            raise SourceError(f"Cannot read {path}: {error.strerror}") from error
    if "\n" not in source and source.endswith((".py", ".ipynb")):
        raise SourceError(f"{source!r} is a string, and so is code", hint=f"for a file: pathlib.Path({source!r})")
    return source, "<string>", str(Path.cwd())


def replica_named(text: str | None) -> Replica | None:
    """``worker-1`` -> Replica; UserError for what is none."""
    try:
        return None if text is None else Replica.parse(text)
    except ValueError as error:
        raise UserError(str(error)) from error


def options(items: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
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
