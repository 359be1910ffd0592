"""The versions of one thing and their aliases. integration/test_series.py does it on servers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import (
    ArtifactModel,
    ArtifactSequence,
    Run,
    RunManager,
    Series,
    delete,
    save_many,
    series,
)
from artigraph.db import read, session_context
from artigraph.errors import InvalidLabelError, NodeNotFoundError, ObjectNotFoundError, QueryError, VersionNotFoundError
from artigraph.identifiers import moment_of, new_id
from artigraph.maintenance import fsck
from artigraph.orm import alias_table, node_table
from artigraph.versions.aliases import point_alias


@dataclass
class Weights(ArtifactModel, name="SeriesWeights"):
    number: int
    inner: Weights | None = None


@dataclass
class Tuned(Weights, name="SeriesTuned"):
    rate: float = 0.5


@dataclass
class Other(ArtifactModel, name="SeriesOther"):
    weights: ArtifactSequence[Weights]


weights: Series[Weights] = series(Weights, "weights")


async def test_a_series_is_what_was_saved_under_a_label_as_a_class(engine: AsyncEngine) -> None:
    """The store also has nested models with the label, other classes, other labels, and the label in another case."""
    choose = random.Random(1)
    saved: list[tuple[UUID, Weights, UUID | None]] = []
    for number in range(40):
        model = Weights(number, Weights(-number) if choose.random() < 0.3 else None)
        match choose.randrange(6):
            case 0:
                saved.append((await model.save("weights"), model, None))
            case 1:
                async with RunManager(Run()) as outer, RunManager(Run()) as run:
                    saved.append((await run.save_artifact("weights", model), model, run.run.node_id))
                    await outer.save_artifact("Weights", model)
            case 2:
                ids = await save_many([("weights", model), ("weights ", model), ("weights", Weights(-1))])
                saved += [(ids[0], model, None), (ids[2], Weights(-1), None)]
            case 3:
                await Tuned(number).save("weights")
            case 4:
                await Other(ArtifactSequence([model])).save("weights")
            case _:
                await Weights(number, Weights(number)).save("inner")
    ids, models = [node_id for node_id, _, _ in saved], [model for _, model, _ in saved]
    assert len(ids) > 10
    assert ids == sorted(ids)
    assert await weights.ids() == ids
    assert await weights.count() == len(ids)
    assert await weights.all() == models
    assert [model async for model in weights] == models
    assert await weights.latest() == models[-1]
    for number in range(-len(ids), len(ids)):
        assert await weights.nth(number) == models[number]
    versions = await weights.versions()
    assert [(version.node_id, version.number, version.run_id, version.aliases) for version in versions] == [
        (node_id, number, run_id, ()) for number, (node_id, _, run_id) in enumerate(saved)
    ]
    assert [version.saved_at for version in versions] == [moment_of(node_id) for node_id in ids]
    assert await series(Tuned, "weights").count() + await series(Weights, "inner").count() > 0
    inner = await series(Weights, "inner").all()
    assert all(model.inner == Weights(model.number) for model in inner)


async def test_versions_are_found_by_time(engine: AsyncEngine) -> None:
    saved = {await Weights(number).save("weights"): number for number in range(8)}
    moments = [moment_of(node_id) for node_id in saved]
    tick, step = timedelta(microseconds=1), timedelta(milliseconds=1)
    for moment in {moment + by for moment in moments for by in (-step, -tick, timedelta(0), tick, step)}:
        until = [number for node_id, number in saved.items() if moment_of(node_id) <= moment]
        if until:
            assert (await weights.at(moment)).number == until[-1]
        else:
            with pytest.raises(VersionNotFoundError, match="no version at"):
                await weights.at(moment)
    for since in (None, moments[2], moments[5]):
        for before in (None, moments[3], moments[-1] + step):
            expected = [
                number
                for node_id, number in saved.items()
                if (since is None or moment_of(node_id) >= since) and (before is None or moment_of(node_id) < before)
            ]
            assert [model.number for model in await weights.between(since, before)] == expected
    assert (await weights.at(datetime.max.replace(tzinfo=UTC))).number == 7
    assert await weights.between(datetime.now(UTC) + timedelta(days=1)) == []


async def test_a_series_of_nothing(engine: AsyncEngine) -> None:
    assert (await weights.all(), await weights.ids(), await weights.versions(), await weights.count()) == (
        [],
        [],
        [],
        0,
    )
    assert await weights.aliases() == {}
    for missing in (
        weights.latest(),
        weights.nth(0),
        weights.at(datetime.now(UTC)),
        weights.alias("x"),
        weights.diff(),
    ):
        with pytest.raises(VersionNotFoundError):
            await missing
    await Weights(1).save("weights")
    for number in (1, -2, 2**80, -(2**80)):
        with pytest.raises(IndexError, match=r"no version .*; it has 1"):
            await weights.nth(number)
    with pytest.raises(LookupError, match="no alias 'x'; it has none"):
        await weights.alias("x")


async def test_long_series_are_read_in_batches_and_what_is_deleted_meanwhile_is_left_out(engine: AsyncEngine) -> None:
    ids = await save_many([("weights", Weights(number)) for number in range(450)])
    seen: list[int] = []
    async for model in weights:
        if not seen:
            await delete([*ids[100:110], *ids[440:]])
            await Weights(1000).save("weights")
        seen.append(model.number)
    assert seen == [*range(200), *range(200, 440), 1000]
    assert [model.number for model in await weights.all()] == [*range(100), *range(110, 440), 1000]


async def test_an_alias_points_and_moves(engine: AsyncEngine) -> None:
    ids = await save_many([("weights", Weights(number)) for number in range(4)])
    await weights.set_alias("production", ids[0])
    assert await weights.aliases() == {"production": ids[0]}
    versions = await weights.versions()
    assert [version.aliases for version in versions] == [("production",), (), (), ()]
    for version, expected in ((-1, 3), (versions[2], 2), (1, 1)):
        await weights.set_alias("production", version)
        assert await weights.alias("production") == Weights(expected)
        assert await weights.alias_id("production") == ids[expected]
    await weights.set_alias("staging", "production")
    await weights.set_alias("Production", -1)
    assert await weights.aliases() == {"Production": ids[3], "production": ids[1], "staging": ids[1]}
    assert [version.aliases for version in await weights.versions()] == [
        (),
        ("production", "staging"),
        (),
        ("Production",),
    ]
    assert await series(Weights, "other").aliases() == {}
    assert await series(Tuned, "weights").aliases() == {}
    assert await weights.remove_alias("production")
    assert not await weights.remove_alias("production")
    assert list(await weights.aliases()) == ["Production", "staging"]
    assert await weights.count() == 4


async def test_an_alias_says_when_it_was_moved(engine: AsyncEngine) -> None:
    async def moved_at() -> datetime:
        async def work(connection: AsyncConnection) -> Any:
            return await connection.scalar(sql_select(alias_table.c.moved_at))

        return await read(work)

    ids = await save_many([("weights", Weights(number)) for number in range(2)])
    await weights.set_alias("x", ids[0])
    first = await moved_at()
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=5)
    await weights.set_alias("x", ids[1])
    assert await moved_at() >= first


async def test_an_alias_points_to_a_version_of_its_series_alone(engine: AsyncEngine) -> None:
    saved = await Weights(1, Weights(2)).save("weights")

    async def work(connection: AsyncConnection) -> Any:
        statement = sql_select(node_table.c.node_id).where(node_table.c.label == "inner", node_table.c.span > 1)
        return await connection.scalar(statement)

    part = await read(work)
    async with RunManager(Run()) as run:
        elsewhere = [
            await Weights(1).save("other"),
            await Tuned(1).save("weights"),
            part,
            run.run.node_id,
            new_id(),
        ]
    await weights.set_alias("x", saved)
    for node_id in elsewhere:
        with pytest.raises(VersionNotFoundError, match="'x' was not moved"):
            await weights.set_alias("x", node_id)
    assert await weights.aliases() == {"x": saved}
    for name in ("x" * 101, "a\0b", "\ud800", 5):
        with pytest.raises(InvalidLabelError, match="An alias"):
            await weights.set_alias(name, saved)  # type: ignore[arg-type]
    for name in ("", "x" * 100, "é🍣", "a ", "a"):
        await weights.set_alias(name, saved)
        assert await weights.alias_id(name) == saved
    assert len(await weights.aliases()) == 6


async def test_an_alias_for_the_newest_version_points_to_the_next_one_if_that_is_deleted_meanwhile(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await save_many([("weights", Weights(number)) for number in range(4)])

    async def deleted_first(key: Any, alias: str, node_id: UUID) -> None:
        if node_id in ids[2:]:
            await delete(node_id)
        await point_alias(key, alias, node_id)

    monkeypatch.setattr(sys.modules[Series.__module__], "point_alias", deleted_first)
    await weights.set_alias("production", -1)
    assert await weights.aliases() == {"production": ids[1]}
    await weights.set_alias("production", 0)
    with pytest.raises(VersionNotFoundError, match="was deleted; alias 'production' was not moved"):
        await weights.set_alias("production", ids[3])
    assert await weights.aliases() == {"production": ids[0]}


async def test_what_goes_between_its_rows_and_its_objects_is_left_out(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await save_many([("weights", Weights(number)) for number in range(3)])
    gone: list[UUID] = [ids[1]]
    load: Any = import_module("artigraph.model.load")  # the function of this name hides it
    load_each = load.load_each

    async def too_late(cls: type[Weights], node_ids: list[UUID]) -> list[tuple[UUID, Weights]]:
        if gone:
            await delete(gone.pop())
            raise ObjectNotFoundError("gone")
        loaded: list[tuple[UUID, Weights]] = await load_each(cls, node_ids)
        return loaded

    monkeypatch.setattr(sys.modules[Series.__module__], "load_each", too_late)
    assert await weights.all() == [Weights(0), Weights(2)]
    gone.append(new_id())  # nothing that is asked for
    with pytest.raises(ObjectNotFoundError):
        await weights.all()


async def test_of_many_who_move_an_alias_all_succeed_and_one_is_the_last(engine: AsyncEngine) -> None:
    ids = await save_many([("weights", Weights(number)) for number in range(12)])

    async def move(number: int) -> None:
        for step in range(5):
            await weights.set_alias("production", ids[(number + step) % len(ids)])
            assert await weights.alias_id("production") in ids

    await asyncio.gather(*map(move, range(len(ids))))
    assert list(await weights.aliases()) == ["production"]
    assert await weights.alias("production") in [Weights(number) for number in range(12)]


async def test_aliases_belong_to_the_transaction_of_a_session(engine: AsyncEngine) -> None:
    first, second = await save_many([("weights", Weights(number)) for number in range(2)])
    await weights.set_alias("x", first)

    async def moved_in_vain() -> None:
        async with session_context():
            await weights.set_alias("x", second)
            assert await weights.alias("x") == Weights(1)
            raise LookupError

    with pytest.raises(LookupError):
        await moved_in_vain()
    assert await weights.alias("x") == Weights(0)


async def test_two_versions_are_compared(engine: AsyncEngine) -> None:
    ids = await save_many([("weights", Weights(number)) for number in (1, 2, 2)])
    await weights.set_alias("production", 0)
    assert [change.path for change in await weights.diff(0, 1)] == ["number"]
    assert not await weights.diff()
    for before, after in (("production", -1), (ids[0], (await weights.versions())[2])):
        [change] = await weights.diff(before, after)
        assert (change.path, change.before, change.after) == ("number", 1, 2)
    with pytest.raises(NodeNotFoundError):
        await weights.diff(new_id(), -1)


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: series(ArtifactModel, "x"), QueryError),
        (lambda: series(int, "x"), QueryError),  # type: ignore[type-var]
        (lambda: series("Weights", "x"), QueryError),  # type: ignore[arg-type]
        (lambda: series(Weights, "x" * 256), InvalidLabelError),
        (lambda: Series(Weights, None), InvalidLabelError),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_series(build: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        build()


async def test_what_is_no_number_and_no_moment(engine: AsyncEngine) -> None:
    for number in (True, 1.0, None):
        with pytest.raises(QueryError, match="has a number"):
            await weights.nth(number)  # type: ignore[arg-type]
    for call in (weights.at, weights.between):
        with pytest.raises(QueryError, match="aware datetime"):
            await call(datetime(2020, 1, 1))


def test_a_series_is_a_value() -> None:
    assert series(Weights, "weights") == weights
    assert series(Weights, "weights") != series(Weights, "other")
    assert {weights, series(Weights, "weights")} == {weights}
    assert "Weights" in repr(weights)


async def test_an_alias_that_points_to_nothing(engine: AsyncEngine) -> None:
    weights = series(Weights, "dangling")
    await Weights(1).save("dangling")
    gone = await Weights(2).save("dangling")
    await weights.set_alias("best", gone)
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as other:  # keeps no references whole
        other.execute("DELETE FROM artigraph_node WHERE tree_root_id = ?", (gone.bytes,))
    async with asyncio.timeout(20):
        with pytest.raises(VersionNotFoundError, match=f"node {gone}, which does not exist"):
            await weights.alias("best")
        with pytest.raises(VersionNotFoundError, match=str(gone)):
            await weights.diff("best", 0)
        with pytest.raises(VersionNotFoundError, match=str(gone)):
            await weights.set_alias("other", "best")
    assert str(gone) in str(await fsck())
    await weights.set_alias("best", 0)
    assert await weights.alias("best") == Weights(1)


async def test_versions_that_are_always_deleted_before_they_are_loaded(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def another(_self: object, _number: object) -> UUID:
        return new_id()

    monkeypatch.setattr(Series, "_nth_id", another)
    async with asyncio.timeout(20):
        with pytest.raises(VersionNotFoundError, match="deleted before it was loaded"):
            await series(Weights, "fleeting").latest()
        with pytest.raises(VersionNotFoundError, match="was not moved"):
            await series(Weights, "fleeting").set_alias("best", -1)
