"""Pieces of summaries."""

from __future__ import annotations

from artigraph.printable import printable

_LONGEST_SUMMARY = 300


def one_line(text: str, longest: int = _LONGEST_SUMMARY) -> str:
    """Return a text as one line of printable characters, cut if it is longer."""
    line = printable(text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def bytes_text(size: int) -> str:
    """Return a number of bytes for people: "1 byte", "2.5 MB"."""
    if size < 1000:  # noqa: PLR2004 (a kB)
        return f"{size} byte{'' if size == 1 else 's'}"
    number = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95:  # noqa: PLR2004 (it is shown as 1000.0)
            return f"{number:.1f} {unit}"
    return f"{number / 1000:,.1f} PB"


def count_text(number: int, noun: str) -> str:
    """Return a number of things for people: "1 row", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
