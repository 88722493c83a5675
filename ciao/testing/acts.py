"""The contract's scripts as real Python, for backends that run processes or pods."""

from __future__ import annotations

from typing import assert_never

from ciao.adapters.memory.acts import Act, DieBy, ExitWith, Fork, IgnoreTerm, Print, Script, Scripts, Wait
from ciao.core.model import Mounted, SourceFile, digest_of

_PRELUDE = """\
import os, signal, sys, time

def stay():
    while True:
        time.sleep(60)

def fork():
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stay()

me = os.environ["CIAO_REPLICA"]
"""


def acts_as_python(scripts: Scripts) -> str:
    """A program for all replicas: each looks up its part by ``CIAO_REPLICA`` (``worker-1``)."""
    parts = [f"if me == {str(replica)!r}:\n{_block(script)}" for replica, script in scripts.items()]
    return "\n".join([_PRELUDE, *parts])


def acts_as_files(scripts: Scripts) -> Mounted:
    """The same as the artifact that a backend without images runs: one file, ``cell.py``."""
    files = (SourceFile("cell.py", acts_as_python(scripts).encode()),)
    return Mounted(files, digest_of(files))


def _block(script: Script) -> str:
    return "".join(f"    {line}\n" for act in script for line in _lines(act)) or "    pass\n"


def _lines(act: Act) -> tuple[str, ...]:
    match act:
        case Print(text, times, end):
            show = f"print({text!r}.replace('{{n}}', str(n)), end={end!r})"
            return (f"for n in range({times}): {show}", "sys.stdout.flush()")
        case ExitWith(code):
            return (f"sys.exit({code})",)
        case DieBy(number):
            return (f"os.kill(os.getpid(), {number})", "stay()")
        case Wait():
            return ("stay()",)
        case IgnoreTerm():
            return ("signal.signal(signal.SIGTERM, signal.SIG_IGN)",)
        case Fork():
            return ("fork()",)
        case _:
            assert_never(act)
