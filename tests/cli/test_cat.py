"""`artigraph cat` of values that are no plain values: previews, CSV, Parquet, and what it refuses."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from artigraph import ArtifactModel
from artigraph.cli._exit_codes import ExitCode
from artigraph.db import engine_context
from tests.cli.conftest import Call
from tests.support.terminal import on_a_terminal

pa: Any = import_module("pyarrow")
parquet: Any = import_module("pyarrow.parquet")


@dataclass
class Frames(ArtifactModel, name="cli.Frames"):
    pandas: Any
    polars: Any
    table: Any
    series: Any
    days: Any
    array: Any
    twice: Any
    listed: Any
    title: str


ROWS = [{"name": "a,b", "count": 2**60, "score": 0.1}, {"name": 'say "x"', "count": -1, "score": None}]

PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture
def frames(call: Call) -> None:
    """A store with a value of each kind."""
    value = Frames(
        pandas=pd.DataFrame({"x": [1, 2], "text": ["é", "\x1b[31mred"]}, index=pd.Index(["one", "two"], name="key")),
        polars=pl.DataFrame(ROWS),
        table=pa.table({"n": list(range(30)), "items": [[number, None] for number in range(30)]}),
        series=pl.Series("values", [b"\x00\xff", None]),
        days=pa.table({"days": [[date(2026, 1, 2)]]}),
        array=np.arange(6, dtype=np.int16).reshape(2, 3),
        twice=pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"]),
        listed=pl.DataFrame({"list": [[1, 2], []], "kind": pl.Series(["a", "b"], dtype=pl.Categorical)}),
        title="plain",
    )

    async def save() -> None:
        async with engine_context("sqlite:///frames.db", create_tables=True):
            await value.save("all")

    asyncio.run(save())
    Path("artigraph.toml").write_text('[database]\nurl = "sqlite:///frames.db"\n')


def output_of(*arguments: str) -> bytes:
    """Return the bytes that a command writes to a pipe."""
    done = subprocess.run([sys.executable, "-m", "artigraph", *arguments], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.usefixtures("frames")
def test_a_frame_is_written_as_csv_and_parquet() -> None:
    assert pl.read_csv(io.BytesIO(output_of("cat", "cli.Frames/all.polars", "--as", "csv"))).to_dicts() == ROWS
    made = parquet.read_table(io.BytesIO(output_of("cat", "cli.Frames/all.polars", "--as", "parquet")))
    assert made.to_pylist() == ROWS
    made = parquet.read_table(io.BytesIO(output_of("cat", "cli.Frames/all.pandas", "--as", "parquet")))
    assert made.to_pandas().index.tolist() == ["one", "two"]
    assert made.to_pydict() == {"x": [1, 2], "text": ["é", "\x1b[31mred"], "key": ["one", "two"]}


@pytest.mark.usefixtures("frames")
def test_values_that_csv_lacks_are_texts() -> None:
    lines = output_of("cat", "cli.Frames/all.table", "--as", "csv").decode().splitlines()
    assert (len(lines), lines[1:3]) == (31, ['0,"[0, null]"', '1,"[1, null]"'])
    assert output_of("cat", "cli.Frames/all.series", "--as", "csv").decode().splitlines() == ['"values"', '"00ff"', ""]
    lines = output_of("cat", "cli.Frames/all.listed", "--as", "csv").decode().splitlines()
    assert lines == ['"list","kind"', '"[1, 2]","a"', '"[]","b"']


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize(
    ("field", "how", "text"),
    [
        ("array", "csv", "holds numpy-array, which is no frame or table"),
        ("title", "parquet", "holds json, which is no frame or table"),
        ("days", "csv", "Use --as parquet or --as raw"),
        ("table", "json", "which is no plain value"),
    ],
)
def test_what_cannot_be_written_is_refused(call: Call, field: str, how: str, text: str) -> None:
    refused = call("cat", f"cli.Frames/all.{field}", "--as", how)
    assert (refused.code, refused.out) == (ExitCode.USAGE, "")
    assert text in refused.err


@pytest.mark.usefixtures("frames")
def test_a_terminal_gets_previews_and_no_bytes() -> None:
    code, shown = on_a_terminal("cat", "cli.Frames/all.table", **PLAIN)
    assert (code, shown.splitlines()[1].split()) == (0, ["n", "items"])
    assert shown.splitlines()[21].split() == ["19", "[19,", "None]"]
    assert "30 rows" in shown.splitlines()[0]
    assert shown.splitlines()[-1].startswith("This is a part of the value. `artigraph get cli.Frames/all.table")
    code, shown = on_a_terminal("cat", "cli.Frames/all.pandas", **PLAIN)
    assert (code, "\x1b" in shown, r"\x1b[31mred" in shown, "This is a part" in shown) == (0, False, True, False)
    code, shown = on_a_terminal("cat", "cli.Frames/all.pandas", "--as", "csv", **PLAIN)
    assert (code, "\x1b" in shown, r"\x1b[31mred" in shown) == (0, False, True)
    for how in ("raw", "parquet"):
        code, shown = on_a_terminal("cat", "cli.Frames/all.pandas", "--as", how, **PLAIN)
        assert (code, "PAR1" in shown) == (ExitCode.USAGE, False)


@pytest.mark.usefixtures("frames")
def test_a_pipe_gets_a_preview_if_it_asks(call: Call) -> None:
    assert call("cat", "cli.Frames/all.table").code == ExitCode.USAGE
    shown = call("cat", "cli.Frames/all.table", "--as", "text")
    assert (shown.code, len(shown.lines), shown.lines[:2]) == (0, 21, ["n\titems", "0\t[0, None]"])
    assert shown.err.startswith("This is a part of the value.")
    assert call("cat", "cli.Frames/all.array", "--as", "text").lines == [
        *("shape: (2, 3)", "dtype: int16", "minimum: 0", "maximum: 5", "mean: 2.5", "nan: 0"),
        "first elements: 0, 1, 2, 3, 4, 5",
    ]
    assert call("cat", "cli.Frames/all.twice", "--as", "text").lines == ["n\tn (2)", "1\t2"]
    assert call("cat", "cli.Frames/all.title", "--as", "text").out == "plain\n"


@pytest.mark.usefixtures("frames")
def test_the_document_has_the_value_or_the_preview(call: Call) -> None:
    plain = call("cat", "cli.Frames/all.title", "--json").document["data"]
    assert (plain["value"], plain["preview"]) == ("plain", None)
    table = call("cat", "cli.Frames/all.polars", "--json").document["data"]
    assert (table["value"], table["preview"]["kind"], table["preview"]["total_rows"]) == (None, "table", 2)
    assert table["preview"]["rows"][0] == ["a,b", 2**60, 0.1]
