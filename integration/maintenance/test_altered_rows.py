"""Values that servers accept and models cannot read: reads raise typed errors that name the row, and fsck lists it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, ColumnElement, LargeBinary, literal, literal_column, select
from sqlalchemy import update as update_of
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph.db import engine_context
from artigraph.errors import ArtigraphError, MalformedRowError
from artigraph.maintenance import fsck, gc
from artigraph.orm import alias_table, blob_table, link_table, node_table, run_value_table
from integration.support.databases import SERVERS, fresh_database
from tests.support.malformed import Store, fill_store


class Altered(NamedTuple):
    """A value that is written into a column of a row, and the reads that must report it."""

    column: Column[Any]
    value: Any
    row: Callable[[Store], ColumnElement[bool]]
    reads: tuple[str, ...]
    """Those that need the value, by their names in `Store.reads`."""
    node: str | None = "first"
    """The attribute of the store that is the id of the node that is named; None where it is an object."""
    gc_refuses: bool = False


def outer(store: Store) -> ColumnElement[bool]:
    return node_table.c.node_id == store.outer


def tag(store: Store) -> ColumnElement[bool]:
    return (run_value_table.c.run_id == store.outer) & (run_value_table.c.kind == "tag")


def first(store: Store) -> ColumnElement[bool]:
    return node_table.c.node_id == store.first


def used(store: Store) -> ColumnElement[bool]:
    return link_table.c.source_id == store.first


def alias(store: Store) -> ColumnElement[bool]:
    return alias_table.c.node_id == store.first


def payload(store: Store) -> ColumnElement[bool]:
    of_first = (node_table.c.tree_root_id == store.first, node_table.c.label == "payload")
    return blob_table.c.blob_id == select(node_table.c.blob_id).where(*of_first).scalar_subquery()


SHORT, LONG = literal(b"ab", LargeBinary), literal(b"a" * 40, LargeBinary)
INFINITY: ColumnElement[Any] = literal_column("'infinity'")
BEFORE_ALL: ColumnElement[Any] = literal_column("'-infinity'")
RUNS = ("runs", "runs by name", "nodes", "descendants of a run", "outline of a run", "load in run")
LOADS = ("load", "load any", "load many", "all", "diff", "load in run")
ALTERED: Mapping[str, Altered] = {
    "status": Altered(node_table.c.run_status, "finished", outer, RUNS, "outer"),
    "type of a model": Altered(node_table.c.node_type, "thing", first, ("load", "load any", "nodes", "load in run")),
    "type of a run": Altered(node_table.c.node_type, "thing", outer, ("nodes", "load in run"), "outer"),
    "kind of a tag": Altered(run_value_table.c.kind, "thing", tag, ("runs", "runs by name", "load in run"), "outer"),
    "kind of a link": Altered(link_table.c.kind, "thing", used, ()),
    "short hash": Altered(blob_table.c.sha256, SHORT, payload, LOADS, None, gc_refuses=True),
    "long hash": Altered(blob_table.c.sha256, LONG, payload, LOADS, None, gc_refuses=True),
    "short hash of chunks": Altered(blob_table.c.chunk_sha256, SHORT, payload, (), None, gc_refuses=True),
    "start": Altered(node_table.c.run_started_at, INFINITY, outer, RUNS, "outer"),
    "end": Altered(node_table.c.run_ended_at, BEFORE_ALL, outer, RUNS, "outer"),
    "time of an object": Altered(blob_table.c.created_at, INFINITY, payload, (), None, gc_refuses=True),
    "time of a link": Altered(link_table.c.created_at, INFINITY, used, ()),
    "time of an alias": Altered(alias_table.c.moved_at, BEFORE_ALL, alias, ()),
}
REFUSED = {"long hash", "start", "end", "time of an object", "time of a link", "time of an alias"}
"""Values that only PostgreSQL accepts."""


@pytest.fixture(params=[*SERVERS, "postgresql by psycopg"])
def driver_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database on each server in turn, for each driver."""
    server, _, driver = str(request.param).partition(" by ")
    with fresh_database(server, tmp_path) as url:
        yield url.replace("asyncpg", driver) if driver else url


@pytest.mark.parametrize("what", ALTERED)
async def test_what_a_server_lets_in_is_named(driver_url: str, tmp_path: Path, what: str) -> None:
    postgresql = driver_url.startswith("postgresql")
    async with engine_context(driver_url, create_tables=True):
        store = await fill_store(tmp_path, f"altered-{uuid4().hex}")
        altered = ALTERED[what]
        if not await alter(driver_url, altered, store):
            assert what in REFUSED
            assert not postgresql
            return
        report = await fsck(read_data_subset=1)
        column, table = altered.column.name, altered.column.table.name
        named = None if altered.node is None else getattr(store, altered.node)
        problems = [problem for problem in report.problems if problem.kind in ("malformed", "unknown-type")]
        assert [problem.node_id for problem in problems] == [named], report.render()
        if problems[0].kind == "malformed":
            assert f"in {table} holds" in str(problems[0])
            assert f"in column {column}" in str(problems[0])
        told = await errors_of(store)
        assert set(altered.reads) <= told.keys(), told
        for name, error in told.items():
            if isinstance(error, MalformedRowError):
                assert error.node_id == named, (name, error)
                assert column in (error.column, "node_type"), (name, error)
            if name in altered.reads and altered.node is not None:
                assert str(named) in str(error), (name, error)
        if altered.gc_refuses:
            with pytest.raises(MalformedRowError, match=column):
                await gc(dry_run=False)
        assert store.storage._objects


async def alter(url: str, altered: Altered, store: Store) -> bool:
    """Write the value into the row, and return whether the server accepts it."""
    engine = create_async_engine(url)
    change = update_of(altered.column.table).where(altered.row(store)).values({altered.column.name: altered.value})
    try:
        async with engine.begin() as connection:
            assert (await connection.execute(change)).rowcount == 1
    except DBAPIError:
        return False
    finally:
        await engine.dispose()
    return True


async def errors_of(store: Store) -> dict[str, ArtigraphError]:
    """Return what each read raises, by its name; what is no error of ours fails the test."""
    found: dict[str, ArtigraphError] = {}
    for name, read in store.reads():
        try:
            await read()
        except ArtigraphError as error:
            found[name] = error
    return found


@pytest.mark.parametrize("value", [b"ab", b"a" * 17])
async def test_an_id_of_another_length_gets_into_no_server(server_url: str, tmp_path: Path, value: bytes) -> None:
    """PostgreSQL has a type for ids. The others pad what is shorter with zeros, so it is an id, of another run."""
    async with engine_context(server_url, create_tables=True):
        store = await fill_store(tmp_path, f"altered-{uuid4().hex}")
        altered = Altered(alias_table.c.node_id, literal(value, LargeBinary), alias, ())
        assert not await alter(server_url, altered, store)  # padded, it refers to no node
        tree = Altered(node_table.c.tree_root_id, literal(value, LargeBinary), first, ())
        if not await alter(server_url, tree, store):
            return
        assert len(value) < 16
        report = await fsck()
        padded = UUID(bytes=value.ljust(16, b"\0"))
        assert not report.ok, padded
        assert store.first in {problem.node_id for problem in report.problems}, report.render()
        for name, error in (await errors_of(store)).items():
            assert isinstance(error, ArtigraphError), name
