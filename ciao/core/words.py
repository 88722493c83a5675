"""The nearest valid word, for every message about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def key(name: str) -> str:
    """How names are compared: ``cleanPolicy``, ``clean_policy`` and ``clean-policy`` are one."""
    return name.lower().replace("_", "").replace("-", "")


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant, or None; ``cutoff`` 1.0 asks for the word itself."""
    import difflib  # only when something is wrong

    by_key = {key(each): each for each in known}
    found = difflib.get_close_matches(key(word), by_key, n=1, cutoff=cutoff)
    return by_key[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """``Did you mean %worker?`` or nothing."""
    found = nearest(word, known)
    return f"Did you mean {prefix}{found}?" if found else ""


def listed(words: Iterable[str], conjunction: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = tuple(words) or ("",)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def sentence(text: str) -> str:
    """The text with its full stop, unless it ends otherwise."""
    return text if text.endswith((".", "?", "!")) else f"{text}."
