"""What distribution answers, request by request: the registry of the tests and the real one are held to the same."""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ciao.adapters.oci import media

from . import images

_ALL = {"Accept": media.ACCEPT}


@frozen
class Reply:
    """``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def errors(self) -> list[tuple[str, Any]]:
        """Code and detail of each."""
        return [(each["code"], each.get("detail")) for each in json.loads(self.body)["errors"]]


class DistributionContract:
    """A subclass supplies ``url``, of a registry that takes all comers; deletes must be enabled."""

    @property
    def url(self) -> str:
        raise NotImplementedError

    def ask(self, method: str, where: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request; ``where`` is a path, or a Location. Headers are written with ``_``."""
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.url, where))
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"{parts.path}?{parts.query}", body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def pushed(self, name: str, content: bytes) -> str:
        """A blob; its digest."""
        begun = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        done = self.ask("PUT", f"{begun.headers['location']}&digest={digest}", content)
        assert (begun.status, done.status) == (202, 201)
        assert done.headers["docker-content-digest"] == digest
        return digest

    def tagged(self, name: str, tag: str, kind: str = media.OCI_MANIFEST) -> tuple[str, bytes]:
        """An image of one layer; its digest and manifest."""
        docker = kind == media.DOCKER_MANIFEST
        layer = images.Layer.of({"a": b"1"}, images.DOCKER_LAYER if docker else images.OCI_LAYER)
        config = json.dumps({"os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}}).encode()
        described = []
        for media_type, content in (
            (images.DOCKER_CONFIG if docker else images.OCI_CONFIG, config),
            (layer.media_type, layer.content),
        ):
            digest = self.pushed(name, content)
            described.append({"mediaType": media_type, "digest": digest, "size": len(content)})
        document = {"schemaVersion": 2, "mediaType": kind, "config": described[0], "layers": described[1:]}
        body = json.dumps(document).encode()
        done = self.ask("PUT", f"/v2/{name}/manifests/{tag}", body, Content_Type=kind)
        assert done.status == 201
        return done.headers["docker-content-digest"], body

    @property
    def name(self) -> str:
        """A repository that nobody has used."""
        return f"contract/{uuid.uuid4().hex[:12]}"

    def test_it_says_that_it_is_a_registry(self) -> None:
        """GET /v2/."""
        found = self.ask("GET", "/v2/")
        assert (found.status, found.headers["docker-distribution-api-version"]) == (200, "registry/2.0")

    def test_a_blob_is_there_after_its_upload(self) -> None:
        """POST, PUT; HEAD and GET have its digest and size, a Range a part of it."""
        name = self.name
        digest = self.pushed(name, b"0123456789")
        found = self.ask("HEAD", f"/v2/{name}/blobs/{digest}")
        assert (found.status, found.headers["content-length"], found.body) == (200, "10", b"")
        assert self.ask("GET", f"/v2/{name}/blobs/{digest}").body == b"0123456789"
        part = self.ask("GET", f"/v2/{name}/blobs/{digest}", Range="bytes=4-")
        assert (part.status, part.body, part.headers["content-range"]) == (206, b"456789", "bytes 4-9/10")

    def test_a_blob_is_its_repositorys_own(self) -> None:
        """404 in another one; 400 for what is no digest."""
        digest = self.pushed(self.name, b"own")
        other = self.ask("GET", f"/v2/{self.name}/blobs/{digest}")
        assert (other.status, other.errors) == (404, [("BLOB_UNKNOWN", digest)])
        assert self.ask("HEAD", f"/v2/{self.name}/blobs/{digest}").status == 404
        assert self.ask("GET", f"/v2/{self.name}/blobs/sha256:12").status == 400

    def test_a_blob_in_chunks(self) -> None:
        """PATCH gives a new Location each time, and Range tells what is there; GET does, too."""
        name = self.name
        where = self.ask("POST", f"/v2/{name}/blobs/uploads/").headers["location"]
        first = self.ask("PATCH", where, b"01234", Content_Type="application/octet-stream")
        assert (first.status, first.headers["range"]) == (202, "0-4")
        second = self.ask("PATCH", first.headers["location"], b"56", Content_Range="5-6")
        assert (second.status, second.headers["range"]) == (202, "0-6")
        asked = self.ask("GET", second.headers["location"])
        assert (asked.status, asked.headers["range"]) == (204, "0-6")
        digest = f"sha256:{hashlib.sha256(b'0123456').hexdigest()}"
        assert self.ask("PUT", f"{second.headers['location']}&digest={digest}").status == 201
        assert self.ask("GET", f"/v2/{name}/blobs/{digest}").body == b"0123456"

    def test_an_old_location_is_not_good_any_more(self) -> None:
        """404 after another chunk."""
        where = self.ask("POST", f"/v2/{self.name}/blobs/uploads/").headers["location"]
        self.ask("PATCH", where, b"01234")
        again = self.ask("PATCH", where, b"01234")
        assert (again.status, again.errors[0][0]) == (404, "BLOB_UPLOAD_INVALID")

    def test_another_digest_than_the_bytes_have(self) -> None:
        """400, and the upload is gone."""
        name = self.name
        where = self.ask("POST", f"/v2/{name}/blobs/uploads/").headers["location"]
        done = self.ask("PUT", f"{where}&digest=sha256:{'0' * 64}", b"x")
        assert (done.status, done.errors[0][0]) == (400, "DIGEST_INVALID")
        assert self.ask("GET", where).status == 404

    def test_a_mount(self) -> None:
        """201 for a blob of another repository; a common upload for anything that cannot be mounted."""
        name, other = self.name, self.name
        digest = self.pushed(other, b"mounted")
        done = self.ask("POST", f"/v2/{name}/blobs/uploads/?mount={digest}&from={other}")
        assert (done.status, done.headers["docker-content-digest"]) == (201, digest)
        assert self.ask("HEAD", f"/v2/{name}/blobs/{digest}").status == 200
        nothing, empty = f"sha256:{'0' * 64}", self.name
        for query in (f"mount={nothing}&from={other}", f"mount={digest}&from={empty}", f"mount=sha256:12&from={other}"):
            begun = self.ask("POST", f"/v2/{self.name}/blobs/uploads/?{query}")
            assert begun.status == 202
            assert self.ask("DELETE", begun.headers["location"]).status == 204

    def test_a_manifest_by_tag_and_digest(self) -> None:
        """HEAD and GET, its bytes as they came, its type and digest."""
        for kind in media.MANIFESTS:
            name = self.name
            digest, body = self.tagged(name, "v1", kind)
            for reference in ("v1", digest):
                found = self.ask("GET", f"/v2/{name}/manifests/{reference}", **_ALL)
                assert (found.status, found.body, found.headers["content-type"]) == (200, body, kind)
                head = self.ask("HEAD", f"/v2/{name}/manifests/{reference}", **_ALL)
                assert (head.status, head.body, head.headers["docker-content-digest"]) == (200, b"", digest)
                assert head.headers["content-length"] == str(len(body))

    def test_a_manifest_that_is_not_there(self) -> None:
        """404, for HEAD without a body."""
        found = self.ask("GET", f"/v2/{self.name}/manifests/v9", **_ALL)
        assert (found.status, found.errors[0][0]) == (404, "MANIFEST_UNKNOWN")
        assert self.ask("HEAD", f"/v2/{self.name}/manifests/v9", **_ALL).status == 404

    def test_a_manifest_whose_blobs_are_missing(self) -> None:
        """400, an error for each that is missing, and nothing is tagged."""
        name = self.name
        _, body = self.tagged(self.name, "v1")
        done = self.ask("PUT", f"/v2/{name}/manifests/v1", body, Content_Type=media.OCI_MANIFEST)
        document = json.loads(body)
        lacking = {document["config"]["digest"], document["layers"][0]["digest"]}
        assert done.status == 400
        assert {code for code, _ in done.errors} == {"MANIFEST_BLOB_UNKNOWN"}
        assert {detail for _, detail in done.errors} == lacking
        assert self.ask("HEAD", f"/v2/{name}/manifests/v1", **_ALL).status == 404

    def test_what_is_no_manifest(self) -> None:
        """400: another type, no JSON, a type that its own text contradicts, too large."""
        name = self.name
        _, body = self.tagged(name, "v1")
        wrong = [(b"{}", "text/plain"), (b"<html>", media.OCI_MANIFEST), (body, media.DOCKER_MANIFEST)]
        wrong.append((b'{"x":"' + b"x" * (4 << 20) + b'"}', media.OCI_MANIFEST))
        for content, kind in wrong:
            done = self.ask("PUT", f"/v2/{name}/manifests/v2", content, Content_Type=kind)
            assert (done.status, done.errors[0][0]) == (400, "MANIFEST_INVALID")

    def test_a_foreign_layer_is_refused(self) -> None:
        """As a fault of the registry's own (500), unless its configuration allows the place that it comes from."""
        name = self.name
        _, body = self.tagged(name, "v1", media.DOCKER_MANIFEST)
        document = json.loads(body)
        place = {"urls": ["https://elsewhere.test/x"], "mediaType": images.DOCKER_FOREIGN}
        lowest = {**place, "digest": f"sha256:{'1' * 64}", "size": 1}
        document["layers"].insert(0, lowest)
        body = json.dumps(document).encode()
        done = self.ask("PUT", f"/v2/{name}/manifests/v2", body, Content_Type=media.DOCKER_MANIFEST)
        assert (done.status, [code for code, _ in done.errors]) == (
            500,
            ["UNKNOWN", "UNKNOWN", "MANIFEST_BLOB_UNKNOWN"],
        )

    def test_an_index(self) -> None:
        """Its children have to be there; who does not say that he knows indexes gets something else."""
        for kind, child in ((media.OCI_INDEX, media.OCI_MANIFEST), (media.DOCKER_INDEX, media.DOCKER_MANIFEST)):
            name = self.name
            digest, body = self.tagged(name, "v1", child)
            entry = {"mediaType": child, "digest": digest, "size": len(body)}
            entry["platform"] = {"os": "linux", "architecture": "amd64"}
            index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}).encode()
            assert self.ask("PUT", f"/v2/{name}/manifests/all", index, Content_Type=kind).status == 201
            elsewhere = self.ask("PUT", f"/v2/{self.name}/manifests/all", index, Content_Type=kind)
            assert (elsewhere.status, elsewhere.errors) == (400, [("MANIFEST_BLOB_UNKNOWN", digest)])
            assert self.ask("GET", f"/v2/{name}/manifests/all", **_ALL).body == index
            narrow = self.ask("GET", f"/v2/{name}/manifests/all", Accept=child)
            if kind == media.OCI_INDEX:
                assert (narrow.status, narrow.errors[0][0]) == (404, "MANIFEST_UNKNOWN")
            else:
                assert narrow.body == body

    def test_without_accept_there_is_no_image_of_today(self) -> None:
        """Docker's come as schema 1, OCI's not at all."""
        name = self.name
        self.tagged(name, "oci")
        self.tagged(name, "docker", media.DOCKER_MANIFEST)
        assert self.ask("GET", f"/v2/{name}/manifests/oci").status == 404
        old = self.ask("GET", f"/v2/{name}/manifests/docker")
        assert old.status != 200 or json.loads(old.body)["schemaVersion"] == 1

    def test_tags(self) -> None:
        """All of them; 404 for a repository that never was; a tag moves."""
        name = self.name
        unknown = self.ask("GET", f"/v2/{name}/tags/list")
        assert (unknown.status, unknown.errors) == (404, [("NAME_UNKNOWN", {"name": name})])
        self.tagged(name, "b")
        self.tagged(name, "a")
        second, _ = self.tagged(name, "a", media.DOCKER_MANIFEST)
        found = self.ask("GET", f"/v2/{name}/tags/list")
        listed = json.loads(found.body)
        assert (listed["name"], sorted(listed["tags"])) == (name, ["a", "b"])
        assert self.ask("HEAD", f"/v2/{name}/manifests/a", **_ALL).headers["docker-content-digest"] == second

    def test_deletion(self) -> None:
        """By digest, with all tags; 404 the second time; 400 by tag."""
        name = self.name
        digest, _ = self.tagged(name, "v1")
        self.tagged(name, "v2")
        assert self.ask("DELETE", f"/v2/{name}/manifests/v1").status == 400
        assert self.ask("DELETE", f"/v2/{name}/manifests/{digest}").status == 202
        assert self.ask("DELETE", f"/v2/{name}/manifests/{digest}").status == 404
        assert self.ask("HEAD", f"/v2/{name}/manifests/v1", **_ALL).status == 404
        found = self.ask("GET", f"/v2/{name}/tags/list")
        assert json.loads(found.body) == {"name": name, "tags": None}

    def test_what_is_no_path(self) -> None:
        """404 as text; 405 for a method that a path has not."""
        for path in ("/v2/Bad_Name/tags/list", f"/v2/{self.name}/nothing"):
            found = self.ask("GET", path)
            assert (found.status, found.headers["content-type"]) == (404, "text/plain; charset=utf-8")
        assert self.ask("PATCH", f"/v2/{self.name}/manifests/x").status == 405
