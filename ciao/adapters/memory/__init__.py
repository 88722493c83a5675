"""Every port in memory: scriptable, with a clock that is moved by hand, for tests of Ciao and of plug-ins.

They keep the promises that the real adapters keep (``ciao.testing`` holds both to them), and they do
nothing behind a test's back: no time passes, no name is random, no file is touched.
"""

from ciao.adapters.memory.acts import Act, DieBy, ExitWith, Fork, IgnoreTerm, Print, Script, Scripts, Wait
from ciao.adapters.memory.backend import MemoryBackend
from ciao.adapters.memory.clock import ManualClock, SequentialNames
from ciao.adapters.memory.inbox import MemoryInbox
from ciao.adapters.memory.jobstore import MemoryJobStore
from ciao.adapters.memory.sources import MemoryNotebook, MemoryS2I, MemoryWorkspace

__all__ = [
    "Act",
    "DieBy",
    "ExitWith",
    "Fork",
    "IgnoreTerm",
    "ManualClock",
    "MemoryBackend",
    "MemoryInbox",
    "MemoryJobStore",
    "MemoryNotebook",
    "MemoryS2I",
    "MemoryWorkspace",
    "Print",
    "Script",
    "Scripts",
    "SequentialNames",
    "Wait",
]
