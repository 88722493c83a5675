"""``python docs/logo.py``: render the launcher's PNG logos from ``kernelspec/logo-svg.svg``, with a headless Chromium.

To be run after a change of the drawing; the results are committed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KERNELSPEC = Path(__file__).parents[1] / "kernelspec"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def render(svg: str, size: int, to: Path, browser: str) -> None:
    """One PNG of ``size`` x ``size`` pixels with a transparent ground. CalledProcessError when the browser fails."""
    page = f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "logo.html"
        file.write_text(page, encoding="utf-8")
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--default-background-color=00000000",
        )
        where = (f"--user-data-dir={scratch}/profile", f"--window-size={size},{size}", f"--screenshot={to}")
        subprocess.run([browser, *options, *where, file.as_uri()], check=True, capture_output=True, timeout=60)


def main() -> int:
    """Both sizes that Jupyter looks for."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write(f"No browser to render with: none of {', '.join(_BROWSERS)} is on PATH.\n")
        return 1
    svg = (KERNELSPEC / "logo-svg.svg").read_text(encoding="utf-8")
    for size in (32, 64):
        render(svg, size, KERNELSPEC / f"logo-{size}x{size}.png", browser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
