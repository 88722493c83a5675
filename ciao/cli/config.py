"""``ciao config``: which settings hold and where each comes from; change one in a file."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from ciao.adapters.config import PROJECT_FILE, PYPROJECT, USER_FILE
from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.cli.tomledit import with_value
from ciao.core.errors import Place, SettingsError
from ciao.core.measures import Table

DESCRIPTION = "Show settings with the place that each comes from, or set one in a file (all other lines stay)."
EPILOG = """examples:
  ciao config show
  ciao config get store.path
  ciao config set store.size 50Gi               in ~/.ciao/config.toml
  ciao config set target local --project        in the project's ciao.toml (or its pyproject.toml)

A magic beats `%ciao config`, that the environment (CIAO_STORE_SIZE=50Gi), then the project's file, then the user's."""
_TABLE = ("tool", "ciao")  # in pyproject.toml


def configure(parser: Parser, context: Context) -> None:
    """Its three words; ``show`` when there is none."""
    parser.set_defaults(what="show", key=None, json=False)
    what = parser.add_subparsers(dest="what", metavar="COMMAND", parser_class=Parser)
    show = what.add_parser("show", help="all settings")
    show.add_argument("key", metavar="KEY", nargs="?", help="only this one")
    show.add_argument("--json", action="store_true", help="a JSON object by key")
    get = what.add_parser("get", help="one value, alone on its line")
    get.add_argument("key", metavar="KEY")
    put = what.add_parser("set", help="write one value into a file")
    put.add_argument("key", metavar="KEY")
    put.add_argument("value", metavar="VALUE")
    where = put.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="into ~/.ciao/config.toml (the default)")
    where.add_argument("--project", action="store_true", help="into the project's file")


def run(options: argparse.Namespace, context: Context) -> int:
    """Carry one of them out."""
    match options.what:
        case "get":
            setting = context.app.settings.setting(options.key, Place("ciao config get"))
            context.terminal.answer(context.app.settings.text(setting.key))
        case "set":
            _set(options, context)
        case _:
            _show(context, options.key, json=options.json)
    return 0


def _show(context: Context, key: str | None, *, json: bool) -> None:
    settings = context.app.settings
    only = None if key is None else settings.setting(key, Place("ciao config show")).key
    rows = [row for row in settings.show() if only in (None, row.key)]
    if json:
        context.terminal.answer(jsonform.block({row.key: {"value": row.value, "origin": row.origin} for row in rows}))
    else:
        table = Table(("setting", "value", "from"), tuple((row.key, row.value, row.origin) for row in rows))
        context.terminal.answer(table.text)


def _set(options: argparse.Namespace, context: Context) -> None:
    settings, place = context.app.settings, Place("ciao config set")
    setting = settings.setting(options.key, place)
    settings.assign(setting.key, options.value, place)  # its error, before a file has it
    home = Path(settings.home)
    file = project_file(Path(context.directory)) if options.project else home / USER_FILE
    key = tuple(setting.key.split("."))
    write(file, (*_TABLE, *key) if file.name == PYPROJECT else key, options.value)
    context.terminal.say(f"{setting.key} = {options.value}  in {file}")
    held = context.app.settings.place(setting.key).label
    if setting.variable == held:
        context.terminal.say(f"! {held} in the environment beats it")


def project_file(directory: Path) -> Path:
    """The file that ``adapters.config`` reads as the project's from there; a new ciao.toml where there is none."""
    for folder in (directory, *directory.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
        if (folder / PYPROJECT).is_file() and _is_ciaos(folder / PYPROJECT):
            return folder / PYPROJECT
    return directory / PROJECT_FILE


def _is_ciaos(file: Path) -> bool:
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool")
    except (OSError, ValueError):
        return False
    return isinstance(tool, dict) and bool(tool.get("ciao"))


def write(file: Path, key: tuple[str, ...], value: str) -> None:
    """Set one value; the file is replaced at once or not at all. SettingsError when it cannot be written."""
    try:
        text = file.read_bytes().decode() if file.exists() else ""
        result = with_value(text, key, int(value) if value.isascii() and value.isdigit() else value, str(file))
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_bytes(result.encode())
        if file.exists():
            new.chmod(file.stat().st_mode & 0o777)
        new.replace(file)
    except UnicodeDecodeError as error:
        raise SettingsError("This file is not UTF-8; nothing was changed", Place(str(file))) from error
    except OSError as error:
        raise SettingsError(f"This file cannot be written: {error.strerror}", Place(str(file))) from error
