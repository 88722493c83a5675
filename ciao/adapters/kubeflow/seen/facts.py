"""Looking into the API's objects, of which any part may be missing.

A field that is not there, or is of another type than it should be, reads as nothing: "" or None or an empty list.
What an object means is said by ``podfacts``, ``jobfacts``, ``eventfacts``. (There is no ``from __future__ import
annotations`` here: it would take the name of ``metadata.annotations``.)
"""

from collections.abc import Mapping
from typing import Any

from ciao.adapters.kubeflow.seen import stamps

Json = Mapping[str, Any]
_TERMINAL = ("Succeeded", "Failed")


def field(tree: object, *path: str) -> Any:
    """What is at a path; None where there is nothing."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def table(tree: object, *path: str) -> Json:
    """A mapping."""
    found = field(tree, *path)
    return found if isinstance(found, Mapping) else {}


def entries(tree: object, *path: str) -> list[Json]:
    """The mappings of a list."""
    found = field(tree, *path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def text(tree: object, *path: str) -> str:
    """A string."""
    found = field(tree, *path)
    return found if isinstance(found, str) else ""


def number(tree: object, *path: str) -> int | None:
    """A whole number."""
    found = field(tree, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def moment(tree: object, *path: str) -> float | None:
    """A time in seconds since the epoch; runtimes write the epoch itself for what never happened."""
    return stamps.seconds(field(tree, *path)) or None


# -- metadata -----------------------------------------------------------------------------------------


def name(thing: object) -> str:
    """``metadata.name``."""
    return text(thing, "metadata", "name")


def namespace(thing: object) -> str:
    """``metadata.namespace``."""
    return text(thing, "metadata", "namespace")


def uid(thing: object) -> str:
    """``metadata.uid``."""
    return text(thing, "metadata", "uid")


def labels(thing: object) -> Json:
    """``metadata.labels``."""
    return table(thing, "metadata", "labels")


def annotations(thing: object) -> Json:
    """``metadata.annotations``."""
    return table(thing, "metadata", "annotations")


def created(thing: object) -> float:
    """``metadata.creationTimestamp``; 0.0 for an object that was never stored."""
    return moment(thing, "metadata", "creationTimestamp") or 0.0


def owner(thing: object) -> str:
    """The uid of the controller that made it."""
    owners = entries(thing, "metadata", "ownerReferences")
    return next((text(each, "uid") for each in owners if each.get("controller") is True), "")


def is_deleting(thing: object) -> bool:
    """Somebody has asked for its deletion."""
    return bool(text(thing, "metadata", "deletionTimestamp"))


def deletion_asked(thing: object) -> float | None:
    """When its deletion was asked for: the timestamp is when its grace ends."""
    until = moment(thing, "metadata", "deletionTimestamp")
    return None if until is None else until - (number(thing, "metadata", "deletionGracePeriodSeconds") or 0)


# -- status -------------------------------------------------------------------------------------------


def condition(thing: object, kind: str, status: str = "") -> Json | None:
    """The condition of that type, if its status is that one (or any)."""
    for each in entries(thing, "status", "conditions"):
        if each.get("type") == kind and status in ("", each.get("status")):
            return each
    return None


def is_terminal(pod: object) -> bool:
    """A pod's phase that nothing follows."""
    return text(pod, "status", "phase") in _TERMINAL


def main_container(pod: object, name: str) -> str:
    """The name of a pod's main container: ``name`` if there is one of it, else the first's."""
    found = [text(each, "name") for each in entries(pod, "spec", "containers")]
    return name if name in found or not found else found[0]


def container_spec(pod: object, name: str) -> Json:
    """A container or init container of the spec."""
    return _named(pod, name, ("spec", "containers"), ("spec", "initContainers"))


def container_status(pod: object, name: str) -> Json:
    """A container's or init container's status, empty while the kubelet has not written one."""
    return _named(pod, name, ("status", "containerStatuses"), ("status", "initContainerStatuses"))


def state(status: Json) -> tuple[str, Json]:
    """``waiting``, ``running`` or ``terminated``, with what is said of it; ("", {}) when nothing is."""
    for kind in ("terminated", "running", "waiting"):
        if isinstance(field(status, "state", kind), Mapping):
            return kind, table(status, "state", kind)
    return "", {}


def _named(pod: object, name: str, *paths: tuple[str, str]) -> Json:
    return next((each for path in paths for each in entries(pod, *path) if each.get("name") == name), {})
