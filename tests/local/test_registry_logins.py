"""Who one is at a registry, over which connection: each way of both, and what is said when it does not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ciao.adapters.oci.errors import RegistryError
from ciao.adapters.oci.session import Repository

from ..ociregistry import Account, Basic, Bearer, Registry, faults, serving
from ..ociregistry.client import pull, push, registries, run, with_repository
from ..ociregistry.docker import Docker, packed
from ..ociregistry.tls import Authority

ANN = {"ann": Account("s3cret:with colon")}
PASSWORD = "s3cret:with colon"


@pytest.fixture
def docker(tmp_path) -> Docker:
    return Docker.at(tmp_path)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.at(tmp_path_factory.mktemp("ca"))


def guard(kind: str) -> Any:
    return {"none": None, "basic": Basic(ANN), "bearer": Bearer(ANN)}[kind]


async def there_and_back(repository: Repository) -> list[bytes]:
    await push(repository)
    return await pull(repository)


def refused(registry: Registry, docker: Docker | None = None, story: Any = there_and_back, **options: Any) -> str:
    """The error of what ought not to work."""
    with pytest.raises(RegistryError) as error:
        with_repository(registry, story, docker=docker, **options)
    told = str(error.value)
    assert PASSWORD not in told
    assert packed("ann", PASSWORD) not in told
    assert registry.host in told
    assert "\n" not in told
    return told


@pytest.mark.parametrize("transport", ["http", "tls"])
@pytest.mark.parametrize("kind", ["none", "basic", "bearer"])
def test_every_login_over_every_connection(kind, transport, docker, ca):
    """An image goes there and comes back; by HTTP only to this machine, else with a private CA."""
    with serving(guard(kind), tls=ca.server() if transport == "tls" else None) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        trusted = ca if transport == "tls" else None
        assert len(with_repository(registry, there_and_back, docker=docker, ca=trusted)) == 1
        assert registry.store.tags("team/app") == ("v1",)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_no_login(kind, docker):
    """Says to whom and how to log in, and nothing is tried again."""
    with serving(guard(kind)) as registry:
        assert "wants a login for the upload of sha256:" in refused(registry, docker)
        assert len(registry.seen) <= 5


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_wrong_password(kind, docker):
    """Is not sent again and again: that locks accounts."""
    with serving(guard(kind)) as registry:
        docker.login(registry.host, "ann", "old")
        told = refused(registry, docker)
        assert "does not accept the login" in told
        assert f"docker login {registry.host}" in told
        assert len([each for each in registry.seen if each.scheme == "Basic"]) <= 2


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_login_while_the_kernel_runs(kind, docker):
    """The next attempt sees it."""
    with serving(guard(kind)) as registry:

        async def main():
            async with registries(docker) as client:
                repository = client.repository(f"{registry.host}/team/app")
                with pytest.raises(RegistryError, match="wants a login"):
                    await push(repository)
                docker.login(registry.host, "ann", "old")
                with pytest.raises(RegistryError, match="does not accept the login"):
                    await push(repository)
                docker.login(registry.host, "ann", PASSWORD)
                return await there_and_back(repository)

        assert len(run(main())) == 1


def test_http_is_not_for_strangers(docker, ca):
    """A registry elsewhere is not spoken to without TLS; the error says how to allow it."""
    with serving() as registry:
        told = refused(registry, ca=ca)
        assert "it does not speak TLS there" in told
        assert f"registry.insecure {registry.host}" in told


def test_another_authority(tmp_path, ca):
    """Is not trusted, nothing is sent, and the error says what to set."""
    with serving(tls=Authority.at(tmp_path, "other").server()) as registry:
        told = refused(registry, ca=ca)
        assert "its certificate is not trusted" in told
        assert "registry.ca" in told
        assert not registry.seen


def test_a_certificate_of_another_name(ca):
    """The same: it may be somebody else."""
    with serving(tls=ca.server("registry.example.com")) as registry:
        assert "its certificate is for another name" in refused(registry, ca=ca)


def test_a_certificate_of_this_machines_own_needs_no_authority(tmp_path):
    """As Docker has it: a registry on this machine may have any."""
    with serving(tls=Authority.at(tmp_path).server()) as registry:
        assert len(with_repository(registry, there_and_back)) == 1


# -- tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("called", ["token", "access_token"])
@pytest.mark.parametrize("says", [True, False])
def test_a_token_by_any_name(called, says, docker):
    """With or without the seconds that it is good for; one serves many requests."""
    with serving(Bearer(ANN, called=called, says_seconds=says)) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        with_repository(registry, there_and_back, docker=docker)
        assert len(registry.asked(path="/token")) <= 2


def test_a_token_that_expires(docker):
    """Is replaced before, and after its end by the registry's clock, in the middle of a push, too."""
    hours = iter(range(1000))
    bearer = Bearer(ANN, seconds=3, now=lambda: float(next(hours)))  # the registry's clock runs
    with serving(bearer) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        assert len(with_repository(registry, there_and_back, docker=docker)) == 1
        assert len(bearer.tokens) > 2


