"""Each command on a small store: its table, its lines for a pipe, its document, and its exit code."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pexpect
import pytest

import artigraph.view as view
from artigraph import ArtifactModel
from artigraph.cli import json_schema
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._main import COMMANDS
from artigraph.db import engine_context, get_engine
from artigraph.errors import NotFoundError
from artigraph.orm import version_table
from artigraph.tracking._sql import rows_of_call
from scripts.make_schemas import FOLDERS, documents
from tests.cli.conftest import Call
from tests.support.cached_rows import insert_rows
from tests.support.replicas import make_pair
from tests.support.small_store import Data, SmallStore
from tests.support.snippets import ROOT
from tests.support.terminal import on_a_terminal

READS = (
    ("ls", "artigraph.artifacts/1"),
    ("ls --model Report", "artigraph.artifacts/1"),
    ("ls --runs --columns parameters.rate,tags.team", "artigraph.runs/1"),
    ("ls --series", "artigraph.series-list/1"),
    ("show @", "artigraph.run/1"),
    ("show Report/report", "artigraph.artifact/1"),
    ("tree run:train", "artigraph.tree/1"),
    ("log Report/report", "artigraph.series/1"),
    ("cat Report/report.title", "artigraph.value/1"),
    ("diff Report/report@0 Report/report", "artigraph.diff/1"),
    ("lineage Report/report", "artigraph.graph/1"),
    ("stale Report/report", "artigraph.stale/1"),
    ("compare run:train run:evaluate", "artigraph.compare/1"),
    ("search tr", "artigraph.search/1"),
    ("du", "artigraph.storage/1"),
    ("du --by storage", "artigraph.storage/1"),
    ("alias ls Report/report", "artigraph.aliases/1"),
    ("cache ls", "artigraph.cached-functions/1"),
    ("cache explain run:train", "artigraph.cache-explanation/1"),
    ("cache explain run:evaluate", "artigraph.cache-explanation/1"),
    ("cache clear train --dry-run", "artigraph.cache-clear/1"),
    ("rm @ --dry-run", "artigraph.deletion/1"),
    ("prune --failed-runs --dry-run", "artigraph.deletion/1"),
    ("gc --dry-run", "artigraph.gc/1"),
    ("move SOURCE TARGET --dry-run", "artigraph.copy/1"),
    ("fsck --read 100%", "artigraph.fsck/1"),
    ("lost", "artigraph.lost/1"),
    ("db info", "artigraph.database/1"),
    ("db current", "artigraph.tables/1"),
    ("upgrade tests.support.small_store:Report --dry-run", "artigraph.upgrade/1"),
)
WRITES = (
    ("rm @ --yes", "artigraph.deletion/1"),
    ("prune --keep-newest report=1 --cascade --yes", "artigraph.deletion/1"),
    ("gc --yes --grace 0s", "artigraph.gc/1"),
    ("move SOURCE TARGET --yes", "artigraph.copy/1"),
    ("tag @ team=audio", "artigraph.tags/1"),
    ("alias set Report/report best", "artigraph.aliases/1"),
    ("alias rm Report/report production", "artigraph.aliases/1"),
    ("cache clear train --yes", "artigraph.cache-clear/1"),
    ("cache clear --all --yes", "artigraph.cache-clear/1"),
    ("get Report/report.text -o out.bin", "artigraph.get/1"),
    ("table Report -o out.csv", "artigraph.table/1"),
    ("db upgrade", "artigraph.tables/1"),
    ("db downgrade 0001 --yes", "artigraph.tables/1"),
    ("doctor --gc", "artigraph.doctor/1"),
    ("upgrade tests.support.small_store:Report --yes", "artigraph.upgrade/1"),
)
WITHOUT_DOCUMENTS = {"completion", "ui"}


@dataclass
class Note(ArtifactModel, name="cli.Note"):
    text: str
    numbers: list[int]
    big: int
    data: bytes
    nan: float


def arguments_of(line: str) -> list[str]:
    """Return the arguments of a line, with the names of the two storages of artigraph.toml."""
    source, target = tomllib.loads(Path("artigraph.toml").read_text())["storage"]
    return line.replace("SOURCE", source).replace("TARGET", target).split(" ")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("line", "schema"), READS, ids=[line for line, _ in READS])
def test_every_command_prints_a_document_and_fits_the_width(call: Call, line: str, schema: str) -> None:
    arguments = arguments_of(line)
    document = call(*arguments, "--json")
    assert (document.code, document.err) == (0, "")
    assert set(document.document) == {"schema", "data", "next"}
    assert document.document["schema"] == schema
    data: list[Any] | dict[str, Any] = document.document["data"]
    count = len(data) if isinstance(data, list) else 1
    rows = [json.loads(each) for each in call(*arguments, "--jsonl").lines]
    assert len(rows) == count
    pipe = call(*arguments)
    assert (pipe.code, "\x1b" in pipe.out) == (0, False)
    for width in (80, 200):
        table = call(*arguments, "--width", str(width))
        assert table.code == 0
        assert table.lines
        if "\t" in pipe.out:
            cells = [each for each in table.lines if "not fit: " not in each]
            assert max(map(len, cells)) <= width
            assert "\t" not in table.out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("line", "schema"), WRITES, ids=[line for line, _ in WRITES])
def test_a_command_that_writes_prints_a_document(call: Call, line: str, schema: str) -> None:
    document = call(*arguments_of(line), "--json")
    assert (document.code, document.err) == (0, "")
    assert document.document["schema"] == schema


@pytest.mark.usefixtures("store")
def test_commands_that_write_fit_the_width_and_the_pipe(call: Call) -> None:
    lines = [line for line, _ in WRITES if line.split(" ")[0] not in ("rm", "prune", "move", "cache")]
    lines.sort(key=lambda line: line.startswith("db downgrade"))  # nothing else works after it
    again = {"alias rm Report/report production": "alias rm Report/report best"}
    for line in (again.get(line, line) for line in lines):
        for width in (80, 200, None):
            if line == again.get("alias rm Report/report production"):
                assert call("alias", "set", "Report/report", "best").code == 0
            force = ["--force"] if " -o " in line else []
            printed = call(*arguments_of(line), *force, *([] if width is None else ["--width", str(width)]))
            assert (line, printed.code, printed.err, "\x1b" in printed.out) == (line, 0, "", False)
            assert printed.lines
            if width is not None and line.split(" ")[0] in ("tag", "alias", "db"):
                assert max(map(len, printed.lines)) <= width
                assert "\t" not in printed.out


def test_every_command_and_every_schema_has_such_a_test() -> None:
    assert {line.split(" ")[0] for line, _ in (*READS, *WRITES)} == set(COMMANDS) - WITHOUT_DOCUMENTS
    own = {document.schema for document in documents(list(FOLDERS)[1])}
    assert own <= {"artigraph.error/1", *(schema for _, schema in (*READS, *WRITES))}


def test_there_is_a_schema_for_each_document() -> None:
    assert json_schema("artigraph.fsck/1")["properties"]["schema"] == {"const": "artigraph.fsck/1"}
    assert json_schema("artigraph.runs/1") == view.json_schema("artigraph.runs/1")
    wrong: tuple[Any, ...] = ("artigraph.nothing/1", "artigraph.fsck/2", "../schemas/fsck/1", "", None)
    for name in wrong:
        with pytest.raises(NotFoundError, match=r"artigraph\.series-list/1, .*artigraph\.fsck/1, "):
            json_schema(name)
    with pytest.raises(NotFoundError, match=r"artigraph\.series-list/1, "):
        view.json_schema("artigraph.fsck/1")


def test_a_value_is_printed_in_full(call: Call) -> None:
    async def save() -> None:
        async with engine_context("sqlite:///notes.db", create_tables=True):
            await Note("x" * 20_000, list(range(2_000)), 2**60, b"\x00\xff", float("nan")).save("note")

    asyncio.run(save())
    Path("artigraph.toml").write_text('[database]\nurl = "sqlite:///notes.db"\n')

    def value(field: str) -> object:
        return call("cat", f"cli.Note/note.{field}", "--json").document["data"]["value"]

    found = [value(name) for name in ("text", "numbers", "big", "data", "nan")]
    assert found == ["x" * 20_000, list(range(2_000)), 2**60, "AP8=", "NaN"]


def test_a_list_of_runs(call: Call, store: SmallStore) -> None:
    pipe = call("ls", "--runs", "--columns", "parameters.rate")
    header, *rows = [line.split("\t") for line in pipe.lines]
    assert header[:5] == ["run_id", "name", "status", "parameters.rate", "started_at"]
    assert [row[:4] for row in rows] == [
        [str(store.runs[2]), "evaluate", "failed", "0.01"],
        [str(store.runs[3]), "", "completed", ""],
        [str(store.runs[1]), "train", "completed", "0.01"],
        [str(store.runs[0]), "train", "completed", "0.1"],
    ]
    narrow = call("ls", "--runs", "--width", "80").lines
    assert narrow[0].split() == ["run_id", "name", "status", "started_at", "duration", "error_type"]
    assert narrow[-1].startswith("2 columns do not fit: child_runs, error_message.")
    wide = call("ls", "--runs", "--width", "200").lines
    assert wide[0].split()[-3:] == ["child_runs", "error_type", "error_message"]
    assert wide[1].split()[-4:] == ["ValueError", "no", "more", "data"]
    assert len(wide) == 5


def test_a_list_is_narrowed_sorted_and_read_in_pages(call: Call, store: SmallStore) -> None:
    def ids(*arguments: str) -> list[str]:
        return [row["artifact_id"] for row in call("ls", "--model", "Report", *arguments, "--json").document["data"]]

    first, second, third = map(str, store.reports)
    assert ids() == [third, second, first]
    assert ids("-w", 'accuracy > 0.5 and data.name == "train"') == [third, second]
    assert ids("--sort", "-accuracy") == [second, third, first]
    assert ids("--sort", "accuracy", "-n", "1") == [first]
    assert ids("--since", "1d") == [third, second, first]
    assert ids("--since", "2999-01-01") == []
    page = call("ls", "--model", "Report", "-n", "2", "--json").document
    assert [row["artifact_id"] for row in page["data"]] == [third, second]
    assert ids("-n", "2", "--after", page["next"]) == [first]
    best = call("ls", "--runs", "--sort", "-results.report.accuracy", "-w", "parameters.rate < 1", "--json").document
    assert [row["run_id"] for row in best["data"]] == [str(store.runs[number]) for number in (1, 2, 0)]
    failed = call("ls", "--runs", "--status", "failed", "--json").document["data"]
    assert [row["run_id"] for row in failed] == [str(store.runs[2])]
    rates = call("ls", "--runs", "-w", "parameters.rate > 0.05", "--json").document["data"]
    assert [row["run_id"] for row in rates] == [str(store.runs[0])]


def test_values_are_read_and_written_to_files(call: Call, store: SmallStore, tmp_path: Path) -> None:
    assert call("cat", "Report/report@production.title").out == "Second\n"
    assert call("cat", f"{store.reports[0]}.scores.0.name", "--as", "json").out == '"precision"\n'
    refused = call("cat", "Report/report.text")
    assert (refused.code, refused.out) == (ExitCode.USAGE, "")
    text = b"The text of Third. " * 100
    done = call("get", "Report/report.text", "-o", "text.bin", "--json")
    assert (tmp_path / "text.bin").read_bytes() == text
    assert done.document["data"]["sha256"] == hashlib.sha256(text).hexdigest()
    assert call("get", "Report/report@0.text", "-o", "text.bin").code == ExitCode.REFUSED
    assert (tmp_path / "text.bin").read_bytes() == text
    assert call("get", "Report/report@0.text", "-o", "text.bin", "--force").code == 0
    assert (tmp_path / "text.bin").read_bytes() == b"The text of First. " * 100
    assert sorted(path.name for path in tmp_path.glob("*text.bin*")) == ["text.bin"]
    assert call("cat", "Report/report.nothing").code == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("store")
def test_control_characters_are_escaped_for_people(call: Call) -> None:
    assert call("tag", "@", "team=\x1b[31mred").code == 0
    assert "\x1b" not in call("show", "@").out
    assert r"\x1b[31mred" in call("show", "@", "--width", "200").out
    assert call("show", "@", "--json").document["data"]["tags"] == {"team": "\x1b[31mred"}
    assert "\x1b" not in call("show", "@", "--json").out


@pytest.mark.usefixtures("store")
def test_the_name_of_a_column_with_a_comma_is_in_quotes(call: Call) -> None:
    assert call("tag", "@", "a,b=c").code == 0
    [first, *_] = call("ls", "--runs", "--columns", 'parameters.rate, "tags.a,b"', "--json").document["data"]
    assert first["columns"]["tags.a,b"] == "c"
    assert call("ls", "--runs", "--columns", "parameters.rate,").code == ExitCode.USAGE


@pytest.mark.usefixtures("store")
def test_a_move_shows_its_plan_and_needs_a_consent(call: Call, tmp_path: Path) -> None:
    plan = call(*arguments_of("move SOURCE TARGET"))
    assert plan.code == ExitCode.REFUSED
    assert "would be copied: 3 objects, 5.7 KiB" in plan.out
    assert "--yes" in plan.err
    assert not (tmp_path / "more").exists()
    done = call(*arguments_of("move SOURCE TARGET --yes --json")).document["data"]
    assert (done["moved"], done["remaining"]) == ({"count": 3, "size": 5800}, {"count": 0, "size": 0})
    for path in (tmp_path / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    assert call("get", "Report/report.text", "-o", "text.bin").code == 0
    nothing = call(*arguments_of("move SOURCE TARGET"))
    assert (nothing.code, "0 objects" in nothing.out) == (0, True)
    assert call(*arguments_of("move SOURCE none --yes")).code == ExitCode.FAILED
    assert call(*arguments_of("move SOURCE SOURCE --yes")).code == ExitCode.USAGE


@pytest.mark.usefixtures("store")
def test_a_move_that_leaves_something_is_found(call: Call, tmp_path: Path) -> None:
    damaged = next(path for path in (tmp_path / "objects").rglob("*") if path.is_file() and path.stat().st_size)
    damaged.write_bytes(b"damaged")
    found = call(*arguments_of("move SOURCE TARGET --yes --json"))
    assert found.code == ExitCode.FOUND
    data = found.document["data"]
    assert (data["moved"]["count"], data["failed"]["count"], data["remaining"]["count"]) == (2, 1, 1)


@pytest.mark.usefixtures("store")
def test_a_move_never_passes_over_malformed_rows(call: Call, tmp_path: Path) -> None:
    with closing(sqlite3.connect(next(tmp_path.rglob("*.db")))) as connection:
        connection.execute(
            "UPDATE artigraph_blob SET sha256 = 'abc' WHERE rowid = (SELECT min(rowid) FROM artigraph_blob)"
        )
        connection.commit()
    for arguments in ("--dry-run", "--yes", "--yes"):
        found = call(*arguments_of(f"move SOURCE TARGET {arguments} --json"))
        assert found.code == ExitCode.FOUND
        data = found.document["data"]
        assert (data["malformed"], data["planned"]["count"] > 0) == (1, True)
        assert "column sha256" in data["malformed_examples"][0]


def test_a_deletion_shows_its_plan_and_needs_a_consent(call: Call, store: SmallStore, tmp_path: Path) -> None:
    plan = call("rm", "run:evaluate")
    assert plan.code == ExitCode.REFUSED
    assert plan.lines[0] == "Would delete:"
    assert "1 object of 1,900 bytes" in plan.out
    assert "--yes" in plan.err
    assert call("show", str(store.runs[2])).code == 0
    used = call("rm", "Data/data", "--yes")
    assert (used.code, "--cascade" in used.err) == (ExitCode.REFUSED, True)
    before = len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()])
    done = call("rm", "run:evaluate", "--yes", "--json").document["data"]
    assert (done["dry_run"], done["runs"], done["artifacts"], done["objects"]) == (False, 1, 1, 1)
    assert call("show", str(store.runs[2])).code == ExitCode.NOT_FOUND
    assert len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()]) == before - 1


def test_a_rule_deletes_what_it_selects(call: Call, store: SmallStore) -> None:
    done = call("prune", "--keep-newest", "report=2", "--yes", "--json").document["data"]
    assert [node["node_id"] for node in done["nodes"]] == [str(store.reports[0])]
    assert call("prune").code == ExitCode.USAGE
    assert call("prune", "--keep-newest", "report").code == ExitCode.USAGE


def test_cached_functions_are_listed_explained_and_cleared(call: Call, store: SmallStore) -> None:
    (listed,) = call("cache", "ls", "--json").document["data"]
    assert (listed["function"], listed["results"], listed["hits"]) == ("pipeline.train", 2, 0)
    assert listed["newest_run_id"] == str(store.runs[1])
    header, line = call("cache", "ls").lines
    assert header == "function\tresults\thits\tnewest_at\tnewest_run_id"
    assert line.split("\t")[:3] == ["pipeline.train", "2", "0"]
    table = call("cache", "ls", "--width", "80").lines
    assert str(store.runs[1]).startswith(table[1].split()[-1])
    miss = call("cache", "explain", "run:train")
    assert miss.lines == [
        f"miss: rate 0.1 -> 0.01; code equal; data equal; compared with run {store.runs[0]}",
        "not followed, so a change of it is not noticed:",
        "  code of numpy, which is another distribution",
    ]
    document = call("cache", "explain", str(store.runs[1]), "--json").document["data"]
    assert (document["outcome"], document["other_run_id"]) == ("miss", str(store.runs[0]))
    other = call("cache", "explain", "run:evaluate")
    assert other.lines == [
        f"uncached: run {store.runs[2]} is of no cached function, or it has no result that was kept for later calls",
        "It may have failed, its values could not be stored, the cache was off, or the result was cleared.",
    ]
    assert call("cache", "explain", "Report/report").code == ExitCode.USAGE
    assert call("cache", "explain", "run:none").code == ExitCode.NOT_FOUND
    plan = call("cache", "clear", "train")
    assert (plan.code, plan.lines[:2]) == (ExitCode.REFUSED, ["Would forget:", "  pipeline.train  2 results"])
    assert "--yes" in plan.err
    assert len(call("cache", "ls").lines) == 2
    done = call("cache", "clear", "pipeline.train", "--yes", "--json").document["data"]
    assert (done["dry_run"], done["results"], [each["results"] for each in done["functions"]]) == (False, 2, [2])
    assert call("cache", "ls", "--width", "80").out == "No function has cached results.\n"
    assert len(call("ls", "--runs").lines) == 5
    nothing = call("cache", "clear", "--all")
    assert (nothing.code, nothing.lines) == (0, ["Would forget nothing: there are no cached results."])


def test_clearing_needs_one_function_or_all(call: Call, store: SmallStore) -> None:
    for line in ("cache clear", "cache clear train --all", "cache clear --all extra more"):
        assert call(*line.split(" ")).code == ExitCode.USAGE
    for name in ("rain", "train.", "pipeline", "other.pipeline.train"):
        unknown = call("cache", "clear", name, "--yes")
        assert (unknown.code, "artigraph cache ls" in unknown.err) == (ExitCode.NOT_FOUND, True)
    error = json.loads(call("cache", "clear", "none", "--yes", "--json").err)["error"]
    assert error["type"] == "UnknownFunctionError"

    async def add() -> None:
        async with engine_context("sqlite:///store.db"):
            run_id = store.runs[2]
            await insert_rows(run_id, rows_of_call(run_id, b"k" * 32, "other.train", {}, "artifact"))

    asyncio.run(add())
    several = call("cache", "clear", "train", "--yes")
    assert (several.code, "'other.train', 'pipeline.train'" in several.err) == (ExitCode.USAGE, True)
    assert call("cache", "clear", "other.train", "--yes").code == 0


def test_the_question_before_results_are_forgotten(store: SmallStore) -> None:
    del store
    code, shown = on_a_terminal("cache", "clear", "train", answer="n\n")
    assert (code, "Forget these results? [y/N]" in shown) == (ExitCode.REFUSED, True)
    code, shown = on_a_terminal("cache", "clear", "train", answer="y\n")
    assert (code, "Forgot:" in shown) == (ExitCode.OK, True)


def test_aliases_and_tags(call: Call, store: SmallStore) -> None:
    def aliases() -> dict[str, str]:
        data = call("alias", "ls", "Report/report", "--json").document["data"]
        return {row["alias"]: row["artifact_id"] for row in data}

    assert aliases() == {"production": str(store.reports[1])}
    assert call("alias", "set", "Report/report", "best", "Report/report@0").code == 0
    assert call("alias", "set", "Report/report", "production").code == 0
    assert aliases() == {"best": str(store.reports[0]), "production": str(store.reports[2])}
    assert call("alias", "rm", "Report/report", "best").code == 0
    assert call("alias", "rm", "Report/report", "best").code == ExitCode.NOT_FOUND
    assert call("alias", "set", "Report/report", "x", str(store.data)).code == ExitCode.NOT_FOUND
    tags = call("tag", "run:train", "stage=1", "team=audio", "--json").document["data"]
    assert tags == [{"name": "stage", "value": "1"}, {"name": "team", "value": "audio"}]
    assert call("tag", str(store.data), "a=b").code == ExitCode.USAGE


def test_lineage_and_differences(call: Call, store: SmallStore) -> None:
    tree = [line.split(" ")[0:2] for line in (each.lstrip("└─│├ ") for each in call("lineage", "Report/report").lines)]
    assert [first for first, *_ in tree] == ["Report/report", "run", "Report/report", "run", "Data/data", "run"]
    ids = {node["node_id"] for node in call("lineage", "Data/data", "--down", "2", "--json").document["data"]["nodes"]}
    assert ids == {str(store.data), str(store.runs[1]), str(store.reports[1])}
    assert call("lineage", "Data/data", "--to", "Report/report", "--format", "mermaid").lines[0] == "flowchart LR"
    assert call("lineage", "Data/data", "--format", "dot").lines[0] == "digraph lineage {"
    drawing = ET.fromstring(call("lineage", "Report/report", "--format", "svg").out)
    boxes = [each.findtext("{*}title") or "" for each in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    nodes = call("lineage", "Report/report", "--json").document["data"]["nodes"]
    assert sorted(each.rpartition(" ")[2] for each in boxes) == sorted(node["node_id"] for node in nodes)
    collapsed = ET.fromstring(call("lineage", "Report/report", "--format", "svg", "--collapse", "series").out)
    boxes = [each.findtext("{*}title") or "" for each in collapsed.iter("{http://www.w3.org/2000/svg}rect")]
    assert [box.partition(": 0")[0] for box in boxes if " runs" in box or " versions" in box] == [
        "train, 2 runs",
        "report: Report, 2 versions",
    ]
    assert call("lineage", "Report/report", "--collapse", "series").code == ExitCode.USAGE
    nothing = call("lineage", "Report/report", "--to", "Data/data", "--format", "svg")
    assert (nothing.code, nothing.out) == (ExitCode.USAGE, "")
    events = [json.loads(line) for line in call("lineage", "Report/report", "--format", "openlineage").lines]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "START", "COMPLETE", "START", "FAIL"]
    changes = call("diff", "Report/report@0", "Report/report", "--exit-code", "--json")
    assert changes.code == ExitCode.FOUND
    assert [(row["path"], row["kind"]) for row in changes.document["data"]] == [
        *(("title", "changed"), ("accuracy", "changed")),
        *(("scores.0.value", "changed"), ("scores.1.value", "changed"), ("text", "changed")),
    ]
    assert call("diff", "@production", "Report/report").code == ExitCode.USAGE
    changes = call("diff", str(store.runs[0]), str(store.runs[1]), "--exit-code", "--json")
    assert changes.code == ExitCode.FOUND
    found = [(row["path"], row["kind"], row["before"], row["after"]) for row in changes.document["data"]]
    assert found[:4] == [
        ("parameters.rate", "changed", "0.1", "0.01"),
        ("results.data", "removed", "Data (version 1)", None),
        ("results.report.title", "changed", "'First'", "'Second'"),
        ("results.report.accuracy", "changed", "0.5", "0.875"),
    ]
    assert changes.document["data"][0]["labels"] == ["parameters", "rate"]
    assert call("diff", str(store.runs[0]), str(store.runs[0]), "--exit-code").code == 0
    assert call("diff", str(store.runs[0]), "Report/report").code == ExitCode.USAGE
    assert call("diff", "Report/report", "Report/report", "--exit-code").code == 0


def test_inputs_with_newer_versions(call: Call, store: SmallStore) -> None:
    for reference in ("Report/report@1", "run:train"):
        done = call("stale", reference, "--exit-code", "--width", "80")
        assert (done.code, done.lines) == (0, ["Nothing it was made from has a newer version."])

    async def save() -> UUID:
        async with engine_context("sqlite:///store.db"):
            return await Data("newer", 4).save("data")

    newer = asyncio.run(save())
    for reference, distance in (("Report/report@1", 2), ("run:train", 1)):
        done = call("stale", reference, "--exit-code", "--json")
        assert done.code == ExitCode.FOUND
        [row] = done.document["data"]["inputs"]
        shown = (row["artifact_id"], row["newer"], row["newest_id"], row["distance"])
        assert shown == (str(store.data), 1, str(newer), distance)
    assert call("stale", "run:train").code == 0
    table = call("stale", "run:train", "--width", "200").lines
    titles = "artifact_id model_name label newer newest_id distance created_at newest_created_at"
    assert table[0].split() == titles.split()
    assert str(newer) not in table[1]  # the shortest prefix that is unique
    assert call("stale", "Report/report@0", "--exit-code").code == 0  # its run made the data, and used none


def test_a_check_that_finds_a_problem_says_so(call: Call, store: SmallStore, tmp_path: Path) -> None:
    next(path for path in (tmp_path / "objects").rglob("*") if path.is_file()).unlink()
    found = call("fsck", "--json")
    assert (found.code, found.document["data"]["counts"]) == (ExitCode.FOUND, {"object-missing": 1})
    assert call("gc", "--yes").code == ExitCode.REFUSED


MODELS = """
from dataclasses import dataclass
from artigraph import ArtifactModel, migration

