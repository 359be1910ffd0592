"""The command line on every database, and for a user who may only read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

from artigraph.cli import main
from artigraph.db import engine_context, get_engine
from tests.support.small_store import SmallStore, fill

READS = (
    *(
        "ls",
        "ls --model Report",
        "ls --runs --columns parameters.rate",
        "ls --series",
        "ls --runs --sort parameters.rate",
    ),
    *("ls --model Report -w accuracy>0.6 --sort -accuracy", "show @", "show Report/report", "tree run:train"),
    *("log Report/report", "cat Report/report@0.title", "diff Report/report@0 Report/report", "lineage Report/report"),
    *("compare run:train run:evaluate", "search tra", "du", "alias ls Report/report", "db info", "db current"),
    *("cache ls", "cache explain run:train", "cache clear train --dry-run"),
    *("rm @ --dry-run", "gc --dry-run", "fsck --read 100%"),
)
Call = Callable[[str], tuple[int, Any]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command with --json, and return its code and its document."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*line.split(" "), "--json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out or captured.err)

    return run


def make(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> SmallStore:
    name = f"file:small-{uuid4().hex}"  # storages stay registered in this process
    (folder / "artigraph.toml").write_text(
        f'[storage."{name}"]\ntype = "file"\ndirectory = "objects"\ndurable = false\n'
    )
    monkeypatch.setenv("ARTIGRAPH_URL", url)
    return asyncio.run(fill(url, folder / "objects", name))


def test_every_command_on_every_database(
    database_url: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(database_url, tmp_path, monkeypatch)
    for line in READS:
        code, document = call(line)
        assert (line, code, set(document)) == (line, 0, {"schema", "data", "next"})
    found = [row["artifact_id"] for row in call("ls --model Report -w accuracy>0.6 --sort -accuracy")[1]["data"]]
    assert found == [str(store.reports[1]), str(store.reports[2])]
    assert call("cat Report/report@production.title")[1]["data"]["value"] == "Second"
    assert call(f"show {str(store.data)[:8]}")[0] == 2
    assert call("ls --width 80")[0] == 0
    assert call("tag run:train stage=1")[0] == 0
    assert call("alias set Report/report best")[0] == 0
    assert call("alias rm Report/report best")[0] == 0
    assert call("rm Data/data --yes")[0] == 5
    done = call("rm Data/data --cascade --yes")[1]["data"]
    assert (done["runs"], done["objects"]) == (3, 2)
    assert call("fsck")[0] == 0


async def _make_reader(url: str, name: str) -> None:
    async with engine_context(url), get_engine().begin() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'"))
        await connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {name}"))
        await connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))


async def _drop_reader(url: str, name: str) -> None:
    async with engine_context(url), get_engine().begin() as connection:
        await connection.execute(text(f"DROP OWNED BY {name}"))
        await connection.execute(text(f"DROP ROLE {name}"))


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_user_who_may_only_read(
    database_url: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(database_url, tmp_path, monkeypatch)
    name = f"reader_{uuid4().hex[:12]}"
    asyncio.run(_make_reader(database_url, name))
    try:
        reader = make_url(database_url).set(username=name, password="secret")
        monkeypatch.setenv("ARTIGRAPH_URL", reader.render_as_string(hide_password=False))
        for line in READS:
            code, document = call(line)
            assert (line, code, "secret" in json.dumps(document)) == (line, 0, False)
        for line in ("tag run:train stage=1", "rm run:evaluate --yes", "alias set Report/report best"):
            code, document = call(line)
            assert (code, document["error"]["type"]) == (1, "DatabaseError")
    finally:
        asyncio.run(_drop_reader(database_url, name))
