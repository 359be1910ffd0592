"""Case 2 of docs/appendix/reliability.md: the database refuses the rows or the commit after objects were put."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import session_context, write
from artigraph.errors import ArtigraphError, DatabaseError
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(1800)

_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS
$$ BEGIN RAISE EXCEPTION 'refused on purpose'; END $$ LANGUAGE plpgsql
"""
_POSTGRESQL = """
CREATE TRIGGER refuses BEFORE INSERT ON artigraph_node FOR EACH ROW
WHEN (NEW.label = 'number' AND NEW.position = {position}) EXECUTE FUNCTION refuse()
"""
_MYSQL = """
CREATE TRIGGER refuses BEFORE INSERT ON artigraph_node FOR EACH ROW
IF NEW.label = 'number' AND NEW.position = {position} THEN
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused on purpose'; END IF
"""
_SQLITE = """
CREATE TRIGGER refuses BEFORE INSERT ON artigraph_node WHEN NEW.label = 'number' AND NEW.position = {position}
BEGIN SELECT RAISE(ABORT, 'refused on purpose'); END
"""
REFUSALS = {"sqlite": [_SQLITE], "postgresql": [_FUNCTION, _POSTGRESQL], "mysql": [_MYSQL]}

_DEFERRED = """
CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON artigraph_node DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.label = 'number' AND NEW.position = {position}) EXECUTE FUNCTION refuse()
"""
DEFERRED = [_FUNCTION, _DEFERRED]
"""A trigger of PostgreSQL's that fires at COMMIT; the others have none."""


async def execute(statements: list[str], position: int = 0) -> None:
    async def work(connection: Any) -> None:
        for statement in statements:
            await connection.execute(text(statement.format(position=position)))

    await write(work)


@contextmanager
def failing_commit(engine: AsyncEngine) -> Generator[None]:
    """Let the driver fail at COMMIT as it does where the disk fails."""
    dialect: Any = engine.sync_engine.dialect
    right = dialect.do_commit

    def fail(connection: Any) -> None:
        if engine.dialect.name == "sqlite":
            error: Exception = sqlite3.OperationalError("disk I/O error on purpose")
            error.sqlite_errorcode = 10  # type: ignore[attr-defined]
        else:
            error = dialect.loaded_dbapi.OperationalError(1180, "Got error 5 on purpose during COMMIT")
        raise error

    dialect.do_commit = fail
    try:
        yield
    finally:
        dialect.do_commit = right


@pytest.mark.parametrize("count", sizes(20, 100))
async def test_what_the_database_refuses_leaves_no_row_and_no_hidden_object(place: Place, count: int) -> None:
    checker, drawn = Checker(place), random.Random(count)
    orphans = 0
    async with place.opened() as engine:
        database = engine.dialect.name
        drop = ["DROP TRIGGER refuses ON artigraph_node" if database == "postgresql" else "DROP TRIGGER refuses"]
        model = parcel(0)
        await model.save("first")
        for number in range(1, count + 1):
            before = await checker.look()
            objects = drawn.randint(2, 6)
            model = parcel(number, objects)
            at_commit = number % 2 == 0
            place_in_tree = 4 + 3 * drawn.randrange(objects)  # where the numbers of the parts are
            if not at_commit or database == "postgresql":
                await execute(DEFERRED if at_commit else REFUSALS[database], place_in_tree)
                with pytest.raises(DatabaseError, match="on purpose") as caught:
                    await model.save("refused")
                await execute(drop)
            else:
                with failing_commit(engine), pytest.raises(DatabaseError, match="on purpose") as caught:
                    await model.save("refused")
            assert isinstance(caught.value, ArtigraphError)
            assert caught.value.__cause__ is not None
            after = await checker.look()
            assert after.rows == before.rows
            # After a failed COMMIT, it is unknown what a crash would bring back. Only gc may decide about the objects.
            left = after.orphans - before.orphans
            assert len(left) == (objects - 1 if at_commit else 0), (number, objects)
            assert after.objects - left == before.objects
            orphans = len(after.orphans)
            assert await checker.busy() == 0
        assert await Parcel.load(await model.save("now")) == model
        assert (await checker.look()).sound
    note(
        2, place.kind, errors=count, at_flush=count - count // 2, at_commit=count // 2, rows_changed=0, orphans=orphans
    )


async def test_objects_of_a_session_that_is_rolled_back_are_named_by_rows_without_nodes(place: Place) -> None:
    """They are what gc collects."""
    checker = Checker(place)
    async with place.opened():
        await parcel(0).save("first")
        before = await checker.look()
        with pytest.raises(KeyError):  # noqa: PT012 (the block is the matter)
            async with session_context():
                await parcel(1, 4).save("lost")
                raise KeyError
        after = await checker.look()
        assert after.roots == before.roots
        assert after.sound
        assert len(after.objects - before.objects) == 3
        assert await Parcel.load(await parcel(1, 4).save("again")) == parcel(1, 4)
        again = await checker.look()
        assert again.sound
        if place.url.startswith("sqlite"):
            assert len(again.orphans) == 3
        else:
            assert again.objects == after.objects
