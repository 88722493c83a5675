"""What a job names and does not bring along is there, and fit to be used."""

from __future__ import annotations

import asyncio

from .kubeapi import NS, Api, fault, missing, names
from .kubechecks import Checked, found, notice, refusal
from .kubejobs import Json, made, pod

CLAIM, CLAIMS = f"{NS}/persistentvolumeclaims/data", f"{NS}/persistentvolumeclaims"


def claim(phase: str = "Bound", mode: str = "ReadWriteMany", **metadata: str) -> Json:
    """A PersistentVolumeClaim."""
    return {"metadata": metadata, "spec": {"accessModes": [mode]}, "status": {"phase": phase}}


def test_a_claim_that_is_not_there_is_told_with_the_nearest() -> None:
    """The pods would wait for it for ever."""
    answers = {CLAIM: missing("persistentvolumeclaims", "data"), CLAIMS: names("date", "out")}
    said = "There is no volume claim data in team."
    assert refusal(answers, "%volume=data:/data") == f"{said} Did you mean date?"
    answers[CLAIMS] = fault(403)
    assert refusal(answers, "%volume=data:/data").startswith(f"{said} Create it")


def test_a_claim_that_waits_for_its_volume_is_noticed() -> None:
    """Many wait for their first pod; one that lost its volume, or is being deleted, waits for nothing."""
    assert "is not bound to a volume yet" in notice({CLAIM: claim("Pending")}, "%volume=data:/data")
    assert "has lost its volume" in refusal({CLAIM: claim("Lost")}, "%volume=data:/data")
    going = claim(deletionTimestamp="2026-01-01T00:00:00Z")
    assert "is being deleted" in refusal({CLAIM: going}, "%volume=data:/data")


def test_a_claim_for_one_node_is_noticed_with_several_pods() -> None:
    """One for a single pod is refused: the second never starts."""
    lines = ("%worker=2", "%volume=data:/data")
    assert "and 3 pods are to have it" in notice({CLAIM: claim(mode="ReadWriteOnce")}, *lines)
    assert "(ReadWriteOncePod), and 3 are to have it" in refusal({CLAIM: claim(mode="ReadWriteOncePod")}, *lines)
    assert found({CLAIM: claim(mode="ReadWriteOncePod")}, "%volume=data:/data") == []


def test_of_a_secret_nothing_is_read_but_that_it_is_there() -> None:
    """Its metadata: neither cells nor logs nor memory ever hold its value."""

    async def story() -> None:
        there = {f"{NS}/secrets/{name}": {} for name in ("all", "hub", "login")}
        checked = Checked(Api(there))
        assert await checked.cell("%secret=all", "%env=T=secret:hub/token", "%pullSecret=login") == ()
        read = {what: how for what, how in checked.api.sent if "/secrets/" in what}
        assert set(read) == set(there)
        assert all(how == METADATA for how in read.values())

    asyncio.run(story())


METADATA = {"metadata_only": True}


def test_a_secret_that_is_not_there_is_told() -> None:
    """The containers could not be set up; without one to pull with, the image may be free all the same.

    Others are not listed, to name the nearest: the answer would have what is in them.
    """
    gone = {f"{NS}/secrets/hub": missing("secrets", "hub")}
    said = "There is no Secret hub in team. Create it with kubectl create secret"
    assert refusal(gone, "%secret=hub").startswith(said)
    assert refusal(gone, "%env=T=secret:hub/key").startswith(said)
    assert notice(gone, "%pullSecret=hub").startswith(said)


def test_what_may_not_be_looked_at_is_told_as_that() -> None:
    """Most may not read Secrets, and need not."""
    said = notice({f"{NS}/secrets/hub": fault(403)}, "%secret=hub")
    assert said == "Ciao may not look at the secrets of team, so it could not check hub."


def test_accounts_and_classes_are_looked_for() -> None:
    """A class belongs to the whole cluster."""
    account = {f"{NS}/serviceaccounts/a": missing("serviceaccounts", "a"), f"{NS}/serviceaccounts": names("b")}
    assert refusal(account, "%serviceAccount=a").startswith("There is no service account a in team.")
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    priority = {f"{classes}/hihg": missing("priorityclasses", "hihg"), classes: names("high")}
    assert refusal(priority, "%priority=hihg") == "There is no priority class hihg in this cluster. Did you mean high?"


def test_what_is_no_name_is_not_looked_for() -> None:
    """It would be another path; the cell may say anything (``%volume=..:/data``)."""
    assert "No volume claim can have the name '..'" in refusal({}, "%volume=..:/data")


def test_what_an_overlay_names_is_looked_for_too() -> None:
    """Unless it is optional."""
    job = made()
    pod(job)["volumes"] += [
        {"name": "s", "secret": {"secretName": "x"}},
        {"name": "o", "secret": {"secretName": "y", "optional": True}},
    ]
    answers = {f"{NS}/secrets/x": missing("secrets", "x")}
    assert "There is no Secret x" in refusal(answers, job=job)


# -- queues -------------------------------------------------------------------------------------------


KUEUE = "/apis/kueue.x-k8s.io"
QUEUES = f"{KUEUE}/v1beta1/namespaces/team/localqueues"
GROUP = {"preferredVersion": {"version": "v1beta1"}}


def test_without_kueue_a_queue_means_nothing() -> None:
    """The job would start at once, and whoever said it should know."""
    assert notice({KUEUE: fault(404)}, "%queue=research") == (
        "This cluster has no Kueue: %queue=research means nothing here."
    )


def test_a_queue_that_is_not_there_is_refused() -> None:
    """Kueue would hold the job for ever, without a word."""
    answers = {KUEUE: GROUP, QUEUES: names("research", "default")}
    assert found(answers, "%queue=research") == []
    assert refusal(answers, "%queue=reserch").endswith("Did you mean research?")


def test_a_queue_that_admits_nothing_is_noticed() -> None:
    """With Kueue's own words."""
    condition = {"type": "Active", "status": "False", "message": "Can't submit new workloads to clusterQueue"}
    queue = {"metadata": {"name": "research"}, "status": {"conditions": [condition]}}
    assert "admits no jobs now: Can't submit" in notice({KUEUE: GROUP, QUEUES: {"items": [queue]}}, "%queue=research")


def test_a_queue_that_admits_jobs_is_not_spoken_of() -> None:
    """Whatever else it says of itself."""
    conditions = [{"type": "Active", "status": "True"}, {"type": "Other", "status": "False", "message": "no matter"}]
    queue = {"metadata": {"name": "research"}, "status": {"conditions": conditions}}
    assert found({KUEUE: GROUP, QUEUES: {"items": [queue]}}, "%queue=research") == []


def test_where_kueue_does_not_say_what_it_has_nothing_is_said() -> None:
    """An answer that did not come is no reason against the job; no queue is asked for."""
    for answer in (fault(503), {}):
        assert found({KUEUE: answer}, "%queue=research") == []


def test_queues_that_may_not_be_listed() -> None:
    """Are told as that."""
    assert "could not check research" in notice({KUEUE: GROUP, QUEUES: fault(403)}, "%queue=research")
