"""Run commands on a small store, for the page of the command line and the recording of the README.

Its ids and times are always the same, so that the outputs are too. `python -m scripts.cli_examples` prints them as
JSON: for each command of COMMANDS its lines. `just cli-page` writes both the page and the recording.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import shlex
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.text import Text
from sqlalchemy import Column, Connection, NullPool, bindparam, create_engine, func, select, update

from artigraph.cli import main
from artigraph.cli._exit_codes import ExitCode
from artigraph.orm import node_table
from artigraph.orm.types import Id
from tests.support.small_store import fill
from tests.support.terminal import on_a_terminal

ROOT = Path(__file__).resolve().parent.parent
RECORDING = ROOT / "docs/reference/command-line.svg"
WIDTH = 88
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "ls": ("ls --runs", "ls --model Report --where 'accuracy > 0.6'"),
    "show": ("show run:train", "show Report/report@production"),
    "tree": ("tree run:train",),
    "log": ("log Report/report",),
    "diff": ("diff Report/report@0 Report/report@-1", "diff {first} run:train"),
    "compare": ("compare {first} run:train",),
    "lineage": ("lineage Report/report", "lineage Data/data --down all"),
    "stale": ("stale Report/report",),
    "cat": ("cat Report/report.title", "cat Report/report.scores.0.name --as json"),
    "get": ("get Report/report.text -o report.txt",),
    "table": ("table Report -o reports.csv",),
    "search": ("search report",),
    "tag": ("tag run:train stage=final",),
    "alias": ("alias ls Report/report", "alias set Report/report stable Report/report@0"),
    "cache": ("cache ls", "cache explain run:train", "cache clear train --dry-run"),
    "rm": ("rm Report/report@-1 --dry-run", "rm Data/data --dry-run"),
    "prune": ("prune --failed-runs --dry-run",),
    "du": ("du", "du --by storage"),
    "gc": ("gc --dry-run",),
    "fsck": ("fsck --read 100%",),
    "lost": ("lost",),
    "upgrade": ("upgrade tests.support.small_store:Report --dry-run",),
    "move": ("move file:data file:more --dry-run",),
}
"""The lines to run, in this order, by the command on whose section of the page they stand."""
RECORDED = ("ls --runs", "show Report/report@production", "compare {first} run:train", "lineage Report/report")
_FIRST = 1_730_451_600_000
"""The time of the first id, in milliseconds since 1970: 2024-11-01 09:00 UTC."""
_STEP = 95_000
_LONG_KEY, _ID_SIZE = 48, 16
"""The bytes of a key that ends with an id, and of the id."""


@contextmanager
def in_small_store() -> Generator[UUID]:
    """Work in the folder of a store whose ids and times are always the same. Yield the id of its first run."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("artigraph.toml").write_text(
                '[database]\nurl = "sqlite:///store.db"\n[storage."file:data"]\ntype = "file"\ndirectory = "data"\n'
                'durable = false\n[storage."file:more"]\nurl = "file:more"\n',
                "utf-8",
            )
            made = asyncio.run(fill("sqlite:///store.db", Path(folder, "data"), "file:data"))
            yield _freeze(made.runs[0])
        finally:
            os.chdir(here)


def _freeze(known: UUID) -> UUID:
    """Give all nodes ids that are always the same, in the same order, with the times that these ids say.

    Return the new id of a node.
    """
    draw = random.Random(0)  # noqa: S311 (no secrets)
    node = node_table.c
    engine = create_engine("sqlite:///store.db", poolclass=NullPool)  # which checks no foreign keys
    with engine.begin() as connection:
        old = connection.execute(select(node.node_id).order_by(node.node_id)).scalars().all()
        times = {each: _FIRST + number * _STEP for number, each in enumerate(old)}
        new = {each: _id(times[each], draw) for each in old}
        for table in node_table.metadata.sorted_tables:
            for column in table.c:
                change = update(table).where(column == bindparam("old")).values({column: bindparam("new")})
                if isinstance(column.type, Id):
                    connection.execute(change, [{"old": each, "new": new[each]} for each in old])
                elif column.name == "search_key":
                    connection.execute(change, [{"old": each.bytes, "new": new[each].bytes} for each in old])
                    _freeze_keys(connection, column, {each.bytes: new[each].bytes for each in old})
                elif column.name in ("created_at", "moved_at"):
                    connection.execute(update(table).values({column: _moment(_FIRST)}))
        for each in old:
            run = update(node_table).where(node.node_id == new[each], node.node_type == "run")
            began, ended = _moment(times[each]), _moment(times[each] + 3 * _STEP // 2)
            connection.execute(run.values(run_started_at=began, run_ended_at=ended))
    return new[known]


def _freeze_keys(connection: Connection, column: Column[bytes], new: Mapping[bytes, bytes]) -> None:
    """Replace the ids at the end of the keys of cached calls."""
    long = select(column).where(func.length(column) == _LONG_KEY)
    for key in connection.execute(long).scalars().all():
        if key[-_ID_SIZE:] in new:
            changed = key[:-_ID_SIZE] + new[key[-_ID_SIZE:]]
            connection.execute(update(column.table).where(column == key).values({column: changed}))


def _id(milliseconds: int, draw: random.Random) -> UUID:
    """Return an id of version 7 for a time."""
    rest = bytearray(draw.randbytes(10))
    rest[0], rest[2] = 0x70 | rest[0] & 0x0F, 0x80 | rest[2] & 0x3F
    return UUID(bytes=milliseconds.to_bytes(6, "big") + bytes(rest))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def outputs() -> dict[str, list[list[str]]]:
    """Run the commands of COMMANDS; return for each section pairs of a line and what a terminal shows then."""
    found: dict[str, list[list[str]]] = {}
    with in_small_store() as first:
        for section, lines in COMMANDS.items():
            for line in lines:
                shown = line.format(first=str(first)[:13])
                out = io.StringIO()
                with redirect_stdout(out), redirect_stderr(out):
                    code = main([*shlex.split(shown), "--width", str(WIDTH)])
                assert code in (ExitCode.OK, ExitCode.REFUSED), out.getvalue()
                found.setdefault(section, []).append([shown, _stripped(out.getvalue())])
    return found


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def record() -> str:
    """Return what a terminal shows for the commands of RECORDED, as an SVG picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with in_small_store() as first:
        for line in RECORDED:
            shown = line.format(first=str(first)[:13])
            console.print(Text.assemble(("$ ", "green"), (f"artigraph {shown}", "bold")))
            console.print(Text.from_ansi(_in_terminal(shown)))
            console.print()
    text = console.export_svg(title="artigraph", unique_id="artigraph")
    return _without_fonts(text)


def _in_terminal(line: str) -> str:
    """Return what a command writes to a terminal, with its colors."""
    code, shown = on_a_terminal(*shlex.split(line), COLUMNS=str(WIDTH), LINES="100")
    assert code == 0, shown
    return shown.replace("\r\n", "\n").rstrip("\n")


def _without_fonts(svg: str) -> str:
    """Return a picture that loads nothing: rich's names a font on another host."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--recording"]:
        RECORDING.write_text(record(), "utf-8")
    else:
        json.dump(outputs(), sys.stdout)
