"""Tests of what Artigraph needs from a database: subclass `DatabaseConformance` and run it with pytest.

They need only pytest, and run their own event loops. This module is over 400 lines, because one class has the tests of
all promises: the author of a database subclasses only that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

import artigraph.db as db
from artigraph.errors import (
    DatabaseError,
    LabelConflictError,
    MissingTablesError,
    SchemaVersionError,
    SessionStateError,
    WrongEventLoopError,
)
from artigraph.identifiers import new_id
from artigraph.orm import Blob, NodeRow, Store, version_table
from artigraph.orm.types import Id

__all__ = ["DISTINCT_LABELS", "DatabaseConformance", "describe_schema"]

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

DISTINCT_LABELS: tuple[str, ...] = (
    # Each group holds labels that some collation of some database takes for equal.
    *("", " ", "  ", "\t", "\n", "\u00a0", "\u200b"),
    *("a", "A", "a ", " a", "a\t", "aa", "á", "ä", "å", "Å", "\u212b"),
    *("cafe", "café", "cafe\u0301", "CAFÉ", "ß", "ss", "ẞ", "æ", "ae"),
    *("ı", "i", "I", "İ", "i\u0307", "σ", "ς", "Σ", "µ", "μ"),  # noqa: RUF001 (that they look alike is the point)
    *("🍣", "🍺", "👍", "👍🏽", "👩‍🔬", "👩🔬", "\U0010ffff", "\uffff"),
    *("1", "01", "1.0", "１", "①", "%", "_", "\\", "\\\\", "'", '"', "`", "a%", "a_"),  # noqa: RUF001
    *("か", "が", "カ", "ｶ", "ガ", "가", "\u1100\u1161"),
    *("x" * 254, "x" * 255, "🍣" * 255, "\u0301", "a\u0323\u0307", "a\u0307\u0323"),
    *("null", "NULL", "None", "true", "\x01", "\x7f", "\x80", "{x}", ":x", "%(x)s", "?", "$1"),
)

_MOMENTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),  # asyncpg stores the next microsecond as infinity
    datetime(2024, 3, 31, 2, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=5, minutes=45))),
)
_SIZES = (0, 1, 255, 256, 65_535, 65_536, 65_537, 1 << 20)
_DEPTH = 5_000
_CREATORS = 8
_DOZENS = 24

_node: Any = NodeRow.__table__
_blob: Any = Blob.__table__


def _inserting(**values: Any) -> Work[UUID]:
    """Return work that inserts a row and returns its id. By default the row is a run."""
    node_id: UUID = values.pop("node_id", None) or new_id()
    row: dict[str, Any] = {"node_id": node_id, "node_type": "run"} | values

    async def work(connection: AsyncConnection) -> UUID:
        await connection.execute(sa.insert(_node).values(row))
        return node_id

    return work


def _deleting(*where: Any) -> Work[None]:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(sa.delete(_node).where(*where))

    return work


async def _scalars(statement: sa.Select[Any]) -> list[Any]:
    return list((await db.read(lambda connection: connection.execute(statement))).scalars())


async def _nodes(connection: AsyncConnection) -> int:
    return (await connection.execute(sa.select(sa.func.count()).select_from(_node))).scalar_one()


async def _labels(connection: AsyncConnection) -> Sequence[str]:
    return (await connection.execute(sa.select(_node.c.label).where(_node.c.label.is_not(None)))).scalars().all()


def _ancestry() -> sa.Select[*tuple[Any, ...]]:
    """Select the ids from a node up to its root, each with its distance from the node."""
    start = sa.type_coerce(sa.bindparam("start", type_=Id), Id)
    nodes = sa.select(_node.c.node_id, _node.c.parent_id, sa.literal(0).label("up")).where(_node.c.node_id == start)
    chain = nodes.cte("chain", recursive=True)
    above = _node.alias()
    step = sa.select(above.c.node_id, above.c.parent_id, chain.c.up + 1).where(above.c.node_id == chain.c.parent_id)
    chain = chain.union(step)
    return sa.select(chain.c.node_id, chain.c.up)


class DatabaseConformance:
    """Tests of a database. Subclass it, name the class `Test...`, and override the fixture `database_url`."""

    @pytest.fixture
    def database_url(self) -> str:
        """Return the URL of an empty database: a new one for each test."""
        msg = "Override the fixture `database_url`: it returns the URL of an empty database, a fresh one for each test"
        raise NotImplementedError(msg)

    # Values -------------------------------------------------------------------------------------------------------

    def test_bytes_come_back(self, database_url: str) -> None:
        values = [bytes(index % 251 for index in range(size)) for size in _SIZES]

        async def main() -> None:
            ids = [await db.write(_inserting(node_type="value", value=value)) for value in values]
            statement = sa.select(_node.c.node_id, _node.c.value)
            stored = {row.node_id: row.value for row in await db.read(lambda connection: connection.execute(statement))}
            assert [stored[node_id] for node_id in ids] == values
            assert {type(value) for value in stored.values()} == {bytes}

        _in_database(database_url, main)

    def test_short_bytes_are_ordered_byte_by_byte(self, database_url: str) -> None:
        keys = [b"", b"\0", b"\0\0", b"\0\1", b"A", b"A ", b"a", b"a\0", b"\x7f", b"\x80", b"\xff", b"\xff" * 255]

        async def main() -> None:
            for key in reversed(keys):
                await db.write(_inserting(node_type="value", search_key=key))
            statement = sa.select(_node.c.search_key).order_by(_node.c.search_key)
            assert await _scalars(statement) == sorted(keys)
            found = sa.select(_node.c.search_key).where(_node.c.search_key == b"a")
            assert await _scalars(found) == [b"a"]

        _in_database(database_url, main)

    def test_moments_come_back_to_the_microsecond(self, database_url: str) -> None:
        async def main() -> None:
            ids = [await db.write(_inserting(run_started_at=moment)) for moment in _MOMENTS]
            statement = sa.select(_node.c.node_id, _node.c.run_started_at)
            rows = await db.read(lambda connection: connection.execute(statement))
            stored: dict[UUID, datetime] = {row.node_id: row.run_started_at for row in rows}
            assert [stored[node_id] for node_id in ids] == list(_MOMENTS)
            assert {value.utcoffset() for value in stored.values()} == {timedelta(0)}
            ordered = sa.select(_node.c.run_started_at).order_by(_node.c.run_started_at)
            assert await _scalars(ordered) == sorted(_MOMENTS)

        _in_database(database_url, main)

    def test_the_database_tells_the_time(self, database_url: str) -> None:
        async def main() -> None:
            now = (await db.read(lambda connection: connection.execute(sa.select(db.utc_now())))).scalar_one()
            assert isinstance(now, datetime)
            assert now.utcoffset() == timedelta(0)
            node_id = await db.write(_inserting(run_started_at=db.utc_now()))
            statement = sa.select(_node.c.run_started_at).where(_node.c.node_id == node_id)
            later = (await db.read(lambda connection: connection.execute(statement))).scalar_one()
            assert now <= later <= now + timedelta(minutes=5)

        _in_database(database_url, main)

    def test_long_text_comes_back(self, database_url: str) -> None:
        text = "🍣é " * 1333

        async def main() -> None:
            await db.write(_inserting(run_error_message=text))
            statement = sa.select(_node.c.run_error_message)
            assert (await db.read(lambda connection: connection.execute(statement))).scalar_one() == text

        _in_database(database_url, main)

    # Labels -------------------------------------------------------------------------------------------------------

    def test_labels_are_distinct_by_code_point(self, database_url: str) -> None:
        async def main() -> None:
            parent = await db.write(_inserting())
            for label in DISTINCT_LABELS:
                await db.write(_inserting(parent_id=parent, label=label))
            assert sorted(await db.read(_labels)) == sorted(DISTINCT_LABELS)
            for label in DISTINCT_LABELS:
                found = sa.select(_node.c.label).where(_node.c.parent_id == parent, _node.c.label == label)
                assert await _scalars(found) == [label]

        _in_database(database_url, main)

    def test_labels_are_ordered_by_code_point(self, database_url: str) -> None:
        async def main() -> None:
            for label in DISTINCT_LABELS:
                await db.write(_inserting(label=label))
            statement = sa.select(_node.c.label).order_by(_node.c.label)
            assert await _scalars(statement) == sorted(DISTINCT_LABELS)

        _in_database(database_url, main)

    def test_a_label_is_taken_once_under_a_parent_and_often_at_the_root(self, database_url: str) -> None:
        async def main() -> None:
            parent = await db.write(_inserting(label="same"))
            await db.write(_inserting(label="same"))
            await db.write(_inserting(label="same", parent_id=parent))
            with pytest.raises(LabelConflictError) as caught:
                await db.write(_inserting(label="same", parent_id=parent))
            assert caught.value.__cause__ is not None
            assert list(await db.read(_labels)) == ["same"] * 3

        _in_database(database_url, main)

    # Keys and references ------------------------------------------------------------------------------------------

    def test_keys_and_references_are_kept(self, database_url: str) -> None:
        async def main() -> None:
            node_id = await db.write(_inserting())
            child = await db.write(_inserting(parent_id=node_id))
            with pytest.raises(db.UniqueViolationError):
                await db.write(_inserting(node_id=node_id))
            with pytest.raises(db.ReferenceVanishedError) as vanished:
                await db.write(_inserting(parent_id=new_id(), label="orphan"))
            assert vanished.value.reference in ("parent_id", None)
            with pytest.raises(db.ReferenceVanishedError) as vanished:
                await db.write(_inserting(blob_id=new_id()))
            assert vanished.value.reference in ("blob_id", None)
            with pytest.raises(db.ReferenceInUseError):
                await db.write(_deleting(_node.c.node_id == node_id))
            assert await _scalars(sa.select(_node.c.node_id).order_by(_node.c.node_id)) == [node_id, child]
            for gone in (child, node_id):
                await db.write(_deleting(_node.c.node_id == gone))
            assert await db.read(_nodes) == 0

        _in_database(database_url, main)

    def test_rows_that_are_there_are_left_alone(self, database_url: str) -> None:
        def row(location: str, digit: int) -> dict[str, Any]:
            return {
                "blob_id": new_id(),
                "storage": "s",
                "location": location,
                "size": 3,
                "sha256": bytes([digit]) * 32,
                "created_at": datetime.now(UTC),
            }

        async def main() -> None:
            statement = db.insert_missing(_blob, (await db.current_database()).dialect)
            first, second, third = row("one", 1), row("two", 1), row("three", 3)
            await db.write(lambda connection: connection.execute(statement, [first]))
            await db.write(lambda connection: connection.execute(statement, [second, third]))
            wanted = db.share_lock(
                sa.select(_blob.c.blob_id, _blob.c.location).order_by(_blob.c.sha256),
                (await db.current_database()).dialect,
            )
            rows = (await db.write(lambda connection: connection.execute(wanted))).all()
            assert [tuple(found) for found in rows] == [(first["blob_id"], "one"), (third["blob_id"], "three")]

        _in_database(database_url, main)

    # Transactions -------------------------------------------------------------------------------------------------

    def test_an_error_leaves_nothing(self, database_url: str) -> None:
        async def main() -> None:
            async def fail(connection: AsyncConnection) -> None:
                await _inserting()(connection)
                raise KeyError

            with pytest.raises(KeyError):
                await db.write(fail)

            async def conflict(connection: AsyncConnection) -> None:
                node_id = await _inserting()(connection)
                await _inserting(node_id=node_id)(connection)

            with pytest.raises(DatabaseError):
                await db.write(conflict)
            assert await db.read(_nodes) == 0

        _in_database(database_url, main)

    def test_writers_give_way_to_each_other_unseen(self, database_url: str) -> None:
        async def main() -> None:
            ids = [await db.write(_inserting(position=0)) for _ in range(4)]

            def counting_up(order: Sequence[UUID]) -> Work[None]:
                async def work(connection: AsyncConnection) -> None:
                    for node_id in order:
                        await connection.execute(
                            sa.update(_node).where(_node.c.node_id == node_id).values(position=_node.c.position + 1)
                        )

                return work

            orders = [ids, ids[::-1], ids[2:] + ids[:2]]
            await asyncio.gather(*(db.write(counting_up(orders[index % 3])) for index in range(_DOZENS)))
            statement = sa.select(_node.c.position)
            assert await _scalars(statement) == [_DOZENS] * 4

        _in_database(database_url, main)

    def test_a_cancelled_write_happens_or_does_not(self, database_url: str) -> None:
        async def main() -> None:
            parent = await db.write(_inserting())
            for index in range(30):
                task = asyncio.ensure_future(db.write(_inserting(parent_id=parent, label="same")))
                await asyncio.sleep(0.0004 * (index % 8))
                task.cancel()
                outcome = (await asyncio.gather(task, return_exceptions=True))[0]
                rows = list(await db.read(_labels))
                assert rows in ([], ["same"])
                assert rows or isinstance(outcome, asyncio.CancelledError)
                await db.write(_deleting(_node.c.label == "same"))
            last = await db.write(_inserting())
            assert set(await _scalars(sa.select(_node.c.node_id))) == {parent, last}

        _in_database(database_url, main)

    # Sessions -----------------------------------------------------------------------------------------------------

    def test_a_session_commits_as_a_whole(self, database_url: str) -> None:
        async def main() -> None:
            with pytest.raises(KeyError):  # noqa: PT012 (the block is the matter)
                async with db.session_context():
                    await db.write(_inserting(label="rolled back"))
                    assert list(await db.read(_labels)) == ["rolled back"]
                    raise KeyError
            assert await db.read(_nodes) == 0
            async with db.session_context() as session:
                parent = await db.write(_inserting())
                await db.write(_inserting(parent_id=parent, label="a"))
                with pytest.raises(LabelConflictError):
                    await db.write(_inserting(parent_id=parent, label="a"))
                async with db.session_context() as joined:
                    assert joined is session
                    await asyncio.gather(*(db.write(_inserting(parent_id=parent, label=str(n))) for n in range(10)))
            assert sorted(await db.read(_labels)) == sorted(["a", *map(str, range(10))])

        _in_database(database_url, main)

    def test_what_is_written_apart_can_be_seen_in_the_session(self, database_url: str) -> None:
        async def main() -> None:
            async with db.session_context():
                await db.write(_inserting(label="in"))
                await db.write_apart(_inserting(label="apart"))
                assert sorted(await db.read(_labels)) == ["apart", "in"]
            assert sorted(await db.read(_labels)) == ["apart", "in"]

        _in_database(database_url, main)

    def test_a_task_that_outlives_its_session_is_told(self, database_url: str) -> None:
        async def main() -> None:
            async with db.session_context():
                gate = asyncio.Event()

                async def late() -> None:
                    await gate.wait()
                    await db.write(_inserting())

                task = asyncio.ensure_future(late())
                await asyncio.sleep(0)
            gate.set()
            with pytest.raises(SessionStateError):
                await task
            assert await db.read(_nodes) == 0

        _in_database(database_url, main)

    def test_a_session_of_ones_own_stays_ones_own(self, database_url: str) -> None:
        async def main() -> None:
            async with AsyncSession(db.get_engine()) as session:
                async with db.session_context(session):
                    await db.write(_inserting())
                await session.rollback()
                assert await db.read(_nodes) == 0
                async with db.session_context(session):
                    await db.write(_inserting())
                await session.commit()
            assert await db.read(_nodes) == 1

        _in_database(database_url, main)

    # Tables -------------------------------------------------------------------------------------------------------

    def test_missing_tables_are_told(self, database_url: str) -> None:
        async def main() -> None:
            with pytest.raises(MissingTablesError, match="create_tables=True"):
                await db.read(_nodes)
            with pytest.raises(MissingTablesError):
                await db.write(_inserting())

        _in_database(database_url, main, create_tables=False)

    @pytest.mark.parametrize(("version", "remedy"), [("0000", "migrate"), ("9999", "pip install --upgrade")])
    def test_tables_of_another_version_are_told(self, database_url: str, version: str, remedy: str) -> None:
        async def main() -> None:
            await db.write(lambda connection: connection.execute(sa.update(version_table).values(version_num=version)))
            async with db.engine_context(db.get_engine()) as engine:
                await engine.dispose()
                with pytest.raises(SchemaVersionError, match=remedy):
                    await db.write(_inserting())

        _in_database(database_url, main)

    def test_many_make_the_tables_at_once(self, database_url: str) -> None:
        found: list[UUID] = []

        async def first_use() -> None:
            found.append((await db.current_database()).store_id)
            await db.write(_inserting())

        _in_threads(_CREATORS, lambda: _in_database(database_url, first_use))

        async def main() -> None:
            assert await _scalars(sa.select(Store.store_id)) == [found[0]]
            assert await db.read(_nodes) == _CREATORS

        _in_database(database_url, main, create_tables=False)
        assert set(found) == {found[0]}
        assert len(found) == _CREATORS

    # Engines ------------------------------------------------------------------------------------------------------

    def test_recursion_is_not_cut_short(self, database_url: str) -> None:
        async def main() -> None:
            ids = [new_id() for _ in range(_DEPTH)]
            rows = [
                {"node_id": node_id, "node_type": "run", "parent_id": parent}
                for node_id, parent in zip(ids, [None, *ids], strict=False)
            ]
            await db.write(lambda connection: connection.execute(sa.insert(_node), rows))
            statement = db.recursive(_ancestry(), (await db.current_database()).dialect)

            async def climb(connection: AsyncConnection) -> list[UUID]:
                found = await connection.execute(statement, {"start": ids[-1]})
                return [row.node_id for row in sorted(found, key=lambda row: row.up)]

            assert await db.read(climb) == ids[::-1]
            async with db.engine_context(db.get_engine().url):
                assert await db.read(climb) == ids[::-1]
            engine = create_async_engine(db.get_engine().url)  # an engine without our settings
            async with db.engine_context(engine):
                assert await db.read(climb) == ids[::-1]
            await engine.dispose()

        _in_database(database_url, main)

    def test_a_callers_engine_serves_as_it_is(self, database_url: str) -> None:
        async def main() -> None:
            await db.current_database()  # our own engine makes the tables
            engine = create_async_engine(db.get_engine().url)
            async with db.engine_context(engine):
                parent = await db.write(_inserting())
                await asyncio.gather(*(db.write(_inserting(parent_id=parent, label=str(n))) for n in range(_DOZENS)))
                with pytest.raises(db.ReferenceVanishedError):
                    await db.write(_inserting(parent_id=new_id(), label="orphan"))
                with pytest.raises(LabelConflictError):
                    await db.write(_inserting(parent_id=parent, label="1"))
                async with db.session_context():
                    await db.write(_inserting())
                assert await db.read(_nodes) == _DOZENS + 2
                told: list[type[BaseException]] = []
                await asyncio.to_thread(_elsewhere, engine, told)
                assert told == [WrongEventLoopError]
            await engine.dispose()

        _in_database(database_url, main)


def _in_database(url: str, main: Callable[[], Coroutine[Any, Any, T]], *, create_tables: bool = True) -> T:
    async def run() -> T:
        async with db.engine_context(url, create_tables=create_tables):
            return await main()

    return asyncio.run(run())


def _in_threads(count: int, job: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            job()
        except BaseException as error:  # told in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def _elsewhere(engine: Any, told: list[type[BaseException]]) -> None:
    async def main() -> None:
        async with db.engine_context(engine):
            await db.read(_nodes)

    try:
        asyncio.run(main())
    except WrongEventLoopError as error:
        told.append(type(error))


def describe_schema(connection: sa.Connection) -> dict[str, Any]:
    """Describe a database's columns, keys, indexes and options. Databases that were made alike compare equal."""
    inspector = sa.inspect(connection)
    return {
        table: {
            "columns": {column["name"]: _plain(column) for column in inspector.get_columns(table)},
            "primary key": _plain(inspector.get_pk_constraint(table)),
            "foreign keys": sorted(map(_plain, inspector.get_foreign_keys(table)), key=str),
            "unique": sorted(map(_plain, inspector.get_unique_constraints(table)), key=str),
            "indexes": sorted(map(_plain, inspector.get_indexes(table)), key=str),
            "options": _options(inspector, table),
        }
        for table in inspector.get_table_names()
    }


def _options(inspector: sa.Inspector, table: str) -> Any:
    try:
        return _plain(inspector.get_table_options(table))
    except NotImplementedError:
        return None


def _plain(found: Any) -> Any:
    """Convert the results of SQLAlchemy's inspector into values that compare by content."""
    if isinstance(found, Mapping):
        mapping = cast("Mapping[str, Any]", found)
        return {key: _plain(value) for key, value in mapping.items()}
    if isinstance(found, TypeEngine):
        kind = cast("Any", found)
        return f"{kind!r} {getattr(kind, 'collation', None)}"
    if isinstance(found, ClauseElement):
        return str(found)
    return found
