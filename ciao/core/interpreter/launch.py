"""What was said of a job -> Launch: the complete JobSpec and its Source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import frozen

from ciao.core import settings as keys
from ciao.core.errors import MagicError, SettingsError
from ciao.core.interpreter.code import check_code
from ciao.core.interpreter.gather import Given
from ciao.core.interpreter.roles import choose_framework, job_roles, variables
from ciao.core.magics import Vocabulary, items
from ciao.core.model import CleanPolicy, JobSpec, OnExit, Placement, Role, Source
from ciao.core.requests import Launch
from ciao.core.settings import absolute
from ciao.core.words import did_you_mean, listed

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)  # DNS-1035
_LONGEST = 63


@frozen(kw_only=True)
class Scene:
    """Where a job is asked for: its fresh name, the working directory, and how the user knows the code."""

    fresh_name: Callable[[str], str]
    directory: str
    label: str


def launch(given: Given, text: str, body: str, vocabulary: Vocabulary, scene: Scene) -> Launch:
    """The job that was asked for; UserError for the first thing that is wrong with it."""
    spec = _spec(given, vocabulary, scene)
    check_code(body, scene.label, given.start)
    return Launch(
        spec=spec,
        source=Source(
            code=body,
            label=scene.label,
            files=_flat(given.many(items.FILE)),
            pip=_flat(given.many(items.PIP)),
            directory=scene.directory,
        ),
        text=text,
        detach=given.one(items.DETACH) or False,
        quiet=given.one(items.QUIET) or False,
        include=_flat(given.many(items.INCLUDE)),
        var=_flat(given.many(items.VAR)),
        render=given.one(items.RENDER) or False,
    )


def _flat(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for group in groups for each in group))


def _spec(given: Given, vocabulary: Vocabulary, scene: Scene) -> JobSpec:
    framework = choose_framework(given, vocabulary)
    roles = job_roles(given, framework)
    nproc = given.one(items.NPROC)
    if nproc is not None and not framework.nproc_launcher:
        hint = "It starts torch.distributed.run; leave it out."
        raise MagicError(f"%nproc has no meaning for {framework.name}.", given.place(items.NPROC), hint)
    target = _target(given, vocabulary)
    return JobSpec(
        name=_name(given, roles) or scene.fresh_name(framework.name),
        framework=framework.name,
        target=target,
        roles=roles,
        env=variables(given.job),
        args=given.one(items.ARGS) or (),
        clean_policy=given.one(items.CLEAN_POLICY) or CleanPolicy.RUNNING,
        on_exit=given.one(items.ON_EXIT) or OnExit.KEEP,
        timeout=given.one(items.TIMEOUT),
        retries=given.one(items.RETRIES) or 0,
        nproc=nproc,
        python=_python(given, vocabulary, scene, target),
        builder=_builder(given, vocabulary),
        platform=given.one(items.PLATFORM),
        volumes=given.many(items.VOLUME),
        secrets=given.many(items.SECRET),
        placement=_placement(given),
    )


def _placement(given: Given) -> Placement:
    return Placement(
        context=given.one(items.CONTEXT),
        namespace=given.one(items.NAMESPACE),
        queue=given.one(items.QUEUE),
        priority=given.one(items.PRIORITY),
        node_selector=given.many(items.NODE_SELECTOR),
        tolerations=given.many(items.TOLERATIONS),
        service_account=given.one(items.SERVICE_ACCOUNT),
        pull_secret=given.one(items.PULL_SECRET),
        overlay=given.one(items.OVERLAY),
        ttl=given.one(items.TTL),
        user=given.one(items.USER),
    )


def _name(given: Given, roles: tuple[Role, ...]) -> str | None:
    name = given.one(items.NAME)
    if name is None:
        return None
    place = given.place(items.NAME)
    if not _LABEL.fullmatch(name):
        hint = "A job's name has lower-case letters, digits and '-', and begins with a letter: %name=mnist-2"
        raise MagicError(f"{name!r} is not a name for a job.", place, hint)
    room = _LONGEST - max(len(f"-{role.name}-{role.replicas - 1}") for role in roles)
    if len(name) > room:
        hint = f"Its replicas' names must fit into {_LONGEST} characters: use at most {room} here."
        raise MagicError(f"This name is too long ({len(name)} characters).", place, hint)
    return name


def _target(given: Given, vocabulary: Vocabulary) -> str:
    name, place = given.one(items.TARGET), given.place(items.TARGET)
    if name in vocabulary.targets:
        return name
    hint = f"This Ciao has {listed(vocabulary.targets)}."
    if name is not None:
        near = did_you_mean(name, vocabulary.targets)
        raise MagicError(f"There is no target {name!r}.", place, f"{near} {hint}".strip())
    default = vocabulary.settings[keys.TARGET]
    if default not in vocabulary.targets:
        raise SettingsError(f"There is no target {default!r}.", vocabulary.settings.place(keys.TARGET.key), hint)
    return default


def _builder(given: Given, vocabulary: Vocabulary) -> str | None:
    said, place = given.one(items.S2I), given.place(items.S2I)
    name = said or vocabulary.settings[keys.S2I] or None
    if name is None or name in vocabulary.builders:
        return said
    message = f"There is no way {name!r} from source to image."
    hint = did_you_mean(name, vocabulary.builders) or f"This Ciao has {listed(vocabulary.builders)}."
    if said is None:
        raise SettingsError(message, vocabulary.settings.place(keys.S2I.key), hint)
    raise MagicError(message, place, hint)


def _python(given: Given, vocabulary: Vocabulary, scene: Scene, target: str) -> str | None:
    said = given.one(items.PYTHON)
    if said is not None:
        return absolute(said, scene.directory, vocabulary.settings.home, command=True)
    return (vocabulary.settings[keys.LOCAL_PYTHON] or None) if target == "local" else None
