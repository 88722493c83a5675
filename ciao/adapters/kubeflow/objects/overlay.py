"""A user's own fields, merged over the job's object: what no magic says (``%overlay=patch.yaml``).

Theory. The overlay is a part of the object, of the same shape. Over a mapping a mapping is merged, key by key and
at any depth; ``null`` deletes the key. The lists that a pod template keys are merged by that key (``KEYED``:
an entry with a known key is merged over that entry, any other is appended, in order). Every other list, and
every scalar, replaces what was there. So one container's one variable can be changed without repeating the rest.

What the cell itself says, and what Ciao finds its job by, is not to be changed from here: the two would disagree, and
the watcher would wait for pods that are never made. An error names the
path: ``spec.runPolicy.cleanPodPolicy``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ciao.adapters.kubeflow.objects import names
from ciao.core.errors import Place, UserError
from ciao.core.words import did_you_mean, listed

Json = dict[str, Any]
KEYED: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}
_FIXED: Mapping[tuple[str, ...], str] = {
    ("apiVersion",): "The framework decides it (%framework).",
    ("kind",): "The framework decides it (%framework).",
    ("metadata", "name"): "It is the job's name (%name).",
    ("metadata", "namespace"): "It is said with %namespace.",
    ("status",): "The operator writes it.",
}
_RESTART = "A replica that is restarted alone hangs the others; %retries submits the whole job again."
_OWN = "By this Ciao finds its jobs."
_Path = tuple[str, ...]
_LIST, _MAP = "a list", "a mapping"


class _Wrong(Exception):
    """The path and what is wrong there; ``merged`` makes an error of it."""

    def __init__(self, path: _Path, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.path, self.what, self.hint = path, what, hint


def merged(job: Mapping[str, Any], patch: object, *, replicas: str, label: str = "the overlay") -> Json:
    """The job's object with the overlay over it; neither is changed.

    ``patch`` is what a YAML or JSON parser made of the file ``label``; ``replicas`` is the field of the spec with the
    roles (``Kind.replicas``). UserError naming file, path and remedy.
    """
    try:
        return _checked(job, patch, replicas)
    except _Wrong as wrong:
        where = ".".join(wrong.path).replace(".[", "[") or "The whole of it"
        raise UserError(f"{where}: {wrong.what}", Place(label), wrong.hint) from None


def _checked(job: Mapping[str, Any], patch: object, replicas: str) -> Json:
    if patch is None:
        return copy.deepcopy(dict(job))
    if not isinstance(patch, dict):
        raise _Wrong((), f"{_kind(patch)} where the job's fields are expected ({listed(job)}).")
    _plain(patch, ())
    found = _map(job, patch, ())
    _roles(job, found, ("spec", replicas))
    for path, hint in _kept(job, replicas):
        if not _same(_at(found, path), _at(job, path)):
            raise _Wrong(path, "this cannot be changed here.", hint)
    return found


# -- merging ------------------------------------------------------------------------------------------


def _map(base: Mapping[str, Any], patch: Mapping[str, Any], path: _Path) -> Json:
    found = copy.deepcopy(dict(base))
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _value(key, found.get(key), value, (*path, key))
    return found


def _value(key: str, base: Any, value: Any, path: _Path) -> Any:
    if isinstance(value, dict):
        if base is not None and not isinstance(base, dict):
            raise _Wrong(path, f"{_kind(base)} is there, and this is {_MAP}.")
        return _map(base or {}, value, path)
    if isinstance(base, dict):
        raise _Wrong(path, f"{_MAP} is there, and this is {_kind(value)}.")
    if isinstance(base, list) and not isinstance(value, list):
        raise _Wrong(path, f"{_LIST} is there, and this is {_kind(value)}.")
    if isinstance(value, list) and key in KEYED:
        return _keyed(KEYED[key], base or [], value, path)
    return copy.deepcopy(value)


def _keyed(key: str, base: list[Any], entries: list[Any], path: _Path) -> list[Any]:
    places = {entry[key]: number for number, entry in enumerate(base)}
    found, seen = list(base), set[str]()
    for number, entry in enumerate(entries):
        here = (*path, f"[{number}]")
        if not isinstance(entry, dict):
            raise _Wrong(here, f"{_kind(entry)} where {_MAP} with a {key} is expected.")
        name = entry.get(key)
        if not isinstance(name, str):
            raise _Wrong(here, f"its {key} is missing; by that it is merged.")
        if name in seen:
            raise _Wrong(here, f"the {key} {name} is there twice.")
        seen.add(name)
        place = places.get(name)
        if place is None:
            found.append(_map({}, entry, here))
        else:
            found[place] = _map(found[place], entry, here)
    return found


# -- what is refused ----------------------------------------------------------------------------------


def _kept(job: Mapping[str, Any], replicas: str) -> Iterator[tuple[_Path, str]]:
    """What must be as it was, each with the way to change it."""
    yield from _FIXED.items()
    yield from _own(job, ("metadata",))
    for role in job["spec"][replicas]:
        path = ("spec", replicas, role)
        yield (*path, "replicas"), f"It is said with %{role.lower()}."
        yield (*path, "restartPolicy"), _RESTART
        yield (*path, "template", "spec", "restartPolicy"), _RESTART
        yield from _own(job, (*path, "template", "metadata"))


def _own(job: Mapping[str, Any], path: _Path) -> Iterator[tuple[_Path, str]]:
    for kind in ("labels", "annotations"):
        yield from (((*path, kind, key), _OWN) for key in _at(job, (*path, kind)) or () if names.is_own(key))


def _roles(job: Mapping[str, Any], found: Json, path: _Path) -> None:
    known, given = _at(job, path), _at(found, path) or {}
    for role in given:
        if role not in known:
            hint = did_you_mean(role, known) or f"It has {listed(known)}."
            raise _Wrong((*path, role), f"this job has no {role}.", hint)
    for role in known:
        template = _at(found, (*path, role, "template", "spec", "containers"))
        if not template:
            raise _Wrong((*path, role), "its containers cannot be deleted.", "A role less is said in the cell.")


def _at(tree: Any, path: _Path) -> Any:
    """What is at a path; None where there is nothing."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _same(one: Any, other: Any) -> bool:
    """To JSON true is not 1."""
    return bool(one == other) and type(one) is type(other)


def _plain(value: Any, path: _Path) -> None:
    """Only what JSON can say: YAML reads ``on`` as true and ``2026-01-01`` as a date, also where text was meant."""
    if isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(key, str):
                raise _Wrong(path, f"the key {key!r} is not text.", "Put it in quotes.")
            if key.startswith("$"):
                raise _Wrong((*path, key), "directives of kubectl's patches have no meaning here.")
            _plain(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            _plain(below, (*path, f"[{number}]"))
    elif isinstance(value, float) and not math.isfinite(value):
        raise _Wrong(path, f"{value} is no number that can be sent.", "If it is text, put it in quotes.")
    elif value is not None and not isinstance(value, str | bool | int | float):
        raise _Wrong(path, f"{value} was read as {type(value).__name__}.", "If it is text, put it in quotes.")


def _kind(value: object) -> str:
    """What no mapping is."""
    return _LIST if isinstance(value, list) else "a single value"
