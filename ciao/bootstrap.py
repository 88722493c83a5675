"""The composition root: settings become a session with its ports. The only file that knows every adapter.

Frameworks, backends and builders are plug-ins (entry points ``ciao.frameworks``, ``ciao.backends``,
``ciao.builders``), the built-in ones too; a backend or builder is made with its first use, so that no cluster or docker
library is imported before.
"""

from __future__ import annotations

import atexit
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ciao.adapters import config
from ciao.adapters.jobstore.store import DiskJobStore
from ciao.adapters.s2i.in_place import InPlace
from ciao.adapters.system import RandomNames, SystemClock
from ciao.adapters.wiring import Wiring
from ciao.adapters.workspace import LocalWorkspace
from ciao.core import include, logs
from ciao.core.errors import Place, UserError
from ciao.core.events import Ended, Event
from ciao.core.frameworks.base import Framework
from ciao.core.interpreter import interpret, launch_from_options
from ciao.core.magics import Vocabulary
from ciao.core.model import JobSpec
from ciao.core.ports import Backend, Document, Inbox, Notebook, S2IClient
from ciao.core.requests import Attach, Launch, Logs, Request, Rerun
from ciao.core.session import Session
from ciao.core.settings import (
    KUBEFLOW_KUBECONFIG,
    LOCAL_GRACE,
    LOCAL_PYTHON,
    REGISTRY_PATH,
    REGISTRY_PUSH,
    S2I,
    STORE_AGE,
    STORE_LOG_SIZE,
    STORE_PATH,
    STORE_SIZE,
    TARGET,
    Settings,
)
from ciao.core.voice import NOTEBOOK, Voice
from ciao.core.words import did_you_mean
from ciao.plugins import PlugIns
from ciao.runtime import Running, Runtime

if TYPE_CHECKING:
    from ciao.adapters.kube.connections import Connections
    from ciao.adapters.s2i.catalog import Catalog

T = TypeVar("T")
_FRAMEWORKS, _BACKENDS, _BUILDERS = "ciao.frameworks", "ciao.backends", "ciao.builders"
_LOCAL = "local"
_CLEAN_UP = 2.0  # seconds beyond the replicas' grace that leaving may take


