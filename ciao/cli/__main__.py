"""``python -m ciao.cli`` is ``ciao``, for an environment whose scripts are not on PATH."""

import sys

from ciao.cli import main

sys.exit(main())
