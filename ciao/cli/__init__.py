"""The command ``ciao``: jobs from a shell.

    ciao run train.py -f pytorch -w 2        a file as a job; its exit code is the job's
    ciao logs last worker-1 --tail 20        what a replica printed

Exit codes: 0 done; the root-cause replica's own when a job failed; 2 the user's mistake; 1 a fault of Ciao or of the
target; 124 the job's deadline (as timeout(1)); 130 Ctrl-C, 143 SIGTERM; 141 nobody reads the output any more.
Each command is a module, imported when it is used: ``ciao --version`` and ``ciao jobs`` answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ciao.terminal import Terminal

COMMANDS = {
    "run": "run a file, or a cell of a notebook, as a job",
    "render": "show what `ciao run` would create",
    "jobs": "list jobs",
    "logs": "show what a job's replicas printed",
    "attach": "show a job's output, then follow it",
    "stop": "stop a job",
    "describe": "what is known of a job",
    "image": "list, inspect and remove the images that Ciao pushed",
    "doctor": "what this machine offers, and what is missing",
    "config": "show or change settings",
    "install": "make Jupyter know the kernel Ciao",
}
USER, FAULT, INTERRUPTED, UNREAD = 2, 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["--version"], ["-V"]):
        from ciao import __version__

        sys.stdout.write(f"ciao {__version__}\n")
        return 0
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a ✓ on an ASCII terminal must not raise
    from ciao.terminal import terminal_of

    return guarded(words, terminal_of(sys.stdout, sys.stderr, os.environ))


def guarded(words: list[str], terminal: Terminal) -> int:
    """``dispatch`` with every failure said in one message and turned into an exit code."""
    from ciao.core.errors import CiaoError, UserError

    try:
        return dispatch(words, terminal)
    except CiaoError as error:
        from ciao.cli.told import title, told

        terminal.fail(title(error), told(error))
        return USER if isinstance(error, UserError) else FAULT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `ciao logs x | head`: the reader has enough. What is still buffered must not raise at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def dispatch(words: list[str], terminal: Terminal) -> int:
    """Find the command's module and let it run."""
    from ciao.cli.context import Context
    from ciao.cli.parser import Parser, split_program
    from ciao.core.errors import UserError

    words, program = split_program(words)
    if not words or words[0] in ("-h", "--help", "help"):
        terminal.answer(overview())
        return 0 if words else USER
    name, *rest = words
    module = _module(name)
    context = Context(
        terminal=terminal, environ=os.environ, directory=str(Path.cwd()), stdin=sys.stdin, program=program
    )
    usage = getattr(module, "USAGE", None)
    parser = Parser(prog=f"ciao {name}", usage=usage, description=module.DESCRIPTION, epilog=module.EPILOG)
    if program and not getattr(module, "TAKES_PROGRAM", False):
        raise UserError(f"`ciao {name}` runs no program: nothing can stand after --")
    try:
        module.configure(parser, context)
        options = parser.read(rest)
        context.check_target(getattr(options, "target", None))
        return int(module.run(options, context))
    except SystemExit as done:  # argparse has printed the help
        return int(done.code or 0)
    finally:
        context.close()


def overview() -> str:
    """What ``ciao --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        ["usage: ciao COMMAND ...", "", *lines, "", "ciao COMMAND --help says more, with examples; ciao --version."]
    )


def _module(name: str) -> Any:
    if name not in COMMANDS:
        from ciao.core.errors import UserError
        from ciao.core.words import did_you_mean

        hint = did_you_mean(name, COMMANDS, "ciao ") or f"There are: {', '.join(COMMANDS)}"
        raise UserError(f"ciao has no command {name!r}", hint=hint)
    return import_module(f"ciao.cli.{name}")
