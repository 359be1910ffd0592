"""Examining the current store and its surroundings."""

from __future__ import annotations

import asyncio
import math
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, in_session, utc_now
from artigraph.db.examine import Examined, StoreTables, examined
from artigraph.errors import ArtigraphError, ConfigurationError, SessionStateError
from artigraph.graph.placement import EMBEDDED_STORAGE, embedded_storage
from artigraph.graph.stored_object import call_storage
from artigraph.graph.tombstones import is_object
from artigraph.maintenance._findings import DoctorReport, Finding, Level, StorageState, Topic
from artigraph.maintenance._gc import gc as collect
from artigraph.maintenance._report import Amount, GcReport
from artigraph.maintenance._settings import judge, read_settings
from artigraph.orm import SCHEMA_VERSION, blob_table, lease_table, node_table
from artigraph.orm.metadata import metadata as tables_of_artigraph
from artigraph.printable import bytes_text
from artigraph.storage import Storage, get_storage_by_name

T = TypeVar("T")

SECONDS = 10.0
"""The most seconds for one look at the database or a storage."""
_APART = 5.0
"""Seconds between two clocks that cause no trouble. Leases of runs last longer."""
_UPGRADE = "Make a backup, then run `await artigraph.migrations.upgrade()`, or `python -m artigraph.migrations`."
_CHOSEN = {
    "engine_context": "set for this block by engine_context",
    "set_engine": "set for this process by set_engine",
    "environment": "named by the environment variable ARTIGRAPH_URL",
    "folder": "the default, since nothing else is set: the nearest .artigraph in the working folder or above",
}
_DISTRIBUTIONS = (
    *("artigraph", "artigraph-core", "artigraph-models", "artigraph-serializers"),
    *("artigraph-storage-aws", "artigraph-storage-fs", "artigraph-storage-obstore", "artigraph-cli", "artigraph-ui"),
    *("SQLAlchemy", "greenlet", "aiosqlite", "asyncpg", "psycopg", "asyncmy", "aiomysql", "alembic"),
    *("numpy", "pandas", "polars", "pyarrow", "aioboto3", "obstore", "click", "rich", "starlette", "uvicorn", "Jinja2"),
)
_ESTIMATES = {
    "postgresql": text(
        "SELECT c.relname, CAST(c.reltuples AS bigint), pg_catalog.pg_total_relation_size(c.oid) "
        "FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.relname LIKE 'artigraph\\_%' "
        "AND pg_catalog.pg_table_is_visible(c.oid)"
    ),
    "mysql": text(
        "SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name LIKE 'artigraph\\_%'"
    ),
}
"""The server's own estimate of the rows of each table, and the bytes of the table with its indexes."""
_size = func.coalesce(func.sum(blob_table.c.size), 0)
_objects = (
    select(blob_table.c.storage, func.count(), _size, func.min(blob_table.c.location))
    .where(is_object)
    .group_by(blob_table.c.storage)
    .order_by(blob_table.c.storage)
)
_unused = select(func.count(), _size).where(
    is_object, ~select(node_table.c.node_id).where(node_table.c.blob_id == blob_table.c.blob_id).exists()
)
_leases = select(func.count()).select_from(lease_table)


async def doctor(*, gc: bool = False, time_limit: float = SECONDS) -> DoctorReport:
    """Examine the current store and its surroundings, and say what is wrong and what to do about it.

        report = await doctor()
        print(report)

    It says which store is in use and why, and whether its tables are of this release. It looks at its size, storages,
    runs and clock, the settings of the database, and the libraries. It writes nothing, and creates neither a file nor
    a folder. It works on a store of any release, on a folder without a store, and for a user who may only read.

    What cannot be found out, or takes too long, becomes a finding. So it raises no error of a database or storage.

    Args:
        gc: also report what `gc` would delete. This opens the store as `gc` does, lists all objects, and has no time
            limit.
        time_limit: the most seconds for one look at the database or a storage. There are about ten, and one for each
            storage.

    Raises:
        ConfigurationError: `time_limit` is not a positive number.
        SessionStateError: a session is open here. It looks at what is committed.
    """
    if isinstance(time_limit, bool) or not isinstance(time_limit, (int, float)) or not 0 < time_limit < math.inf:
        msg = f"time_limit is a positive number of seconds, not {time_limit!r:.100}"
        raise ConfigurationError(msg)
    if in_session():
        msg = "doctor looks at what is committed: call it outside of session_context()"
        raise SessionStateError(msg)
    return await _Doctor(time_limit, gc=gc).run()


