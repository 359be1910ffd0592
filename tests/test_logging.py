"""What the library logs: which store, which runs, what is tried again or lost; no secrets, and no line from a text."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.util import greenlet_spawn

from artigraph import ArtifactModel, Run, RunManager, artifact_field, delete
from artigraph.db import _engine, _schema, current_database, engine_context, write
from artigraph.errors import DatabaseError, RetryableError, StorageError
from artigraph.graph.leases import renew_leases
from artigraph.maintenance import gc, mark_lost
from artigraph.orm import lease_table
from artigraph.storage import MemoryStorage

Lines = Callable[[str], list[str]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """What the loggers below `artigraph` said, by level."""
    caplog.set_level(logging.DEBUG, "artigraph")

    def of(level: str) -> list[str]:
        found = [record for record in caplog.records if record.name.startswith("artigraph.")]
        return [f"{record.name}: {record.getMessage()}" for record in found if record.levelname == level]

    return of


async def test_the_store_is_told_once_for_each_engine(database_url: str, tmp_path: Path, lines: Lines) -> None:
    async with engine_context(database_url, create_tables=True):
        for _ in range(3):
            await current_database()
    assert lines("INFO") == [f"artigraph.db: The store in use is {str(tmp_path / 'artigraph.db')!r}"]
    engine = create_async_engine(database_url.replace("sqlite:", "sqlite+aiosqlite:"))
    async with engine_context(engine):
        await current_database()
    await engine.dispose()
    [_, second] = lines("INFO")
    assert second.endswith("artigraph.db' (an engine of the application)")


def test_a_server_is_told_without_its_password(lines: Lines) -> None:
    engine = create_async_engine("postgresql+asyncpg://me:s3cret@host:5432/data?passfile=s3cret")
    bound: Any = SimpleNamespace(engine=engine, ours=True)
    _schema.report_store(bound)
    assert lines("INFO") == ["artigraph.db: The store in use is 'postgresql+asyncpg://me:***@host:5432/data'"]


async def test_runs_are_told_when_they_begin_and_end(database_url: str, lines: Lines) -> None:
    async with engine_context(database_url, create_tables=True):
        async with RunManager(Run(name="\u0645\u200c\u0645\u202e")) as manager:
            pass
        failed = RunManager(Run())
        with pytest.raises(LookupError):
            async with failed:
                raise LookupError("s3cret")
    told = [line for line in lines("INFO") if line.startswith("artigraph.run")]
    assert [re.sub(r"\d+\.\d{3} s", "T", line) for line in told] == [
        f"artigraph.run: Run {manager.run.node_id} begins, name '\u0645\u200c\u0645\\u202e'",
        f"artigraph.run: Run {manager.run.node_id} ends as completed after T, name '\u0645\u200c\u0645\\u202e'",
        f"artigraph.run: Run {failed.run.node_id} begins, name None",
        f"artigraph.run: Run {failed.run.node_id} ends as failed after T, name None",
    ]
    assert lines("WARNING") == []


async def test_an_end_that_cannot_be_recorded_is_told(database_url: str, lines: Lines) -> None:
    async with engine_context(database_url, create_tables=True) as engine:
        manager = RunManager(Run())

        async def fail() -> None:
            async with manager:
                async with engine.begin() as connection:
                    await connection.execute(text("ALTER TABLE artigraph_lease RENAME TO elsewhere"))
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
    [told] = [line for line in lines("WARNING") if "could not be recorded" in line]
    assert str(manager.run.node_id) in told
    assert not [line for line in lines("INFO") if "ends as" in line]


async def test_a_transaction_that_is_tried_again_warns_once(database_url: str, lines: Lines) -> None:
    async with engine_context(database_url, create_tables=True):
        await current_database()
        attempts: list[int] = []

        async def give_way(connection: AsyncConnection) -> None:
            attempts.append(1)
            if len(attempts) < 4:
                raise RetryableError("another one\nFAKE: line")

        await write(give_way)
    [told] = lines("WARNING")
    assert told.startswith("artigraph.db: Attempt 1 of at most ")
    assert "\n" not in told
    assert len(lines("DEBUG")) == 2


async def test_runs_that_are_marked_as_lost_are_told(database_url: str, lines: Lines) -> None:
    past = update(lease_table).values(expires_at=text("'2000-01-01 00:00:00.000000'"))
    async with (
        engine_context(database_url, create_tables=True),
        RunManager(Run(), lease=timedelta(hours=1)) as manager,
    ):
        await write(lambda connection: connection.execute(past))
        assert await mark_lost() == [manager.run.node_id]
    assert lines("WARNING") == [
        f"artigraph.run: 1 runs are marked as lost, their leases ran out: {manager.run.node_id}"
    ]


async def test_a_run_whose_lease_is_taken_up_again_is_told(database_url: str, lines: Lines) -> None:
    past = update(lease_table).values(expires_at=text("'2000-01-01 00:00:00.000000'"))
    async with (
        engine_context(database_url, create_tables=True),
        RunManager(Run(), lease=timedelta(hours=1)) as manager,
    ):
        run_id = manager.run.node_id

        async def renew(connection: AsyncConnection) -> None:
            await renew_leases(connection, {run_id: timedelta(hours=1)})

        await write(renew)
        assert lines("WARNING") == []  # it holds still
        await write(lambda connection: connection.execute(past))
        await mark_lost()
        await write(renew)
    assert lines("WARNING")[1:] == [
        f"artigraph.run: The lease of run {run_id} ran out before it was renewed. The run goes on."
    ]


class Stubborn(MemoryStorage):
    """Removes nothing."""

    async def delete(self, location: str) -> None:
        raise StorageError("the disk is\nread-only")


async def test_objects_that_cannot_be_removed_are_told_once_a_call(database_url: str, lines: Lines) -> None:
    stubborn = Stubborn("stubborn-of-logging").register()

    @dataclass
    class Kept(ArtifactModel, name="KeptOfLogging"):
        one: bytes = artifact_field(storage=stubborn)
        other: bytes = artifact_field(storage=stubborn)

    async with engine_context(database_url, create_tables=True):
        node_id = await Kept(b"1" * 100, b"2" * 100).save("kept")
        await delete(node_id)
        [told] = lines("WARNING")
        assert told == (
            "artigraph.storage: 2 objects that nothing refers to could not be removed and are left to gc. Storage "
            "'stubborn-of-logging': 'the disk is\\nread-only'"
        )
        await gc(grace=timedelta(0))
    assert [line for line in lines("WARNING") if "\n" in line] == []


async def test_a_connection_that_is_replaced_is_told(database_url: str, lines: Lines) -> None:
    async with engine_context(database_url, create_tables=True) as engine:

        class Broken:
            driver_connection = None

            def __getattr__(self, name: str) -> object:
                raise DatabaseError("gone")

        record: Any = SimpleNamespace(info={"artigraph_returned": -_engine._IDLE})
        with pytest.raises(DisconnectionError):
            await greenlet_spawn(_engine._ping_idle(engine), Broken(), record, None)
    assert any("no longer answers and is replaced: 'gone'" in line for line in lines("WARNING"))


def test_nothing_is_shown_unless_asked_for(tmp_path: Path) -> None:
    program = (
        "import logging, sys\n"
        "from artigraph.sync import Run, RunManager\n"
        "if sys.argv[1:]: logging.basicConfig(level=logging.INFO)\n"
        "logging.getLogger('artigraph.run').warning('a warning')\n"
        "with RunManager(Run(name='nightly')): pass\n"
    )
    silent, shown = (
        subprocess.run([sys.executable, "-c", program, *more], cwd=tmp_path, check=True, capture_output=True, text=True)
        for more in ([], ["show"])
    )
    assert silent.stderr == ""
    assert "WARNING:artigraph.run:a warning" in shown.stderr
    assert "INFO:artigraph.db:The store in use is" in shown.stderr
    assert shown.stderr.count("INFO:artigraph.run:") == 2
