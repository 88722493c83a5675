"""Runs a notebook in a kernel, as JupyterLab would, and says on the terminal what happens while it happens.

A cell that is meant to fail has the tag ``raises-exception`` and, in its metadata, ``expect``: words that its error
must contain. A cell that should fail and does not, or in other words, is as wrong as one that fails unexpectedly.
"""

import re
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Wrong(Exception):
    """A notebook did not do what it promises; the message is for people."""


class Spoken(NotebookClient):
    """Executes a notebook and prints each cell's first line, and its output as it comes."""

    def process_message(self, message: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print what the cell shows, then do what nbclient does with it."""
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                show(content["text"])
            case "execute_result" | "display_data" if not content.get("transient"):  # what has an id changes in place
                show(content["data"].get("text/plain", ""))
            case "error":
                show("\n".join(content["traceback"]))
        return super().process_message(message, cell, cell_index)


def show(text: str) -> None:
    """Indented, without colours."""
    for line in ESCAPES.sub("", text).splitlines():
        print(f"      {line}", flush=True)


def execute(notebook: Path, *, kernel: str, directory: Path) -> Any:
    """Run all cells, working in ``directory``; the executed notebook. Wrong when a cell breaks its promise."""
    book = nbformat.read(notebook, as_version=4)
    print(f"\n━━ {notebook.name} ━━", flush=True)
    client = Spoken(
        book,
        kernel_name=kernel,
        timeout=180,
        resources={"metadata": {"path": str(directory)}},
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else the kernel warns that it is not
    )
    client.on_cell_execute = announce
    begin = time.monotonic()
    try:
        client.execute()
    except CellExecutionError as error:
        raise Wrong(f"{notebook.name}: a cell failed that must not: {error.ename}: {error.evalue}") from None
    for cell in book.cells:
        check(notebook.name, cell)
    print(f"   all cells did what they promise, {time.monotonic() - begin:.1f} s", flush=True)
    return book


def announce(cell: Any, cell_index: int) -> None:
    """The cell's number and first line, or its magics."""
    if cell.cell_type == "code":
        first, *rest = cell.source.splitlines()
        magics = [first, *(line for line in rest[:4] if line.startswith("%"))]
        print(f"   [{cell_index}] {'  '.join(magics)}", flush=True)


def check(name: str, cell: Any) -> None:
    """A cell that must fail has failed, and says what it must."""
    expected = cell.metadata.get("expect", [])
    if not expected:
        return
    said = "".join(
        line for out in cell.outputs if out.output_type == "error" for line in ("\n".join(out.traceback), out.evalue)
    )
    said = ESCAPES.sub("", said)
    missing = [words for words in expected if words not in said]
    if missing:
        raise Wrong(
            f"{name}: a cell must fail and say {missing}, it said: {said or 'nothing, it succeeded'}\n{cell.source}"
        )


def output(cell: Any) -> str:
    """All text that a cell has shown."""
    parts = []
    for out in cell.outputs:
        match out.output_type:
            case "stream":
                parts.append(out.text)
            case "execute_result" | "display_data":
                parts.append(out.data.get("text/plain", ""))
    return ESCAPES.sub("", "\n".join(parts))
