"""A command line (``%logs mnist worker-1 --tail 20``) -> its Request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import frozen

from ciao.core import values
from ciao.core.errors import MagicError, Place
from ciao.core.grammar import Command, Value, Word
from ciao.core.magics import COMMANDS, Vocabulary
from ciao.core.magics import command as find_command
from ciao.core.magics.commands import Command as Known
from ciao.core.model import Replica
from ciao.core.requests import Attach, Config, Describe, Doctor, Help, Jobs, Logs, Request, Rerun, StopJob
from ciao.core.settings import TARGET
from ciao.core.words import did_you_mean, listed


@frozen
class _Arguments:
    """A command's words, sorted out; an option without a value has itself as its word."""

    words: Sequence[Word]
    options: Mapping[str, Word]


def command_request(line: Command, vocabulary: Vocabulary) -> Request:
    """What the line asks for; MagicError or SettingsError for what it cannot mean."""
    known = find_command(line.name)
    if known is None:
        hint = did_you_mean(line.name, (each.name for each in COMMANDS), "%ciao ") or "%ciao help lists them all."
        raise MagicError(f"There is no command {line.name!r}.", line.place, hint)
    if known.name == "config":
        return _config(line, vocabulary)
    if known.name == "help":
        return _help(line, known, vocabulary)
    given = _sorted_out(line, known)
    if len(given.words) > len(known.arguments):
        extra = given.words[len(known.arguments)]
        raise MagicError(f"{extra.text!r} is one word too many.", extra.place, known.usage)
    if len(given.words) < sum(not each.startswith("[") for each in known.arguments):
        raise MagicError(f"%{known.name} needs the name of a job.", line.place, f"{known.usage}   (%jobs lists them)")
    return _request(known.name, given, vocabulary)


def _request(name: str, given: _Arguments, vocabulary: Vocabulary) -> Request:
    target = _target(given, vocabulary)
    if name == "jobs":
        return Jobs(target=target, all="all" in given.options)
    if name == "doctor":
        return Doctor()
    job = given.words[0].text if given.words else "last"
    if name == "logs":
        return _logs(job, target, given)
    if name == "stop":
        return StopJob(name=job, target=target, force="force" in given.options)
    if name == "attach":
        return Attach(name=job, target=target)
    return Describe(name=job, target=target) if name == "describe" else Rerun(name=job, target=target)


def _sorted_out(line: Command, known: Known) -> _Arguments:
    """Which words are arguments, which options (``--tail 5``, ``--tail=5``) and their values."""
    options = {each.name: each for each in known.options}
    words: list[Word] = []
    found: dict[str, Word] = {}
    waiting = list(line.words)
    while waiting:
        word = waiting.pop(0)
        if not word.text.startswith("--"):
            words.append(word)
            continue
        name, equals, value = word.text[2:].partition("=")
        option = options.get(name.lower())
        if option is None:
            hint = did_you_mean(name, options, "--") or known.usage
            raise MagicError(f"%{known.name} has no option --{name}.", word.place, hint)
        if not option.syntax and equals:
            raise MagicError(f"--{option.name} takes no value.", word.place, known.usage)
        if option.syntax and not equals and not waiting:
            raise MagicError(f"--{option.name} needs a value.", word.place, known.usage)
        if option.syntax:
            word = Word(value, word.place) if equals else waiting.pop(0)
        found[option.name] = word
    return _Arguments(words, found)


def _target(given: _Arguments, vocabulary: Vocabulary) -> str | None:
    word = given.options.get("target")
    if word is None:
        return None
    return _known_target(word.text, word.place, vocabulary)


def _known_target(name: str, place: Place, vocabulary: Vocabulary) -> str:
    if name not in vocabulary.targets:
        hint = f"This Ciao has {listed(vocabulary.targets)}."
        raise MagicError(f"There is no target {name!r}.", place, hint)
    return name


def _logs(job: str, target: str | None, given: _Arguments) -> Logs:
    tail, since, grep = (given.options.get(name) for name in ("tail", "since", "grep"))
    try:
        replica = Replica.parse(given.words[1].text) if len(given.words) > 1 else None
    except ValueError as error:
        raise MagicError(f"{error}.", given.words[1].place) from None
    if grep is not None:
        _check_pattern(grep)
    return Logs(
        name=job,
        target=target,
        replica=replica,
        tail=_number(tail) if tail else None,
        since=_seconds(since) if since else None,
        grep=grep.text if grep else None,
        follow="follow" in given.options,
        timestamps="timestamps" in given.options,
    )


def _check_pattern(word: Word) -> None:
    try:
        re.compile(word.text)
    except (re.error, RecursionError, OverflowError) as error:
        raise MagicError(f"{word.text!r} is not a regular expression: {error}.", word.place) from None


def _number(word: Word) -> int:
    try:
        return values.positive(Value(word.text))
    except ValueError as error:
        raise MagicError(f"--tail: {error}.", word.place) from None


def _seconds(word: Word) -> float:
    try:
        return values.duration(Value(word.text))
    except ValueError as error:
        raise MagicError(f"--since: {error}.", word.place) from None


def _config(line: Command, vocabulary: Vocabulary) -> Config:
    """``config``, ``config KEY``, ``config KEY=VALUE``, ``config KEY VALUE``, with ``show``, ``get``, ``set``."""
    words = line.words[1:] if line.words and line.words[0].text.lower() in ("show", "get", "set") else line.words
    if not words:
        return Config()
    first, *rest = words
    name, equals, value = " ".join(word.text for word in words).partition("=")
    if not equals:
        name, value = first.text, " ".join(word.text for word in rest)
    setting = vocabulary.settings.setting(name.strip(), first.place)
    if not equals and not rest:
        return Config(key=setting.key)
    vocabulary.settings.assign(setting.key, value.strip(), first.place)
    if setting.key == TARGET.key:
        _known_target(value.strip(), first.place, vocabulary)
    return Config(key=setting.key, value=value.strip())


def _help(line: Command, known: Known, vocabulary: Vocabulary) -> Help:
    if not line.words:
        return Help()
    word = line.words[0]
    topic = word.text.lstrip("%")
    magic = vocabulary.find(topic)
    topics = (*vocabulary.names(), "kubeflow")
    if magic is None and topic.lower() not in topics:
        raise MagicError(f"There is no magic {topic!r}.", word.place, did_you_mean(topic, topics) or known.usage)
    return Help(magic.name if magic else topic.lower())
