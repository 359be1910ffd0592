"""doctor says how a store is, whatever it is like, and changes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import delete, insert, literal_column, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from artigraph import ArtifactModel, Run, RunManager, artifact_field
from artigraph.db import DialectName, dispose_engines, engine_context, session_context, set_engine
from artigraph.db._engine import make_reading_engine
from artigraph.errors import ConfigurationError, SessionStateError, StorageUnavailableError
from artigraph.maintenance import Amount, DoctorReport, Finding, StorageState, doctor
from artigraph.maintenance._findings import Level
from artigraph.maintenance._settings import judge
from artigraph.orm import SCHEMA_VERSION, blob_table, lease_table, node_table, store_table, version_table
from artigraph.storage import MemoryStorage
from tests.support.maintenance import delete_artifact, tamper


def found(report: DoctorReport, topic: str) -> list[tuple[str, str]]:
    """Return the levels and texts of the findings about a topic."""
    return [(finding.level, finding.text) for finding in report.findings if finding.topic == topic]


def names(folder: Path) -> set[str]:
    """Return the names of everything in a folder."""
    return {path.name for path in folder.iterdir()}


def content(folder: Path) -> dict[str, bytes]:
    """Return everything in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Placed(MemoryStorage):
    """A storage whose answers a test sets."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.answers: Callable[[str], Any] = self._objects.__contains__

    async def exists(self, location: str) -> bool:
        answer = self.answers(location)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        return bool(answer)


placed = Placed("doctor-objects").register()


@pytest.fixture
def storage() -> Placed:
    placed._objects.clear()
    placed.answers = placed._objects.__contains__
    return placed


def model_on(storage: MemoryStorage) -> Any:
    @dataclass
    class Kept(ArtifactModel, name="doctor Kept"):
        value: str = artifact_field(storage=storage)

    return Kept


async def test_a_store_that_is_well(database_url: str, tmp_path: Path, storage: Placed) -> None:
    async with engine_context(database_url, create_tables=True):
        await model_on(storage)("value").save("a")
        async with RunManager(Run()):
            report = await doctor()
    assert report.ok
    assert report.level == "ok"
    assert (report.store, report.chosen) == (str(tmp_path / "artigraph.db"), "engine_context")
    assert (report.dialect, report.schema_version) == ("sqlite", SCHEMA_VERSION)
    assert report.rows[node_table.name] == 3
    assert report.size is not None
    assert report.size > 4096
    assert report.storages == (StorageState("doctor-objects", Amount(1, 7), is_known=True, is_reachable=True),)
    assert (report.running_runs, report.lost_runs, report.clock_difference, report.gc) == (1, 0, None, None)
    assert {"Python", "SQLAlchemy", "artigraph-core"} <= report.libraries.keys()
    assert str(report).startswith("doctor: all is well\n  ok       store: ")


async def test_nothing_is_changed_and_nothing_is_made(database_url: str, tmp_path: Path, storage: Placed) -> None:
    async with engine_context(database_url, create_tables=True):
        await model_on(storage)("value").save("a")
    last = sqlite3.connect(tmp_path / "artigraph.db")
    last.execute("SELECT * FROM artigraph_version").fetchall()
    last.close()  # which ends the write-ahead log
    before = content(tmp_path)
    assert before.keys() == {"artigraph.db"}
    async with engine_context(database_url):
        assert (await doctor()).ok
        assert content(tmp_path) == before
    async with engine_context(create_async_engine(database_url.replace("sqlite:", "sqlite+aiosqlite:"))):
        report = await doctor()
    assert content(tmp_path) == before
    assert found(report, "store")[0][1].endswith(" It is an engine of the application.")
    engine = make_reading_engine(tmp_path / "artigraph.db")
    async with engine.connect() as connection:
        with pytest.raises(OperationalError, match="readonly"):
            await connection.execute(delete(node_table))
    await engine.dispose()


async def test_a_store_that_others_write_is_read_beside_them(
    database_url: str, tmp_path: Path, storage: Placed
) -> None:
    async with engine_context(database_url, create_tables=True):
        await model_on(storage)("value").save("a")  # it is in the write-ahead log only
        assert "artigraph.db-wal" in names(tmp_path)
        before = content(tmp_path)
        assert (await doctor()).rows[node_table.name] == 2
        after = content(tmp_path)
    assert after.keys() == before.keys() == {"artigraph.db", "artigraph.db-shm", "artigraph.db-wal"}
    del after["artigraph.db-shm"], before["artigraph.db-shm"]  # the marks of readers
    assert after == before


async def test_a_folder_without_a_store_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    report = await doctor()
    assert names(tmp_path) == set()
    assert (report.level, report.chosen, report.dialect, report.rows) == ("note", "folder", None, {})
    assert report.store == str(tmp_path / ".artigraph/artigraph.db")
    assert found(report, "store")[1] == ("note", f"There is no file {report.store!r} yet. The first use creates it.")
    await dispose_engines()


async def test_a_file_that_is_not_there_is_an_error_where_nobody_makes_it(database_url: str, tmp_path: Path) -> None:
    put_back = set_engine(database_url)
    report = await doctor()
    put_back()
    assert names(tmp_path) == set()
    assert (report.level, report.chosen) == ("error", "set_engine")
    assert found(report, "store")[1] == ("error", f"There is no file {str(tmp_path / 'artigraph.db')!r}.")


async def test_the_environment_says_which_store(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_URL", database_url)
    assert (await doctor()).chosen == "environment"
    monkeypatch.setenv("ARTIGRAPH_URL", "postgresql://user:secret@host:port/x")
    report = await doctor()
    assert report.level == "error"
    assert "The environment variable ARTIGRAPH_URL cannot be used." in str(report)
    assert "secret" not in str(report)
    assert names(tmp_path) == set()


async def test_a_file_that_is_no_database_is_an_error(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "artigraph.db").write_bytes(b"no database" * 1000)
    async with engine_context(database_url):
        report = await doctor()
    assert report.level == "error"
    assert "file is not a database" in found(report, "store")[-1][1]


async def test_a_database_in_memory() -> None:
    async with engine_context("sqlite://"):
        empty = await doctor()
    assert (empty.level, found(empty, "schema")) == ("error", [("error", "The database has no tables of Artigraph.")])
    async with engine_context("sqlite://", create_tables=True):
        assert found(await doctor(), "schema") == [("note", "There are no tables yet. The first use creates them.")]
        async with RunManager(Run()):
            report = await doctor()
    assert (report.level, report.rows[node_table.name], report.running_runs) == ("ok", 1, 1)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("version", "level", "said"),
    [
        ("0001", "error", f"The tables are of version 0001. This release works with {SCHEMA_VERSION}."),
        ("9999", "error", f"The tables are of version 9999, newer than the {SCHEMA_VERSION} of this release."),
    ],
)
async def test_tables_of_another_release(version: str, level: str, said: str) -> None:
    async with RunManager(Run()):
        pass
    await tamper(update(version_table).values(version_num=version))
    report = await doctor()
    assert (report.level, found(report, "schema")) == (level, [(level, said)])
    assert report.schema_version == version
    assert report.rows[node_table.name] == 1


@pytest.mark.usefixtures("engine")
async def test_tables_that_were_not_made_to_their_end() -> None:
    async with RunManager(Run()):
        pass
    await tamper(delete(store_table))
    assert found(await doctor(), "schema") == [("error", "The tables were not made to their end.")]
    await tamper(delete(version_table))
    assert found(await doctor(), "schema")[0][0] == "error"


@pytest.mark.usefixtures("engine")
async def test_storages_that_are_unknown_lost_or_unreachable(storage: Placed) -> None:
    await model_on(storage)("value").save("a")
    storage.answers = lambda _: False
    report = await doctor()
    (location,) = storage._objects
    assert found(report, "storages") == [
        ("error", f"Storage 'doctor-objects' answers, but has no object at {location!r}.")
    ]
    assert report.storages[0].is_reachable
    storage.answers = lambda _: StorageUnavailableError("no route")
    report = await doctor()
    assert (report.level, report.storages[0].is_reachable) == ("warning", False)
    assert found(report, "storages")[0][1].endswith("could not be found out: no route")
    storage.answers = lambda _: None
    report = await doctor(time_limit=0.2)
    said = "Whether storage 'doctor-objects' answers was not found out within 0.2 s."
    assert found(report, "storages") == [("warning", said)]
    await tamper(update(blob_table).values(storage="nobody"))
    report = await doctor()
    assert report.storages == (StorageState("nobody", Amount(1, 7), is_known=False, is_reachable=None),)
    assert found(report, "storages")[0][1].startswith("Storage 'nobody' with 1 object, 7 bytes is not known here: ")


@pytest.mark.usefixtures("engine")
async def test_what_no_artifact_uses_and_what_gc_would_delete(storage: Placed) -> None:
    await delete_artifact(await model_on(storage)("value").save("a"), objects=False)
    report = await doctor(gc=True)
    assert found(report, "unused") == [("note", "No artifact uses 1 object, 7 bytes.")]
    assert report.gc is not None
    assert report.gc.dry_run
    assert report.gc.young == Amount(1, 7)
    assert "gc (dry run: nothing was deleted), grace 3 days" in str(report)
    assert len(storage._objects) == 1


@pytest.mark.usefixtures("engine")
async def test_altered_rows_are_no_error_here(storage: Placed) -> None:
    await model_on(storage)("value").save("a")
    await tamper(update(blob_table).values(size=literal_column("9e999"), location=literal_column("x'ff'")))
    report = await doctor()
    assert {each.objects for each in report.storages} <= {Amount(1, 0)}
    await tamper(update(blob_table).values(storage=literal_column("7")))
    assert {each.name for each in (await doctor()).storages} <= {"7"}
    await tamper(update(store_table).values(store_id=literal_column("'x'")))
    report = await doctor()
    assert report.level == "error"
    assert "The row was altered by hand" in found(report, "store")[-1][1]


@pytest.mark.usefixtures("engine")
async def test_lost_runs_are_counted_and_not_marked() -> None:
    async with RunManager(Run()) as manager:
        pass
    lease = {"run_id": manager.run.node_id, "expires_at": datetime.now(UTC) - timedelta(hours=1)}
    await tamper(insert(lease_table).values(**lease))
    report = await doctor()
    assert (report.running_runs, report.lost_runs, report.level) == (1, 1, "note")
    said = "1 of 1 running runs are lost: their processes died without recording an end."
    assert found(report, "runs") == [("note", said)]
    assert (await doctor()).lost_runs == 1


@pytest.mark.usefixtures("engine")
async def test_what_takes_too_long_is_a_finding() -> None:
    async with RunManager(Run()):
        pass
    report = await doctor(time_limit=1e-9)
    assert found(report, "store")[-1] == ("error", "What the database holds was not found out within 1e-09 s.")
    assert report.libraries


async def test_it_is_refused_in_a_session_and_without_a_limit(engine: AsyncEngine) -> None:
    del engine
    async with session_context():
        with pytest.raises(SessionStateError):
            await doctor()
    for limit in (0, -1, True, None, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="time_limit"):
            await doctor(time_limit=limit)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


WELL: Mapping[str, dict[str, str]] = {
    "sqlite": {"journal_mode": "wal", "page_count": "9000", "freelist_count": "10", "page_size": "4096"},
    "postgresql": {"autovacuum": "on", "track_counts": "on", "fsync": "on", "server_encoding": "UTF8"},
    "mysql": {"sql_mode": "STRICT_TRANS_TABLES", "max_allowed_packet": "67108864", "log_bin": "ON", "engines": ""},
}


@pytest.mark.parametrize(
    ("dialect", "changed", "level", "word"),
    [
        ("sqlite", {"journal_mode": "delete"}, "note", "journal mode"),
        ("sqlite", {"freelist_count": "8000"}, "note", "31.2 MiB of the file's 35.2 MiB are free"),
        ("postgresql", {"autovacuum": "off"}, "warning", "autovacuum is off"),
        ("postgresql", {"track_counts": "off"}, "warning", "track_counts is off"),
        ("postgresql", {"fsync": "off"}, "warning", "fsync is off"),
        ("postgresql", {"synchronous_commit": "off"}, "warning", "synchronous_commit is off"),
        ("postgresql", {"server_encoding": "LATIN1"}, "error", "LATIN1"),
        ("postgresql", {"in_recovery": "on"}, "note", "read-only"),
        ("mysql", {"sql_mode": "ANSI"}, "error", "sql_mode is not strict"),
        ("mysql", {"max_allowed_packet": "1048576"}, "warning", "max_allowed_packet is 1.0 MiB"),
        ("mysql", {"innodb_flush_log_at_trx_commit": "2"}, "warning", "innodb_flush_log_at_trx_commit is 2"),
        ("mysql", {"binlog_format": "STATEMENT"}, "error", "binary log"),
        ("mysql", {"engines": "artigraph_node (MyISAM)"}, "error", "artigraph_node (MyISAM)"),
        ("mysql", {"super_read_only": "ON"}, "note", "read-only"),
    ],
)
def test_settings_that_cause_trouble_are_found(
    dialect: DialectName, changed: dict[str, str], level: Level, word: str
) -> None:
    assert list(judge(WELL[dialect], dialect, ours=False)) == []
    (finding,) = judge({**WELL[dialect], **changed}, dialect, ours=False)
    assert (finding.level, finding.topic) == (level, "server")
    assert word in finding.text
    assert finding.advice
    assert list(judge({**WELL["mysql"], "sql_mode": "ANSI"}, "mariadb", ours=True)) == []


def test_a_finding_is_one_line_and_levels_have_an_order() -> None:
    assert str(Finding("note", "store", "a\nb")) == "store: a\\nb"
    assert get_args(Level) == ("ok", "note", "warning", "error")
