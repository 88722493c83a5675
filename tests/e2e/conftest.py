"""One cluster for all cases of a run: the process that collects makes it and removes it, its workers are told of it."""

from __future__ import annotations

import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest

from ..kernels import kernelspecs
from .cluster import Cluster, Provided
from .commands import Kubectl, Missing
from .notebook import Notebook
from .proxies import Between, Wire
from .server import Server
from .tenant import RIGHTS, Tenant, config, settle, sign, token
from .wanted import wanted

_CLUSTER = pytest.StashKey[Cluster]()
_reports: list[pytest.TestReport] = []


# -- the run ----------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: while this case runs, no other one does")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Before workers exist. What is missing is one sentence, not an error for each case."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    signal.signal(signal.SIGTERM, _interrupted)  # so that what was made is removed
    builds = any("images" in Path(each).parts for each in config.args)
    provided = Provided(wanted(os.environ, builds), lambda line: print(line, flush=True))
    config.add_cleanup(lambda: _undisturbed(provided.end))
    try:
        config.stash[_CLUSTER] = provided.begin()
    except Missing as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: a worker is about to start."""
    if cluster := node.config.stash.get(_CLUSTER, None):
        node.workerinput["ciao_cluster"] = json.dumps(attrs.asdict(cluster))


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _undisturbed(remove: Callable[[], None]) -> None:
    """Whoever presses Ctrl-C again must not be left with a cluster."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    remove()


# -- how long each case took --------------------------------------------------------------------------


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _reports.append(report)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Longest first; with the time of its fixtures."""
    times: dict[str, float] = defaultdict(float)
    for report in _reports:
        times[report.nodeid] += report.duration
    terminalreporter.section("time per case")
    for case, seconds in sorted(times.items(), key=lambda each: -each[1]):
        terminalreporter.write_line(f"{seconds:6.1f} s  {case}")


# -- for cases ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Cluster:
    """The run's cluster."""
    told = getattr(pytestconfig, "workerinput", {}).get("ciao_cluster")
    found = Cluster(**json.loads(told)) if told else pytestconfig.stash.get(_CLUSTER, None)
    if found is None:
        pytest.fail("The cluster is made when tests/e2e is among pytest's own arguments: make e2e")
    return found


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    """With all rights."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with kernelspecs."""
    return kernelspecs(tmp_path_factory.mktemp("specs"))


@pytest.fixture
def tenants(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Tenant]]:
    """Settle in a namespace: ``tenants()``. All are deleted with the case, and nobody waits for it."""
    settled: list[Tenant] = []

    def begin(rights: Path | None = RIGHTS) -> Tenant:
        settled.append(settle(cluster, tmp_path, rights))
        return settled[-1]

    yield begin
    for each in settled:
        each.kubectl("delete", "namespace", each.namespace, "--wait=false")


@pytest.fixture
def tenant(tenants: Callable[..., Tenant]) -> Tenant:
    """The case's namespace and account."""
    return tenants()


@pytest.fixture
def open_notebook(specs: Path, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a kernel: ``open_notebook()``; another tenant's, in another home, with settings. All end with the case."""
    opened: list[Notebook] = []

    def begin(who: Tenant = tenant, home: Path | None = None, **env: str) -> Notebook:
        opened.append(Notebook(specs, home or tmp_path_factory.mktemp("home"), who, **env))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def notebook(open_notebook: Callable[..., Notebook]) -> Notebook:
    """The case's notebook."""
    return open_notebook()


@pytest.fixture
def open_server(
    specs: Path, tenant: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Server]]:
    """Start a Jupyter server: ``open_server()``. It ends with the case, and its kernels with it."""
    opened: list[Server] = []

    def begin() -> Server:
        opened.append(Server(specs, tmp_path_factory.mktemp("server"), tenant))
        return opened[-1]

    yield begin
    for each in opened:
        each.stop()


@pytest.fixture
def between(tenant: Tenant) -> Iterator[Between]:
    """An HTTP proxy before the apiserver, which the tenant's kubeconfig names."""
    proxy = Between(tenant.cluster)
    user = {"token": token(tenant.cluster, tenant.namespace)}
    sign(tenant.kubeconfig, config(tenant.cluster, tenant.namespace, user, proxy.place))
    yield proxy
    proxy.stop()


@pytest.fixture
def wire(tenant: Tenant) -> Iterator[Wire]:
    """A TCP proxy before the apiserver, which the tenant's kubeconfig names."""
    proxy = Wire(tenant.cluster)
    user = {"token": token(tenant.cluster, tenant.namespace)}
    sign(tenant.kubeconfig, config(tenant.cluster, tenant.namespace, user, proxy.place))
    yield proxy
    proxy.stop()
