"""Runs the user's cell as ``__main__``, as plain ``python -u cell.py`` would, and says what went wrong.

This file travels with the cell and must run where nothing of Ciao is: one module, standard library
only, Python 3.6 or later, few imports. What it adds to plain Python:

- An exception is also written as a small report, one JSON line, to the file ``$CIAO_REPORT``; so do
  processes that ``multiprocessing`` starts and torchrun's ranks, and the earliest line is the root cause.
- As process 1 of a container it forks: process 1 passes signals on and reaps, the child runs the cell.
- In a pod the files that travelled lie in ``$CIAO_SOURCE``, which is read-only; the working directory, which is not,
  gets a link to each, so that the cell finds them where it found them in the notebook.
- Under torchrun a rank's output goes to the pipe ``$CIAO_RANKS<rank>``, where there is one, so that each
  line is known to be that rank's and nothing is lost when the rank dies.

Types are in quotes because Python 3.6 would evaluate them.
"""

import os
import sys

MYPY = False
if MYPY:
    from importlib.machinery import ModuleSpec
    from types import ModuleType, TracebackType
    from typing import Any, Callable, Dict, List, Optional, Sequence

_ROOM = 3500
"""Bytes of one report: a pod's termination message holds 4096."""


def main(argv: "List[str]") -> None:
    """``argv``: this file, the cell's path, the cell's arguments. Ends the process by returning or raising."""
    if len(argv) < 2:
        sys.exit("usage: python -u ciao_replica.py CELL [ARGUMENT ...]")
    if os.getpid() == 1:
        _fork_below_init()
    path = os.path.abspath(argv[1])
    os.environ["CIAO_CELL"] = path
    _own_pipe()
    _link_files(os.environ.get("CIAO_SOURCE", ""), os.getcwd())
    sys.argv[:] = argv[1:]
    _paths(os.path.dirname(os.path.abspath(__file__)), os.path.dirname(path))
    sys.modules["ciao_replica"] = sys.modules["__main__"]
    sys.modules["__main__"] = module = _main_module(path)
    _watch_multiprocessing()
    failed = _run(path, module)
    if failed is not None:
        _show(failed)
        sys.exit(130 if isinstance(failed, KeyboardInterrupt) else 1)


def _run(path: str, module: "ModuleType") -> "Optional[BaseException]":
    """The exception that the cell ended with, reported; SystemExit goes on."""
    try:
        exec(_compiled(path), module.__dict__)
    except SystemExit as error:
        # "except ...: print_exc(); sys.exit(1)": what the user handled so is what went wrong.
        if error.code not in (None, 0) and error.__context__ is not None and not error.__suppress_context__:
            report(error.__context__)
        elif error.code is not None and not isinstance(error.code, int):
            report(error)  # sys.exit("why")
        error.__traceback__ = None
        raise
    except BaseException as error:
        report(error)
        return error
    return None


def _main_module(path: str) -> "ModuleType":
    """What ``python path`` has as ``__main__``."""
    import builtins
    from importlib.machinery import SourceFileLoader

    module = type(sys)("__main__")
    module.__dict__.update(
        __file__=path, __builtins__=builtins, __loader__=SourceFileLoader("__main__", path), __cached__=None
    )
    if sys.version_info < (3, 14):
        module.__dict__["__annotations__"] = {}
    return module


def _compiled(path: str) -> "Any":
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _paths(mine: str, cell: str) -> None:
    """First the working directory, as in a notebook, then the cell's (with what travelled along)."""
    if sys.path and os.path.abspath(sys.path[0]) == mine:
        del sys.path[0]
    sys.path[:0] = [os.getcwd(), cell]


def _show(error: "BaseException") -> None:
    """As the interpreter would: the user's ``sys.excepthook``, without the frames of this file."""
    trace = _theirs(error.__traceback__)
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException as failed:
        sys.stderr.write("Error in sys.excepthook:\n")
        failed.__traceback__ = _theirs(failed.__traceback__)
        sys.__excepthook__(type(failed), failed, failed.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, trace)


