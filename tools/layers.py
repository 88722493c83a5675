"""``python tools/layers.py``: draws docs/images/layers.svg, the layers of an image and what is sent of each.

The numbers are those of bench/RESULTS.md (``make bench-images ARGS=--write``), so draw it again after measuring. It has
a ground of its own, light or dark as the reader's system is: what surrounds it does not matter.
"""

import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "RESULTS.md"
PICTURE = ROOT / "docs" / "images" / "layers.svg"

STATES = ("first push", "code changed", "nothing changed")
_ROW = re.compile(r"^\| sent with 50 MB of data: (.+?) *\| (\d+) requests *\|.*?\| ([\d,]+) bytes", re.MULTILINE)

LEFT, TOP, GAP = 24, 54, 8
STACK, COLUMN, BETWEEN = 272, 212, 12
SHEET, EDGE = 52, 11
STYLE = """
    .ground { fill: #ffffff; stroke: #d0d7de }
    .layer { fill: #1f3a5f } .base { fill: #4d6a8f } .maybe { fill: none; stroke: #1f3a5f; stroke-dasharray: 5 4 }
    .on { fill: #ffffff } .faint { fill: #d3deea } .out { fill: #1f3a5f } .small { font-size: 12px }
    .sent { fill: #ffe0b3 } .mounted { fill: #c9ece7 } .idle { fill: #eef1f4 }
    .text { fill: #1c2733 } .dim { fill: #57606a } .bold { font-weight: 600 }
    text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
    @media (prefers-color-scheme: dark) {
        .ground { fill: #0d1117; stroke: #30363d }
        .layer { fill: #2f5f9a } .base { fill: #3d5068 } .maybe { stroke: #7fa6d6 } .out { fill: #b6cfee }
        .sent { fill: #6b4a17 } .mounted { fill: #1d5b54 } .idle { fill: #21262d }
        .text { fill: #e6edf3 } .dim { fill: #9da7b3 }
    }
"""


@dataclass(frozen=True)
class Cell:
    """What happens to a layer; ``kind`` is its colour: sent, mounted, idle."""

    kind: str
    first: str
    second: str = ""


@dataclass(frozen=True)
class Layer:
    """``states``: a cell for each of STATES. ``look``: layer, base, maybe; ``more``: how many lie below it."""

    name: str
    note: str
    states: tuple[Cell, Cell, Cell]
    look: str = "layer"
    more: int = 0


_LAST = Cell("sent", "sent, the manifest last:", "then the image exists")
_FOUND = Cell("idle", "asked for by its tag:", "it is there")
_PACKED = Cell("sent", "packed and sent")
_KNOWN = Cell("idle", "known by size and time:", "neither read nor sent")
_THERE = Cell("idle", "there already")
LAYERS = (
    Layer("manifest and config", "name the layers", (_LAST, _LAST, _FOUND)),
    Layer("code", "the cell, its runner, %include", (_PACKED, _PACKED, Cell("idle", "hashed: the same"))),
    Layer("data", "%file, from 1 MB on", (_PACKED, _KNOWN, _KNOWN)),
    Layer(
        "packages", "%pip, if there is any",
        (Cell("mounted", "made once for each set,", "where pip can run"), _THERE, _THERE), "maybe",
    ),
    Layer(
        "base image", "%image, of any size",
        (Cell("mounted", "mounted in the registry:", "nothing is copied"), _THERE, _THERE), "base", 2,
    ),
)  # fmt: skip


def main() -> int:
    """Write the picture; 1 when the numbers are missing."""
    found = measured(RESULTS.read_text(encoding="utf-8"))
    lacking = [each for each in STATES if each not in found]
    if lacking:
        sys.stderr.write(f"{RESULTS.name} says nothing of {', '.join(lacking)}: make bench-images ARGS=--write\n")
        return 1
    PICTURE.write_text(drawn([found[each] for each in STATES]), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))
    return 0


def measured(text: str) -> dict[str, str]:
    """``12 requests, 35.9 MB`` for each state."""
    return {name: f"{count} requests, {amount(int(size.replace(',', '')))}" for name, count, size in _ROW.findall(text)}


def amount(count: int) -> str:
    """Bytes with the unit that fits."""
    if count >= 1_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1_000 else f"{count} bytes"


def drawn(totals: list[str]) -> str:
    """The picture."""
    parts = [text(column(at) + 10, TOP - 18, name, "text bold") for at, name in enumerate(STATES)]
    parts.append(text(LEFT, TOP - 18, "layers, from the top", "text bold"))
    y = TOP
    for layer in LAYERS:
        parts += row(layer, y)
        y += height(layer) + GAP
    parts.append(text(LEFT, y + 22, "sent to the registry", "text bold"))
    parts.append(text(LEFT, y + 40, "a cell of 2 KB, 50 MB of data", "dim small"))
    parts += [text(column(at) + 10, y + 22, each, "text bold") for at, each in enumerate(totals)]
    width, depth = column(len(STATES)) - BETWEEN + LEFT, y + 60
    ground = f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{depth - 1}" rx="10"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {depth}" width="{width}" height="{depth}"'
    said = "The layers of a job's image, and what is sent of each: " + "; ".join(
        f"{name}: {total}" for name, total in zip(STATES, totals, strict=True)
    )
    lines = [
        f'{head} role="img">',
        f"<title>{escape(said)}</title>",
        f"<style>{STYLE}</style>",
        ground,
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def row(layer: Layer, y: int) -> list[str]:
    """A layer, and beside it what happens to it."""
    name, note = ("out", "out") if layer.look == "maybe" else ("on", "faint")
    parts = [box(layer.look, LEFT, y, STACK, SHEET)]
    parts += [box(layer.look, LEFT, y + SHEET + 3 + at * EDGE, STACK, EDGE - 3) for at in range(layer.more)]
    parts.append(text(LEFT + 14, y + 23, layer.name, f"{name} bold"))
    parts.append(text(LEFT + 14, y + 41, layer.note, f"{note} small"))
    middle = y + height(layer) // 2
    for at, cell in enumerate(layer.states):
        parts.append(box(cell.kind, column(at), y, COLUMN, height(layer)))
        lines = [each for each in (cell.first, cell.second) if each]
        first = middle + (5 if len(lines) == 1 else -4)
        parts += [text(column(at) + 10, first + 18 * number, each, "text") for number, each in enumerate(lines)]
    return parts


def height(layer: Layer) -> int:
    """Of those below only the edge is seen."""
    return SHEET + layer.more * EDGE


def column(at: int) -> int:
    """Where a state's column begins."""
    return LEFT + STACK + BETWEEN + at * (COLUMN + BETWEEN)


def box(kind: str, x: int, y: int, width: int, depth: int) -> str:
    """A rectangle of a kind."""
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{depth}" rx="5"/>'


def text(x: int, y: int, words: str, kind: str) -> str:
    """One line; ``y`` is where letters stand."""
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'


if __name__ == "__main__":
    sys.exit(main())
