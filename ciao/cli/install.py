"""``ciao install``: the kernelspec, so that Jupyter offers the kernel "Ciao" with this interpreter."""

from __future__ import annotations

import argparse

from ciao.cli.context import Context
from ciao.cli.parser import Parser

DESCRIPTION = "Make Jupyter know the kernel Ciao, run by this interpreter."
EPILOG = """examples:
  ciao install                                  into the environment that Ciao is installed in
  ciao install --user                           for a Jupyter that lives elsewhere
  ciao install --user --name ciao-gpu --display-name 'Ciao (GPU)' --env CUDA_VISIBLE_DEVICES 0"""


def configure(parser: Parser, context: Context) -> None:
    """The same options as ``python -m ciao.kernel install``."""
    from ciao.kernel.install import arguments

    arguments(parser)


def run(options: argparse.Namespace, context: Context) -> int:
    """Install and say where."""
    from ciao.kernel.install import run as install

    return install(options)
