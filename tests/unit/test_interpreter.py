"""Cells and options -> requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework, RoleRule, Success
from ciao.core.magics import Vocabulary
from ciao.core.model import CleanPolicy, EnvVar, OnExit, Placement, Replica, Resources, Role, SecretRef, Volume
from ciao.core.quantity import Quantity
from ciao.core.requests import Attach, Config, Describe, Doctor, Help, Jobs, Logs, Rerun, StopJob
from ciao.core.settings import resolve

from .speech import FRAMEWORKS, VOCABULARY, fresh, from_options, job, understand

P = "%framework=pytorch\n"


def counts(cell: str) -> dict[str, int]:
    return {role.name: role.replicas for role in job(cell + "\nprint()").spec.roles}


@pytest.mark.parametrize(
    ("cell", "roles"),
    [
        ("%framework=pytorch", {"master": 1}), ("%framework=tensorflow", {"worker": 1}),
        ("%framework=PyTorch", {"master": 1}),
        (P + "%worker=2", {"master": 1, "worker": 2}), (P + "%master=1", {"master": 1}),
        (P + "%worker=3;master=1", {"master": 1, "worker": 3}),
        ("%kubeflow framework=tensorflow worker=2 ps=1", {"worker": 2, "ps": 1}),
        ("%%ciao framework=pytorch worker=1", {"master": 1, "worker": 1}),
        ("%FRAMEWORK=tensorflow;Chief=1;%WORKER=2;%Evaluator=1", {"chief": 1, "worker": 2, "evaluator": 1}),
    ],
)  # fmt: skip
def test_roles_are_counted_and_completed_in_the_frameworks_order(cell, roles):
    """PyTorch gets its implied master; a bare framework runs one replica of its default role."""
    assert counts(cell) == roles and list(counts(cell)) == list(roles)


def test_resources_beside_a_role_belong_to_it_and_others_are_the_jobs_default():
    """%worker=2;%cpu=1 is the workers'; %memory on a line of its own is everybody's, unless a role has its own."""
    cell = (
        P + "%master=1;%cpu=500m;%gpu=0\n%worker=2;%memory=4Gi;%env=A=w\n%memory=2Gi;%gpu=1;%env=B=j;%image=me\nprint()"
    )
    spec = job(cell).spec
    half, two, four = Quantity.parse("500m"), Quantity.parse("2Gi"), Quantity.parse("4Gi")
    assert spec.roles == (
        Role("master", 1, Resources(half, two, 0), "me"),
        Role("worker", 2, Resources(None, four, 1), "me", (EnvVar("A", "w"),)),
    )
    assert spec.env == (EnvVar("B", "j"),)


def test_resources_beside_two_roles_belong_to_both():
    """One line, two roles: what stands there is both's."""
    spec = job("%framework=tensorflow\n%chief=1;%worker=2;%cpu=3\nprint()").spec
    assert [int(role.resources.cpu or 0) for role in spec.roles] == [3, 3]


def test_everything_that_can_be_said_arrives_in_the_launch():
    """Every item of the table has its place in the request."""
    cell = (
        "%kubeflow framework=pytorch name=mnist namespace=team context=lab target=local s2i=mounted clean-policy=all\n"
        "%env=A=1;%env=TOKEN=secret:hub/token;%secret=hub;%pip=numpy>=2,<3 rich;%pip=attrs;%file=data/*.csv,util.py\n"
        "%include=f,Model;%var=lr,epochs;%volume=data:/data:ro;%volume=out:/out;%timeout=1h30m;%retries=2;%ttl=2d\n"
        "%detach;%quiet;%render;%args=--lr 0.1 'a b' \"c;d\";%nproc=4;%queue=q;%priority=high;%nodeSelector=disk=ssd\n"
        "%tolerations=gpu=yes:NoSchedule;%serviceAccount=sa;%pullSecret=ps;%overlay=o.yaml\n"
        "%on_exit=stop;%python=py/bin/python;%user=image\n"
        "print()"
    )
    launch = job(cell)
    spec, source = launch.spec, launch.source
    assert (spec.name, spec.framework, spec.target, spec.builder, spec.nproc) == (
        "mnist",
        "pytorch",
        "local",
        "mounted",
        4,
    )
    assert (spec.clean_policy, spec.on_exit, spec.timeout, spec.retries) == (CleanPolicy.ALL, OnExit.STOP, 5400.0, 2)
    assert spec.env == (EnvVar("A", "1"), EnvVar("TOKEN", SecretRef("hub", "token"))) and spec.secrets == ("hub",)
    assert spec.args == ("--lr", "0.1", "a b", "c;d") and spec.python == "/project/py/bin/python"
    assert spec.volumes == (Volume("data", "/data", True), Volume("out", "/out"))
    assert spec.placement == Placement(
        context="lab", namespace="team", queue="q", priority="high", node_selector=(("disk", "ssd"),),
        tolerations=("gpu=yes:NoSchedule",), service_account="sa", pull_secret="ps", overlay="o.yaml", ttl=172800.0,
        user="image",
    )  # fmt: skip
    assert (source.files, source.pip) == (("data/*.csv", "util.py"), ("numpy>=2,<3", "rich", "attrs"))
    assert (launch.include, launch.var) == (("f", "Model"), ("lr", "epochs"))
    assert launch.detach and launch.quiet and launch.render and launch.text == cell
    assert (source.code, source.label, source.directory) == ("\n" * 6 + "print()", "Cell In [3]", "/project")


