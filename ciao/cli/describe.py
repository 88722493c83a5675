"""``ciao describe``: what is known of a job."""

from __future__ import annotations

import argparse
import time

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.core import presenter
from ciao.core.requests import Describe

DESCRIPTION = "What is known of a job: how it went, what ran. Values of environment variables are not in it."
EPILOG = "example:\n  ciao describe last --json"


def configure(parser: Parser, context: Context) -> None:
    """The job and how to print."""
    parser.add_argument("job", metavar="JOB", help="its name, or last")
    parser.add_argument("--target", metavar="NAME", help="where to look for it")
    parser.add_argument("--json", action="store_true", help="a JSON object")


def run(options: argparse.Namespace, context: Context) -> int:
    """Print the record."""
    asked = Describe(name=options.job, target=options.target)
    found = context.app.runtime.call(context.app.session.describe(asked)).result()
    if options.json:
        context.terminal.answer(jsonform.block(jsonform.description_form(found)))
    else:
        text = presenter.describe(found.record, time.time(), lines=found.lines, voice=presenter.TERMINAL)
        context.terminal.answer(text)
    return 0
