"""Contract suites: what each port promises, as test classes that any adapter can run.

They are shipped for authors of plug-ins, and Ciao's own adapters, in memory and real, pass the same
suites. Needs pytest.
"""

import pytest

# Before the suites are imported, so that a promise that is broken shows its values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{each}" for each in ("backend", "bench", "inbox", "jobstore", "notebook", "workspace"))
)

from ciao.testing.acts import acts_as_files, acts_as_python
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench
from ciao.testing.inbox import InboxContract
from ciao.testing.jobstore import JobStoreContract
from ciao.testing.notebook import NotebookContract
from ciao.testing.workspace import S2IClientContract, WorkspaceContract

__all__ = [
    "BackendBench",
    "BackendContract",
    "InboxContract",
    "JobStoreContract",
    "NotebookContract",
    "S2IClientContract",
    "WorkspaceContract",
    "acts_as_files",
    "acts_as_python",
]
