"""The table of the results, and bench/RESULTS.md, where each suite has a section that the others leave alone."""

from __future__ import annotations

import re
from pathlib import Path

from bench.measure import Row

LOCAL, CLUSTER, IMAGES = "On this machine", "On a cluster", "Source to image"
_SECTIONS = (LOCAL, CLUSTER, IMAGES)
_COLUMNS = ("what", "Ciao", "beside", "result", "goal", "verdict")


def table(rows: list[Row]) -> list[str]:
    """A Markdown table, padded so that it also reads well in a terminal."""
    cells = [_COLUMNS, *((row.what, row.ours, row.theirs, row.result, row.goal, row.verdict) for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_COLUMNS))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def write(file: Path, title: str, body: list[str]) -> None:
    """Put a section in the place of the former one of that title."""
    sections = _sections(file.read_text(encoding="utf-8")) if file.exists() else {}
    sections[title] = "\n".join(body)
    ordered = sorted(sections, key=_SECTIONS.index)
    parts = ["# Numbers", *(f"## {name}\n\n{sections[name].strip()}" for name in ordered)]
    file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    pieces = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {name: body for name, body in zip(pieces[1::2], pieces[2::2], strict=True) if name in _SECTIONS}