class _Doctor:
    def __init__(self, seconds: float, *, gc: bool) -> None:
        self._seconds = seconds
        self._gc = gc
        self._findings: list[Finding] = []
        self._store = ""
        self._known: dict[str, Any] = {}
        """The fields of the report that were found out."""

    async def run(self) -> DoctorReport:
        try:
            async with examined() as store:
                await self._look_at(store)
        except ConfigurationError as error:
            self._add("error", "store", str(error), "Correct the URL.")
        except (ArtigraphError, OSError) as error:
            self._add("error", "store", str(error))
        self._look_at_libraries()
        known: dict[str, Any] = {
            **dict.fromkeys(("chosen", "dialect", "server", "schema_version", "size", "clock_difference", "gc")),
            **dict.fromkeys(("running_runs", "lost_runs")),
            "rows": {},
            "storages": (),
            **self._known,
        }
        return DoctorReport(store=self._store, findings=tuple(self._findings), **known)

    def _add(self, level: Level, topic: Topic, said: str, advice: str = "") -> None:
        self._findings.append(Finding(level, topic, said, advice))

    async def _try(
        self, topic: Topic, what: str, look: Callable[[], Awaitable[T]], level: Level = "warning"
    ) -> T | None:
        """Return the result of a look, or None and a finding if it fails or takes too long."""
        try:
            async with asyncio.timeout(self._seconds):
                return await look()
        except TimeoutError:
            advice = "Look again with a greater time_limit, or when the store is less busy."
            self._add(level, topic, f"{what} was not found out within {self._seconds:g} s.", advice)
        except ArtigraphError as error:
            self._add(level, topic, f"{what} could not be found out: {error}")
        return None

    # The store --------------------------------------------------------------------------------------------------

    async def _look_at(self, store: Examined) -> None:
        self._store, self._known["chosen"] = store.name, store.chosen
        whose = " It is an engine of the application." if store.is_callers else ""
        self._add("ok", "store", f"{store.name} is {_CHOSEN[store.chosen]}.{whose}")
        if store.file is not None and not self._look_at_file(store):
            return
        tables = await self._try("store", "What the database holds", lambda: store.tables(self._seconds), "error")
        if tables is None:
            return
        self._known |= {"dialect": tables.dialect, "schema_version": tables.version}
        is_current = self._look_at_schema(store, tables)
        await self._look_at_settings(store, tables)
        self._look_at_pool(store)
        if store.file is None and not store.in_memory:
            await self._look_at_clock(store)
        if node_table.name in tables.names:
            await self._look_at_rows(store, tables)
        if self._gc and is_current:
            await self._look_at_garbage(store)

    def _look_at_file(self, store: Examined) -> bool:
        file = store.file
        assert file is not None  # the caller asked
        if not file.exists():
            if store.creates_tables:
                self._add("note", "store", f"There is no file {str(file)!r} yet. The first use creates it.")
            else:
                advice = "Correct the path, or make a store there with set_engine(..., create_tables=True)."
                self._add("error", "store", f"There is no file {str(file)!r}.", advice)
            return False
        log = file.with_name(f"{file.name}-wal")
        self._known["size"] = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
        if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
            self._add("note", "store", "This user may not write the file, or may not create files beside it.")
        if not store.is_callers and store.synchronous == "NORMAL":
            said = "Commits do not wait for the disk: a loss of power may lose the last ones."
            self._add("ok", "store", said, "If that matters, pass sqlite_synchronous='FULL' to set_engine.")
        return True

    def _look_at_schema(self, store: Examined, tables: StoreTables) -> bool:
        """Return whether the tables are of this release."""
        found = tables.version
        if found == SCHEMA_VERSION and tables.store is not None:
            self._add("ok", "schema", f"The tables are of version {found}, that of this release.")
            return True
        if found is None and node_table.name in tables.names:
            said = "The tables have no version: they are of a release before 1.0, or were not made to their end."
            self._add("error", "schema", said, "Use another database or schema, or make the tables to their end.")
        elif found is None and store.creates_tables:
            self._add("note", "schema", "There are no tables yet. The first use creates them.")
        elif found is None:
            advice = "Make them: set_engine(..., create_tables=True), or `await artigraph.migrations.upgrade()`."
            self._add("error", "schema", "The database has no tables of Artigraph.", advice)
        elif found < SCHEMA_VERSION:
            said = f"The tables are of version {found}. This release works with {SCHEMA_VERSION}."
            self._add("error", "schema", said, _UPGRADE)
        elif found > SCHEMA_VERSION:
            said = f"The tables are of version {found}, newer than the {SCHEMA_VERSION} of this release."
            self._add("error", "schema", said, "Upgrade Artigraph: pip install --upgrade artigraph.")
        else:
            said = "The tables were not made to their end."
            self._add("error", "schema", said, "Call `await artigraph.db.create_tables()` once.")
        return False

    async def _look_at_settings(self, store: Examined, tables: StoreTables) -> None:
        def look() -> Awaitable[dict[str, str]]:
            return store.read(lambda connection: read_settings(connection, tables.dialect), self._seconds)

        settings = await self._try("server", "Its settings", look)
        if settings is not None:
            self._known["server"] = settings["version"]
            if store.is_at_rest:
                settings.pop("journal_mode")  # SQLite says "delete" of a file that it takes as unchanging
            self._add("ok", "server", f"{tables.dialect} {settings['version']}, by the driver {store.driver}.")
            self._findings += judge(settings, tables.dialect, ours=not store.is_callers)

    def _look_at_pool(self, store: Examined) -> None:
        if store.pool is None or store.in_memory:
            return
        size, sessions = store.pool
        kept = "no limit" if size is None else f"{size} connections"
        said = f"The pool keeps {kept}, and {sessions} sessions may be open at once."
        if size == 1:
            advice = "Give the engine a pool of two connections or more: a session briefly needs a second one."
            self._add("warning", "pool", said, advice)
        else:
            self._add("ok", "pool", said)

    async def _look_at_clock(self, store: Examined) -> None:
        async def work(connection: AsyncConnection) -> float:
            before = datetime.now(UTC)
            there: datetime = (await connection.execute(select(utc_now()))).scalar_one()
            return (there - before).total_seconds() - (datetime.now(UTC) - before).total_seconds() / 2

        ahead = await self._try("clock", "Its clock", lambda: store.read(work, self._seconds))
        if ahead is None:
            return
        self._known["clock_difference"] = round(ahead, 3)
        said = f"The database's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's."
        if abs(ahead) > _APART:
            advice = "Synchronize both clocks (NTP). Ids and times of saves are this machine's, leases the database's."
            self._add("warning", "clock", said, advice)
        else:
            self._add("ok", "clock", said)

    # What it holds ----------------------------------------------------------------------------------------------

    async def _look_at_rows(self, store: Examined, tables: StoreTables) -> None:
        async def count(connection: AsyncConnection) -> list[tuple[str, int, int]]:
            if tables.dialect != "sqlite":
                estimates = _ESTIMATES["postgresql" if tables.dialect == "postgresql" else "mysql"]
                found = await connection.execute(estimates)
                return [(str(name), max(0, int(rows or 0)), int(size or 0)) for name, rows, size in found]
            counts: list[tuple[str, int, int]] = []
            for table in tables_of_artigraph.sorted_tables:
                if table.name in tables.names:
                    rows = await connection.execute(select(func.count()).select_from(table))
                    counts.append((table.name, rows.scalar_one(), 0))
            return counts

        found = await self._try("size", "The number of rows", lambda: store.read(count, self._seconds))
        if found is not None:
            rows = {name: rows for name, rows, _ in sorted(found)}
            self._known["rows"] = rows
            if tables.dialect != "sqlite":
                self._known["size"] = sum(size for *_, size in found)
        size = self._known.get("size")
        about = "" if tables.dialect == "sqlite" else "about "
        nodes = self._known.get("rows", {}).get(node_table.name)
        said = "" if nodes is None else f"{about}{nodes:,} nodes"
        said += "" if size is None else f"{', ' if said else ''}{bytes_text(size)} in the database"
        if said:
            self._add("ok", "size", f"The store holds {said}.")
        await self._look_at_storages(store, tables)
        await self._look_at_runs(store)

    async def _look_at_storages(self, store: Examined, tables: StoreTables) -> None:
        def look() -> Awaitable[list[Any]]:
            return store.read(_all(_objects), self._seconds)

        states: list[StorageState] = []
        for name, count, size, location in await self._try("storages", "The objects", look) or ():
            amount = Amount(int(count), _whole(size))
            try:
                storage = self._storage(str(name), tables)
            except ArtigraphError as error:
                states.append(StorageState(str(name), amount, is_known=False, is_reachable=None))
                advice = "Register it, or import the module that does, before you load these values."
                self._add("warning", "storages", f"Storage {name!r} with {amount} is not known here: {error}", advice)
                continue
            answers = await self._ask(storage, location, amount)
            states.append(StorageState(str(name), amount, is_known=True, is_reachable=answers))
        self._known["storages"] = tuple(states)

        def unused() -> Awaitable[list[Any]]:
            return store.read(_all(_unused), self._seconds)

        if states:
            for count, size in await self._try("unused", "What no artifact uses", unused, "note") or ():
                amount = Amount(int(count), _whole(size))
                said = f"No artifact uses {amount}." if amount.count else "Every object is used."
                advice = "gc deletes those that are older than its grace." if amount.count else ""
                self._add("note" if amount.count else "ok", "unused", said, advice)

    def _storage(self, name: str, tables: StoreTables) -> Storage:
        if name == EMBEDDED_STORAGE and tables.store is not None:
            embedded = embedded_storage(tables.store)
            if embedded is not None:
                return embedded
        return get_storage_by_name(name)

    async def _ask(self, storage: Storage, location: str, amount: Amount) -> bool:
        """Ask a storage for an object of its, and return whether it answers."""

        def look() -> Awaitable[bool]:
            return call_storage(storage, storage.exists(location))

        there = await self._try("storages", f"Whether storage {storage.name!r} answers", look)
        if there is False:
            said = f"Storage {storage.name!r} answers, but has no object at {location!r}."
            self._add("error", "storages", said, "It may be another place than it was. fsck lists what is missing.")
        elif there:
            self._add("ok", "storages", f"Storage {storage.name!r} with {amount} answers.")
        return there is not None

    async def _look_at_runs(self, store: Examined) -> None:
        async def count(connection: AsyncConnection) -> tuple[int, int]:
            over = _leases.where(lease_table.c.expires_at <= utc_now())
            counts = [(await connection.execute(statement)).scalar_one() for statement in (_leases, over)]
            return counts[0], counts[1]

        found = await self._try("runs", "The number of running runs", lambda: store.read(count, self._seconds))
        if found is None:
            return
        self._known["running_runs"], self._known["lost_runs"] = found
        running, lost = found
        if lost:
            said = f"{lost:,} of {running:,} running runs are lost: their processes died without recording an end."
            self._add("note", "runs", said, "A run that starts a minute later marks them, and so does mark_lost().")
        else:
            self._add("ok", "runs", f"{running:,} runs are running, and none is lost.")

    async def _look_at_garbage(self, store: Examined) -> None:
        if store.file is not None and not os.access(store.file, os.W_OK):
            self._add("note", "gc", "What gc would delete was not found out, because this user may not write the file.")
            return
        try:
            await current_database()
            report: GcReport = await collect(dry_run=True)
        except ArtigraphError as error:
            self._add("warning", "gc", f"What gc would delete could not be found out: {error}")
            return
        self._known["gc"] = report
        level: Level = "error" if report.dangling.count else "ok"
        said = f"gc would delete {report.unused} without an artifact, and {report.unregistered} without a row."
        self._add(level, "gc", said, "Rows name missing objects: see fsck." if report.dangling.count else "")

    # The surroundings -------------------------------------------------------------------------------------------

    def _look_at_libraries(self) -> None:
        found = {"Python": ".".join(map(str, sys.version_info[:3])), "SQLite": sqlite3.sqlite_version}
        for name in _DISTRIBUTIONS:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        self._known["libraries"] = found
        ours = {name: version for name, version in found.items() if name.startswith("artigraph")}
        if len(set(ours.values())) > 1:
            said = "The distributions of Artigraph are of several releases: " + ", ".join(map(" ".join, ours.items()))
            self._add("warning", "libraries", f"{said}.", "Install them all in one release: pip install -U artigraph.")
        self._add("ok", "libraries", f"{', '.join(map(' '.join, found.items()))}.")


def _whole(size: Any) -> int:
    """Return a sum of sizes, or 0 if a row was altered so that it has none."""
    try:
        return int(size)
    except (TypeError, ValueError, OverflowError):
        return 0


def _all(statement: Any) -> Callable[[AsyncConnection], Awaitable[list[Any]]]:
    async def work(connection: AsyncConnection) -> list[Any]:
        return list((await connection.execute(statement)).all())

    return work
