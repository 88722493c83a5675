"""What a path of the apiserver is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_BEFORE = {"api": 2, "apis": 3}  # parts of a path before its resource: api/v1, apis/kubeflow.org/v1


def counted_as(verb: str, path: str, params: Mapping[str, str]) -> str:
    """``GET pods/log``, ``WATCH pods``, ``POST pytorchjobs``; a path without a resource (discovery) as it is."""
    watched = params.get("watch", "") in ("true", "1")
    rest = _resource(path)
    return f"{'WATCH' if watched else verb} {'/'.join([rest[0], *rest[2:]]) if rest else path.strip('/')}"


def is_collection(path: str) -> bool:
    """Whether a GET gives a list, not one object."""
    return len(_resource(path)) == 1


def _resource(path: str) -> list[str]:
    """Resource, name, subresource; as much of it as there is."""
    parts = path.strip("/").split("/")
    rest = parts[_BEFORE.get(parts[0], len(parts)) :]
    return rest[2:] if len(rest) > 2 and rest[0] == "namespaces" else rest
