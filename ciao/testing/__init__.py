"""Contract suites: what each port promises, as test classes that any adapter can run.

They are shipped for authors of plug-ins, and Ciao's own adapters, in memory and real, pass the same
suites. Needs pytest.
"""

import ciao.testing._rewrite  # noqa: F401 - for what it does, before the suites are imported
from ciao.testing.acts import acts_as_files, acts_as_python
from ciao.testing.backend import BackendContract
from ciao.testing.bench import BackendBench
from ciao.testing.inbox import InboxContract
from ciao.testing.jobstore import JobStoreContract
from ciao.testing.notebook import NotebookContract
from ciao.testing.s2i import S2IClientContract
from ciao.testing.workspace import WorkspaceContract

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
