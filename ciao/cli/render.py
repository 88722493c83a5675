"""``ciao render``: what ``ciao run`` would create."""

from __future__ import annotations

import argparse

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.cli.run import configure as configure_run
from ciao.cli.run import request
from ciao.cli.source import given
from ciao.core import presenter
from ciao.core.ports import Notebook
from ciao.core.requests import Launch

DESCRIPTION = "Show what `ciao run` with the same words would create. Nothing is created."
EPILOG = "example:\n  ciao render train.py -f pytorch -w 2 --memory 2Gi"
USAGE = "ciao render FILE -f FRAMEWORK [-w COUNT] [options] [-- ARGUMENTS OF THE PROGRAM]"
TAKES_PROGRAM = True


def configure(parser: Parser, context: Context) -> None:
    """The same words as ``ciao run``."""
    configure_run(parser, context)


def run(options: argparse.Namespace, context: Context) -> int:
    """Print the documents."""
    source = given(options.source, context.stdin)
    return print_documents(context, request(options, context, source), source.notebook, json=options.json)


def print_documents(context: Context, launch: Launch, notebook: Notebook | None, *, json: bool) -> int:
    """Documents one after another, or as one JSON array."""
    documents = context.app.runtime.call(context.app.render(launch, notebook, presenter.TERMINAL)).result()
    if json:
        context.terminal.answer(jsonform.block([jsonform.document_form(each) for each in documents]))
    else:
        context.terminal.answer(presenter.documents(documents))
    return 0
