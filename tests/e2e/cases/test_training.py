"""What the whole is for: frameworks find their peers on a cluster, and the cell shows what all replicas say."""

from __future__ import annotations

import re

import pytest

from ..notebook import Notebook

DDP = """%framework=pytorch;%name=ddp
%image=IMAGE
%master=1;%worker=2
import os
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
truth = torch.tensor([[1.0], [-2.0], [3.0], [0.5]])
torch.manual_seed(100 + rank)  # everybody has data of its own
for step in range(60):
    x = torch.randn(32, 4)
    loss = ((model(x) - x @ truth) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
weights = model.module.weight.detach().flatten()
everybodys = [torch.empty_like(weights) for _ in range(dist.get_world_size())]
dist.all_gather(everybodys, weights)
print("rank", rank, "agrees", all(torch.equal(weights, other) for other in everybodys), f"loss {loss.item():.1e}")
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # at a process's ordinary end gloo's threads abort it, now and then (pytorch#190489)
"""

PARAMETER_SERVER = """%framework=tensorflow;%name=served
%chief=1;%worker=1;%ps=1;%evaluator=1
import json, os, socket, time

config = json.loads(os.environ["TF_CONFIG"])
peers, task = config["cluster"], config["task"]
assert {kind: len(each) for kind, each in peers.items()} == {"chief": 1, "worker": 1, "ps": 1, "evaluator": 1}, peers
me = f"{task['type']}-{task['index']}"
host, _, port = peers["ps"][0].partition(":")
if task["type"] == "ps":
    server = socket.create_server(("", int(port)))
    print(me, "serves", flush=True)
    while True:
        connection, _ = server.accept()
        connection.sendall(b"weights for " + connection.recv(100))
        connection.close()
for _ in range(150):
    try:
        connection = socket.create_connection((host, int(port)), timeout=5)
        break
    except OSError:
        time.sleep(0.2)
connection.sendall(me.encode())
print(me, "has", connection.recv(100).decode())
"""


def test_ddp_trains_on_three_pods(notebook: Notebook) -> None:
    """One master and two workers train one network over gloo: equal weights everywhere, and it has learned."""
    if not notebook.tenant.cluster.torch:
        pytest.skip(notebook.tenant.cluster.no_torch)
    cell = notebook.run(DDP.replace("IMAGE", notebook.tenant.cluster.torch), timeout=120)
    assert cell.status == "ok", cell.error + cell.text
    said = re.findall(r"^\[([a-z]+-\d)\] rank (\d) agrees True loss (\S+)$", cell.text, re.MULTILINE)
    assert {(replica, rank) for replica, rank, _ in said} == {("master-0", "0"), ("worker-0", "1"), ("worker-1", "2")}
    assert all(float(loss) < 0.01 for *_, loss in said)
    first, last = cell.text.splitlines()[0], cell.text.splitlines()[-1]
    assert first.startswith("ddp · master 1, worker 2 · ") and notebook.tenant.namespace in first
    assert last.startswith("✓ ddp succeeded in ")


def test_parameter_servers_serve_until_the_job_is_over(notebook: Notebook) -> None:
    """Chief, worker and evaluator find the server by TF_CONFIG; the job ends without it, and it is stopped."""
    cell = notebook.run(PARAMETER_SERVER, timeout=90)
    assert cell.status == "ok", cell.error + cell.text
    for replica in ("chief-0", "worker-0", "evaluator-0"):
        assert f"[{replica}] {replica} has weights for {replica}\n" in cell.text
    assert "[ps-0] ps-0 serves\n" in cell.text
    (job,) = notebook.tenant.items("tfjobs")
    assert {each["type"] for each in job["status"]["conditions"] if each["status"] == "True"} >= {"Succeeded"}
    assert [pod for pod in notebook.tenant.items("pods") if pod["status"]["phase"] == "Running"] == []


def test_a_render_shows_what_would_be_created_and_creates_nothing(notebook: Notebook) -> None:
    """The job and its ConfigMap as YAML, with what the cell asked for."""
    cell = notebook.run("%framework=pytorch;%name=shown;%render\n%worker=2;%cpu=250m\nprint('this')")
    assert cell.status == "ok", cell.error
    for part in ("kind: PyTorchJob", "kind: ConfigMap", "cpu: 250m", "restartPolicy: Never", "print('this')"):
        assert part in cell.text
    assert notebook.tenant.items("pytorchjobs") == []


def test_jobs_of_this_machine_and_of_the_cluster_are_listed_alike(notebook: Notebook) -> None:
    """%jobs has both, each with its place."""
    assert notebook.run("%framework=pytorch;%target=local;%name=here\npass").status == "ok"
    cell = notebook.run("%framework=pytorch;%name=there\npass")
    assert cell.status == "ok", cell.error
    newest, older = notebook.run("%jobs").text.splitlines()[1:]
    assert newest.startswith("there ") and notebook.tenant.namespace in newest and "succeeded" in newest
    assert older.startswith("here ") and "this machine" in older
