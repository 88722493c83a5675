"""``python -m ciao.reference``: writes docs/magics.md and docs/settings.md from the tables that Ciao itself reads."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ciao.core.frameworks.base import Framework
from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.help import groups
from ciao.core.magics import COMMANDS, Command, Vocabulary
from ciao.core.settings import AnySetting, resolve, schema

BUILT_IN: Mapping[str, Framework] = {each.name: each for each in (PYTORCH, TENSORFLOW)}
_MADE = "<!-- Made by `python -m ciao.reference`. Change the tables in ciao/core, not this page. -->"


def magics_page(frameworks: Mapping[str, Framework]) -> str:
    """docs/magics.md."""
    vocabulary = Vocabulary(frameworks=frameworks, settings=resolve(frameworks=frameworks.values()))
    lines = [
        _MADE,
        "",
        "# Magics",
        "",
        *_INTRODUCTION,
        "",
        "## Frameworks",
        "",
        "| name | roles | what it is |",
        "|---|---|---|",
    ]
    for each in frameworks.values():
        roles = ", ".join(f"`%{rule.name}`" for rule in each.roles)
        lines.append(f"| `{each.name}` | {roles} | {each.doc} |")
    for group, magics in groups(vocabulary).items():
        lines += ["", f"## {group}", "", "| magic | what it says | example |", "|---|---|---|"]
        for magic in magics:
            written = f"%{magic.name}" + (f"={magic.syntax}" if magic.syntax else "")
            again = " May stand several times." if magic.repeatable else ""
            lines.append(f"| {_code(written)} | {_cell(magic.doc)}{again} | {_code(magic.example)} |")
    lines += ["", "## Commands", "", *_COMMANDS]
    for command in COMMANDS:
        lines += _command(command)
    return "\n".join(lines) + "\n"


_INTRODUCTION = (
    "Magics stand at the top of a cell, each line at its very beginning:",
    "",
    "```",
    "%framework=pytorch",
    "%worker=2;%cpu=1;%memory=2Gi",
    "import torch",
    "```",
    "",
    "`%kubeflow framework=pytorch worker=2` says the same on one line, and `%%ciao framework=pytorch worker=2` on a",
    "cell's first line. Names may be written in any case, with `_` or `-` or neither. A value that has the separator",
    "in it goes in quotes. `cpu`, `memory`, `gpu`, `image` and `env` on a line with roles belong to those roles, on a",
    "line without one to all. A cell without such magics is ordinary Python and runs in the kernel.",
)
_COMMANDS = ("A command stands in a cell of its own. On the command line it is `ciao NAME …`.", "")


def _command(command: Command) -> list[str]:
    lines = [f"- {_code(command.usage)}: {command.doc}"]
    return lines + [f"    - {_code(f'--{each.name} {each.syntax}'.strip())}: {each.doc}" for each in command.options]


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def settings_page(settings: Iterable[AnySetting]) -> str:
    """docs/settings.md."""
    lines = [_MADE, "", "# Settings", ""]
    lines += [
        "Highest first: a magic in the cell, `%ciao config KEY=VALUE` in this session, the environment, the project's",
        "file (`ciao.toml`, or `[tool.ciao]` in `pyproject.toml`, in the working directory or the nearest above it),",
        "the user's file (`~/.ciao/config.toml`), the default. `ciao config show` says where each value came from.",
        "",
        "```toml",
        "# ciao.toml",
        "[store]",
        'size = "20Gi"',
        "```",
        "",
        "| key | value | default | variable | what it is |",
        "|---|---|---|---|---|",
    ]
    for each in settings:
        default = f"`{each.default}`" if each.default else ""
        lines.append(f"| `{each.key}` | {each.syntax} | {default} | `{each.variable}` | {_cell(each.doc)} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Each page's file name and text, for the frameworks that Ciao brings itself."""
    return {"magics.md": magics_page(BUILT_IN), "settings.md": settings_page(schema(BUILT_IN.values()))}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pages, into ``docs`` by default."""
    parser = argparse.ArgumentParser(prog="python -m ciao.reference", description="Write the reference pages.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"))
    folder: Path = parser.parse_args(arguments).folder
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