@dataclass
class Note(ArtifactModel, name="cli.Upgraded", version={version}):
    {field}: int

if {version} == 2:
    @migration(Note, from_version=1)
    def rename(data):
        if data["x"] < 0:
            raise ValueError("negative")
        return {{"y": data["x"]}}
"""


@pytest.mark.usefixtures("store")
def test_artifacts_of_an_older_class_are_rewritten(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    names: dict[str, Any] = {"__name__": "cli_models_now"}
    monkeypatch.setitem(sys.modules, "cli_models_now", ModuleType("cli_models_now"))
    exec(MODELS.format(version=1, field="x"), names)

    async def save() -> list[UUID]:
        async with engine_context("sqlite:///store.db"):
            return [await names["Note"](number).save("note") for number in (1, -1)]

    ids = asyncio.run(save())
    names.clear()
    (tmp_path / "cli_models_now.py").write_text(MODELS.format(version=2, field="y"))
    sys.modules.pop("cli_models_now")
    plan = call("upgrade", "cli_models_now:Note", "--dry-run", "--json").document["data"]
    assert (plan["dry_run"], plan["artifacts"]) == (True, 1)
    assert call("upgrade", "cli_models_now:Note").code == ExitCode.REFUSED
    done = call("upgrade", "cli_models_now:Note", "--yes", "--json").document["data"]
    assert done == plan | {"dry_run": False}
    assert done["models"] == [{"model_name": "cli.Upgraded", "model_version": 1, "models": 1}]
    (failure,) = done["failures"]
    assert (failure["node_id"], failure["label"], failure["type"]) == (str(ids[1]), "note", "ModelVersionError")
    assert call("cat", f"{ids[0]}.y").out == "1\n"
    assert call("upgrade", "cli_models_now:Note", "--dry-run", "--json").document["data"]["artifacts"] == 0


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Report", "write MODULE:CLASS"),
        ("nowhere:Report", "No module named 'nowhere'"),
        ("artigraph:Nothing", "no attribute 'Nothing'"),
        ("artigraph:Run", "is no model class"),
    ],
)
def test_a_class_that_cannot_be_imported_is_a_usage_error(call: Call, name: str, words: str) -> None:
    refused = call("upgrade", name, "--dry-run")
    assert refused.code == ExitCode.USAGE
    assert words in refused.err


def test_tables_are_made_migrated_and_dropped(call: Call, tmp_path: Path) -> None:
    empty = call("ls")
    assert empty.code == ExitCode.FAILED
    assert empty.err.startswith("Error: There is no store here. No database is set, and neither this folder")
    assert list(tmp_path.iterdir()) == []
    for line in ("ls", "cache ls", "cache explain @", "cache clear --all --yes"):
        assert json.loads(call(*line.split(" "), "--json").err)["error"]["type"] == "MissingTablesError"
    assert list(tmp_path.iterdir()) == []
    assert call("db", "upgrade").out == "0003\n"
    assert (tmp_path / ".artigraph" / "artigraph.db").exists()
    assert call("ls", "--width", "80").out == "No artifacts.\n"
    assert call("db", "downgrade", "base").code == ExitCode.REFUSED
    assert call("db", "downgrade", "0001", "--yes").out == "0001\n"
    assert call("ls").code == ExitCode.REFUSED
    assert call("db", "upgrade").out == "0003\n"


@pytest.mark.usefixtures("store")
def test_tables_of_a_newer_release_are_refused(call: Call) -> None:
    async def age() -> None:
        async with engine_context("sqlite:///store.db"), get_engine().begin() as connection:
            await connection.execute(version_table.update().values(version_num="9999"))

    asyncio.run(age())
    assert call("db", "info", "--json").document["data"]["tables"] == "9999"
    for line in ("ls", "tree @", "gc --yes", "rm @ --yes"):
        refused = call(*line.split(" "))
        assert (refused.code, refused.out) == (ExitCode.REFUSED, "")
        assert "newer than the 0003 of this release" in refused.err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ls", ExitCode.OK),
        ("ls --status none", ExitCode.USAGE),
        ("ls --where x", ExitCode.USAGE),
        ("ls --model Report --where accuracy>", ExitCode.USAGE),
        ("nothing", ExitCode.USAGE),
        ("", ExitCode.USAGE),
        ("tree 0", ExitCode.USAGE),
        ("tree 0000000000", ExitCode.NOT_FOUND),
        ("tree run:none", ExitCode.NOT_FOUND),
        ("tree Report/none", ExitCode.NOT_FOUND),
        ("tree Report/report@none", ExitCode.NOT_FOUND),
        ("diff Report/report@0 Report/report --exit-code", ExitCode.FOUND),
        ("rm Data/data --yes", ExitCode.REFUSED),
        ("prune --older-than 0s --keep-used", ExitCode.REFUSED),
        ("ls --config none.toml", ExitCode.USAGE),
        ("--help", ExitCode.OK),
        ("--version", ExitCode.OK),
    ],
)
@pytest.mark.usefixtures("store")
def test_exit_codes(call: Call, line: str, code: ExitCode) -> None:
    assert call(*line.split()).code == code


@pytest.mark.parametrize("line", ["rm run:evaluate", "tag @ team=audio"])
@pytest.mark.usefixtures("store")
def test_ctrl_c_ends_a_command_and_its_question(line: str, tmp_path: Path) -> None:
    """The first command asks for a consent, the second one waits for the lock of another writer."""
    with closing(sqlite3.connect(tmp_path / "store.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        spawn: Any = pexpect.spawn
        child = spawn(sys.executable, ["-m", "artigraph", *line.split(" ")], cwd=str(tmp_path), timeout=60)
        if line.startswith("rm"):
            child.expect("object")
            child.expect(r"\[y/N\]")
        else:
            time.sleep(4)
        child.sendintr()
        shown = child.read()
        child.close()
    assert (child.exitstatus, b"Traceback" in shown) == (ExitCode.INTERRUPTED, False)


def test_a_prefix_of_several_is_ambiguous(call: Call, store: SmallStore) -> None:
    error = json.loads(call("tree", str(store.data)[:6], "--json").err)["error"]
    assert error["type"] == "AmbiguousReferenceError"
    assert str(store.data) in error["hint"]


def test_every_command_has_a_module_and_its_help(call: Call) -> None:
    for name in COMMANDS:
        assert call(name, "--help").lines[0].startswith(f"Usage: artigraph {name} ")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "artigraph", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, check=False)


@pytest.mark.parametrize("line", ["--help", "ls --help", "db --help", "ls --unknown", "none", "completion bash"])
def test_help_and_usage_errors_import_neither_sqlalchemy_nor_rich(line: str) -> None:
    code = (
        "import sys\nfrom artigraph.cli import main\n"
        f"main({line.split()!r})\n"
        "heavy = {'sqlalchemy', 'rich', 'asyncio', 'artigraph.model'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("store")
def test_words_are_completed() -> None:
    def words(line: str) -> list[str]:
        count = str(len(line.split(" ")) - 1)
        env = {"COMP_WORDS": line, "COMP_CWORD": count, "_ARTIGRAPH_COMPLETE": "bash_complete"}
        program = [str(Path(sys.executable).parent / "artigraph")]
        done = subprocess.run(program, capture_output=True, text=True, env={**os.environ, **env}, check=False)
        assert done.stderr == ""
        return [each.partition(",")[2] for each in done.stdout.split()]

    assert words("artigraph fs") == ["fsck"]
    assert words("artigraph ls --st") == ["--status"]
    assert words("artigraph tree Re") == ["Report/"]
    assert words("artigraph tree Report/") == ["Report/report"]
    assert words("artigraph tree Report/report@") == ["Report/report@production"]
    assert words("artigraph tree run:") == ["run:evaluate", "run:train"]
    assert words("artigraph ls --model D") == ["Data"]
    assert words("artigraph cache cl") == ["clear"]
    assert words("artigraph cache clear pi") == ["pipeline.train"]
    assert words("artigraph cache explain run:t") == ["run:train"]
    Path("artigraph.toml").write_text("unknown = 1")
    assert words("artigraph tree Re") == []


@pytest.mark.usefixtures("store")
def test_a_terminal_gets_a_table_of_its_width_and_color() -> None:
    line = ("ls", "--runs")
    (_, colored), (_, plain) = on_a_terminal(*line), on_a_terminal(*line, NO_COLOR="1")
    assert "\x1b[31mfailed" in colored
    assert "\x1b[3" not in plain
    assert "2 columns do not fit" in plain.splitlines()[-1]


@pytest.mark.usefixtures("store")
def test_progress_is_shown_on_a_terminal_alone(call: Call) -> None:
    for line in (
        "fsck --read 100%",
        "gc --yes --grace 0s",
        "prune --failed-runs --yes",
        "get Report/report.text -o out.bin",
        "upgrade tests.support.small_store:Report --yes",
    ):
        code, shown = on_a_terminal(*line.split(" "), PYTHONPATH=str(ROOT))
        assert (line, code, "\u2501" in shown) == (line, 0, True)
        force = ["--force"] if " -o " in line else []
        piped = call(*line.split(" "), *force)
        assert (line, piped.code, piped.err, "\u2501" in piped.out) == (line, 0, "", False)
    _, document = on_a_terminal("fsck", "--json")
    assert (json.loads(document)["schema"], "\u2501" in document) == ("artigraph.fsck/1", False)


@pytest.mark.usefixtures("store")
def test_long_text_goes_to_the_pager_of_a_terminal(call: Call) -> None:
    count = len(call("tree", "run:train").lines)
    assert count > 5
    paged = {"PAGER": "wc -l"}
    assert on_a_terminal("tree", "run:train", LINES="5", **paged) == (0, f"{count}\r\n")
    for line, env in (("tree run:train", {"LINES": "100"}), ("tree run:train --json", {"LINES": "5"})):
        code, shown = on_a_terminal(*line.split(" "), **env, **paged)
        assert (code, len(shown.splitlines()) >= count) == (0, True)
    assert len(call("tree", "run:train").lines) == count


@pytest.mark.usefixtures("store")
def test_the_module_is_the_program() -> None:
    done = run("ls", "--series")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["model_name\tlabel\tversions", "Data\tdata\t1", "Report\treport\t3"],
    )


def test_doctor_examines_the_store_and_an_empty_folder(call: Call, store: SmallStore) -> None:
    found = call("doctor", "--json")
    assert (found.code, found.document["schema"]) == (ExitCode.OK, "artigraph.doctor/1")
    assert found.document["data"]["schema_version"] is not None
    assert "store.db" in call("doctor").out


def test_doctor_makes_no_store(call: Call, tmp_path: Path) -> None:
    found = call("doctor")
    assert "Traceback" not in found.err
    assert found.code in (ExitCode.OK, ExitCode.FOUND)
    assert list(tmp_path.iterdir()) == []


def test_table_writes_each_kind_of_file(call: Call, store: SmallStore, tmp_path: Path) -> None:
    model = call("ls", "--json").document["data"][0]["model_name"]
    counts: list[int] = []
    for ending in ("parquet", "csv", "json", "arrow"):
        found = call("table", model, "--run", "name", "-o", f"out.{ending}", "--json")
        assert (found.code, found.err) == (ExitCode.OK, "")
        counts.append(found.document["data"]["rows"])
    lines = [json.loads(line) for line in (tmp_path / "out.json").read_text("utf-8").splitlines()]
    assert counts == [len(lines)] * 4
    assert lines
    assert list(lines[0])[:3] == ["node_id", "run_id", "label"]
    assert call("table", model, "-o", "out.csv").code == ExitCode.REFUSED
    assert call("table", model, "-o", "out.csv", "--force").code == ExitCode.OK
    assert call("table", model, "-o", "out.xlsx").code == ExitCode.USAGE
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_commands_read_from_the_replica_and_change_what_the_primary_has(call: Call, tmp_path: Path) -> None:
    pair = asyncio.run(make_pair(tmp_path))
    (tmp_path / "artigraph.toml").write_text(
        f'[database]\nurl = "sqlite:///{pair.primary}"\nread_url = "sqlite:///{pair.replica}"\n'
    )
    assert [run["name"] for run in call("ls", "--runs", "--json").document["data"]] == ["replica"]
    assert call("show", "run:primary").code == ExitCode.NOT_FOUND
    assert call("tag", "run:primary", "team=red").code == ExitCode.OK
    removed = call("rm", "@", "--yes", "--json").document["data"]  # the newest run: the replica's is newer
    assert [item["node_id"] for item in removed["nodes"]] == [str(pair.our_run)]
    assert call("alias", "set", "replicas.Kept/it", "best").code == ExitCode.OK
    assert call("alias", "ls", "replicas.Kept/it", "--json").document["data"] == []
    assert call("db", "info", "--json").document["data"]["url"].endswith("primary.db")