def test_a_job_is_complete_without_anything_said():
    """Defaults: a fresh name, the default target, the policy Running, nothing else."""
    launch = job(P + "print()")
    assert (launch.spec.name, launch.spec.target) == ("pytorch-k3f9x", "local")
    assert (launch.spec.clean_policy, launch.spec.on_exit) == (CleanPolicy.RUNNING, OnExit.KEEP)
    assert not (launch.detach or launch.quiet or launch.render or launch.spec.placement.said())


@pytest.mark.parametrize("spelling", ["cleanPolicy", "clean_policy", "clean-policy", "CLEANPOLICY", "cleanpolicy"])
def test_names_have_one_meaning_in_every_spelling(spelling):
    """Case, _ and - do not matter; neither does the case of a policy."""
    assert job(P + f"%{spelling}=none\nprint()").spec.clean_policy is CleanPolicy.NONE


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5", 1.5), ("1m1s", 61)]
)
def test_durations(text, seconds):
    """Seconds, or units from the largest to the smallest."""
    assert job(P + f"%timeout={text}\nprint()").spec.timeout == seconds


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ('A="x;y"', "x;y"),
        ("'A=x;y'", "x;y"),
        ("'A=\"x\"'", '"x"'),
        ("A=", ""),
        ("A=b=c", "b=c"),
        ("A= b c ", "b c"),
        ("A=it's", "it's"),
    ],
)
def test_values_of_variables_may_be_quoted(said, value):
    """Quotes around the value are taken off, quotes inside a quoted item belong to it."""
    assert job(P + f"%env={said}\nprint()").spec.env == (EnvVar("A", value),)


def test_the_same_said_twice_is_no_mistake():
    """Only different values are in each other's way."""
    spec = job(P + "%timeout=60\n%timeout=1m\n%env=A=1;%env=A=1\nprint()").spec
    assert spec.timeout == 60 and spec.env == (EnvVar("A", "1"),)


def test_the_interpreter_of_local_jobs_comes_from_the_setting_unless_a_magic_says_it():
    """A magic in a cell beats all settings."""
    vocabulary = Vocabulary(frameworks=FRAMEWORKS, settings=VOCABULARY.settings.assign("local.python", "~/py"))
    assert job(P + "print()", vocabulary).spec.python == "/home/ada/py"
    assert job(P + "%python=python3.12\nprint()", vocabulary).spec.python == "python3.12"
    assert job(P + "print()").spec.python is None


def test_code_that_only_warns_is_not_refused():
    """A SyntaxWarning is the replica's to print, not a reason to stop (nor an error of the test run)."""
    assert job(P + "x = '\\d' is 'a'").source.code


@pytest.mark.parametrize(
    ("cell", "request_"),
    [
        ("%jobs", Jobs()), ("%jobs --all --target local", Jobs(target="local", all=True)), ("%ciao jobs", Jobs()),
        ("%logs a", Logs(name="a")),
        ("%logs a worker-1 --tail 3 --since=5m --grep 'x y' --follow --timestamps --target=local",
         Logs(name="a", target="local", replica=Replica("worker", 1), tail=3, since=300, grep="x y", follow=True,
              timestamps=True)),
        ("%attach", Attach(name="last")), ("%attach a", Attach(name="a")),
        ("%stop a --force", StopJob(name="a", force=True)),
        ("%describe a", Describe(name="a")), ("%ciao rerun a", Rerun(name="a")), ("%doctor", Doctor()),
        ("%ciao", Help()),
        ("%ciao help", Help()), ("%ciao help clean_policy", Help("cleanPolicy")), ("%worker?", Help("worker")),
        ("%jobs?", Help("jobs")),
        ("%ciao config", Config()), ("%ciao config show", Config()),
        ("%ciao config store.size", Config(key="store.size")),
        ("%ciao config store.size=20Gi", Config(key="store.size", value="20Gi")),
        ("%ciao config Store.Log_Size 1Gi", Config(key="store.log_size", value="1Gi")),
        ("# the list\n%jobs\n\n", Jobs()),
    ],
)  # fmt: skip
def test_commands_become_their_requests(cell, request_):
    """Each command with its options, in every form."""
    assert understand(cell) == request_


def test_render_among_the_magics_of_a_job_shows_it_instead():
    """%render and %ciao render are the same."""
    assert job(P + "%ciao render\nprint()").render and job(P + "%render\nprint()").render


