"""``python -m ciao.kernel -f FILE`` is the kernel; ``python -m ciao.kernel install …`` tells Jupyter about it."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run or install the kernel; the exit code."""
    # Started without -P: what is imported from here on must not come from the notebook's directory.
    if sys.path[:1] == [""] or (sys.path and Path(sys.path[0]) == Path.cwd()):
        del sys.path[0]
    if sys.argv[1:2] == ["install"]:
        from ciao.kernel.install import main as install

        return install(sys.argv[2:])
    from ciao.kernel.app import CiaoKernelApp

    CiaoKernelApp.launch_instance()
    return 0


if __name__ == "__main__":
    sys.exit(main())
