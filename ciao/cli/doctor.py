"""``ciao doctor``: what this machine offers, what is missing, and what to do about it."""

from __future__ import annotations

import argparse

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.doctor import Check, examine
from ciao.terminal import GREEN, RED, YELLOW

DESCRIPTION = "What this machine offers to Ciao, and what is missing. Exit code 1 when a job could not run."
EPILOG = "example:\n  ciao doctor --json"
_MARKS = {True: ("✓", GREEN), False: ("✗", RED), None: ("·", YELLOW)}


def configure(parser: Parser, context: Context) -> None:
    """How to print."""
    parser.add_argument("--json", action="store_true", help="a JSON array")


def run(options: argparse.Namespace, context: Context) -> int:
    """All checks."""
    checks = tuple(examine(context.app.settings.text, context.environ))
    if options.json:
        forms = [{"check": each.name, "good": each.good, "text": each.text, "remedy": each.remedy} for each in checks]
        context.terminal.answer(jsonform.block(forms))
    else:
        width = max(len(each.name) for each in checks)
        context.terminal.answer("\n".join(_line(context, each, width) for each in checks))
    return 1 if any(each.good is False for each in checks) else 0


def _line(context: Context, check: Check, width: int) -> str:
    mark, color = _MARKS[check.good]
    remedy = f"\n{' ' * (width + 4)}→ {check.remedy}" if check.remedy else ""
    return f"{context.terminal.styled(mark, color)} {check.name.ljust(width)}  {check.text}{remedy}"
