"""The source as a ConfigMap: what is mounted is, byte for byte, what was there (contracts E)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects.configmap import LIMIT, check
from ciao.core.errors import SourceError
from ciao.core.model import Mounted, SourceFile, digest_of

from .kubejobs import SUBMISSION, mounted, object_of, pod, source_of, spec_of


def files(*found: tuple[str, bytes]) -> Mounted:
    """Files by path."""
    listed = tuple(SourceFile(*each) for each in found)
    return Mounted(listed, digest_of(listed))


def as_mounted(job: dict[str, Any], source: dict[str, Any]) -> dict[str, bytes]:
    """What a replica finds below /ciao."""
    volume = next(each for each in pod(job)["volumes"] if each["name"] == "ciao-source")["configMap"]
    assert volume["name"] == source["metadata"]["name"]
    text, binary = source.get("data", {}), source.get("binaryData", {})
    return {
        each["path"]: text[each["key"]].encode() if each["key"] in text else base64.b64decode(binary[each["key"]])
        for each in volume["items"]
    }


_PATHS = st.lists(
    st.text("ab.-_/ä ", min_size=1, max_size=8).filter(
        lambda path: not path.startswith(("/", "..")) and all(part not in ("", ".", "..") for part in path.split("/"))
    ),
    unique=True,
    max_size=5,
)


@given(_PATHS, st.binary(max_size=20))
def test_every_file_is_found_again(paths: list[str], content: bytes) -> None:
    """Whatever its name and content: keys are only a way there."""
    source = files(*((path, content + str(number).encode()) for number, path in enumerate(paths)))
    found = as_mounted(object_of(spec_of(), source), source_of(spec_of(), source))
    assert found == {each.path: each.content for each in source.files}


@given(_PATHS)
def test_every_key_is_one(paths: list[str]) -> None:
    """``[-._a-zA-Z0-9]+``, each once; also where a file is named like a key that was made up."""
    source = files(*((path, b"") for path in [*paths, "file-0", "file-1"]))
    keys = list(source_of(spec_of(), source)["data"])
    assert len(keys) == len(source.files)
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) and key not in (".", "..") for key in keys)


def test_it_belongs_to_the_job_from_birth() -> None:
    """So whatever dies in between leaves nothing behind; without a right that some clusters would ask for."""
    metadata = source_of(spec_of(), mounted())["metadata"]
    reference = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "name": "demo", "uid": "job-uid"}
    assert metadata["ownerReferences"] == [reference]
    assert metadata["name"] == "demo-5f0c5f0c"
    assert metadata["namespace"] == "team"
    assert metadata["labels"]["ciao.dev/uid"] == SUBMISSION.uid
    assert metadata["annotations"] == {"ciao.dev/code": mounted().digest}


def test_nobody_changes_it() -> None:
    """What ran can be looked up as long as it is there, and the kubelet need not watch it."""
    assert source_of(spec_of(), mounted())["immutable"] is True


def test_text_can_be_read_where_it_lies() -> None:
    """Bytes that are none go as base64, and an empty part is left out."""
    found = source_of(spec_of(), files(("cell.py", "ä\n".encode()), ("data.bin", b"\xff\x00")))
    assert found["data"] == {"cell.py": "ä\n"}
    assert found["binaryData"] == {"data.bin": base64.b64encode(b"\xff\x00").decode()}
    assert "binaryData" not in source_of(spec_of(), mounted())


@pytest.mark.parametrize("content", [b"\0" * LIMIT, b"\xff" * LIMIT, "ä".encode() * (LIMIT // 2), b'"' * LIMIT])
def test_what_fits_into_a_configmap_fits_into_a_request(content: bytes) -> None:
    """Of 3 MiB: JSON writes a control character in six bytes, so those go as base64."""
    found = source_of(spec_of(), files(("f", content)))
    assert len(json.dumps(found)) < 3 << 20


def test_a_source_that_is_too_large_is_refused_with_the_way_out() -> None:
    """All values together count; the largest are named."""
    half = LIMIT // 2
    check(files(("a", b"x" * half), ("b", b"x" * half)))
    with pytest.raises(SourceError, match=r"too large to be mounted: 1\.0 MiB") as refusal:
        check(files(("a", b"x" * half), ("b", b"x" * half), ("c.py", b"x")))
    assert "Largest: a (512.0 KiB), b (512.0 KiB), c.py (1 B)" in str(refusal.value)
    assert "%volume" in str(refusal.value)


def test_the_job_is_refused_before_it_is_made() -> None:
    """A job without its source would wait for ever."""
    with pytest.raises(SourceError, match="too large"):
        object_of(spec_of(), files(("cell.py", b"x" * (LIMIT + 1))))


def test_a_file_that_cannot_be_mounted_is_refused() -> None:
    """The kubelet keeps names with two dots in front for itself."""
    with pytest.raises(SourceError, match=r"\.\.data: no file that is mounted may begin"):
        check(files(("..data", b"")))