def test_a_flag_can_be_taken_back():
    """%detach=no is the same as nothing; on the command line it takes back what the file says."""
    assert not job(P + "%detach=no\nprint()").detach
    assert not from_options({"quiet": ["false"]}, P + "%quiet\nprint()").quiet


def test_a_plain_cell_is_nobodys_request():
    """None: IPython's."""
    assert understand("%time f()\nx = 1") is None


LINES = [
    "%framework=pytorch", "%worker=2", "%cpu=1", "%env=A=1", "%jobs", "x = 1", "(", "'''", "%args='", "%detach",
    "%name=é", "%\0", "%memory=\ud800", "%ciao config", "!ls", "%%ciao", "%logs a", "%pip install x",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=6), st.sampled_from(["\n", ";", "\r\n", " "]))
def test_any_cell_is_understood_or_refused_with_a_usererror(parts, between):
    """No combination of lines makes the interpreter fail in any other way."""
    try:
        understand(between.join(parts))
    except UserError as error:
        assert str(error)


# -- options -----------------------------------------------------------------------------------------------------------


def test_options_say_what_magics_say():
    """The same items as a mapping give the same job."""
    options = {
        "framework": ["pytorch"],
        "worker": ["2;cpu=1;memory=2Gi"],
        "env": ["A=x;y", "B=2"],
        "detach": [""],
        "args": ["--lr 0.1"],
    }
    launch = from_options(options, "print()")
    cell = job("%framework=pytorch\n%worker=2;cpu=1;memory=2Gi\n%env='A=x;y';%env=B=2;%detach\n%args=--lr 0.1\nprint()")
    assert launch.spec == cell.spec and launch.detach and launch.source.code == "print()"


def test_options_go_over_the_files_own_magics():
    """A file may have magics; an option replaces what it says; repeatable ones add, variables by name."""
    text = "%framework=tensorflow\n%worker=1;%cpu=1;%env=W=1\n%env=A=1;%env=B=2;%timeout=5m\nprint()\n"
    launch = from_options({"worker": ["4"], "cpu": ["2"], "env": ["A=9"], "framework": ["pytorch"]}, text)
    spec = launch.spec
    assert (spec.framework, spec.timeout, spec.role("worker").replicas) == ("pytorch", 300, 4)
    assert int(spec.role("worker").resources.cpu or 0) == 2 and spec.role("worker").env == (EnvVar("W", "1"),)
    assert sorted((each.name, each.value) for each in spec.env) == [("A", "9"), ("B", "2")]
    assert launch.source.code == "\n\n\nprint()\n" and launch.text == text


def test_a_variable_given_as_an_option_beats_the_one_of_a_role():
    """The role would win over the job; the option was said later, of everything."""
    spec = from_options({"env": ["A=2"]}, "%framework=pytorch\n%worker=1;%env=A=1\nprint()").spec
    assert spec.env == (EnvVar("A", "2"),) and spec.role("worker").env == ()


def test_the_count_of_a_role_as_an_option_keeps_what_the_file_says_of_it():
    """--worker 4 changes how many, not what each may use."""
    spec = from_options({"worker": ["4;memory=1Gi"]}, "%framework=pytorch\n%worker=1;%cpu=3;%memory=9Gi\nprint()").spec
    resources = spec.role("worker").resources
    assert (int(resources.cpu or 0), str(resources.memory)) == (3, "1Gi")


# -- a framework of one's own ------------------------------------------------------------------------------------------

HORSE = Framework(
    name="horse",
    kind="HorseJob",
    roles=(RoleRule("rider", "Rider", "Leads.", maximum=1), RoleRule("foal", "Foal", "Follows.", minimum=2)),
    default_role="rider",
    implied=("rider",),
    success=Success(leaders=("rider",), otherwise="foal"),
    image="horse:1",
    container="horse",
    port=1,
    environment=lambda spec, replica, addresses: (("RIDER", addresses[Replica("rider", 0)].host), ("ME", str(replica))),
)


def test_a_new_framework_needs_only_a_value():
    """A plug-in's roles, rules, defaults, settings and messages work without a line of Ciao changing."""
    frameworks = {**FRAMEWORKS, "horse": HORSE}
    vocabulary = Vocabulary(frameworks=frameworks, settings=resolve(frameworks=frameworks.values()))
    spec = job("%framework=horse\n%foal=2;%cpu=1\nprint()", vocabulary).spec
    assert spec.name == fresh("horse") and {role.name: role.replicas for role in spec.roles} == {"rider": 1, "foal": 2}
    assert vocabulary.settings.value("image.horse") == "horse:1"
    with pytest.raises(UserError, match="horse jobs have at least 2 foal"):
        job("%framework=horse\n%foal=1\nprint()", vocabulary)
    with pytest.raises(UserError, match="pytorch has no role 'foal'"):
        job("%framework=pytorch\n%foal=2\nprint()", vocabulary)
    with pytest.raises(UserError, match="Did you mean horse"):
        job("%framework=hores\n%foal=2\nprint()", vocabulary)
