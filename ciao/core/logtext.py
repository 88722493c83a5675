"""What a replica wrote, made fit to be shown beside the lines of others.

The log on disk keeps the bytes as they came. Here, for display only: the replica's name in front, what a
terminal would finally show of a line with carriage returns, the frames of tracebacks in the user's own
words (``Cell In [3], line 14``), and nothing that could move the reader's cursor or hide text.

``show`` is the hot path (a flood of plain ASCII lines costs two scans of the chunk, nothing per line);
``clean_line`` is the whole truth for one line, and ``show`` never differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciao.core.measures import iso_time
from ciao.core.model import Origin, Replica
from ciao.core.ports import LogGap

NAMES_FILE = "ciao_names.py"
RANK = re.compile(rb"\x1e(\d{1,6})\x1e")  # begins each line that a process of torchrun wrote: its local rank

_RESET = "\x1b[0m"
_PLAIN_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n") + b"\x7f"
_SGR = r"(?:\x1b\[[0-9;:]*m)*"  # Python >= 3.13 colours its tracebacks when told to
_FRAME = re.compile(
    rf'File {_SGR}"(?:(?P<path>[^"\n]*)/)?(?P<file>cell|ciao_names)\.py"{_SGR},'
    rf" line {_SGR}(?P<line>\d+){_SGR}(?P<function>, in .+)?"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_HOMES = ("source", "ciao")  # the directories that targets put the cell into; a library's own cell.py is not ours
_TOKEN = re.compile(
    r"(?P<sgr>\x1b\[[0-9;:]*m)|(?P<erase>\x1b\[[012]?K)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences: the cursor's moves
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links, the clipboard
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<move>[\r\x08])|(?P<text>[^\x1b\r\x08]+)"
)
_HARMLESS = {
    **{code: 0x2400 + code for code in range(32) if code != 9},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    **dict.fromkeys((0x2028, 0x2029), 0x2424),
}
_HARMLESS_COLOURED = {code: to for code, to in _HARMLESS.items() if code != 0x1B}


def clean_line(raw: bytes, label: str, origins: Sequence[Origin] = ()) -> str:
    """One line (without its newline) as people should see it; ``label`` names the cell (``Cell In [3]``).

    Total: any bytes give a text of one line. Colours are kept and closed at the line's end.
    """
    text = raw.decode("utf-8", "replace")
    if not text.isprintable():
        text = _settled(text.rstrip("\r"))
    if ".py" in text:
        text = _FRAME.sub(lambda match: _frame(match, label, origins), text)
    return text


def show(replica: Replica, chunk: bytes, label: str, origins: Sequence[Origin] = ()) -> str:
    """A chunk of whole lines (the last may lack its newline) with prefixes, every line ended by a newline."""
    if not chunk:
        return ""
    if not chunk.endswith(b"\n"):
        chunk += b"\n"
    plain = chunk.isascii() and len(chunk.translate(None, _PLAIN_CONTROLS)) == len(chunk)
    if plain and b'File "' not in chunk:
        head = f"[{replica}] "
        return head + chunk[:-1].decode("ascii").replace("\n", "\n" + head) + "\n"
    return "".join([one_line(replica, raw, label, origins) for raw in chunk[:-1].split(b"\n")])


def one_line(replica: Replica, raw: bytes, label: str, origins: Sequence[Origin] = ()) -> str:
    """One line with its prefix and a newline."""
    head, rest = prefix(replica, raw)
    return f"{head}{clean_line(rest, label, origins)}\n"


def prefix(replica: Replica, raw: bytes) -> tuple[str, bytes]:
    """What stands before a line, and the line without the mark of its local rank (``%nproc``)."""
    mark = RANK.match(raw)
    if mark is None:
        return f"[{replica}] ", raw
    return f"[{replica}:{int(mark[1])}] ", raw[mark.end() :]


def gap_line(replica: Replica, gap: LogGap) -> str:
    """The line that stands where lines may be missing, with a newline."""
    return f"[{replica}] -- {missing(gap.after, gap.before)} --\n"


def missing(after: float | None, before: float | None) -> str:
    """What is said of a gap in a log; times in seconds since the epoch, None where there is no line on that side."""
    if after is not None and before is not None:
        return f"lines may be missing here, between {iso_time(after)} and {iso_time(before)}"
    if after is not None:
        return f"lines may be missing here, after {iso_time(after)}"
    return "lines may be missing here" + ("" if before is None else f", before {iso_time(before)}")


def _frame(match: re.Match[str], label: str, origins: Sequence[Origin]) -> str:
    path, file, line = match["path"], match["file"] + ".py", int(match["line"])
    if path and path.rpartition("/")[2] not in _HOMES:
        return match[0]
    if file == NAMES_FILE:
        origin = next((each for each in origins if each.first <= line <= each.last), None)
        if origin is None:
            return match[0]
        label, line = origin.label, origin.line + line - origin.first
    function = match["function"] or ""
    if label.endswith(".py"):
        return f'File "{label}", line {line}{function}'
    return f"{label}, line {line}{'' if '<module>' in function else function}"


def _settled(text: str) -> str:
    """The line as a terminal leaves it: what was overwritten is gone, colours stay, nothing else acts."""
    if not ("\r" in text or "\x08" in text) and "\x1b" not in _COLOUR.sub("", text):
        return _closed(text.translate(_HARMLESS_COLOURED))
    cells: list[tuple[str, str]] = []  # character and the colour it was written in
    at, colour = 0, ""
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "text":
                written = token[0].translate(_HARMLESS)
                cells[at : at + len(written)] = [(each, colour) for each in written]
                at += len(written)
            case "move":
                at = 0 if token[0] == "\r" else max(0, at - 1)
            case "sgr":
                colour = _mixed(colour, token[0])
            case "erase":
                cells = _erased(cells, at, token[0][2:-1])
            case _:
                pass
    return _coloured(cells)


def _closed(text: str) -> str:
    """A colour left open would run on into the lines of other replicas."""
    last = text.rfind("\x1b")
    return text if last < 0 or text.startswith(("\x1b[m", _RESET), last) else text + _RESET


def _mixed(colour: str, sgr: str) -> str:
    """Attributes add up until a reset; a line that never resets must not cost a square of memory."""
    if sgr in ("\x1b[m", _RESET):
        return ""
    return colour + sgr if len(colour) < 100 else sgr


def _erased(cells: list[tuple[str, str]], at: int, how: str) -> list[tuple[str, str]]:
    """EL of ECMA-48: to the end of the line (0), to its beginning (1), all of it (2)."""
    blank = [(" ", "")] * min(at, len(cells))
    if how == "1":
        return blank + cells[at:]
    return blank if how == "2" else cells[:at]


def _coloured(cells: list[tuple[str, str]]) -> str:
    out: list[str] = []
    current = ""
    for character, colour in cells:
        if colour != current:
            if current:
                out.append(_RESET)
            out.append(colour)
            current = colour
        out.append(character)
    if current:
        out.append(_RESET)
    return "".join(out)
