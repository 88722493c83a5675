"""``ciao jobs``: the list of jobs."""

from __future__ import annotations

import argparse
import time

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.core import presenter
from ciao.core.requests import Jobs

DESCRIPTION = "List jobs, newest first."
EPILOG = """examples:
  ciao jobs
  ciao jobs --all --json | jq -r '.[] | select(.outcome == "failed") | .job'"""


def configure(parser: Parser, context: Context) -> None:
    """Which jobs, and how to print them."""
    parser.add_argument("--all", action="store_true", help="also those that ended long ago (else the newest twenty)")
    parser.add_argument("--target", metavar="NAME", help="only on this target")
    parser.add_argument("--json", action="store_true", help="a JSON array")


def run(options: argparse.Namespace, context: Context) -> int:
    """Print the list; an empty one says so, on the side."""
    asked = Jobs(target=options.target, all=options.all)
    records = context.app.runtime.call(context.app.session.jobs(asked)).result()
    if options.json:
        context.terminal.answer(jsonform.block([jsonform.record_form(each) for each in records]))
    elif records:
        context.terminal.answer(presenter.jobs_table(records, time.time()).text)
    else:
        context.terminal.say("no jobs")
    return 0
