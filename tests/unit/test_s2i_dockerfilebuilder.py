"""From a source to images, step by step, over an engine that only copies."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest
from attrs import evolve

from ciao.adapters.memory import MemoryWorkspace
from ciao.adapters.s2i.dockerfilebuilder import DockerfileBuilder
from ciao.adapters.s2i.engine import Build, Installs
from ciao.adapters.s2i.known import Known
from ciao.adapters.s2i.madeonce import MadeOnce
from ciao.core.errors import SourceError, TargetError
from ciao.core.model import Image, JobSpec, Role, Source
from ciao.core.ports import S2IClient
from ciao.testing.s2i import S2IClientContract

from .jobs import job
from .s2ibuilding import PUSH, CopyingEngine, Shelf, builder, wiring

SOURCE = Source(code="print(1)\n", directory="/work")
DOCKERFILE = b'FROM somewhere\nRUN ["make"]\n'


class TestContract(S2IClientContract):
    requirements = ("numpy", "scipy>=1")

    @pytest.fixture(autouse=True)
    def _shelf(self) -> None:
        self.engine = CopyingEngine(Shelf())

    def tree(self, files: Mapping[str, bytes], executable: Collection[str] = ()) -> tuple[S2IClient, str]:
        async def why_not(spec: JobSpec) -> str:
            return ""

        workspace = MemoryWorkspace(files, executable)
        found = wiring(workspace, {"s2i.limit": str(self.limit)})
        images = MadeOnce(self.engine.shelf, self.engine.shelf, Known(None))
        return DockerfileBuilder(self.engine, images, found, why_not), "/home/user"

    def files_in(self, image: Image) -> Mapping[str, bytes]:
        return {path.partition("/")[2]: content for path, content in self.engine.files[image.digest].items()}

    def tags(self) -> Collection[str]:
        return [tag for tag in self.engine.shelf.known if tag.startswith("ciao-")]


def build(
    engine: CopyingEngine,
    source: Source = SOURCE,
    files: Mapping[str, bytes] | None = None,
    spec: JobSpec | None = None,
    **settings: str,
) -> Image:
    """One source, by a builder of its own."""

    async def main() -> Image:
        client = builder(engine, files or {}, **settings)
        try:
            return await client.source_to_image(source, spec or job(), lambda _: None)
        finally:
            await client.close()

    return asyncio.run(main())


def made(engine: CopyingEngine) -> list[str]:
    """The kinds of images that were built: the beginnings of their tags."""
    return [each.tag.partition("-")[0] for each in engine.builds]


def first_line(found: Build) -> str:
    return found.dockerfile.splitlines()[0]


def test_a_cell_stands_on_the_frameworks_image() -> None:
    """Pinned, under the name that the engine has for it; the cluster pulls by its own name."""
    engine = CopyingEngine(Shelf())
    image = build(engine, image_pytorch="base.test/torch:2", registry_pull="pull.test/team/ciao")
    (only,) = engine.builds
    assert first_line(only).startswith("FROM reached.test/torch@sha256:")
    assert image == Image(f"pull.test/team/ciao:{only.tag}", engine.shelf.known[only.tag], "/ciao", "linux/arm64")
    assert only.platform == "linux/arm64"


def test_a_base_under_the_clusters_name_is_asked_for_under_this_machines() -> None:
    """%image=pull.test/… is the same registry."""
    engine = CopyingEngine(Shelf())
    build(engine, image_pytorch="pull.test/base:1", registry_pull="pull.test/team/ciao")
    assert engine.shelf.asked == [("registry.test/base:1", "pull.test/base:1")]


def test_packages_are_a_base_of_their_own() -> None:
    """Built once; another cell with the same packages, in another order, is one build on top of it."""
    engine = CopyingEngine(Shelf())
    build(engine, evolve(SOURCE, pip=("numpy", "scipy")))
    build(engine, evolve(SOURCE, pip=("scipy", "numpy"), code="print(2)\n"))
    assert made(engine) == ["pip", "ciao", "ciao"]
    environment, first, second = engine.builds
    digest = engine.shelf.known[environment.tag]
    assert first_line(first) == first_line(second) == f"FROM reached.test/team/ciao@{digest}"


def test_data_are_a_layer_below_the_code() -> None:
    """Large files that are no program's are copied first, so that a changed cell leaves them alone."""
    engine = CopyingEngine(Shelf())
    build(engine, evolve(SOURCE, files=("*",)), {"a.py": b"", "big.bin": bytes(2 << 20)})
    (only,) = engine.builds
    assert [each.path for each in only.context.entries if each.path.startswith("data/")] == ["data/big.bin"]
    copies = [line for line in only.dockerfile.splitlines() if line.startswith("COPY")]
    assert copies == ['COPY ["data/", "/ciao/"]', 'COPY ["code/", "/ciao/"]']


