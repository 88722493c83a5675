"""``ciao stop``: end a job, whoever follows it."""

from __future__ import annotations

import argparse

from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.core.requests import StopJob

DESCRIPTION = "Stop a job. Its logs stay."
EPILOG = "example:\n  ciao stop pytorch-k3f9x"


def configure(parser: Parser, context: Context) -> None:
    """The job and how hard."""
    parser.add_argument("job", metavar="JOB", help="its name, or last")
    parser.add_argument("--force", action="store_true", help="without waiting for its grace")
    parser.add_argument("--target", metavar="NAME", help="where to look for it")


def run(options: argparse.Namespace, context: Context) -> int:
    """Ask for the stop and say what was done."""
    asked = StopJob(name=options.job, target=options.target, force=options.force)
    context.terminal.answer(context.app.runtime.call(context.app.session.stop(asked)).result())
    return 0