class App:
    """Ciao in this process: what the kernel, the command line and the library stand on.

    ``configure`` replaces settings, and with them store, backends and session; jobs that run keep theirs.
    """

    def __init__(
        self, *, settings: Settings, frameworks: Mapping[str, Framework], environ: Mapping[str, str], owner: str
    ) -> None:
        self.frameworks, self.runtime = frameworks, Runtime(SystemClock())
        self._environ, self._owner = environ, owner
        self._targets, self._builder_plugins = _targets(), _builders()
        self._made: list[Backend | S2IClient | Connections] = []
        self._use(settings)
        # A script that ends without ``close`` still leaves nothing behind.
        atexit.register(self.close)

    # -- requests --------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Vocabulary:
        """What can be said here, for the interpreter, completion and help."""
        return Vocabulary(
            frameworks=self.frameworks, settings=self.settings, targets=self._targets.names,
            builders=self._builder_plugins.names,
        )  # fmt: skip

    def interpret(self, cell: str, label: str, directory: str) -> Request | None:
        """What a cell asks for; None for a cell that is IPython's. UserError for what makes no sense."""
        return interpret(cell, self.vocabulary, fresh_name=self._names.job, directory=directory, label=label)

    def request(
        self,
        code: str,
        *,
        label: str,
        directory: str,
        options: Mapping[str, Sequence[str]],
        spelling: Callable[[str], str] = "--{}".format,
    ) -> Launch:
        """A job from a file's text and options named like magics, with the very same checks."""
        return launch_from_options(
            options, code, self.vocabulary,
            fresh_name=self._names.job, directory=directory, label=label, spelling=spelling,
        )  # fmt: skip

    def rerun(self, request: Rerun, directory: str) -> Launch:
        """A recorded job's cell as a new launch, under a fresh name when it had none of its own."""
        record = self.session.rerun(request)
        again = self.interpret(record.source, record.label, directory)
        if not isinstance(again, Launch):
            raise UserError(
                f"{record.handle.name} was not made by a cell with magics, so there is nothing to run again"
            )
        return again

    # -- jobs ------------------------------------------------------------------------------------

    def launch(self, request: Launch, notebook: Notebook | None = None, voice: Voice = NOTEBOOK) -> Running:
        """Start a job. SourceError, before anything starts, for names that are missing in it; ``voice`` is its."""
        resolved, notes = include.resolve(request, notebook, voice)
        session = self.session

        async def use_case(inbox: Inbox, emit: Callable[[Event], None]) -> Ended:
            for note in notes:
                emit(note)
            return await session.launch(resolved, inbox, emit)

        return self.runtime.start(use_case)

    def render(
        self, request: Launch, notebook: Notebook | None = None, voice: Voice = NOTEBOOK
    ) -> Coroutine[Any, Any, tuple[Document, ...]]:
        """What ``launch`` would create, for ``runtime.call``. Raises what ``launch`` raises for the request."""
        resolved, _ = include.resolve(request, notebook, voice)
        return self.session.render(resolved)

    def attach(self, request: Attach) -> Running:
        """Follow a job that exists, or tell again how one went that has ended."""
        session = self.session
        return self.runtime.start(lambda inbox, emit: session.attach(request, inbox, emit))

    def logs(self, request: Logs) -> Iterator[str]:
        """What ``%logs`` prints, piece by piece. UnknownJobError and UserError before the first piece."""
        record = self.session.record(request.name, request.target)
        wanted = record.replicas if request.replica is None else (request.replica,)
        if request.replica is not None and request.replica not in record.replicas:
            known = [str(each) for each in record.replicas]
            hint = did_you_mean(str(request.replica), known) or f"It has {', '.join(known)}."
            raise UserError(f"{record.handle.name} has no replica {request.replica}", hint=hint)
        readers = {replica: self.store.reader(record.handle, replica) for replica in wanted}
        now = self._clock.now()
        pieces = logs.log_text(readers, request, now=now, label=record.label, origins=record.origins)
        return _closing(pieces, list(readers.values()))

    async def with_catalog(self, ask: Callable[[Catalog], Awaitable[T]]) -> T:
        """What the registry knows of Ciao's images, for ``runtime.call``. SourceError where no registry is set."""
        from ciao.adapters.oci.registries import open_registries
        from ciao.adapters.s2i.catalog import Catalog
        from ciao.adapters.s2i.destination import destination
        from ciao.adapters.s2i.known import Known

        where = destination(self.settings)
        known = Known(Path(self.settings[REGISTRY_PATH]))
        catalog = Catalog(open_registries(self.settings, self._environ), known, where)
        try:
            return await ask(catalog)
        finally:
            await catalog.close()

    # -- settings --------------------------------------------------------------------------------

    def configure(self, key: str, text: str, place: Place | None = None) -> None:
        """Set one setting for this session. SettingsError for a bad key or value; then nothing changes."""
        self._use(self.settings.assign(key, text, place))

    def close(self) -> None:
        """Stop this machine's jobs, release connections, end Ciao's thread. Closed again, it does nothing."""
        atexit.unregister(self.close)
        if self.runtime.running():
            self.runtime.stop_jobs(self.settings[LOCAL_GRACE] + _CLEAN_UP)
        made, self._made = self._made, []
        for each in reversed(made):
            self.runtime.call(each.close()).result(_CLEAN_UP)
        self.runtime.close()

    # -- wiring ----------------------------------------------------------------------------------

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._clock, self._names, self._workspace = SystemClock(), RandomNames(), LocalWorkspace()
        self._backends: dict[str, Backend] = {}
        self._builders: dict[str, S2IClient] = {}
        self._connections: Connections | None = None
        self.store = DiskJobStore(
            Path(settings[STORE_PATH]),
            size=settings[STORE_SIZE], age=settings[STORE_AGE], log_size=settings[STORE_LOG_SIZE],
            clock=self._clock,
        )  # fmt: skip
        self.session = Session(
            frameworks=self.frameworks, backends=self._backend, builder=self._builder, store=self.store,
            clock=self._clock, names=self._names, settings=settings, owner=self._owner,
        )  # fmt: skip

    def _backend(self, target: str) -> Backend:
        if target not in self._backends:
            backend: Backend = self._targets.load(target)(self._wiring())
            self._backends[target] = backend
            self._made.append(backend)
        return self._backends[target]

    def _builder(self, spec: JobSpec) -> S2IClient:
        if spec.target == _LOCAL:
            return InPlace(self._workspace, self.settings[LOCAL_PYTHON], self._environ)
        return self._builder_named(spec.builder or _default_builder(self.settings))

    def _builder_named(self, name: str) -> S2IClient:
        if name not in self._builders:
            self._builders[name] = self._builder_plugins.load(name)(self._wiring())
            self._made.append(self._builders[name])
        return self._builders[name]

    def _clusters(self) -> Connections:
        """One connection per context, for the backend and for whoever builds in the cluster."""
        from ciao.adapters.kube.access import Access
        from ciao.adapters.kube.connections import Connections

        if self._connections is None:
            kubeconfig = self.settings[KUBEFLOW_KUBECONFIG]
            self._connections = Connections(Access(kubeconfig=kubeconfig, context=None, environ=self._environ))
            self._made.append(self._connections)
        return self._connections

    def _wiring(self) -> Wiring:
        return Wiring(
            settings=lambda: self.settings, frameworks=self.frameworks, store=self.store, workspace=self._workspace,
            clock=self._clock, names=self._names, environ=self._environ, clusters=self._clusters,
            platform=lambda spec: self._backend(spec.target).platform(spec), builder=self._builder_named,
        )  # fmt: skip


def open_app(
    *, directory: str, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None, owner: str = ""
) -> App:
    """Ciao with the settings that hold in ``directory``; ``overrides`` beat them all. SettingsError for a bad one."""
    frameworks = load_frameworks()
    settings = config.load(Path(directory), _home(environ), environ, overrides, frameworks.values())
    return App(settings=settings, frameworks=frameworks, environ=environ, owner=owner)


def preload(*, directory: str, environ: Mapping[str, str]) -> None:
    """Import what jobs of ``directory`` need by default, as far as plug-ins say what that is (``create.preload``)."""
    frameworks = load_frameworks()
    settings = config.load(Path(directory), _home(environ), environ, None, frameworks.values())
    _targets().preload(settings[TARGET])
    if settings[TARGET] != _LOCAL:
        _builders().preload(_default_builder(settings))


def _default_builder(settings: Settings) -> str:
    return settings[S2I] or ("registry" if settings[REGISTRY_PUSH] else "mounted")


def load_frameworks() -> Mapping[str, Framework]:
    """Every installed framework by name; a plug-in that cannot be loaded is an error that names it."""
    plugins = PlugIns(_FRAMEWORKS, "framework")
    found: list[Framework] = [plugins.load(name) for name in plugins.names]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def _targets() -> PlugIns:
    return PlugIns(_BACKENDS, "target")


def _builders() -> PlugIns:
    return PlugIns(_BUILDERS, "way from source to image")


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _closing(pieces: Iterator[str], readers: Sequence[Any]) -> Iterator[str]:
    try:
        yield from pieces
    finally:
        for reader in readers:
            reader.close()
