"""Pieces of summaries."""

from __future__ import annotations

from artigraph.printable import printable

_LONGEST_SUMMARY = 300


def one_line(text: str, longest: int = _LONGEST_SUMMARY) -> str:
    """Return a text as one line of printable characters, cut if it is longer."""
    line = printable(text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def count_text(number: int, noun: str) -> str:
    """Return a number of things for people: "1 row", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
