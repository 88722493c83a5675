"""The only reader of files and of the environment for settings. What they mean is ``core.settings``'s part.

Files: ``ciao.toml``, or ``[tool.ciao]`` in ``pyproject.toml``, in the working directory or the nearest directory
above it that has one; and ``~/.ciao/config.toml``. Variables: ``CIAO_STORE_PATH`` for ``store.path``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ciao.adapters.toml_lines import key_lines, line_of
from ciao.core.errors import Place, SettingsError
from ciao.core.frameworks.base import Framework
from ciao.core.settings import Entry, Layer, Settings, resolve, schema, variable_entry

PROJECT_FILE, PYPROJECT, USER_FILE = "ciao.toml", "pyproject.toml", ".ciao/config.toml"
_AT = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")


def load(
    directory: Path,
    home: Path,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    frameworks: Iterable[Framework] = (),
) -> Settings:
    """The settings that hold in ``directory``; ``overrides`` count as said in the session.

    SettingsError, with file and line or the variable's name, for a key or value that is wrong and for a file that
    cannot be read.
    """
    known = tuple(frameworks)
    session = tuple(
        Entry(key, text, Place(f"the override {key}"), str(directory)) for key, text in (overrides or {}).items()
    )
    layers = (session, _environment(environ, known, directory), _project(directory, home), _user(home))
    return resolve(layers, known, str(home))


def _environment(environ: Mapping[str, str], frameworks: Iterable[Framework], directory: Path) -> Layer:
    settings = schema(frameworks)
    said = (
        variable_entry(settings, name, text, str(directory))
        for name, text in environ.items()
        if name.startswith("CIAO_")
    )
    return tuple(entry for entry in said if entry is not None)


def _project(directory: Path, home: Path) -> Layer:
    """The nearest file that is Ciao's; a pyproject.toml without ``[tool.ciao]`` is not."""
    for folder in (directory, *directory.parents):
        own = folder / PROJECT_FILE
        if (text := _read(own, home)) is not None:
            return _file_layer(own, home, text, ())
        shared = folder / PYPROJECT
        if (text := _read(shared, home)) is not None and "ciao" in text:
            layer = _file_layer(shared, home, text, ("tool", "ciao"))
            if layer:
                return layer
    return ()


def _user(home: Path) -> Layer:
    path = home / USER_FILE
    text = _read(path, home)
    return () if text is None else _file_layer(path, home, text, ())


def _read(path: Path, home: Path) -> str | None:
    """The file's text; None when there is none."""
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"This file cannot be read: {error.strerror}.", Place(_label(path, home))) from error
    except UnicodeDecodeError as error:
        raise SettingsError("This file is not UTF-8.", Place(_label(path, home))) from error


def _label(path: Path, home: Path) -> str:
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _file_layer(path: Path, home: Path, text: str, below: tuple[str, ...]) -> Layer:
    label = _label(path, home)
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(str(error), label, text) from error
    lines = key_lines(text)
    for part in below:
        data = data.get(part, {}) if isinstance(data, dict) else {}
    entries = []
    for key, value in _leaves(data if isinstance(data, dict) else {}):
        number, line = line_of(lines, (*below, *key))
        place = _place(label, number, line, key[-1])
        entries.append(Entry(".".join(key), _text(value, ".".join(key), place), place, str(path.parent)))
    return tuple(entries)


def _toml_error(message: str, label: str, text: str) -> SettingsError:
    place = Place(label)
    if at := _AT.search(message):
        lines = text.splitlines()
        number = int(at[1] or len(lines))
        line = lines[number - 1] if number <= len(lines) else ""
        place = Place(label, number, int(at[2] or len(line) + 1), 1, line)
    return SettingsError(f"This file is not TOML: {_AT.sub('', message).strip()}.", place)


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _place(label: str, number: int, line: str, name: str) -> Place:
    column = line.find(name) + 1
    return Place(label, number, column, len(name) if column else 1, line)


def _text(value: Any, key: str, place: Place) -> str:
    """A TOML value as the text that the setting reads."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise SettingsError(f"{key} is neither a text nor a number.", place, f'It is written {key} = "…"')
