"""Any value in any column: reads raise typed errors that name the row, fsck lists it, gc deletes nothing in use."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

import artigraph
from artigraph.db import engine_context
from artigraph.errors import ArtigraphError, MalformedRowError
from artigraph.maintenance import fsck, gc
from artigraph.orm.metadata import metadata
from artigraph.orm.types import Text, UtcDateTime, Whole
from artigraph.registry import Registry
from artigraph.serializer import base as serializers
from artigraph.storage import Storage, base
from tests.support.malformed import COLUMNS, KINDS, VALUES, Store, make_store


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """gc looks at every storage that is registered: here at that of the test."""
    registry: Registry[Storage] = base._storages
    monkeypatch.setattr(registry, "_items", {})
    for known in (registry, serializers._serializers):
        monkeypatch.setattr(known, "_sources", [])


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    file = tmp_path / "artigraph.db"
    async with engine_context(f"sqlite+aiosqlite:///{file}", create_tables=True):
        yield await make_store(file, f"malformed-{uuid4().hex}")


def alterations(where: str, store: Store, *, every: bool) -> Iterator[tuple[str, str]]:
    """Alter the store with values that SQLite takes; yield what was done, and what class the value is stored as.

    With `every`, each value goes into a row of each kind, else a third of them into a row of one kind.
    """
    table, column = where.split(".")
    kinds = KINDS.get(table, ("true",))
    at = COLUMNS.index(where)
    for index, (name, value) in enumerate(VALUES.items()):
        if not every and index % 3 != at % 3 and name != "text that is no UTF-8":
            continue
        for kind in kinds if every else [kinds[(at + index) % len(kinds)]]:
            stored = store.alter(table, column, kind, value)
            if stored is not None:
                yield f"{name} in {column} of {table} where {kind}", stored
            store.restore()


def cannot_be(where: str, stored: str) -> bool:
    """Whether a column cannot hold any value of a storage class."""
    table, name = where.split(".")
    column = metadata.tables[table].columns[name]
    right = (
        "integer"
        if isinstance(column.type, Whole)
        else "text"
        if isinstance(column.type, (Text, UtcDateTime))
        else "blob"
    )
    return stored != right and not (stored == "null" and column.nullable)


@pytest.mark.slow
@pytest.mark.parametrize("where", COLUMNS)
async def test_whatever_is_in_a_column_is_named(store: Store, where: str) -> None:
    await check(store, where, every=False)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("where", COLUMNS)
async def test_whatever_is_in_whichever_row_is_named(store: Store, where: str) -> None:
    await check(store, where, every=True)


async def check(store: Store, where: str, *, every: bool) -> None:
    wrong: list[str] = []
    for what, stored in alterations(where, store, every=every):
        found = [
            *[message async for message in after_fsck(where, certain=cannot_be(where, stored) or "UTF-8" in what)],
            *[message async for message in after_reads(store, where)],
            *[message async for message in after_gc(store)],
            *[message async for message in after_deletions(store)],
        ]
        wrong += [f"{message} after {what}" for message in found]
    assert not wrong, "\n".join([f"{len(wrong)} failures", *wrong[:15]])


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(
    ("column", "value", "other"),
    [
        ("blob_id", "7", "8"),
        ("blob_id", "x'01'", "x'02'"),
        ("blob_id", "x''", "x'02'"),
        ("blob_id", "'text'", "'other text'"),
        ("label", "CAST(x'6eff' AS TEXT)", "CAST(x'6efe6e' AS TEXT)"),
        ("serializer", "CAST(x'ff27' AS TEXT)", "CAST(x'ff27ff' AS TEXT)"),
    ],
)
async def test_of_several_malformed_rows_the_one_that_was_read_is_named(
    store: Store, column: str, value: str, other: str, same: bool
) -> None:
    trees = [store.first, store.second]
    connection = sqlite3.connect(store.file)
    connection.execute("PRAGMA foreign_keys=OFF")
    for root_id, found in zip(trees, (value, value if same else other), strict=True):
        connection.execute(
            f"UPDATE artigraph_node SET {column} = {found} "
            "WHERE tree_root_id = ? AND node_type = 'value' AND blob_id IS NOT NULL AND label = 'payload'",
            [root_id.bytes],
        )
    nodes = {
        root_id: {
            UUID(bytes=row[0])
            for row in connection.execute("SELECT node_id FROM artigraph_node WHERE tree_root_id = ?", [root_id.bytes])
        }
        for root_id in trees
    }
    connection.commit()
    connection.close()
    for root_id in trees:
        with pytest.raises(MalformedRowError) as caught:
            await store.tree.load(root_id)
        assert caught.value.column == column
        assert caught.value.node_id in nodes[root_id], f"{caught.value} is not of {root_id}"


async def after_reads(store: Store, where: str) -> AsyncIterator[str]:
    column = where.split(".")[1]
    for name, read in store.reads():
        try:
            await read()
        except MalformedRowError as error:
            said = str(error)
            if "has no place in its tree" not in said and (error.column != column or column not in said):
                yield f"{name} names no column: {said}"
            if error.node_id is None and "rowid" not in said and "Object" not in said:
                yield f"{name} names no row: {said}"
        except ArtigraphError:
            pass  # a value that its column can hold has another meaning there
        except BaseException as error:
            yield f"{name}: {error!r}"


async def after_fsck(where: str, *, certain: bool) -> AsyncIterator[str]:
    """`certain`: whether the column cannot hold the value."""
    try:
        report = await fsck(read_data_subset=1)
    except BaseException as error:
        yield f"fsck: {error!r}"
        return
    column = where.split(".")[1]
    named = [problem for problem in report.problems if problem.kind == "malformed"]
    if certain and not any(f"column {column}" in str(problem) for problem in named):
        yield f"fsck is silent: {report.render()}"


async def after_gc(store: Store) -> AsyncIterator[str]:
    for dry_run in (True, False):
        try:
            await gc(dry_run=dry_run, grace=timedelta())
        except ArtigraphError:
            pass
        except BaseException as error:
            yield f"gc: {error!r}"
    if store.storage._objects != store.objects:
        yield f"gc deleted {len(store.objects) - len(store.storage._objects)} objects that are in use"


async def after_deletions(store: Store) -> AsyncIterator[str]:
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "delete": lambda: artigraph.delete([store.first, store.outer], cascade=True),
        "prune": lambda: artigraph.prune(older_than=timedelta(0), cascade=True),
    }
    for name, work in works.items():
        try:
            await work()
        except ArtigraphError:
            pass
        except BaseException as error:
            yield f"{name}: {error!r}"
