"""What runtimes, schedulers and programs say, in fewer words."""

from __future__ import annotations

import re

_LONGEST = 200
_CHAIN = re.compile(
    r".*(?:unable to start container process|container process caused): (?:error during container init: )?"
)
_MOUNT = re.compile(r'error mounting ".*?([^/"]+)" to rootfs at "([^"]*)".*: ([^:]+)$')
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Interrupt|Exit)(?:: .*)?", re.ASCII)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def counted(count: int, one: str, many: str) -> str:
    """``1 has``, ``3 have``."""
    return f"{count} {one if count == 1 else many}"


def start_error(message: str) -> str:
    """``exec: "python": executable file not found in $PATH``: a runtime's words without those of its layers."""
    plain = _CHAIN.sub("", " ".join(message.split()), count=1).removesuffix(": unknown")
    mount = _MOUNT.fullmatch(plain)
    plain = f"the volume {mount[1]} cannot be mounted at {mount[2]}: {mount[3]}" if mount else plain
    return shortened(plain)


def last_words(log: str) -> str:
    """The line of the end of a log that says why: the last that is an error, else the last with any word in it."""
    lines = [line.strip() for line in log.splitlines()]
    errors = [line for line in lines if _ERROR.fullmatch(line)]
    if errors:
        return shortened(errors[-1])
    spoken = [line for line in lines if any(each.isalnum() for each in line)]
    return f'its last line was "{shortened(spoken[-1])}"' if spoken else ""