def test_nothing_of_the_job_is_in_the_image() -> None:
    """Neither its name nor the cell's label: the same source is the same image."""
    engine = CopyingEngine(Shelf())
    first = build(engine)
    again = build(engine, evolve(SOURCE, label="Cell In [9]"), spec=job(name="other"))
    assert (first, made(engine)) == (again, ["ciao"])


def test_a_dockerfile_of_the_projects_is_the_base() -> None:
    """As it is written, with the directory as its context; a changed cell does not run it again."""
    engine = CopyingEngine(Shelf())
    files = {"Dockerfile": DOCKERFILE, "src/a.py": b"1"}
    build(engine, SOURCE, files)
    build(engine, evolve(SOURCE, code="print(2)\n"), files)
    assert made(engine) == ["project", "ciao", "ciao"]
    project, cell, _ = engine.builds
    assert project.dockerfile == DOCKERFILE.decode()
    assert [each.path for each in project.context.entries] == ["Dockerfile", "src/a.py"]
    assert first_line(cell).endswith(engine.shelf.known[project.tag])
    assert {each.path for each in cell.context.entries} == {"code/cell.py", "code/ciao_replica.py"}


@pytest.mark.parametrize("changed", [{"src/a.py": b"2"}, {"Dockerfile": b"FROM elsewhere\n"}, {"new": b""}])
def test_a_changed_project_is_built_again(changed: dict[str, bytes]) -> None:
    """Its Dockerfile, a file of its directory, one more."""
    engine, files = CopyingEngine(Shelf()), {"Dockerfile": DOCKERFILE, "src/a.py": b"1"}
    build(engine, SOURCE, files)
    build(engine, SOURCE, {**files, **changed})
    assert made(engine) == ["project", "ciao", "project", "ciao"]


def test_a_named_image_beats_the_projects_dockerfile() -> None:
    """Where any role says %image."""
    engine = CopyingEngine(Shelf())
    spec = evolve(job(), roles=(Role("master", 1, image="base.test/mine:1"),))
    build(engine, SOURCE, {"Dockerfile": DOCKERFILE}, spec)
    assert made(engine) == ["ciao"]


def test_credentials_in_the_projects_directory_are_refused() -> None:
    """COPY . would take them along."""
    with pytest.raises(SourceError, match=r"\.env"):
        build(CopyingEngine(Shelf()), SOURCE, {"Dockerfile": DOCKERFILE, "src/.env": b"TOKEN=1"})


def test_a_directory_that_is_too_large_is_told_with_what_is_large() -> None:
    """The setting is s2i.limit, the remedy a .dockerignore."""
    with pytest.raises(SourceError, match=r"too large.*\n.*big\.bin"):
        build(CopyingEngine(Shelf()), SOURCE, {"Dockerfile": DOCKERFILE, "big.bin": bytes(2000)}, s2i_limit="1k")


def test_an_image_that_went_elsewhere_is_an_error() -> None:
    """A daemon on another machine may have another registry of that name."""
    with pytest.raises(TargetError, match=rf"{PUSH}:ciao-\w+ was pushed .* and is not there as seen from this machine"):
        build(CopyingEngine(Shelf(), lost=True))


def test_two_cells_at_once_build_one_image() -> None:
    """The second finds what the first has made."""
    engine = CopyingEngine(Shelf())

    async def main() -> list[Image]:
        client = builder(engine, {})
        return await asyncio.gather(*(client.source_to_image(SOURCE, job(), lambda _: None) for _ in range(2)))

    first, second = asyncio.run(main())
    assert (first, made(engine)) == (second, ["ciao"])


def test_it_installs_for_others() -> None:
    """Port ``Installs``: its engine says why not, and an environment is a base again."""

    async def main() -> str:
        client = builder(CopyingEngine(Shelf()), {})
        assert isinstance(client, Installs)
        return await client.why_not(job())

    assert asyncio.run(main()) == "it only copies."


def test_without_a_registry_nothing_is_built() -> None:
    """The error says which setting is missing."""
    with pytest.raises(SourceError, match="needs a registry"):
        build(CopyingEngine(Shelf()), registry_push="")
