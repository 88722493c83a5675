"""``make demo``: runs the examples with the Ciao kernel, checks what they claim, leaves pages to look at.

Everything that is written goes to build/demo, the jobs' logs too. The exit code is 0 only if the network that three
processes trained together reads more than nine of ten digits, its losses are those of one process, and every failure
of the failure notebook says what it should.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from notebooks import Wrong, execute, output

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
NOTEBOOKS = ("01-pytorch-ddp", "02-tensorflow-env", "03-failure")
LOSS = re.compile(r"epoch (\d+)  loss ([\d.]+)  alone ([\d.]+)")
ACCURACY = re.compile(r"accuracy ([\d.]+)%")


def main() -> int:
    """Run everything, or what is named; 0 when all of it is right."""
    parser = argparse.ArgumentParser(description="Run Ciao's examples and check what they claim.")
    parser.add_argument("--kernel", default="ciao")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "demo")
    chosen = parser.parse_args()
    shutil.rmtree(chosen.into, ignore_errors=True)
    chosen.into.mkdir(parents=True)
    os.environ["CIAO_STORE_PATH"] = str(chosen.into / "jobs")
    begin = time.monotonic()
    try:
        findings = run_all(chosen.kernel, chosen.into)
    except Wrong as error:
        print(f"\n✗ {error}", file=sys.stderr)
        return 1
    print(f"\n✓ all of it is right, {time.monotonic() - begin:.0f} s:")
    for finding in findings:
        print(f"  - {finding}")
    print("\nLook at it, or run it yourself (make lab):")
    for page in sorted(chosen.into.glob("*.html")):
        print(f"  {page}\n  {page.with_suffix('.ipynb')}")
    return 0


def run_all(kernel: str, folder: Path) -> list[str]:
    """The notebooks and the script, one after another; what was found, as sentences."""
    findings = []
    for name in NOTEBOOKS:
        book = execute(EXAMPLES / f"{name}.ipynb", kernel=kernel, directory=folder)
        keep(book, folder / name)
        if name == "01-pytorch-ddp":
            findings += training(book)
        if name == "03-failure":
            failing = sum(bool(cell.metadata.get("expect")) for cell in book.cells)
            findings.append(f"{failing} cells failed on purpose, and each said what went wrong and where")
    run_script(EXAMPLES / "04-library.py", folder)
    findings.append("a script ran jobs through the library, without a notebook")
    return findings


def training(book: Any) -> list[str]:
    """What the training cell printed, read again here: its own assertions are not taken on trust."""
    cell = next(cell for cell in book.cells if "DistributedDataParallel" in cell.source and cell.cell_type == "code")
    text = output(cell)
    losses = [(float(together), float(alone)) for _, together, alone in LOSS.findall(text)]
    accuracy = ACCURACY.search(text)
    if len(losses) < 2 or accuracy is None:
        raise Wrong(f"the training cell shows no losses or no accuracy:\n{text}")
    apart = max(abs(together - alone) / alone for together, alone in losses)
    if apart > 1e-3:
        raise Wrong(f"three processes and one do not agree: their losses differ by up to {apart:.2%}: {losses}")
    if losses[-1][0] > losses[0][0] / 2:
        raise Wrong(f"it does not learn: {losses}")
    if float(accuracy[1]) <= 90:
        raise Wrong(f"accuracy {accuracy[1]}% is not above 90%")
    agreement = f"they differ by {apart:.0e} of it at most" if apart else "equal in all six decimals"
    return [
        f"1 master and 2 workers trained a network to {accuracy[1]}% accuracy",
        f"their loss was that of one process in each of {len(losses)} epochs: {agreement}",
    ]


def keep(book: Any, file: Path) -> None:
    """The executed notebook, and a page that any browser shows."""
    nbformat.write(book, file.with_suffix(".ipynb"))
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(book)
    file.with_suffix(".html").write_text(page, encoding="utf-8")


def run_script(script: Path, folder: Path) -> None:
    """A script as a user runs it, its output on the terminal. Wrong when it fails."""
    print(f"\n━━ {script.name} ━━", flush=True)
    ended = subprocess.run([sys.executable, str(script)], cwd=folder, check=False)
    if ended.returncode:
        raise Wrong(f"{script.name} ended with exit code {ended.returncode}")


if __name__ == "__main__":
    sys.exit(main())