def test_an_anonymous_pull():
    """Where a registry allows strangers to pull, they can, and a push is refused with what to do."""
    with serving(Bearer(ANN, anonymous={"public/*": "pull"})) as registry:
        name = "public/base"
        blob = registry.store.add(name, b"content")

        async def fetch(repository: Repository) -> bytes:
            return await repository.fetch(blob, 7)

        assert with_repository(registry, fetch, name) == b"content"
        assert "docker login" in refused(registry, story=push, name=name)
        assert not registry.store.tags(name)


@pytest.mark.parametrize("denies", [401, 403])
def test_an_account_that_may_only_pull(denies, docker):
    """One sentence, and no third token is asked for."""
    reader = {"ann": Account(PASSWORD, {"*": "pull"})}
    with serving(Bearer(reader, denies=denies)) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        told = refused(registry, docker, push)
        assert "docker login" in told
        assert len(registry.asked(path="/token")) <= 3


def test_a_basic_account_that_may_only_pull(docker):
    """403."""
    with serving(Basic({"ann": Account(PASSWORD, {"*": "pull"})})) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        assert "this account may not" in refused(registry, docker, push)


def test_a_mount_asks_for_both_repositories(docker):
    """Each scope is a parameter of its own; who may not read the source copies instead."""
    accounts = {"ann": Account(PASSWORD, {"team/*": "pull,push", "open/*": "pull"})}
    with serving(Bearer(accounts)) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        digests = [registry.store.add(name, name.encode()) for name in ("open/base", "closed/base")]

        async def mounts(repository: Repository) -> list[bool]:
            return [
                await repository.mount(digest, f"{registry.host}/{name}")
                for digest, name in zip(digests, ("open/base", "closed/base"), strict=True)
            ]

        assert with_repository(registry, mounts, docker=docker) == [True, False]
        scopes = [each.query["scope"] for each in registry.asked(path="/token")]
        assert ["repository:open/base:pull", "repository:team/app:pull,push"] in [sorted(each) for each in scopes]


def test_an_identity_token(docker):
    """Is exchanged by POST, and never sent to the registry itself."""
    with serving(Bearer(ANN, refresh={"identity-1": "ann"})) as registry:
        docker.config(auths={registry.host: {"auth": packed("<token>", ""), "identitytoken": "identity-1"}})
        assert len(with_repository(registry, there_and_back, docker=docker)) == 1
        assert {each.method for each in registry.asked(path="/token")} == {"POST"}
        docker.config(auths={registry.host: {"identitytoken": "stale"}})
        told = refused(registry, docker)
        assert "does not accept the login" in told
        assert "stale" not in told


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (faults.html(), "token"),
        (faults.error(500), "500"),
        (faults.plain(200, "{}"), "no token"),
        (faults.plain(200, "null"), "no token"),
    ],
)
def test_a_token_service_that_gives_none(fault, says, docker):
    """One sentence."""
    with serving(Bearer(ANN)) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        registry.goes_wrong(fault, path="/token", times=-1)
        assert says in refused(registry, docker)


