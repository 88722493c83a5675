"""The files that everybody makes an image of: a cell of 2 KB, and data. No content ever comes twice."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

_CELL = 2048  # bytes
_LINE = b"print('step', loss)\n"
_ROW = b"%d,%d,%d\n"


@dataclass(frozen=True)
class Project:
    """``data`` is empty, or the name of a directory beside ``cell.py``."""

    folder: Path
    data: str = ""

    @property
    def cell(self) -> str:
        """The cell's text."""
        return (self.folder / "cell.py").read_text(encoding="ascii")

    def change_cell(self) -> None:
        """Another one, of the same size."""
        text = f"run = '{secrets.token_hex(8)}'\n".encode()
        (self.folder / "cell.py").write_bytes((text + _LINE * (_CELL // len(_LINE)))[:_CELL].rstrip() + b"\n")

    def change_data(self) -> None:
        """A few bytes of each file."""
        for path in sorted((self.folder / self.data).iterdir()):
            with path.open("r+b") as file:
                file.write(secrets.token_hex(8).encode())

    def dockerfile(self, base: str) -> None:
        """The best one for docker and buildah: what changes most often comes last."""
        data = [f"COPY {self.data} {self.data}"] if self.data else []
        lines = [f"FROM {base}", "WORKDIR /ciao", 'CMD ["python3", "-u", "/ciao/cell.py"]', *data, "COPY cell.py ."]
        (self.folder / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="ascii")


def without_data(folder: Path) -> Project:
    """A cell and nothing else."""
    folder.mkdir()
    made = Project(folder)
    made.change_cell()
    return made


def with_data(folder: Path) -> Project:
    """50 MiB: one half cannot be compressed, the other is a table."""
    made = Project(without_data(folder).folder, "data")
    (folder / "data").mkdir()
    half = 25 << 20
    (folder / "data" / "weights.bin").write_bytes(os.urandom(half))
    rows = b"".join(_ROW % (at, at * at % 977, at % 13) for at in range(half // 12))
    (folder / "data" / "table.csv").write_bytes(rows[:half])
    return made


def with_much(folder: Path, size: int, random: int) -> Project:
    """``size`` bytes in four files, of which ``random`` cannot be compressed; the rest are holes."""
    made = Project(without_data(folder).folder, "data")
    (folder / "data").mkdir()
    for number in range(4):
        with (folder / "data" / f"part-{number}.bin").open("wb") as file:
            for _ in range(random // 4 >> 20):
                file.write(os.urandom(1 << 20))
            file.truncate(size // 4)
    return made
