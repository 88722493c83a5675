"""Jobs of a cluster as tests speak of them: a cell's magics in, the object that is sent out."""

from __future__ import annotations

from typing import Any

from ciao.adapters.kubeflow.objects.configmap import source_object
from ciao.adapters.kubeflow.objects.kinds import KINDS
from ciao.adapters.kubeflow.objects.manifest import job_object
from ciao.adapters.kubeflow.objects.options import Options, Submission
from ciao.core.interpreter import interpret
from ciao.core.magics import Vocabulary
from ciao.core.model import Artifact, JobSpec, Mounted, SourceFile, digest_of
from ciao.core.requests import Launch
from ciao.core.settings import resolve

from .jobs import FRAMEWORKS

Json = dict[str, Any]
PYTORCHJOB, TFJOB = KINDS["PyTorchJob"], KINDS["TFJob"]
SUBMISSION = Submission(uid="5f0c" * 8, namespace="team", kernel="kernel 7", cell="Cell In [3]")


def spec_of(*lines: str, framework: str = "pytorch", name: str = "demo") -> JobSpec:
    """What a cell with these lines of magics asks for."""
    text = "\n".join([f"%framework={framework}", f"%name={name}", *lines, "print(1)"])
    vocabulary = Vocabulary(
        frameworks=FRAMEWORKS, settings=resolve(home="/home/me"), targets=("local", "kubeflow"), builders=("mounted",)
    )
    found = interpret(text, vocabulary, fresh_name=lambda _: "fresh", directory="/w", label="Cell In [3]")
    assert isinstance(found, Launch)
    return found.spec


def mounted(**files: bytes) -> Mounted:
    """The cell, its runner, and the user's ``files`` (``data__a`` is data/a)."""
    users = [SourceFile(name.replace("__", "/"), content) for name, content in files.items()]
    found = (SourceFile("cell.py", b"print(1)\n"), SourceFile("ciao_replica.py", b"# runs it\n"), *users)
    return Mounted(found, digest_of(found))


def object_of(spec: JobSpec, artifact: Artifact | None = None, options: Options | None = None) -> Json:
    """The job that is sent."""
    return job_object(spec, artifact or mounted(), FRAMEWORKS[spec.framework], SUBMISSION, options or Options())


def made(*lines: str, framework: str = "pytorch", name: str = "demo", options: Options | None = None) -> Json:
    """The job that a cell with these lines becomes."""
    return object_of(spec_of(*lines, framework=framework, name=name), options=options)


def source_of(spec: JobSpec, files: Mounted, owner: str = "job-uid") -> Json:
    """The ConfigMap beside it."""
    return source_object(spec, files, FRAMEWORKS[spec.framework], SUBMISSION, owner)


def roles(job: Json) -> Json:
    """The replica specs, by the operator's keys."""
    return job["spec"][KINDS[job["kind"]].replicas]  # type: ignore[no-any-return]


def pod(job: Json, role: str = "Master") -> Json:
    """The pod of one role."""
    return roles(job)[role]["template"]["spec"]  # type: ignore[no-any-return]


def container(job: Json, role: str = "Master") -> Json:
    """Its container."""
    (found,) = pod(job, role)["containers"]
    return found  # type: ignore[no-any-return]


def env(job: Json, role: str = "Master") -> Json:
    """Its variables that have a value, by name."""
    return {each["name"]: each["value"] for each in container(job, role)["env"] if "value" in each}
