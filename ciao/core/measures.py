"""Durations, times, sizes and tables in the form that people read."""

from __future__ import annotations

import html
import unicodedata

from attrs import frozen


def duration(seconds: float) -> str:
    """``8.2 s``, ``3 min 12 s``, ``1 h 04 min``, ``2 d 03 h``; never negative."""
    seconds = max(0.0, seconds)
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"


def ago(seconds: float) -> str:
    """``just now``, ``12 s ago``, ``3 min ago``, ``5 h ago``, ``2 d ago``."""
    if seconds < 1:
        return "just now"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{int(seconds)} s ago"


def iso_time(at: float) -> str:
    """RFC 3339 in UTC to the millisecond: ``2025-11-23T08:49:31.250Z``, as ``kubectl logs --timestamps``."""
    seconds, milliseconds = divmod(int(at * 1000), 1000)
    days, rest = divmod(seconds, 86_400)
    # Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153  # months since March
    day, month = day_of_year - (153 * shifted + 2) // 5 + 1, shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{milliseconds:03}"
    return f"{year:04}-{month:02}-{day:02}T{clock}Z"


def size(count: int) -> str:
    """``512 B``, ``1.5 KiB``, ``3.0 GiB``."""
    if count < 1024:
        return f"{count} B"
    amount, units = count / 1024, ["KiB", "MiB", "GiB", "TiB"]
    while round(amount, 1) >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.1f} {units[0]}"


@frozen
class Table:
    """Rows of cells below a head; printed aligned, or as HTML in the colours of the page it stands in."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """Aligned columns, two spaces apart, without trailing blanks."""
        lines = [self.head, *self.rows]
        widths = [max(_columns(line[n]) for line in lines) for n in range(len(self.head))]
        padded = (
            "  ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )
        return "\n".join(line.rstrip() for line in padded)

    @property
    def html(self) -> str:
        """A plain ``<table>``: no colours of its own, so that it is readable on light and dark pages."""
        head = "".join(f'<th style="text-align:left">{html.escape(cell)}</th>' for cell in self.head)
        rows = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
