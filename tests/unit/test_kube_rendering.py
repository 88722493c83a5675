"""What ``%render`` shows can be read, can be applied, and gives nothing away."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.objects.rendering import UNKNOWN, documents
from ciao.core.redact import MASK

from .kubejobs import Json, container, env, made, mounted, source_of, spec_of

CODE = b'def f():\n\tif 1:  \n    x = "%s: \xc3\xa4"\n\n\n'


def rendered(job: Json, configmap: Json | None = None) -> list[Json]:
    """The documents, read again."""
    return [yaml.safe_load(each.text) for each in documents(job, configmap)]


def test_the_job_comes_first_then_its_source() -> None:
    """In the order in which they are created, each with its kind and name."""
    found = documents(made(), source_of(spec_of(), mounted()))
    assert [(each.kind, each.name) for each in found] == [("PyTorchJob", "demo"), ("ConfigMap", "demo-5f0c5f0c")]
    assert len(documents(made(), None)) == 1


def test_it_is_what_is_sent() -> None:
    """But for values of variables."""
    job, source = made("%worker=2;%cpu=1", "%volume=d:/data:ro"), source_of(spec_of(), mounted(data__a=b"\xff"))
    assert rendered(job, source) == [job, source]


def test_keys_stand_as_people_write_them() -> None:
    """What it is, then what it is called, then what is in it; lists indented."""
    text = documents(made("%serviceAccount=a"), None)[0].text
    keys = [line.split(":")[0] for line in text.splitlines() if not line.startswith(" ")]
    assert keys == ["apiVersion", "kind", "metadata", "spec"]
    assert "          containers:\n            - name: pytorch\n" in text


def test_values_of_variables_are_not_shown() -> None:
    """Neither the cell's nor an overlay's; where a value comes from a Secret, which one is no secret."""
    job = made("%env=TOKEN=hunter2", "%env=KEY=secret:hub/key", "%worker=1;%env=PATH=/bin")
    container(job)["env"].append({"name": "FROM_OVERLAY", "value": "hunter3"})
    text = documents(job, None)[0].text
    (found,) = rendered(job)
    assert "hunter" not in text
    assert env(found)["TOKEN"] == env(found)["FROM_OVERLAY"] == env(found, "Worker")["PATH"] == MASK
    key = next(each for each in container(found)["env"] if each["name"] == "KEY")
    assert key["valueFrom"] == {"secretKeyRef": {"name": "hub", "key": "key"}}


def test_what_ciao_sets_is_shown() -> None:
    """It is the same for everybody; a HOME of the user's is not."""
    (found,) = rendered(made("%user=0"))
    assert {name: env(found)[name] for name in ("HOME", "USER", "CIAO_JOB", "CIAO_REPLICA")} == {
        "HOME": "/home/ciao", "USER": "root", "CIAO_JOB": "demo", "CIAO_REPLICA": "master-$(CIAO_INDEX)",
    }  # fmt: skip
    (found,) = rendered(made("%env=HOME=/data/me"))
    assert env(found)["HOME"] == MASK


def test_the_object_that_is_sent_keeps_its_values() -> None:
    """Only what is shown is masked."""
    job = made("%env=TOKEN=hunter2")
    documents(job, None)
    assert env(job)["TOKEN"] == "hunter2"


def test_code_stands_as_it_is_written() -> None:
    """In block style, with blanks at line ends and tabs, and not as one line with escapes."""
    source = source_of(spec_of(), mounted(util__py=CODE))
    text = documents(made(), source)[1].text
    assert "  cell.py: |\n    print(1)\n" in text
    assert '    \tif 1:  \n        x = "%s: ä"\n' in text


@given(st.text(max_size=20))
def test_any_file_is_read_back_as_it_was(text: str) -> None:
    """Whatever is in it: control characters, odd line ends, blanks in front."""
    content = text.encode("utf-8", "surrogatepass")
    source = source_of(spec_of(), mounted(file=content))
    (_, found) = rendered(made(), source)
    assert found == source


@given(st.text(" \n\tab:#-|>'\"\\\r\x85\u2028", max_size=12))
def test_no_form_of_yaml_changes_it(text: str) -> None:
    """What YAML has a meaning for is only text here."""
    source = source_of(spec_of(), mounted(file=text.encode()))
    assert rendered(made(), source)[1] == source


def test_the_same_cell_renders_the_same_text() -> None:
    """No time, no chance, no order of a set."""
    assert documents(made("%worker=2"), None) == documents(made("%worker=2"), None)


def test_what_is_applied_stays() -> None:
    """An owner that does not exist yet would have the cluster delete it: that part is left out, and told."""
    source = source_of(spec_of(), mounted(), owner=UNKNOWN)
    text = documents(made(), source)[1].text
    assert text.startswith("# On the cluster the job owns it")
    assert "ownerReferences" not in text
    assert yaml.safe_load(text)["data"]["cell.py"] == "print(1)\n"


def test_the_contexts_own_namespace_is_not_named() -> None:
    """Where none was said, kubectl and Ciao take the same."""
    job = made()
    job["metadata"]["namespace"] = ""
    assert "namespace" not in rendered(job)[0]["metadata"]
    assert job["metadata"]["namespace"] == ""
