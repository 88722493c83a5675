"""Every magic of a job but the roles, which the frameworks bring."""

from __future__ import annotations

from typing import Any

from ciao.core import values
from ciao.core.magics.magic import Magic
from ciao.core.model import CleanPolicy, OnExit

_JOB, _EACH, _CODE, _WATCH, _CLUSTER = (
    "The job", "Each replica", "What travels with the cell", "How it is shown", "Only on a cluster",
)  # fmt: skip

FRAMEWORK = Magic(
    name="framework", syntax="NAME", read=values.text, group=_JOB, example="%framework=pytorch",
    doc="The framework whose processes the job consists of; it decides the roles, the environment, the end.",
)  # fmt: skip
NAME = Magic(
    name="name", syntax="NAME", read=values.text, group=_JOB, example="%name=mnist",
    doc="The job's name. Refused while a job of that name runs; replaces one that has ended. A fresh one by default.",
)  # fmt: skip
TARGET = Magic(
    name="target", syntax="NAME", read=values.text, group=_JOB, example="%target=local",
    doc="Where the job runs. The setting target by default.",
)  # fmt: skip
TIMEOUT = Magic(
    name="timeout", syntax="DURATION", read=values.deadline, group=_JOB, example="%timeout=1h30m",
    doc="The job's deadline, counted from its submission (90 for seconds, 5m, 1h30m, 2d). None by default.",
)  # fmt: skip
RETRIES = Magic(
    name="retries", syntax="COUNT", read=values.count, group=_JOB, example="%retries=2",
    doc="How many times Ciao submits the whole job again after a failure; single replicas never restart.",
)  # fmt: skip
CLEAN_POLICY = Magic(
    name="cleanPolicy", syntax="All|Running|None", read=values.member(CleanPolicy), group=_JOB,
    example="%cleanPolicy=None", choices=tuple(each.value for each in CleanPolicy),
    doc="What happens to replicas when the job is over: Running (the default) stops those that still run, "
    "None waits for them or leaves them, All also deletes those that ended.",
)  # fmt: skip
ON_EXIT = Magic(
    name="on_exit", syntax="keep|stop", read=values.member(OnExit), group=_JOB, example="%on_exit=stop",
    choices=tuple(each.value for each in OnExit),
    doc="What happens to a job on a cluster when the kernel leaves: keep it (the default) or stop it. "
    "A job on this machine always ends with its kernel.",
)  # fmt: skip
NPROC = Magic(
    name="nproc", syntax="COUNT", read=values.positive, group=_JOB, example="%nproc=4",
    doc="Every replica runs the cell under torch.distributed.run with so many processes; lines say [worker-0:3].",
)  # fmt: skip

CPU = Magic(
    name="cpu", syntax="QUANTITY", read=values.quantity, group=_EACH, scoped=True, example="%worker=2;%cpu=1",
    doc="Cores of one replica: 2, 500m. Beside a role it belongs to that role, else to all.",
)  # fmt: skip
MEMORY = Magic(
    name="memory", syntax="QUANTITY", read=values.quantity, group=_EACH, scoped=True, example="%memory=2Gi",
    doc="Memory of one replica: 512Mi, 2Gi. Beside a role it belongs to that role, else to all.",
)  # fmt: skip
GPU = Magic(
    name="gpu", syntax="COUNT", read=values.count, group=_EACH, scoped=True, example="%worker=2;%gpu=1",
    doc="GPUs of one replica, whole devices. Beside a role it belongs to that role, else to all.",
)  # fmt: skip
RESOURCE = Magic(
    name="resource", syntax="NAME=COUNT", read=values.extended, group=_EACH, scoped=True, repeatable=True,
    example="%worker=2;%resource=rdma/hca=1",
    doc="Any other resource that nodes of a cluster have, by its full name. Beside a role it belongs to that role.",
)  # fmt: skip
IMAGE = Magic(
    name="image", syntax="REFERENCE", read=values.text, group=_EACH, scoped=True,
    example="%image=pytorch/pytorch:latest",
    doc="The image that replicas run in, on targets that have images. The setting image.FRAMEWORK by default.",
)  # fmt: skip
ENV = Magic(
    name="env", syntax="NAME=value", read=values.env, group=_EACH, scoped=True, repeatable=True,
    example="%env=TOKEN=secret:hub/token",
    doc="A variable of the replicas' environment; NAME=secret:OBJECT/KEY takes it from a Secret, by reference.",
)  # fmt: skip
PYTHON = Magic(
    name="python", syntax="PATH", read=values.text, group=_EACH, example="%python=.venv/bin/python",
    doc="The interpreter that runs the cell, on targets that have files. The setting local.python by default.",
)  # fmt: skip
USER = Magic(
    name="user", syntax="image|NUMBER", read=values.user, group=_CLUSTER, example="%user=image", choices=("image",),
    doc="The user's number that pods run as; image: whoever the image says.",
)  # fmt: skip

