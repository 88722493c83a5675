"""``ciao attach``: a job's output so far, then as it comes."""

from __future__ import annotations

import argparse

from ciao.cli.context import Context
from ciao.cli.follow import display_for, finished
from ciao.cli.parser import Parser
from ciao.console import watch
from ciao.core.requests import Attach

DESCRIPTION = "Show what a job has printed, then follow it to its end. Exit code: the job's."
EPILOG = """example:
  ciao attach last

Ctrl-C ends the showing (exit code 130), not the job: `ciao stop JOB` does that."""


def configure(parser: Parser, context: Context) -> None:
    """The job and how to print."""
    parser.add_argument("job", metavar="JOB", nargs="?", default="last", help="its name; the newest job by default")
    parser.add_argument("--target", metavar="NAME", help="where to look for it")
    parser.add_argument("--json", action="store_true", help="events and log lines as JSON, one object per line")


def run(options: argparse.Namespace, context: Context) -> int:
    """Follow; a KeyboardInterrupt only ends the following."""
    running = context.app.attach(Attach(name=options.job, target=options.target))
    ended = watch(running, display_for(context, json=options.json))
    return finished(context.terminal, ended, json=options.json)
