"""The two sizes of a test that tries to break something, and the figures that it notes.

    @pytest.mark.parametrize("points", sizes(25, 200))
    def test_...(points: int) -> None: ...

The first size runs in `just check`, the second in `just long`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["note", "sizes"]


def sizes(short: Any, long: Any) -> list[Any]:
    """Return the parameters of a test: one for every day, one for the long run."""
    return [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.long)]


def note(case: int, where: str, **figures: float | str) -> None:
    """Write down what a case of docs/appendix/reliability.md came to, where ARTIGRAPH_RELIABILITY_FIGURES names a file.

    `where` says what it ran on ("postgresql and files"), the figures what was done: `note(1, where, killed=200,
    orphans=31, dangling=0)`. `just long` gathers them; the page shows them.
    """
    path = os.environ.get("ARTIGRAPH_RELIABILITY_FIGURES")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"case": case, "where": where, **figures}) + "\n")
