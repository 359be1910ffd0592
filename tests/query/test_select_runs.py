"""Which runs are selected. integration/test_query.py does it on servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Run, RunManager, columns, select
from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.query import Condition

r: Any = columns(Run)


@dataclass
class Made(ArtifactModel, name="QueryRunMade"):
    x: int


async def failing(manager: RunManager) -> None:
    async with manager:
        raise LookupError


async def test_runs_are_found_by_status_times_and_parents(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer:
        failed = RunManager(Run())
        await outer.save_artifact("x", Made(1))
        with pytest.raises(LookupError):
            await failing(failed)
        async with RunManager(Run()) as inner:
            async with RunManager(Run()) as innermost:
                pass
            everything = [outer.run, failed.run, inner.run, innermost.run]
            assert await select(Run).ids() == [run.node_id for run in everything]
            assert await select(Run).where(r.status == "running").ids() == [outer.run.node_id, inner.run.node_id]
            assert await select(Run).where(r.status != "running").all() == [failed.run, innermost.run]
            assert await select(Run).where(r.ended_at.is_(None)).count() == 2
            assert await select(Run).where(r.ended_at.is_not(None)).count() == 2
            assert await select(Run).where(r.ended_at > datetime(2020, 1, 1, tzinfo=UTC)).count() == 2
            assert await select(Run).where(~(r.ended_at > datetime(2020, 1, 1, tzinfo=UTC))).count() == 2
    assert await select(Run).in_run(outer).all() == [failed.run, inner.run]
    assert await select(Run).in_run(outer, descendants=True).all() == [failed.run, inner.run, innermost.run]
    assert await select(Run).where(r.node_parent_id == inner.run.node_id).one() == innermost.run
    assert await select(Run).where(r.node_parent_id.is_(None)).one() == outer.run
    assert await select(Run).where(~(r.node_parent_id == inner.run.node_id)).count() == 3
    assert await select(Run).where(r.error_type == "LookupError").first() == failed.run
    assert await select(Run).where(~(r.error_type == "LookupError")).count() == 3
    assert await select(Run).where(r.status.in_(["failed", "lost"]) | (r.node_id == outer.run.node_id)).count() == 2
    with pytest.raises(NodeNotFoundError, match="one Run, found none"):
        await select(Run).where(r.status == "cancelled").one()


async def test_times_are_compared_to_the_microsecond_in_any_zone(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        pass
    began = manager.run.started_at
    assert began is not None
    there = began.astimezone(timezone(timedelta(hours=5)))
    assert await select(Run).where(r.started_at == there).count() == 1
    assert await select(Run).where(r.started_at <= there, r.started_at >= there).count() == 1
    assert await select(Run).where(r.started_at < there).count() == 0
    assert await select(Run).where(r.started_at < there + timedelta(microseconds=1)).count() == 1


async def test_runs_come_in_order_and_in_parts(engine: AsyncEngine) -> None:
    made: list[Run] = []
    for _ in range(5):
        async with RunManager(Run()) as manager:
            made.append(manager.run)
    async with RunManager(Run()) as running:
        newest = select(Run).order_by(r.started_at.desc())
        assert await newest.offset(1).limit(2).all() == [made[4], made[3]]
        assert (await select(Run).order_by(r.ended_at).ids())[0] == running.run.node_id
        assert (await select(Run).order_by(r.ended_at.desc()).ids())[-1] == running.run.node_id
        assert await select(Run).order_by(r.node_id.asc()).limit(5).all() == made


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: r.status == "failing", "one of 'new'"),
        (lambda: r.status < "failed", "no order"),
        (lambda: r.status == None, r"is_\(None\)"),  # noqa: E711
        (lambda: r.status.in_("failed"), "several values"),
        (lambda: r.status.is_("failed"), "use =="),
        (lambda: r.started_at > 5, "cannot be compared"),
        (lambda: r.started_at > datetime(2020, 1, 1), "time zone"),
        (lambda: select(Run).where(columns(Made).x == 1), "condition on Made"),
        (lambda: select(Made).where(r.status == "failed"), "condition on runs"),
        (lambda: select(int), "takes a model class"),  # type: ignore[arg-type]
        (lambda: select(b"Made"), "takes a model class"),  # type: ignore[call-overload]
        (lambda: columns(int), "columns of model classes"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_asked_of_runs_is_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        build()


def test_what_can_be_asked_of_runs_is_a_condition() -> None:
    assert isinstance((r.status == "failed") & ~r.ended_at.is_(None), Condition)
    assert repr(r) == "<columns of Run>"
    assert repr(r.status) == "<column status of runs>"
    assert repr(select(Run)) == "<select of Run>"


@dataclass
class Tokens(ArtifactModel, name="QueryRunTokens", version=3):
    x: int


@dataclass
class Trained(ArtifactModel, name="QueryRunTrained"):
    tokens: Tokens


@dataclass
class Special(Tokens, name="QueryRunSpecial", version=7):
    pass


async def test_runs_are_found_by_what_they_used(engine: AsyncEngine) -> None:
    plain = await Tokens(1).save("plain")
    special = await Special(2).save("special")
    holds = await Trained(Tokens(3)).save("plain")
    made: dict[str, Run] = {}
    for name, used in (("none", []), ("plain", [plain]), ("special", [special]), ("both", [plain, holds, special])):
        async with RunManager(Run()) as manager:
            for node_id in used:
                await ArtifactModel.load(node_id)
            await manager.save_artifact("own", Tokens(4))
            await manager.load_artifact("own")
        made[name] = manager.run

    async def found(**given: Any) -> list[str]:
        runs = await select(Run).used(Tokens, **given).all()
        return [name for name, run in made.items() if run in runs]

    assert await found() == ["plain", "special", "both"]
    assert await found(version=3) == ["plain", "both"]
    assert await found(version=7) == ["special", "both"]
    assert await found(version=1) == []
    assert await found(label="special") == ["special", "both"]
    assert await found(label="plain", version=3) == ["plain", "both"]
    assert await found(label="own") == []
    assert await select(Run).used(Trained).all() == [made["both"]]
    assert await select(Run).used(Special).used(Tokens, version=3).all() == [made["both"]]
    assert await select(Run).used(Tokens).where(r.status == "failed").count() == 0
    assert await select(Run).used(ArtifactModel).count() == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [((Run,), "takes a model class"), ((b"Made",), "takes a model class"), ((Made, True), "whole number")],
)
def test_what_cannot_have_been_used_is_refused(given: tuple[Any, ...], words: str) -> None:
    with pytest.raises(QueryError, match=words):
        select(Run).used(given[0], version=(*given, None)[1])
