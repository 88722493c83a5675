"""``ciao run``: a file as a job, with the same items as magics."""

from __future__ import annotations

import argparse

from ciao.cli.context import Context
from ciao.cli.follow import shown
from ciao.cli.options import add_options, chosen
from ciao.cli.parser import Parser
from ciao.cli.source import Given, given
from ciao.core.errors import UserError
from ciao.core.requests import Launch
from ciao.core.voice import TERMINAL, option

DESCRIPTION = "Run a file, a cell of a notebook or standard input as a distributed job. Exit code: the job's."
EPILOG = """examples:
  ciao run train.py -f pytorch -w 2
  ciao run train.py -f pytorch --worker 2 --cpu 1 --memory 2Gi --env SEED=1 -- --lr 0.1
  ciao run train.py -f tensorflow --ps 1 --worker '2;memory=4Gi'
  ciao run 'train.ipynb#3'                      the notebook's third code cell, with its magics
  echo 'print("hi")' | ciao run - -f pytorch -w 1
  ciao run train.py -f pytorch --json | jq .event

Ctrl-C stops the job, a second one without its grace. Exit codes: 0, the failed replica's own, 2 for a mistake in the
request, 1 for a fault of Ciao or the target, 124 for the deadline (--timeout), 130 for Ctrl-C, 143 for SIGTERM."""
USAGE = "ciao run FILE -f FRAMEWORK [-w COUNT] [options] [-- ARGUMENTS OF THE PROGRAM]"
TAKES_PROGRAM = True


def configure(parser: Parser, context: Context) -> None:
    """The source, the table's items, and how to print."""
    parser.add_argument("source", metavar="FILE", help="a Python file, NOTEBOOK.ipynb#NUMBER, or - for standard input")
    parser.add_argument("--json", action="store_true", help="events and log lines as JSON, one object per line")
    add_options(parser, context.app.frameworks.values())


def run(options: argparse.Namespace, context: Context) -> int:
    """Launch and show until the end."""
    source = given(options.source, context.stdin)
    launch = request(options, context, source)
    if launch.render:
        from ciao.cli.render import print_documents

        return print_documents(context, launch, source.notebook, json=options.json)
    if launch.detach:
        return _detached(context, launch, source)
    running = context.app.launch(launch, source.notebook, TERMINAL)
    return shown(context, running, json=options.json, quiet=launch.quiet)


def request(options: argparse.Namespace, context: Context, source: Given) -> Launch:
    """What the words ask for; UserError for what makes no sense."""
    return context.app.request(
        source.code,
        label=source.label,
        directory=source.directory or context.directory,
        options=chosen(options, context.program),
        spelling=option,
    )


def _detached(context: Context, launch: Launch, source: Given) -> int:
    if launch.spec.target == "local":
        raise UserError(
            "A job on this machine ends with the process that started it, so it cannot be detached",
            hint="Leave --detach out and let the shell wait: nohup ciao run … &",
        )
    submitted = context.app.launch(launch, source.notebook, TERMINAL).submitted.result()
    context.terminal.answer(submitted.handle.name)
    return 0
