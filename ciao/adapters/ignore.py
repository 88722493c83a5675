"""Which files the user's ``.gitignore`` and ``.dockerignore`` leave out.

Both are decided while a tree is walked, directory by directory, as git itself does it; a matcher of
whole paths gets the idiom ``*``, ``!*/``, ``!*.py`` wrong. Sources: gitignore(5); moby's ``patternmatcher``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from attrs import evolve, frozen

ALWAYS = (".git", ".hg", ".svn")


@frozen
class Rule:
    """One line. ``pattern`` matches a whole path relative to the ignore file's directory."""

    pattern: re.Pattern[str]
    keep: bool
    directories: bool


@frozen
class Ignores:
    """The ignore files in force in one directory: ``git``, outermost first, each with its directory.

    ``blind``: none is, here and below.
    """

    git: tuple[tuple[Path, tuple[Rule, ...]], ...] = ()
    docker: tuple[Rule, ...] = ()
    docker_base: Path = Path()
    blind: bool = False

    @classmethod
    def above(cls, directory: Path) -> Ignores:
        """Of ``directory`` (absolute): its ``.dockerignore``, and every ``.gitignore`` above it in its repository."""
        chain = [directory, *directory.parents]
        top = next((place for place, each in enumerate(chain) if (each / ".git").exists()), 0)
        found = cls(docker=_docker_rules(_lines(directory / ".dockerignore")), docker_base=directory)
        for each in reversed(chain[1 : top + 1]):
            found = found.inside(each)
        return found

    def inside(self, directory: Path) -> Ignores:
        """With that directory's own ``.gitignore``, which has the last word."""
        rules = tuple(filter(None, map(_git_rule, _lines(directory / ".gitignore")))) if not self.blind else ()
        return evolve(self, git=(*self.git, (directory, rules))) if rules else self

    def drop(self, path: Path, *, directory: bool) -> bool:
        """Leave it out; of a directory, with all below it. Asked only of what lies in a directory that is not."""
        return path.name in ALWAYS or self._by_git(path, directory) or self._by_docker(path, directory)

    def _by_git(self, path: Path, directory: bool) -> bool:
        for base, rules in reversed(self.git):
            relative = path.relative_to(base).as_posix()
            for rule in reversed(rules):
                if (directory or not rule.directories) and rule.pattern.fullmatch(relative):
                    return not rule.keep
        return False

    def _by_docker(self, path: Path, directory: bool) -> bool:
        if not self.docker or (directory and any(rule.keep for rule in self.docker)):
            return False  # or something below may be kept
        parts = path.relative_to(self.docker_base).parts
        paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        dropped = False
        for rule in self.docker:
            if any(rule.pattern.fullmatch(each) for each in paths):
                dropped = not rule.keep
        return dropped


EVERYTHING = Ignores(blind=True)


def translate(pattern: str) -> str:
    r"""A pattern (``*``, ``?``, ``[…]``, ``**``, ``\x``) as a regular expression for a path with ``/``."""
    out, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern[at:] == "**" and (at == 0 or pattern[at - 1] == "/"):
            out, at = out + ".+", at + 2
        elif character == "*":
            out, at = out + "[^/]*", at + 1
        elif character == "?":
            out, at = out + "[^/]", at + 1
        elif character == "[":
            text, at = _set(pattern, at)
            out += text
        else:
            at += character == "\\" and at + 1 < len(pattern)
            out, at = out + re.escape(pattern[at]), at + 1
    return out


def _set(pattern: str, start: int) -> tuple[str, int]:
    """``[a-z]``, ``[!a-z]`` at ``start``, and where it ends; without an end it is a bracket like any other."""
    inverted = pattern[start + 1 : start + 2] in ("!", "^")
    first = start + 1 + inverted
    end = pattern.find("]", first + 1)
    if end < 0:
        return r"\[", start + 1
    inside = re.sub(r"([\\\[&~|^\]])", r"\\\1", pattern[first:end])
    text = f"(?!/)[{'^' if inverted else ''}{inside}]"
    try:
        re.compile(text)
    except re.error:
        text = "(?!)"  # a range that goes backwards holds nothing
    return text, end + 1


def _git_rule(line: str) -> Rule | None:
    text = re.sub(r"(?<!\\)[ \t]+$", "", line)
    if not text or text.startswith("#"):
        return None
    keep = text.startswith("!")
    text = text.removeprefix("!")
    directories = text.endswith("/")
    text = text.removesuffix("/")
    anchored = "/" in text
    if not text:
        return None
    body = translate(text.removeprefix("/"))
    return Rule(re.compile(body if anchored else f"(?:.*/)?{body}", re.DOTALL), keep, directories)


def _docker_rules(lines: Iterable[str]) -> tuple[Rule, ...]:
    found = []
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            keep = text.startswith("!")
            text = text.removeprefix("!").strip().removeprefix("./").strip("/")
            found.append(Rule(re.compile(translate(text), re.DOTALL), keep, directories=False))
    return tuple(found)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "surrogateescape").removeprefix("\ufeff").splitlines()
    except OSError:
        return []
