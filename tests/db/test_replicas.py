"""Which calls read from a replica. Two SQLite files stand for a primary and a replica that lags behind it."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import artigraph.sync
import artigraph.sync.db
from artigraph import (
    NO_PARENT,
    ArtifactModel,
    Run,
    RunManager,
    ancestors,
    columns,
    delete,
    load_many,
    origin_of,
    prune,
    select,
    series,
    tracked,
)
from artigraph.db import dispose_engines, engine_context, get_engine, session_context, set_engine
from artigraph.errors import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    MissingTablesError,
    NodeNotFoundError,
    VersionNotFoundError,
)
from artigraph.maintenance import fsck, gc, upgrade
from artigraph.outline import outline_of
from artigraph.run import run_manager
from artigraph.stored import load_stored
from artigraph.view import artifacts_page, models_page, runs_page, search, storage_document
from tests.support.replicas import Kept, Pair, make_pair, replicate


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncGenerator[Pair]:
    """Two files of one store, with both set."""
    made = await make_pair(tmp_path)
    async with made.opened():
        yield made


async def _numbers() -> set[int]:
    return {model.number for model in await select(Kept).all()}


PRIMARY, REPLICA = {0, 1}, {0, 2}

_CALLS: dict[str, tuple[Callable[[Pair], Awaitable[Any]], Callable[[Pair], object]]] = {}


def answers(expected: Callable[[Pair], object]) -> Callable[[Callable[[Pair], Awaitable[Any]]], Any]:
    def note(call: Callable[[Pair], Awaitable[Any]]) -> Any:
        _CALLS[call.__name__.strip("_")] = (call, expected)
        return call

    return note


@answers(lambda _: REPLICA)
async def _select_all(pair: Pair) -> set[int]:
    del pair
    return await _numbers()


@answers(lambda pair: {pair.both, pair.theirs})
async def _select_ids(pair: Pair) -> set[UUID]:
    del pair
    return set(await select(Kept).ids())


@answers(lambda _: 1)
async def _select_count(pair: Pair) -> int:
    del pair
    return await select(Kept).where(columns(Kept).number == 2).count()


@answers(lambda _: [0, 2])
async def _table(pair: Pair) -> list[Any]:
    del pair
    return sorted(row["number"] for row in await select(Kept).rows(columns(Kept).number))


@answers(lambda _: ["replica"])
async def _select_runs(pair: Pair) -> list[Any]:
    del pair
    return [run.name for run in await select(Run).all()]


@answers(lambda pair: [pair.their_run, pair.theirs])
async def _lineage(pair: Pair) -> list[UUID]:
    return [node.node_id for node in await ancestors(pair.theirs)]


@answers(lambda _: 2)
async def _series_count(pair: Pair) -> int:
    del pair
    return await series(Kept, "it").count()


@answers(lambda _: Kept(2))
async def _series_latest(pair: Pair) -> Kept:
    del pair
    return await series(Kept, "it").latest()


@answers(lambda _: Kept(2))
async def _load(pair: Pair) -> Kept:
    return await Kept.load(pair.theirs)


@answers(lambda _: [Kept(0), Kept(2)])
async def _load_many(pair: Pair) -> list[Kept]:
    return [*await load_many(Kept, [pair.both, pair.theirs])]


@answers(lambda _: 2)
async def _load_stored(pair: Pair) -> Any:
    return (await load_stored(pair.theirs)).fields["number"].value


@answers(lambda _: ["replica"])
async def _view_runs(pair: Pair) -> list[Any]:
    del pair
    return [item.name for item in (await runs_page()).items]


@answers(lambda pair: {pair.both, pair.theirs})
async def _view_artifacts(pair: Pair) -> set[Any]:
    del pair
    return {UUID(str(item.artifact_id)) for item in (await artifacts_page()).items}


@answers(lambda _: True)
async def _outline(pair: Pair) -> Any:
    return "replica" in (await outline_of(pair.their_run)).text


@pytest.mark.parametrize("name", list(_CALLS))
async def test_a_query_outside_of_runs_and_sessions_reads_from_the_replica(name: str, pair: Pair) -> None:
    call, expected = _CALLS[name]
    assert await call(pair) == expected(pair)


async def test_a_run_and_a_session_read_what_they_wrote(pair: Pair) -> None:
    async with session_context():
        saved = await Kept(3).save("it")
        assert await _numbers() == {*PRIMARY, 3}
    assert await _numbers() == REPLICA
    async with RunManager(Run()) as manager:
        await manager.save_artifact("it", Kept(4))
        assert await _numbers() == {*PRIMARY, 3, 4}
        assert await series(Kept, "it").count() == 4
        with pytest.raises(NodeNotFoundError):
            await Kept.load(pair.theirs)
    assert await _numbers() == REPLICA
    assert await Kept.load(saved) == Kept(3)


async def test_a_tracked_call_reads_from_the_primary(pair: Pair) -> None:
    del pair

    @tracked
    async def count() -> int:
        return len(await _numbers())

    assert await count() == 2
    assert await select(Run).where(columns(Run).name.contains("count")).count() == 0


async def test_tasks_of_a_run_read_from_the_primary_and_others_do_not(pair: Pair) -> None:
    del pair
    async with RunManager(Run(NO_PARENT)):
        inside = asyncio.create_task(_numbers())
        assert await inside == PRIMARY
    assert await asyncio.create_task(_numbers()) == REPLICA


async def test_the_run_of_the_environment_reads_what_it_wrote(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine_context(pair.primary), RunManager(Run()) as manager:
        token = manager.token()
    monkeypatch.setenv("ARTIGRAPH_RUN", token)
    assert run_manager(allow_none=True) is not None
    assert await _numbers() == PRIMARY


async def test_a_run_is_joined_as_the_primary_has_it(pair: Pair) -> None:
    async with RunManager(Run(name="shared")) as manager:
        await manager.save_artifact("it", Kept(8))
        token = manager.token()
        replicate(pair.primary, pair.replica)
    assert [run.status for run in await select(Run).where(columns(Run).name == "shared").all()] == ["running"]
    async with RunManager.resume(token) as joined:
        assert joined.run.status == "completed"


async def test_what_the_replica_lacks_is_loaded_by_its_id_from_the_primary(pair: Pair) -> None:
    model = await Kept.load(pair.ours)
    assert model == Kept(1)
    assert (await origin_of(model)).node_id == pair.ours
    assert await load_many(Kept, [pair.both, pair.ours]) == [Kept(0), Kept(1)]
    assert (await load_stored(pair.ours)).fields["number"].value == 1
    assert [node.node_id for node in await ancestors(pair.ours)] == [pair.our_run, pair.ours]
    missing = UUID("0198c1d2-1111-7000-8000-000000000000")
    found = await load_many(Kept, [pair.ours, missing], errors="skip")
    assert found == [Kept(1)]
    assert [(each.node_id, type(each.error)) for each in found.failures] == [(missing, NodeNotFoundError)]


async def test_a_deleted_artifact_that_the_replica_still_has_is_no_error_in_a_query(pair: Pair) -> None:
    """The replica finds it and then lacks it: another standby answers, which is further than the first."""
    await delete(pair.both)
    assert await _numbers() == REPLICA  # it lags behind
    async with engine_context(pair.replica):
        await delete(pair.both)
    assert await _numbers() == {2}


def _damage(file: Path, node_id: UUID) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        changed = "UPDATE artigraph_node SET serializer = 'odd' WHERE parent_id = ? AND node_type = 'value'"
        assert connection.execute(changed, [node_id.bytes]).rowcount == 1


async def test_maintenance_and_deletion_are_the_primarys(pair: Pair) -> None:
    _damage(pair.replica, pair.both)
    assert (await fsck()).ok
    _damage(pair.primary, pair.both)
    assert not (await fsck()).ok
    assert (await gc(grace=timedelta())).dry_run
    assert (await upgrade(Kept)).artifacts == 0
    report = await delete([pair.theirs, pair.ours], dry_run=True)
    assert report.not_found == (pair.theirs,)
    report = await prune(keep_newest={"it": 0})
    assert {node.node_id for node in report.nodes} == {pair.both, pair.ours}
    async with engine_context(pair.primary):
        assert await select(Kept).ids() == []
    assert set(await select(Kept).ids()) == {pair.both, pair.theirs}


async def test_a_cached_result_is_the_primarys(pair: Pair) -> None:
    @tracked(cache=True)
    async def double(number: int) -> Kept:
        return Kept(2 * number)

    assert await double(4) == Kept(8)
    replicate(pair.primary, pair.replica)
    (result,) = await select(Kept).where(columns(Kept).number == 8).ids()
    _damage(pair.replica, result)
    assert await double(4) == Kept(8)
    async with engine_context(pair.primary):
        computed, served = (run for run in await select(Run).all() if str(run.name).endswith("double"))
    assert (computed.cached_from, served.cached_from) == (None, computed.node_id)


@dataclass
class Renewed(ArtifactModel, name="replicas.Renewed", version=2):
    number: int

    @classmethod
    def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
        assert version == 1
        return data


async def test_an_upgrade_reads_what_the_primary_has(pair: Pair) -> None:
    node_id = await Renewed(3).save("it")
    with closing(sqlite3.connect(pair.primary)) as connection, connection:
        connection.execute("UPDATE artigraph_node SET model_version = 1 WHERE node_id = ?", [node_id.bytes])
    replicate(pair.primary, pair.replica)
    _damage(pair.replica, node_id)
    assert (await upgrade(Renewed, dry_run=False)).artifacts == 1
    async with engine_context(pair.primary):
        assert await Renewed.load(node_id) == Renewed(3)


async def test_an_alias_is_set_to_the_newest_version_of_the_primary(pair: Pair) -> None:
    await series(Kept, "it").set_alias("best", -1)
    async with engine_context(pair.primary):
        assert await series(Kept, "it").alias_id("best") == pair.ours
    with pytest.raises(VersionNotFoundError):
        await series(Kept, "it").alias_id("best")  # the replica does not have it yet


async def test_nothing_is_written_to_the_replica(pair: Pair) -> None:
    before = pair.replica.read_bytes()
    await Kept(5).save("it")
    await _numbers()
    assert pair.replica.read_bytes() == before
    assert str(get_engine().url.database) == str(pair.primary)


def test_the_sync_twin_and_the_process_wide_setting_read_from_the_replica_too(pair: Pair) -> None:
    restore = set_engine(pair.primary, read_url=pair.replica)
    try:
        assert {model.number for model in artigraph.sync.select(Kept).all()} == REPLICA
        with artigraph.sync.db.session_context():
            assert {model.number for model in artigraph.sync.select(Kept).all()} == PRIMARY
    finally:
        restore()
    with artigraph.sync.db.engine_context(pair.primary, read_url=pair.replica):
        assert artigraph.sync.select(Kept).count() == 2
        assert artigraph.sync.load_many(Kept, [pair.theirs]) == [Kept(2)]


async def test_the_environment_names_a_replica(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIGRAPH_URL", f"sqlite:///{pair.primary}")
    monkeypatch.setenv("ARTIGRAPH_READ_URL", f"sqlite:///{pair.replica}")

    async def apart() -> set[int]:
        found = await _numbers()
        await dispose_engines()
        return found

    assert await asyncio.create_task(apart(), context=contextvars.Context()) == REPLICA
    monkeypatch.setenv("ARTIGRAPH_READ_URL", "sqlite://")
    with pytest.raises(ConfigurationError, match=r"ARTIGRAPH_URL or ARTIGRAPH_READ_URL cannot be used\. read_url"):
        await asyncio.create_task(apart(), context=contextvars.Context())
    monkeypatch.delenv("ARTIGRAPH_URL")
    with pytest.raises(ConfigurationError, match="ARTIGRAPH_READ_URL is set without ARTIGRAPH_URL"):
        await asyncio.create_task(apart(), context=contextvars.Context())


# Errors --------------------------------------------------------------------------------------------------------------


async def test_a_replica_of_another_store_is_refused(pair: Pair, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    async with engine_context(other, create_tables=True):
        await Kept(9).save("it")
    async with engine_context(pair.primary, read_url=other):
        with pytest.raises(ConfigurationError, match=r"The read replica sqlite.*other\.db: .*another store"):
            await _numbers()
        await Kept(7).save("it")  # the primary goes on


async def test_a_missing_replica_is_named(pair: Pair, tmp_path: Path) -> None:
    async with engine_context(pair.primary, read_url=tmp_path / "none.db"):
        with pytest.raises(MissingTablesError, match=r"^The read replica sqlite.*none\.db: There is no store"):
            await _numbers()
        with pytest.raises(MissingTablesError, match=r"^The read replica"):
            await Kept.load(pair.both)  # no call switches to the primary in silence
        async with session_context():
            assert await _numbers() == PRIMARY


async def test_a_damaged_replica_is_named(pair: Pair) -> None:
    pair.replica.write_bytes(b"x" * 8192)
    with pytest.raises((DatabaseError, ConfigurationError), match=r"^The read replica sqlite") as raised:
        await _numbers()
    assert raised.value.__cause__ is not None


async def test_a_server_that_does_not_answer_is_named(pair: Pair) -> None:
    url = "postgresql://someone:s3cret@127.0.0.1:1/x"
    async with engine_context(pair.primary, read_url=url):
        with pytest.raises(
            DatabaseUnavailableError, match=r"^The read replica postgresql.*127\.0\.0\.1:1/x: "
        ) as raised:
            await _numbers()
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("read_url", "words"),
    [
        ("sqlite://", "read_url cannot be used. .*in memory"),
        ("oracle://u:s3cret@h/d", "read_url cannot be used. .*SQLite, PostgreSQL"),
        (5, "read_url is a URL or the path of a SQLite file, not int"),
    ],
)
def test_a_read_url_that_cannot_be_used_is_refused_at_once(read_url: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        set_engine(tmp_path / "x.db", read_url=read_url)
    assert "s3cret" not in str(raised.value)


async def test_other_views_read_from_the_replica(pair: Pair) -> None:
    async with engine_context(pair.replica):
        expected = [await models_page(), await search("it"), await storage_document()]
    found = [await models_page(), await search("it"), await storage_document()]
    assert [each.to_dict()["data"] for each in found] == [each.to_dict()["data"] for each in expected]
