"""Every setting of Ciao, typed, with its default and documentation; and how layers of them combine.

A magic in a cell beats all layers; then, highest first: ``%ciao config`` in this session, the environment
(``CIAO_STORE_PATH``), the project's file (``ciao.toml``, or ``[tool.ciao]`` in pyproject.toml), the user's file
(``~/.ciao/config.toml``), the default. Reading files and the environment is ``adapters.config``'s part.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from attrs import evolve, field, frozen

from ciao.core import values
from ciao.core.errors import Place, SettingsError
from ciao.core.frameworks.base import Framework
from ciao.core.scan import Value
from ciao.core.values import PortRange
from ciao.core.words import did_you_mean, key, nearest, sentence

T = TypeVar("T")


@frozen(kw_only=True)
class Setting(Generic[T]):
    """One setting. ``read`` gives its typed value (ValueError, one sentence, for a bad one).

    ``path``: it names a file or directory, so ``~`` is the home directory, and a relative one starts where it was
    written: at the project's or user's file, else at the working directory. A bare word is left alone when
    ``command`` (it is looked up on PATH). ``empty``: what an empty value stands for.
    """

    key: str
    read: Callable[[Value], T] = field(repr=False)
    default: str
    doc: str
    syntax: str
    path: bool = False
    command: bool = False
    empty: str = ""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "CIAO_" + self.key.replace(".", "_").upper()


def _maybe(value: Value) -> str:
    return value.text


TARGET = Setting(
    key="target", read=values.text, default="local", syntax="NAME",
    doc="Where jobs run that do not say it (%target).",
)  # fmt: skip
STORE_PATH = Setting(
    key="store.path", read=values.text, default="~/.ciao/jobs", syntax="PATH", path=True,
    doc="The directory that keeps every job's record and logs.",
)  # fmt: skip
STORE_SIZE = Setting(
    key="store.size", read=values.size, default="10Gi", syntax="QUANTITY",
    doc="How much all jobs together may keep, in bytes; the oldest that have ended go first.",
)  # fmt: skip
STORE_AGE = Setting(
    key="store.age", read=values.deadline, default="30d", syntax="DURATION",
    doc="How long an ended job is kept.",
)  # fmt: skip
STORE_LOG_SIZE = Setting(
    key="store.log_size", read=values.size, default="2Gi", syntax="QUANTITY",
    doc="How much one replica's log may hold, in bytes; what comes after is dropped, with a notice.",
)  # fmt: skip
LOCAL_PYTHON = Setting(
    key="local.python", read=_maybe, default="", syntax="PATH", path=True, command=True,
    empty="(the one that Ciao runs in)",
    doc="The interpreter of replicas on this machine (%python). Empty: the one that Ciao runs in.",
)  # fmt: skip
LOCAL_GRACE = Setting(
    key="local.grace", read=values.duration, default="2", syntax="DURATION",
    doc="How long a replica on this machine may take to end when it is asked to, before it is killed.",
)  # fmt: skip
LOCAL_PORTS = Setting(
    key="local.ports", read=values.ports, default="20000-29999", syntax="LOW-HIGH",
    doc="The ports that replicas on this machine may listen on.",
)  # fmt: skip
KUBEFLOW_KUBECONFIG = Setting(
    key="kubeflow.kubeconfig", read=_maybe, default="", syntax="PATH", path=True, empty="(where kubectl looks)",
    doc="The kubeconfig of the cluster. Empty: $KUBECONFIG, else ~/.kube/config, else the pod's own account.",
)  # fmt: skip
KUBEFLOW_CONTEXT = Setting(
    key="kubeflow.context", read=_maybe, default="", syntax="NAME", empty="(the current one)",
    doc="The context of the kubeconfig (%context). Empty: its current one.",
)  # fmt: skip
KUBEFLOW_NAMESPACE = Setting(
    key="kubeflow.namespace", read=_maybe, default="", syntax="NAME", empty="(the context's)",
    doc="The namespace of jobs (%namespace). Empty: the context's.",
)  # fmt: skip
KUBEFLOW_TTL = Setting(
    key="kubeflow.ttl", read=values.duration, default="1h", syntax="DURATION",
    doc="How long the cluster keeps a job after its end (%ttl).",
)  # fmt: skip
KUBEFLOW_USER = Setting(
    key="kubeflow.user", read=values.user, default="1000", syntax="image|NUMBER",
    doc="The user's number that pods run as (%user).",
)  # fmt: skip
KUBEFLOW_PYTHON = Setting(
    key="kubeflow.python", read=values.text, default="python", syntax="NAME",
    doc="The interpreter in the image (%python).",
)  # fmt: skip
KUBEFLOW_GPU = Setting(
    key="kubeflow.gpu", read=values.text, default="nvidia.com/gpu", syntax="NAME",
    doc="The resource that %gpu counts.",
)  # fmt: skip
KUBEFLOW_AUTOSCALE = Setting(
    key="kubeflow.autoscale", read=values.flag, default="no", syntax="yes|no",
    doc="The cluster makes nodes when they are needed: what fits on none of today's is told, not refused.",
)  # fmt: skip
S2I = Setting(
    key="s2i", read=_maybe, default="", syntax="NAME", empty="(registry where registry.push is set, else mounted)",
    doc="How the source reaches replicas on a cluster (%s2i).",
)  # fmt: skip
S2I_LIMIT = Setting(
    key="s2i.limit", read=values.size, default="8Gi", syntax="QUANTITY",
    doc="How much %file may put into an image, in bytes.",
)  # fmt: skip
REGISTRY_PUSH = Setting(
    key="registry.push", read=values.repository, default="", syntax="REPOSITORY", empty="(no registry)",
    doc="The repository that images are pushed to: registry.example.com/team/ciao.",
)  # fmt: skip
REGISTRY_PULL = Setting(
    key="registry.pull", read=values.repository, default="", syntax="REPOSITORY", empty="(registry.push)",
    doc="The same repository under the name by which the cluster's nodes pull from it.",
)  # fmt: skip
REGISTRY_PODS = Setting(
    key="registry.pods", read=values.repository, default="", syntax="REPOSITORY", empty="(registry.pull)",
    doc="The same repository as pods reach it: builds in the cluster (%s2i=kaniko, tekton) push there.",
)  # fmt: skip
REGISTRY_INSECURE = Setting(
    key="registry.insecure", read=values.hosts, default="", syntax="HOST[:PORT],…", empty="(this machine's own)",
    doc="Registries that are spoken to without checking who they are: by plain HTTP, or with any certificate.",
)  # fmt: skip
REGISTRY_CA = Setting(
    key="registry.ca", read=_maybe, default="", syntax="PATH", path=True, empty="(the system's)",
    doc="A file of certificates (PEM) of authorities that registries may be trusted by, besides the system's.",
)  # fmt: skip
REGISTRY_SECRET = Setting(
    key="registry.secret", read=_maybe, default="", syntax="NAME", empty="(%pullSecret)",
    doc="The Secret (kubernetes.io/dockerconfigjson) with which builds in the cluster pull and push.",
)  # fmt: skip
REGISTRY_PATH = Setting(
    key="registry.path", read=values.text, default="~/.ciao/images", syntax="PATH", path=True,
    doc="The directory that keeps what is known of base images, layers and of what was pushed.",
)  # fmt: skip
PIP_INDEX = Setting(
    key="pip.index", read=values.index, default="", syntax="URL", empty="(pip's own)",
    doc="The package index that %pip installs from.",
)  # fmt: skip
KANIKO_IMAGE = Setting(
    key="kaniko.image", read=values.text, default="gcr.io/kaniko-project/executor:v1.24.0", syntax="REFERENCE",
    doc="The image of Kaniko, for builds in the cluster.",
)  # fmt: skip
VIEW_BYTES = Setting(
    key="view.bytes", read=values.size, default="512000", syntax="QUANTITY",
    doc="How much of a job's output one cell shows, in bytes; all of it is in %logs.",
)  # fmt: skip
VIEW_RATE = Setting(
    key="view.rate", read=values.size, default="700000", syntax="QUANTITY",
    doc="How many bytes of output a second are sent to the notebook.",
)  # fmt: skip

AnySetting = (
    Setting[str] | Setting[int] | Setting[float] | Setting[bool] | Setting[PortRange] | Setting[tuple[str, ...]]
)
SETTINGS: tuple[AnySetting, ...] = (
    TARGET, STORE_PATH, STORE_SIZE, STORE_AGE, STORE_LOG_SIZE,
    LOCAL_PYTHON, LOCAL_GRACE, LOCAL_PORTS,
    KUBEFLOW_KUBECONFIG, KUBEFLOW_CONTEXT, KUBEFLOW_NAMESPACE, KUBEFLOW_TTL, KUBEFLOW_USER,
    KUBEFLOW_PYTHON, KUBEFLOW_GPU, KUBEFLOW_AUTOSCALE,
    S2I, S2I_LIMIT,
    REGISTRY_PUSH, REGISTRY_PULL, REGISTRY_PODS, REGISTRY_INSECURE, REGISTRY_CA, REGISTRY_SECRET, REGISTRY_PATH,
    PIP_INDEX, KANIKO_IMAGE,
    VIEW_BYTES, VIEW_RATE,
)  # fmt: skip


def image_setting(framework: Framework) -> Setting[str]:
    """``image.pytorch``: every framework brings one."""
    return Setting(
        key=f"image.{framework.name}", read=values.text, default=framework.image, syntax="REFERENCE",
        doc=f"The image of {framework.name} replicas that do not say it (%image), on targets that have images.",
    )  # fmt: skip


def schema(frameworks: Iterable[Framework] = ()) -> tuple[AnySetting, ...]:
    """All settings of an installation with these frameworks."""
    return (*SETTINGS, *(image_setting(each) for each in frameworks))


@frozen
class Entry:
    """``key = text``, as written at ``place``; ``base`` is the directory that relative paths start from."""

    key: str
    text: str
    place: Place
    base: str = ""


Layer = tuple[Entry, ...]
SESSION = "%ciao config"
DEFAULT = "default"


@frozen
class Row:
    """One line of ``ciao config show``: the value as text, and where it came from."""

    key: str
    value: str
    origin: str


@frozen
class _Held:
    text: str
    value: str | int | float | PortRange | tuple[str, ...]
    place: Place


@frozen
class Settings:
    """The settings that hold: ``settings[STORE_SIZE]`` is typed, ``settings.value("store.size")`` is by name.

    Never changed: ``assign`` gives new ones.
    """

    schema: tuple[AnySetting, ...]
    layers: tuple[Layer, ...]
    home: str
    _held: Mapping[str, _Held] = field(init=False, eq=False, repr=False)

    @_held.default
    def _resolve(self) -> Mapping[str, _Held]:
        held = {each.key: _hold(each, Entry(each.key, each.default, Place(DEFAULT)), self.home) for each in self.schema}
        for layer in reversed(self.layers):
            for entry in layer:
                setting = self.setting(entry.key, entry.place)
                held[setting.key] = _hold(setting, entry, self.home)
        return held

    def __getitem__(self, setting: Setting[T]) -> T:
        """The value of one of this module's constants: bytes, seconds, text or PortRange."""
        value: T = self._held[setting.key].value  # type: ignore[assignment]  # its own ``read`` made it
        return value

    def value(self, name: str) -> str | int | float | PortRange | tuple[str, ...]:
        """The value by name; KeyError for a name that is not in the schema."""
        return self._held[name].value

    def text(self, name: str) -> str:
        """The value as written."""
        return self._held[name].text

    def place(self, name: str) -> Place:
        """Where the value was written; its label is ``default`` when nobody said it."""
        return self._held[name].place

    def setting(self, name: str, place: Place) -> AnySetting:
        """The setting of that name (any spelling); SettingsError for an unknown one."""
        for each in self.schema:
            if key(each.key) == key(name):
                return each
        known = [each.key for each in self.schema]
        hint = did_you_mean(name, known) or "%ciao config lists them all."
        raise SettingsError(f"There is no setting {name!r}.", place, hint)

    def assign(self, name: str, text: str, place: Place | None = None, *, base: str = "") -> Settings:
        """These settings with one set for the session; SettingsError for a bad name or value."""
        where = place or Place(SESSION)
        setting = self.setting(name, where)
        first = tuple(each for each in self.layers[0] if each.key != setting.key) if self.layers else ()
        mine = Entry(setting.key, text, where, base)
        _hold(setting, mine, self.home)
        kept = evolve(mine, place=Place(SESSION))  # a cell's line number says nothing later
        return Settings(self.schema, ((*first, kept), *self.layers[1:]), self.home)

    def show(self) -> tuple[Row, ...]:
        """Every setting, in the schema's order."""
        return tuple(
            Row(each.key, self._held[each.key].text or each.empty, str(self._held[each.key].place))
            for each in self.schema
        )