@pytest.mark.parametrize("fault", [faults.error(503), faults.error(429, Retry_After="0")])
def test_a_token_service_that_fails_for_a_moment(fault, docker):
    """Is asked again."""
    with serving(Bearer(ANN)) as registry:
        docker.login(registry.host, "ann", PASSWORD)
        registry.goes_wrong(fault, path="/token", times=2)
        assert len(with_repository(registry, there_and_back, docker=docker)) == 1


# -- Docker's configuration -------------------------------------------------------------------------


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving(Basic(ANN)) as made:
        yield made


def test_a_helper_for_all_and_one_for_a_host(docker, registry):
    """``docker-credential-x get`` with the host on its standard input; the host's own helper comes first."""
    docker.config(credsStore="all", auths={registry.host: {}})
    docker.helper("all", said={"ServerURL": registry.host, "Username": "ann", "Secret": PASSWORD})
    assert len(with_repository(registry, there_and_back, docker=docker)) == 1
    assert set(docker.calls("all")) == {f"get {registry.host}"}
    docker.config(credsStore="broken", credHelpers={registry.host: "all"})
    assert len(with_repository(registry, there_and_back, docker=docker)) == 1


def test_a_helper_with_an_identity_token(docker):
    """``<token>`` as the name."""
    with serving(Bearer(ANN, refresh={"identity-1": "ann"})) as registry:
        docker.config(credsStore="x")
        docker.helper("x", said={"Username": "<token>", "Secret": "identity-1"})
        assert len(with_repository(registry, there_and_back, docker=docker)) == 1


def test_a_helper_that_knows_nothing(docker, registry):
    """Is no fault: there is no login, or one in the file itself."""
    docker.config(credsStore="x", auths={registry.host: {"auth": packed("ann", PASSWORD)}})
    docker.helper("x", said="credentials not found in native keychain", status=1)
    assert len(with_repository(registry, there_and_back, docker=docker)) == 1
    docker.config(credsStore="x")
    assert "wants a login" in refused(registry, docker)


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [
        ("the keychain is locked", 1, "failed with exit code 1 (the keychain is locked)"),
        ("", 3, "failed with exit code 3"),
        ("no JSON", 0, "printed no credentials"),
        ({"Username": "ann"}, 0, "printed no credentials"),
    ],
)
def test_a_helper_that_fails(said, status, told, docker, registry):
    """Its name, the host and what it said; not what may be a password."""
    docker.config(credsStore="x")
    docker.helper("x", said=said, status=status)
    message = refused(registry, docker)
    assert f"docker-credential-x, which Docker's config.json names for {registry.host}" in message
    assert told in message


def test_a_helper_that_is_not_there(docker, registry):
    """Names the program."""
    docker.config(credsStore="gone")
    assert "docker-credential-gone" in (told := refused(registry, docker))
    assert "cannot be started (No such file or directory)" in told


@pytest.mark.parametrize("name", ["../x", "x; touch y", "-x/../../y"])
def test_what_is_no_name_of_a_helper_is_not_started(name, docker, registry):
    """A path, or anything for a shell."""
    docker.config(credsStore=name)
    assert "is not a helper's name" in refused(registry, docker)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\x00", '{"auths": {"HOST": {"auth": "!"}}}'])
def test_a_broken_configuration(text, docker, registry):
    """One sentence that names the file."""
    docker.path.write_text(text.replace("HOST", registry.host))
    with pytest.raises(RegistryError) as error:
        with_repository(registry, push, docker=docker)
    assert str(docker.path) in str(error.value)


@pytest.mark.parametrize("tree", [{"auths": []}, {"auths": {"x": 1}, "credHelpers": 1}, {"credsStore": None}])
def test_a_configuration_of_odd_shape(tree, docker, registry):
    """Has no logins."""
    docker.path.write_text(json.dumps(tree))
    assert "wants a login" in refused(registry, docker)


@pytest.mark.parametrize("key", ["{host}", "http://{host}", "https://{host}/v2/", "https://{host}/v1/"])
def test_entries_are_found_by_their_host(key, docker, registry):
    """However a tool wrote it."""
    docker.login(key.format(host=registry.host), "ann", PASSWORD)
    assert len(with_repository(registry, there_and_back, docker=docker)) == 1
