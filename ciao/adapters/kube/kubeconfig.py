"""Kubeconfig files, merged as kubectl merges them; every entry knows in which file it stands.

Why not the client library's KubeConfigMerger and KubeConfigLoader (kubernetes 37.0.2, each of it tried): of two files
the last one's current-context counts there, where kubectl takes the first one's, so the job would go to another
cluster; a client certificate is looked for beside the file of the *cluster*; ``token`` beats ``tokenFile``; a context
without user fails over TLS with a TypeError; no error names the file; keys lie in temporary files until the process
ends; ``as`` is not read; and it costs 0.2 s to import.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ciao.adapters.kube.apierrors import AccessError
from ciao.core.errors import Place

_KINDS = {"contexts": "context", "clusters": "cluster", "users": "user"}


@frozen
class Entry:
    """What stands under one name: ``kind`` is context, cluster or user. Relative paths are relative to the file's."""

    kind: str
    name: str
    fields: Mapping[str, Any] = field(repr=False)
    file: Path

    @property
    def label(self) -> str:
        """For messages: ``the user ann in /home/ann/.kube/config``."""
        return f"the {self.kind} {self.name} in {self.file}"

    def text(self, key: str) -> str:
        """Empty when it is not there."""
        return self._typed(key, str) or ""

    def flag(self, key: str) -> bool:
        """False when it is not there."""
        return self._typed(key, bool) or False

    def mapping(self, key: str) -> Entry | None:
        """What stands below a key, as an entry; None when it is not there."""
        found = self._typed(key, dict)
        return None if found is None else Entry(self.kind, self.name, found, self.file)

    def items(self, key: str) -> list[Any]:
        """A list; empty when it is not there."""
        return self._typed(key, list) or []

    def path(self, key: str) -> Path | None:
        """A path, as seen from the file."""
        found = self.text(key)
        return self.file.parent / found if found else None

    def content(self, key: str) -> bytes | None:
        """``KEY-data`` decoded, else what is in the file that KEY names; None when there is neither."""
        data = self.text(f"{key}-data")
        if data:
            try:
                return base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                raise AccessError(f"{key}-data of {self.label} is not base64.") from None
        path = self.path(key)
        return None if path is None else self.read(path, key)

    def read(self, path: Path, key: str) -> bytes:
        """The file that ``key`` names."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise AccessError(
                f"{path}, the {key} of {self.label}, cannot be read: {error.strerror or error}."
            ) from error

    def _typed(self, key: str, kind: type[Any]) -> Any:
        found = self.fields.get(key)
        if found is not None and not isinstance(found, kind):
            what = {str: "text (put it in quotes)", bool: "true or false", dict: "a mapping", list: "a list"}[kind]
            raise AccessError(f"{key} of {self.label} is not {what}.")
        return found


@frozen
class Kubeconfig:
    """Of several files the first that says something counts. ``files`` are those that exist."""

    files: tuple[Path, ...]
    current: str
    contexts: Mapping[str, Entry]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]

    @property
    def label(self) -> str:
        """For messages."""
        return " and ".join(str(each) for each in self.files)


def read(paths: Iterable[Path]) -> Kubeconfig:
    """What the files say; files that do not exist say nothing. AccessError for what cannot be read or understood."""
    files: list[Path] = []
    current = ""
    entries: dict[str, dict[str, Entry]] = {each: {} for each in _KINDS}
    for path in dict.fromkeys(paths):
        tree = _tree(path)
        if tree is None:
            continue
        files.append(path)
        whole = Entry("kubeconfig", path.name, tree, path)
        current = current or whole.text("current-context")
        for section in _KINDS:
            for entry in _entries(whole, section):
                entries[section].setdefault(entry.name, entry)
    return Kubeconfig(tuple(files), current, **entries)


def _tree(path: Path) -> dict[str, Any] | None:
    import yaml  # with the cluster's libraries

    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessError(f"The kubeconfig {path} cannot be read: {error.strerror or error}.") from error
    try:
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe loader, in C
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(str(path)) if mark is None else Place(str(path), mark.line + 1, mark.column + 1)
        what = getattr(error, "problem", None) or "it cannot be understood"
        # Not chained: the parser's own message quotes the file, and tokens may stand there.
        raise AccessError(f"The kubeconfig is not YAML: {what}.", place) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise AccessError(f"{path} is no kubeconfig: it is not a mapping.")
    return found


def _entries(whole: Entry, section: str) -> Iterable[Entry]:
    kind = _KINDS[section]
    for item in whole.items(section):
        name = item.get("name") if isinstance(item, dict) else None
        fields = item.get(kind) or {} if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(fields, dict):
            raise AccessError(f"{whole.file} is no kubeconfig: an entry of {section} has no name, or no {kind}.")
        yield Entry(kind, name, fields, whole.file)