def resolve(layers: Iterable[Layer] = ((),), frameworks: Iterable[Framework] = (), home: str = "~") -> Settings:
    """Settings from layers, highest first; the first one is the session's.

    Every entry is checked, also one that a higher layer hides: SettingsError names its place.
    """
    return Settings(schema(frameworks), tuple(layers) or ((),), home)


def _hold(setting: AnySetting, entry: Entry, home: str) -> _Held:
    text = absolute(entry.text, entry.base, home, command=setting.command) if setting.path else entry.text
    try:
        return _Held(text, setting.read(Value(text, quoted=True)), entry.place)
    except ValueError as error:
        hint = f"{setting.key} is a {setting.syntax}. {setting.doc}"
        raise SettingsError(f"{setting.key}: {sentence(str(error))}", entry.place, hint) from None


def absolute(text: str, base: str, home: str, *, command: bool = False) -> str:
    """A path as it is meant: ``~`` is ``home``, a relative one starts at ``base``; see ``Setting.command``."""
    if text == "~" or text.startswith("~/"):
        return home + text[1:]
    if not text or (command and "/" not in text) or not base:
        return text
    return posixpath.normpath(posixpath.join(base, text))


def variable_entry(settings: Iterable[AnySetting], variable: str, text: str, base: str) -> Entry | None:
    """The entry that a variable of the environment makes; None for one that is none of Ciao's settings.

    Only a misspelt setting is an error: a Service named ``ciao`` puts ``CIAO_PORT`` and the like into every pod
    of its namespace, and replicas have ``CIAO_JOB``.
    """
    by_name = {each.variable: each.key for each in settings}
    place = Place(variable)
    if variable in by_name:
        return Entry(by_name[variable], text, place, base)
    near = nearest(variable, by_name, cutoff=0.85)
    if near is None:
        return None
    raise SettingsError(f"There is no setting {variable}.", place, f"Did you mean {near}?")
