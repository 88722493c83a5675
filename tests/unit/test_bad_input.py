"""Every mistake in a cell, by the whole text that its author sees."""

from __future__ import annotations

import pytest

from ciao.core.errors import UserError

from .speech import understand

P = "%framework=pytorch\n"
T = "%framework=tensorflow\n"

SEEN = {
    "an unknown magic": ("%framwork=pytorch\nprint()", """\
There is no magic %framwork.
  Cell In [3], line 1, column 2
    %framwork=pytorch
     ^^^^^^^^^^^^^^^^
  Did you mean %framework?"""),
    "an unknown magic that is near nothing": (P + "%zzz=1\nprint()", """\
There is no magic %zzz.
  Cell In [3], line 2, column 2
    %zzz=1
     ^^^^^
  %ciao help lists them all."""),
    "an unknown framework": ("%framework=pytroch\nprint()", """\
There is no framework 'pytroch'.
  Cell In [3], line 1, column 12
    %framework=pytroch
               ^^^^^^^
  Did you mean pytorch?"""),
    "a framework far from all": ("%framework=fortran\nprint()", """\
There is no framework 'fortran'.
  Cell In [3], line 1, column 12
    %framework=fortran
               ^^^^^^^
  Known: pytorch and tensorflow."""),
    "items that commas separate": ("%framework=pytorch, worker=2 %cpu=1\nprint()", """\
There is no framework 'pytorch, worker=2 %cpu=1'.
  Cell In [3], line 1, column 12
    %framework=pytorch, worker=2 %cpu=1
               ^^^^^^^^^^^^^^^^^^^^^^^^
  Items on one line are separated by ';': %framework=pytorch;%worker=2;%cpu=1"""),
    "a role of another framework": (P + "%worker=1;%ps=1\nprint()", """\
pytorch has no role 'ps'.
  Cell In [3], line 2, column 12
    %worker=1;%ps=1
               ^^^^
  It has %master and %worker."""),
    "no master": (P + "%master=0\nprint()", """\
%master=0: pytorch jobs have exactly 1 master.
  Cell In [3], line 2, column 9
    %master=0
            ^
  Leave it out: Ciao adds the master. %worker says how many others there are."""),
    "two masters": (P + "%master=2\nprint()", """\
%master=2: pytorch jobs have exactly 1 master.
  Cell In [3], line 2, column 9
    %master=2
            ^
  Leave it out: Ciao adds the master. %worker says how many others there are."""),
    "two lines of masters": (P + "%master=1\n%master=1\nprint()", """\
%master is there twice (line 2).
  Cell In [3], line 3, column 2
    %master=1
     ^^^^^^^^
  A role stands once, with all that belongs to it on its line: %master=2;%cpu=1;%memory=2Gi"""),
    "no workers": (P + "%worker=0\nprint()", """\
%worker=0: pytorch jobs have at least 1 worker.
  Cell In [3], line 2, column 9
    %worker=0
            ^
  Leave %worker out when the job has none."""),
    "two chiefs": (T + "%chief=2\nprint()", """\
%chief=2: tensorflow jobs have at most 1 chief.
  Cell In [3], line 2, column 8
    %chief=2
           ^
  Leave %chief out when the job has none."""),
    "a chief and a master": (T + "%chief=1;%master=1\nprint()", """\
A tensorflow job has a chief or a master, not both.
  Cell In [3], line 2, column 11
    %chief=1;%master=1
              ^^^^^^^^
  Leave one of them out: chief and master."""),
    "parameter servers alone": (T + "%ps=2\nprint()", """\
This tensorflow job would never end: nobody in it does the work.
  Cell In [3], line 2, column 2
    %ps=2
     ^^^^
  Add %chief=1, %master=1 or %worker=1."""),
    "a quantity that is none": (P + "%worker=2;%cpu=lots\nprint()", """\
%cpu: 'lots' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  Cell In [3], line 2, column 16
    %worker=2;%cpu=lots
                   ^^^^
  For example: %worker=2;%cpu=1"""),
    "a quantity without a number": (P + "%memory=Gi\nprint()", """\
%memory: 'Gi' is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi).
  Cell In [3], line 2, column 9
    %memory=Gi
            ^^
  For example: %memory=2Gi"""),
    "no cores at all": (P + "%cpu=0\nprint()", """\
%cpu: 0 is nothing at all: at least a little is needed.
  Cell In [3], line 2, column 6
    %cpu=0
         ^
  For example: %worker=2;%cpu=1"""),
    "a magic twice with different values": (P + "%timeout=5m\n%timeout=6m\nprint()", """\
%timeout is there twice with different values (line 2).
  Cell In [3], line 3, column 2
    %timeout=6m
     ^^^^^^^^^^
  Keep one of them."""),
    "two frameworks": (P + "%framework=tensorflow\nprint()", """\
%framework is there twice with different values (line 1).
  Cell In [3], line 2, column 2
    %framework=tensorflow
     ^^^^^^^^^^^^^^^^^^^^
  Keep one of them."""),
    "only magics": (P + "%worker=2\n# nothing here\n", """\
There is no code to run, only magics.
  Cell In [3], line 1, column 1
    %framework=pytorch
    ^^^^^^^^^^^^^^^^^^
  Write the program below them."""),
    "a role without a framework": ("%worker=2\nprint()", """\
%worker is a role, and this job has no framework.
  Cell In [3], line 1, column 2
    %worker=2
     ^^^^^^^^
  Add %framework=pytorch or %framework=tensorflow"""),
    "no framework at all": ("%%ciao cpu=1\nprint()", """\
Which framework is this job of?
  Cell In [3], line 1, column 1
    %%ciao cpu=1
    ^^^^^^^^^^^^
  Add %framework=pytorch or %framework=tensorflow"""),
    "a magic of IPython": (P + "%matplotlib inline\nprint()", """\
%matplotlib is IPython's: it runs in the kernel, not on replicas.
  Cell In [3], line 2, column 2
    %matplotlib inline
     ^^^^^^^^^^^^^^^^^
  Put it in a cell of its own."""),
    "a magic of IPython that has a namesake": (P + "%pip install numpy\nprint()", """\
%pip is IPython's: it runs in the kernel, not on replicas.
  Cell In [3], line 2, column 2
    %pip install numpy
     ^^^^^^^^^^^^^^^^^
  Put it in a cell of its own. For replicas it is written %pip=REQUIREMENT …"""),
    "a cell magic in the middle": (P + "%%time\nprint()", """\
%%time cannot stand here.
  Cell In [3], line 2, column 1
    %%time
    ^^^^^^
  A cell magic stands on a cell's first line and takes the whole cell for IPython; a job cell has none."""),
    "a line for IPython's shell": (P + "!pip install numpy\nprint()", """\
This is IPython's own syntax: it runs in the kernel, not on replicas.
  Cell In [3], line 2, column 1
    !pip install numpy
    ^
  Put it in a cell of its own; %pip=NAME says what replicas need."""),
    "an indented magic": (P + "if True:\n    %time print()", """\
This is IPython's own syntax: it runs in the kernel, not on replicas.
  Cell In [3], line 3, column 5
        %time print()
        ^
  Put it in a cell of its own; %pip=NAME says what replicas need."""),
    "not UTF-8": (P + "x = 1\ny = '\udce9'\n", """\
This is not text: the character U+DCE9 cannot be written as UTF-8.
  Cell In [3], line 3, column 6
    y = '?'
         ^
  Delete it, or save the file as UTF-8."""),
    "too large": (P + "x" * (50 * 2**20), """\
The code is larger than 50 MB (50 MB).
  Cell In [3]
  Data does not belong in a cell: read it from a file (%file=PATTERN) or a volume (%volume=CLAIM:/PATH)."""),
    "code that does not compile": (P + "import a\ndef f(:\n    pass", """\
This is not Python: invalid syntax.
  Cell In [3], line 3, column 7
    def f(:
          ^"""),
    "a bracket that is never closed": (P + "x = f(1,\n  2", """\
This is not Python: '(' was never closed.
  Cell In [3], line 2, column 6
    x = f(1,
         ^"""),
    "top-level await": (P + "await main()", """\
This is not Python: 'await' outside function.
  Cell In [3], line 2, column 1
    await main()
    ^^^^^^^^^^^^
  A replica runs plain Python, without the notebook's event loop: use asyncio.run(main())."""),
    "a target that does not exist yet": (P + "%target=docker\nprint()", """\
There is no target 'docker'.
  Cell In [3], line 2, column 9
    %target=docker
            ^^^^^^
  This Ciao has kubeflow and local."""),
    "a misspelt target": (P + "%target=locl\nprint()", """\
There is no target 'locl'.
  Cell In [3], line 2, column 9
    %target=locl
            ^^^^
  Did you mean local? This Ciao has kubeflow and local."""),
    "a missing value": (P + "%worker\nprint()", """\
%worker needs a value behind '='.
  Cell In [3], line 2, column 2
    %worker
     ^^^^^^
  It is written %worker=COUNT"""),
    "a value without =": (P + "%worker 2\nprint()", """\
%worker needs a value behind '='.
  Cell In [3], line 2, column 2
    %worker 2
     ^^^^^^^^
  It is written %worker=2"""),
    "a flag with something behind it": (P + "%detach please\nprint()", """\
%detach stands alone: 'please' is too much.
  Cell In [3], line 2, column 2
    %detach please
     ^^^^^^^^^^^^^"""),
    "items that blanks separate": (P + "%worker=2 cpu=1 memory=2Gi\nprint()", """\
%worker: '2 cpu=1 memory=2Gi' is not a whole number (0, 1, 2, …).
  Cell In [3], line 2, column 9
    %worker=2 cpu=1 memory=2Gi
            ^^^^^^^^^^^^^^^^^^
  Items on one line are separated by ';': %worker=2;%cpu=1;%memory=2Gi"""),
    "a comment behind a magic": (P + "%worker=2  # two\nprint()", """\
%worker: '2  # two' is not a whole number (0, 1, 2, …).
  Cell In [3], line 2, column 9
    %worker=2  # two
            ^^^^^^^^
  A comment has a line of its own."""),
    "a quote that is never closed": (P + "%args='--lr 0.1\nprint()", """\
This quote (') is never closed.
  Cell In [3], line 2, column 7
    %args='--lr 0.1
          ^"""),
    "a line that goes on": (P + "%worker=2;\\\n%cpu=1\nprint()", """\
A magic is one line.
  Cell In [3], line 2, column 11
    %worker=2;\\
              ^
  Write a second % line; a value that ends in \\ goes in quotes."""),
    "a policy that is none": (P + "%cleanPolicy=Runing\nprint()", """\
%cleanPolicy: 'Runing' is none of All, Running and None. Did you mean Running?
  Cell In [3], line 2, column 14
    %cleanPolicy=Runing
                 ^^^^^^
  For example: %cleanPolicy=None"""),
    "a name that Kubernetes refuses": (P + "%name=My_Job\nprint()", """\
'My_Job' is not a name for a job.
  Cell In [3], line 2, column 7
    %name=My_Job
          ^^^^^^
  A job's name has lower-case letters, digits and '-', and begins with a letter: %name=mnist-2"""),
    "a name that is too long": (P + f"%name={'a' * 60}\nprint()", f"""\
This name is too long (60 characters).
  Cell In [3], line 2, column 7
    %name={'a' * 60}
          {'^' * 60}
  Its replicas' names must fit into 63 characters: use at most 54 here."""),
    "a duration that is none": (P + "%timeout=soon\nprint()", """\
%timeout: 'soon' is not a duration (90 for seconds, 5m, 1h30m, 2d).
  Cell In [3], line 2, column 10
    %timeout=soon
             ^^^^
  For example: %timeout=1h30m"""),
    "torchrun where there is none": (T + "%nproc=2\nprint()", """\
%nproc has no meaning for tensorflow.
  Cell In [3], line 2, column 8
    %nproc=2
           ^
  It starts torch.distributed.run; leave it out."""),
    "a variable without a value": (P + "%env=TOKEN\nprint()", """\
%env: NAME=value is needed (or NAME=secret:object/key).
  Cell In [3], line 2, column 6
    %env=TOKEN
         ^^^^^
  For example: %env=TOKEN=secret:hub/token"""),
    "two values of one variable, which stay unseen": (P + "%env=A=hunter2;%env=A=hunter3\nprint()", """\
%env=A is there twice with different values.
  Cell In [3], line 2, column 17"""),
    "a file outside": (P + "%file=../data.csv\nprint()", """\
%file: '../data.csv' leads out of the working directory; only what is below it can travel.
  Cell In [3], line 2, column 7
    %file=../data.csv
          ^^^^^^^^^^^
  For example: %file=data/*.csv"""),
    "a command in a job": (P + "%jobs\nprint()", """\
%jobs is a command, and this cell is a job.
  Cell In [3], line 2, column 1
    %jobs
    ^^^^^
  A command stands in a cell of its own."""),
    "a command with code": ("%jobs\n\nprint()", """\
%jobs is a command, and line 3 of this cell is code.
  Cell In [3], line 1, column 1
    %jobs
    ^^^^^
  A command stands in a cell of its own."""),
    "a command with a magic of IPython": ("%jobs\n%who", """\
%who cannot stand beside the command %jobs.
  Cell In [3], line 2, column 1
    %who
    ^^^^
  A command stands in a cell of its own."""),
    "two commands": ("%jobs\n%stop a", """\
One command a cell: this is the second one.
  Cell In [3], line 2, column 1
    %stop a
    ^^^^^^^
  A command stands in a cell of its own."""),
    "an unknown command": ("%ciao jbos", """\
There is no command 'jbos'.
  Cell In [3], line 1, column 1
    %ciao jbos
    ^^^^^^^^^^
  Did you mean %ciao jobs?"""),
    "a command without its job": ("%stop", """\
%stop needs the name of a job.
  Cell In [3], line 1, column 1
    %stop
    ^^^^^
  %stop JOB [--force] [--target NAME]   (%jobs lists them)"""),
    "an unknown option": ("%logs a --tial 3", """\
%logs has no option --tial.
  Cell In [3], line 1, column 9
    %logs a --tial 3
            ^^^^^^
  Did you mean --tail?"""),
    "an unknown setting": ("%ciao config store.sise=3", """\
There is no setting 'store.sise'.
  Cell In [3], line 1, column 14
    %ciao config store.sise=3
                 ^^^^^^^^^^^^
  Did you mean store.size?"""),
    "a bad value of a setting": ("%ciao config local.ports=80", """\
local.ports: '80' is not a range of ports (20000-29999).
  Cell In [3], line 1, column 14
    %ciao config local.ports=80
                 ^^^^^^^^^^^^^^
  local.ports is a LOW-HIGH. The ports that replicas on this machine may listen on."""),
}  # fmt: skip


@pytest.mark.parametrize("mistake", SEEN)
def test_a_mistake_is_one_clear_message_with_its_place_and_remedy(mistake):
    """The whole text: what is wrong, line and column, the line with a caret, what to do."""
    cell, seen = SEEN[mistake]
    with pytest.raises(UserError) as caught:
        understand(cell)
    assert str(caught.value) == seen
