"""The process of the Ciao kernel: ipykernel's application, with room for slow clients."""

from __future__ import annotations

import os
import sys
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from traitlets import Type

from ciao.kernel.kernel import CiaoKernel

# Messages kept for a client that does not take them. libzmq's default is 1 000: a slow client silently loses
# output, even the ``idle`` that ends a cell. Without any limit a dead client would cost all memory.
_SEND_HIGH_WATER_MARK = 100_000


class CiaoKernelApp(IPKernelApp):
    """``python -m ciao.kernel -f FILE``. It keeps ipykernel's name, and so the user's configuration of it."""

    kernel_class = Type(CiaoKernel, klass="ipykernel.kernelbase.Kernel")

    def init_iopub(self, context: Any) -> None:
        context.sndhwm = _SEND_HIGH_WATER_MARK  # a default for the sockets that are made next
        try:
            super().init_iopub(context)
        finally:
            del context.sndhwm

    def init_path(self) -> None:
        """The notebook's directory is importable, behind the standard library, as in any ipykernel.

        Our kernelspec starts Python with ``-P``, so that a ``ciao.py`` of the user's is not taken for this package;
        IPython takes that flag for the user's own wish, which is PYTHONSAFEPATH.
        """
        if "" in sys.path or self.ignore_cwd or os.environ.get("PYTHONSAFEPATH"):
            return
        packages = (index for index, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
        sys.path.insert(next(packages, 0), "")