ARGS = Magic(
    name="args", syntax="WORDS", read=values.words, group=_CODE, example="%args=--lr 0.1 --epochs 3",
    doc="What the cell finds in sys.argv[1:]. Words are split as a shell would, and no shell sees them.",
)  # fmt: skip
VAR = Magic(
    name="var", syntax="NAME,…", read=values.names, group=_CODE, repeatable=True, example="%var=lr,epochs",
    doc="Variables of the notebook that the cell uses: plain values, which travel as JSON.",
)  # fmt: skip
INCLUDE = Magic(
    name="include", syntax="NAME,…", read=values.names, group=_CODE, repeatable=True, example="%include=Model,load",
    doc="Functions, classes and local modules of the notebook that the cell uses; they travel as source.",
)  # fmt: skip
FILE = Magic(
    name="file", syntax="PATTERN,…", read=values.patterns, group=_CODE, repeatable=True, example="%file=data/*.csv",
    doc="Files below the working directory that travel with the cell.",
)  # fmt: skip
PIP = Magic(
    name="pip", syntax="REQUIREMENT …", read=values.requirements, group=_CODE, repeatable=True,
    example="%pip=torchvision==0.20",
    doc="Packages that replicas need besides what their image or interpreter has.",
)  # fmt: skip
SECRET = Magic(
    name="secret", syntax="NAME", read=values.kube_name, group=_CLUSTER, repeatable=True, example="%secret=hub",
    doc="A Secret of the cluster, all of whose keys become variables, by reference.",
)  # fmt: skip
VOLUME = Magic(
    name="volume", syntax="CLAIM:/PATH[:ro]", read=values.volume, group=_CLUSTER, repeatable=True,
    example="%volume=datasets:/data:ro", doc="A volume that replicas find at a path; :ro when they only read.",
)  # fmt: skip

DETACH = Magic(
    name="detach", read=values.flag, group=_WATCH, example="%detach",
    doc="The cell returns at once and the job goes on; %attach NAME shows its output.",
)  # fmt: skip
QUIET = Magic(
    name="quiet", read=values.flag, group=_WATCH, example="%quiet",
    doc="Show only the job's beginning and end; %logs NAME has the output.",
)  # fmt: skip
RENDER = Magic(
    name="render", read=values.flag, group=_WATCH, example="%render",
    doc="Show what would be created instead of creating it.",
)  # fmt: skip

S2I = Magic(
    name="s2i", syntax="NAME", read=values.text, group=_CLUSTER, example="%s2i=registry",
    doc="How the source reaches the replicas: mounted, or in an image that registry, docker, s2i, kaniko or tekton "
    "makes. By default registry where the setting registry.push is set, else mounted.",
)  # fmt: skip
PLATFORM = Magic(
    name="platform", syntax="OS/ARCHITECTURE", read=values.platform, group=_CLUSTER, example="%platform=linux/arm64",
    doc="For which nodes the image is made, where the base is there for several. The cluster's by default.",
)  # fmt: skip
CONTEXT = Magic(
    name="context", syntax="NAME", read=values.text, group=_CLUSTER, example="%context=lab",
    doc="The context of the kubeconfig. The current one by default.",
)  # fmt: skip
NAMESPACE = Magic(
    name="namespace", syntax="NAME", read=values.kube_name, group=_CLUSTER, example="%namespace=team",
    doc="The namespace that the job is created in. The context's by default.",
)  # fmt: skip
QUEUE = Magic(
    name="queue", syntax="NAME", read=values.kube_name, group=_CLUSTER, example="%queue=research",
    doc="The queue that admits the job.",
)  # fmt: skip
PRIORITY = Magic(
    name="priority", syntax="NAME", read=values.kube_name, group=_CLUSTER, example="%priority=high",
    doc="The priority class of its pods.",
)  # fmt: skip
NODE_SELECTOR = Magic(
    name="nodeSelector", syntax="LABEL=value", read=values.pair, group=_CLUSTER, repeatable=True,
    example="%nodeSelector=disk=ssd", doc="Only nodes that have this label.",
)  # fmt: skip
TOLERATIONS = Magic(
    name="tolerations", syntax="KEY[=VALUE][:EFFECT]", read=values.toleration, group=_CLUSTER, repeatable=True,
    example="%tolerations=gpu=yes:NoSchedule", doc="A taint of nodes that the pods accept.",
)  # fmt: skip
SERVICE_ACCOUNT = Magic(
    name="serviceAccount", syntax="NAME", read=values.kube_name, group=_CLUSTER, example="%serviceAccount=trainer",
    doc="The service account that pods run as.",
)  # fmt: skip
PULL_SECRET = Magic(
    name="pullSecret", syntax="NAME", read=values.kube_name, group=_CLUSTER, example="%pullSecret=hub-login",
    doc="The Secret with which the image is pulled.",
)  # fmt: skip
OVERLAY = Magic(
    name="overlay", syntax="PATH", read=values.text, group=_CLUSTER, example="%overlay=gpu-nodes.yaml",
    doc="A file whose fields are merged over the job's object.",
)  # fmt: skip
TTL = Magic(
    name="ttl", syntax="DURATION", read=values.duration, group=_CLUSTER, example="%ttl=2d",
    doc="How long the cluster keeps the job after its end, when no kernel cleans it up earlier.",
)  # fmt: skip

ITEMS: tuple[Magic[Any], ...] = (
    FRAMEWORK, NAME, TARGET, TIMEOUT, RETRIES, CLEAN_POLICY, ON_EXIT, NPROC,
    CPU, MEMORY, GPU, RESOURCE, IMAGE, ENV, PYTHON,
    ARGS, VAR, INCLUDE, FILE, PIP,
    DETACH, QUIET, RENDER,
    S2I, PLATFORM, CONTEXT, NAMESPACE, QUEUE, PRIORITY, NODE_SELECTOR, TOLERATIONS, SERVICE_ACCOUNT, PULL_SECRET,
    SECRET, VOLUME, OVERLAY, TTL, USER,
)  # fmt: skip
