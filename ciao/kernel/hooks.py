"""Tab, Shift-Tab and Enter for Ciao's magics, in any ipykernel.

Completion is a matcher of IPython's completer. For inspection and is-it-complete IPython has no such place: the
kernel object's own methods are wrapped, and given back by ``uninstall``. Cells without a magic line pass untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ciao.core.magics import Vocabulary

T = TypeVar("T")

_WRAPPED = ("do_inspect", "do_is_complete")


class Hooks:
    """``vocabulary`` opens the session when it must; asked only for text that has a magic line. So with ``jobs``,
    the names of known jobs.
    """

    def __init__(self, ip: Any, vocabulary: Callable[[], Vocabulary], jobs: Callable[[], Iterable[str]]) -> None:
        self._ip, self._vocabulary, self._jobs = ip, vocabulary, jobs
        self._kernel = getattr(ip, "kernel", None)
        self._matcher = _as_matcher(self._match)

    def install(self) -> None:
        """Hook in."""
        self._ip.Completer.custom_matchers.append(self._matcher)
        if self._kernel is not None:
            self._do_inspect, self._do_is_complete = self._kernel.do_inspect, self._kernel.do_is_complete
            self._kernel.do_inspect, self._kernel.do_is_complete = self.inspect, self.is_complete

    def uninstall(self) -> None:
        """Leave no trace."""
        self._ip.Completer.custom_matchers.remove(self._matcher)
        for name in _WRAPPED if self._kernel is not None else ():
            vars(self._kernel).pop(name, None)

    # -- what the hooks answer ---------------------------------------------------------------------

    def inspect(self, code: str, cursor_pos: int, *args: Any, **kwargs: Any) -> Any:
        """``inspect_request`` of the Jupyter protocol: help on the magic under the cursor, or IPython's answer."""
        text = self._asked(code, lambda: _help_at(code, cursor_pos, self._vocabulary()))
        if text is None:
            return self._do_inspect(code, cursor_pos, *args, **kwargs)
        return {"status": "ok", "found": True, "data": {"text/plain": text}, "metadata": {}}

    def is_complete(self, code: str) -> Any:
        """``is_complete_request``: a console's Enter in a cell of Ciao's, or IPython's answer."""
        found = self._asked(code, lambda: _is_complete(code, self._vocabulary()))
        if found is None:
            return self._do_is_complete(code)
        status, indent = found
        return {"status": status, "indent": indent} if status == "incomplete" else {"status": status}

    def _match(self, context: Any) -> dict[str, Any]:
        from IPython.core.completer import SimpleCompletion

        text = context.full_text
        before = text.split("\n")[: context.cursor_line]
        cursor = sum(len(line) + 1 for line in before) + context.cursor_position
        found = self._asked(text, lambda: _complete(text, cursor, self._vocabulary(), self._jobs))
        if found is None:
            return {"completions": []}
        matches = [SimpleCompletion(each.text, type=each.kind) for each in found.matches]
        fragment = text[found.start : cursor]
        answer = {"completions": matches, "matched_fragment": fragment, "suppress": True, "ordered": True}
        if text[: found.start].rpartition("\n")[2] == "%" and not _is_job(text):  # %time is as likely as %timeout
            answer["do_not_suppress"] = {"IPCompleter.magic_matcher"}
        return answer

    @staticmethod
    def _asked(code: str, answer: Callable[[], T | None]) -> T | None:
        if not code.startswith("%") and "\n%" not in code:
            return None
        from ciao.core.errors import CiaoError

        try:
            return answer()
        except CiaoError:  # wrong settings, say: the next cell will tell
            return None


def _as_matcher(match: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """A function with the attributes of IPython's ``context_matcher``, whose import would cost the kernel's start."""

    def ciao_matcher(context: Any) -> dict[str, Any]:
        return match(context)

    vars(ciao_matcher).update(matcher_api_version=2, matcher_identifier="ciao", matcher_priority=100)
    return ciao_matcher


def _is_job(code: str) -> bool:
    from ciao.core.recognize import is_job_cell

    return is_job_cell(code)


def _help_at(code: str, cursor: int, vocabulary: Vocabulary) -> str | None:
    from ciao.core.completion import help_at

    return help_at(code, cursor, vocabulary)


def _is_complete(code: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    from ciao.core.completion import is_complete

    return is_complete(code, vocabulary)


def _complete(code: str, cursor: int, vocabulary: Vocabulary, jobs: Callable[[], Iterable[str]]) -> Any:
    from ciao.core.completion import complete

    return complete(code, cursor, vocabulary, jobs)