def _theirs(trace: "Optional[TracebackType]") -> "Optional[TracebackType]":
    """A traceback without the frames of this file at its beginning."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


# -- the report -----------------------------------------------------------------------------------


def report(error: "BaseException") -> None:
    """Appends one line about ``error`` to ``$CIAO_REPORT``. Never raises: a report is not worth a crash."""
    path = os.environ.get("CIAO_REPORT")
    if not path:
        return
    try:
        import json
        import time

        line = _shortened(_facts(error, time.time()), json.dumps).encode("ascii") + b"\n"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
    except Exception:  # noqa: S110 - whatever a user's __str__ or a full disk may do
        pass


def _facts(error: "BaseException", at: float) -> "Dict[str, Any]":
    kind = type(error)
    plain = kind.__module__ in ("builtins", "__main__", "__mp_main__")
    rank = os.environ.get("LOCAL_RANK", "")
    return {
        "type": kind.__qualname__ if plain else kind.__module__ + "." + kind.__qualname__,
        "message": str(error)[:1000],
        "at": at,
        "rank": int(rank) if rank.isdigit() else None,
        "frames": _frames(error),
    }


def _frames(error: "BaseException") -> "List[Dict[str, Any]]":
    import linecache

    found = []
    trace = error.__traceback__
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        if code.co_filename != __file__:
            text = linecache.getline(code.co_filename, line, trace.tb_frame.f_globals).strip()
            found.append(_frame(code.co_filename, line, code.co_name, text))
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        found.append(_frame(error.filename, error.lineno or 0, "<module>", (error.text or "").strip()))
    return found


def _frame(path: str, line: int, function: str, text: str) -> "Dict[str, Any]":
    mine = path == os.environ.get("CIAO_CELL")
    return {"file": "cell.py" if mine else path, "line": line, "function": function, "text": text[:200]}


def _shortened(facts: "Dict[str, Any]", dumps: "Callable[[Any], str]") -> str:
    """Most of a long message goes first, then the outer frames, then what is left but type and place."""
    text = dumps(facts)
    while len(text) > _ROOM:
        if len(facts["message"]) > 300:
            facts["message"] = facts["message"][:300]
        elif len(facts["frames"]) > 1:
            facts["frames"] = facts["frames"][(len(facts["frames"]) + 1) // 2 :]
        else:
            facts["frames"] = [dict(each, text="") for each in facts["frames"]]
            facts["message"] = facts["message"][:100]
            return dumps(facts)
        text = dumps(facts)
    return text


# -- files ----------------------------------------------------------------------------------------


_NOT_LINKED = ("cell.py", "ciao_replica.py", "ciao_names.py", "__pycache__")


def _link_files(source: str, directory: str) -> None:
    """Directories are made, files linked; what is there already stays. Several ranks may do so at once."""
    if not source or not os.path.isdir(source):
        return
    for name in sorted(os.listdir(source)):
        if name not in _NOT_LINKED and not name.startswith(".."):  # ..data: the kubelet's own
            _link(os.path.join(source, name), os.path.join(directory, name))


def _link(path: str, link: str) -> None:
    try:
        if not os.path.isdir(path):
            os.symlink(path, link)
            return
        if not os.path.isdir(link):
            os.mkdir(link)
    except OSError as error:
        if not os.path.lexists(link):
            sys.stderr.write("ciao: %s stays where it is (%s)\n" % (path, error.strerror))
            return
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            _link(os.path.join(path, name), os.path.join(link, name))


# -- process 1, ranks -----------------------------------------------------------------------------


def _fork_below_init() -> None:
    """Process 1 ignores a SIGTERM that it does not handle, and nobody else reaps orphans: be its init.

    Returns in the child; the parent ends as the child does, with a container's exit code.
    """
    import signal

    passed = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT}
    signal.pthread_sigmask(signal.SIG_BLOCK, passed)
    child = os.fork()
    if child:
        for number in passed:
            signal.signal(number, lambda number, frame: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
    if not child:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def _own_pipe() -> None:
    """A torchrun rank writes into its own pipe; where that cannot be opened it keeps torchrun's."""
    prefix, rank = os.environ.get("CIAO_RANKS"), os.environ.get("LOCAL_RANK", "")
    if not prefix or not rank.isdigit():
        return
    try:
        pipe = os.open(prefix + rank, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    os.set_blocking(pipe, True)
    for descriptor in (1, 2):
        os.dup2(pipe, descriptor)
    os.close(pipe)


# -- multiprocessing ------------------------------------------------------------------------------


def _watch_multiprocessing() -> None:
    """Have ``multiprocessing`` patched when the user imports it, and not before: that costs 20 ms."""
    for name, patch in _PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sys.meta_path.insert(0, _Finder())


def _report_in_children(process: "Any") -> None:
    """An exception that ends a child process is reported by the child, where its traceback is."""
    bootstrap = process.BaseProcess._bootstrap

    def _bootstrap(self: "Any", *args: "Any", **kwargs: "Any") -> "Any":
        self.run = _reporting(self.run, self.name)
        return bootstrap(self, *args, **kwargs)

    process.BaseProcess._bootstrap = _bootstrap


def _reporting(run: "Callable[[], None]", name: str) -> "Callable[[], None]":
    def reporting() -> None:
        try:
            run()
        except SystemExit as error:
            # torch.multiprocessing.spawn ends a child so, after it has sent the traceback to its parent.
            if error.code and error.__context__ is not None:
                report(error.__context__)
            raise
        except Exception as error:
            import traceback

            report(error)
            sys.stderr.write("Process %s:\n" % name)
            trace = error.__traceback__
            traceback.print_exception(type(error), error, trace and trace.tb_next)
            raise SystemExit(1) from None

    return reporting


def _run_in_spawned(spawn: "Any") -> None:
    """A spawned child runs this file in place of the cell, and this file then the cell (see the end)."""
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> "Dict[str, Any]":
        data: "Dict[str, Any]" = prepare(name)
        if data.get("init_main_from_path") == os.environ.get("CIAO_CELL"):
            data["init_main_from_path"] = os.path.abspath(__file__)
        return data

    spawn.get_preparation_data = get_preparation_data


_PATCHES = {"multiprocessing.process": _report_in_children, "multiprocessing.spawn": _run_in_spawned}


class _Finder:
    """Finds nothing by itself: lets the other finders find, and patches the module once it has run."""

    def find_spec(
        self, name: str, path: "Optional[Sequence[str]]" = None, target: "Optional[ModuleType]" = None
    ) -> "Optional[ModuleSpec]":
        if name not in _PATCHES:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: "Optional[ModuleSpec]" = find(name, path, target) if find else None
            if spec is not None:
                _patch_after(spec.loader, _PATCHES[name])
                return spec
        return None


def _patch_after(loader: "Any", patch: "Callable[[Any], None]") -> None:
    run = loader.exec_module

    def exec_module(module: "ModuleType") -> None:
        run(module)
        patch(module)

    loader.exec_module = exec_module


def _become_cell(names: "Dict[str, Any]") -> None:
    """In a spawned child ``multiprocessing`` runs this file as ``__mp_main__``: make that the cell."""
    path, builtins = os.environ["CIAO_CELL"], names["__builtins__"]
    _watch_multiprocessing()
    names.clear()
    names.update(__name__="__mp_main__", __file__=path, __builtins__=builtins, __package__="", __doc__=None)
    try:
        exec(_compiled(path), names)
    except Exception as error:
        report(error)
        raise


def _as_module() -> "Any":
    """The same file again, as a module whose names stay when those of ``__mp_main__`` become the cell's."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("ciao_replica", os.path.abspath(__file__))
    assert spec is not None
    assert spec.loader is not None
    sys.modules["ciao_replica"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv)
elif __name__ == "__mp_main__":
    _as_module()._become_cell(globals())
