"""Write the figures of the last long run into docs/appendix/reliability.md, the newest figures of each case.

The tests record them (`tests/support/sizes.py`) while `just long` runs.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "appendix" / "reliability" / "figures.jsonl"
PAGE = ROOT / "docs" / "appendix" / "reliability.md"
BEGIN, END = "<!-- figures: made by `just reliability-report` -->\n", "<!-- end of figures -->\n"


def main() -> int:
    """Rewrite both files."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in FIGURES.read_text("utf-8").splitlines():
        noted = json.loads(line)
        newest[noted["case"], noted["where"], noted.get("how"), tuple(sorted(noted))] = noted
    rows = sorted(newest.values(), key=lambda noted: (noted["case"], noted["where"]))
    FIGURES.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(before + BEGIN + table(rows) + END + after, encoding="utf-8")
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["", "| case | on | what was tried, and the result |", "| ---: | --- | --- |"]
    for row in rows:
        figures = ", ".join(f"{_words(name)}: {_shown(row[name])}" for name in row if name not in ("case", "where"))
        lines.append(f"| {row['case'] or 'all'} | {row['where']} | {figures} |")
    return "\n".join(lines) + "\n\n"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
