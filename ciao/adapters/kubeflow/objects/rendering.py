"""What would be created, as YAML that kubectl would take (``%render``).

Values of variables are not shown, whoever said them: notebooks are saved and shared. Code stands as it is, in
block style. The same cell renders the same text: what only exists once the job does is a placeholder or left out.
"""

from __future__ import annotations

import re
from typing import Any

from ciao.adapters.kubeflow.objects.pods import HOME
from ciao.core.ports import Document
from ciao.core.redact import MASK

Json = dict[str, Any]
UNKNOWN = "0" * 32
"""In place of the uid of the job, and of the act of submitting it."""
_OWNED = "# On the cluster the job owns it, so that both go together.\n"
_OWN = re.compile(r"CIAO_[A-Z]+")
_DEFAULTS = (("HOME", HOME), ("USER", "ciao"), ("USER", "root"))
_TOP = ("apiVersion", "kind", "metadata", "spec")
_CONTROL = re.compile(r"[^\n\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What a block in YAML 1.1 could not hold, or would change."""


def documents(job: Json, configmap: Json | None) -> tuple[Document, ...]:
    """The job's object first, then its ConfigMap; ``submit`` creates them in this order."""
    return tuple(_document(each) for each in (job, configmap) if each is not None)


def _document(found: Json) -> Document:
    metadata = dict(found["metadata"])
    owned = any(each.get("uid") == UNKNOWN for each in metadata.get("ownerReferences", ()))
    if owned:  # an owner that does not exist, and the cluster would delete what is applied
        del metadata["ownerReferences"]
    top = {key: found[key] for key in _TOP if key in found}
    text = _yaml(_shown({**top, **found, "metadata": metadata}))
    return Document(found["kind"], metadata["name"], f"{_OWNED}{text}" if owned else text)


def _shown(value: Any, path: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        if path[-1:] == ("env",):
            return _variable(value)
        return {key: _shown(each, (*path, key)) for key, each in value.items() if not _empty(key, each, path)}
    if isinstance(value, list):
        return [_shown(each, path) for each in value]
    return value


def _empty(key: str, value: Any, path: tuple[str, ...]) -> bool:
    """The namespace is the context's own when none was named: kubectl's too."""
    return path == ("metadata",) and key == "namespace" and not value


def _variable(given: Json) -> Json:
    name, value = given.get("name", ""), given.get("value")
    if value is None or _OWN.fullmatch(name) or (name, value) in _DEFAULTS:
        return given
    return {**given, "value": MASK}


def _yaml(tree: Json) -> str:
    import yaml  # with kubernetes, and only for %render

    class Dumper(yaml.SafeDumper):
        """Lists indented as people write them; no anchors; text of several lines as a block, blanks and tabs kept."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

        def ignore_aliases(self, data: object) -> bool:
            return True

        def analyze_scalar(self, scalar: str) -> Any:
            found = super().analyze_scalar(scalar)
            if "\n" in scalar and _CONTROL.search(scalar) is None:
                found.allow_block = True
            return found

    def text(dumper: Any, value: str) -> Any:
        style = '"' if _CONTROL.search(value) else "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1))
