"""MySQL Group Replication: a group with several primaries is refused before anything is written; one primary works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import inspect, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from artigraph import ArtifactModel
from artigraph.db import create_tables, current_database, engine_context, session_context
from artigraph.errors import ConfigurationError, DatabaseError, MissingTablesError
from artigraph.maintenance import fsck
from artigraph.migrations import upgrade
from integration.support.mysql_group import mysql_group

STATE = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members"


@dataclass
class Member(ArtifactModel, name="group.Member"):
    number: int = 0


async def _run(engine: AsyncEngine, *statements: str) -> None:
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _online(engine: AsyncEngine) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with engine.connect() as connection:
                    state = await connection.scalar(text(STATE))
                    writable = not await connection.scalar(text("SELECT @@super_read_only"))
                if state == "ONLINE" and writable:
                    return
            except OperationalError:
                pass
            await asyncio.sleep(0.05)


async def _use(source: str | AsyncEngine) -> None:
    async with engine_context(source, create_tables=True):
        await Member(1).save("member")


async def _create(source: str | AsyncEngine) -> None:
    async with engine_context(source):
        await create_tables()


async def _lend(engine: AsyncEngine) -> None:
    async with engine_context(engine), AsyncSession(engine) as session, session_context(session):
        await Member(1).save("member")


async def test_several_primaries_are_refused_and_one_works() -> None:
    with mysql_group() as server:
        administration = create_async_engine(server, isolation_level="AUTOCOMMIT")
        await _online(administration)
        await _run(administration, "CREATE DATABASE test", "CREATE USER small@'%'", "GRANT ALL ON test.* TO small@'%'")
        root = make_url(server).set(database="test").render_as_string()
        small = make_url(root).set(username="small").render_as_string()
        engine, few_rights = create_async_engine(root), create_async_engine(small)
        ways: list[Callable[[], Awaitable[None]]] = [
            *(lambda source=source: _use(source) for source in (root, small, engine, few_rights)),
            *(lambda source=source: upgrade(source) for source in (root, engine)),
            lambda: _create(engine),
            lambda: _lend(engine),
        ]
        for way in ways:
            with pytest.raises(ConfigurationError, match=r"several primaries.*switch_to_single_primary_mode"):
                await way()
        async with engine.connect() as connection:
            assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
        async with engine_context(root, read_only=True):  # nothing is written
            with pytest.raises(MissingTablesError):
                await current_database()

        await _run(administration, "SELECT group_replication_switch_to_single_primary_mode()")
        await _online(administration)
        for way in ways:
            await way()
        async with engine_context(root):
            assert (await fsck()).ok

        # A server that has left its group is read-only. Used on its own, it is in no group, whatever its mode is.
        await _run(administration, "STOP GROUP_REPLICATION")
        with pytest.raises(DatabaseError, match=r"read-only here.*connect to the primary"):
            await _use(root)
        await _run(
            administration, "SET GLOBAL super_read_only = OFF", "SET GLOBAL group_replication_single_primary_mode = OFF"
        )
        await _use(root)
        with pytest.raises(ConfigurationError, match="several primaries"):  # who may not know is refused
            await _use(small)
        for each in (administration, engine, few_rights):
            await each.dispose()
