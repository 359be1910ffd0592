"""What the rest of the library makes of calls that the cache served. integration/test_served.py has the servers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import delete as sql_delete
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import (
    ArtifactModel,
    Run,
    RunManager,
    ancestors,
    columns,
    delete,
    descendants,
    diff,
    paths,
    prune,
    select,
    tracked,
)
from artigraph.db import read, write
from artigraph.errors import ArtifactInUseError, ConfigurationError
from artigraph.maintenance import fsck
from artigraph.orm import node_table, run_value_table
from artigraph.tracking import Cache
from artigraph.view import (
    artifacts_page,
    compare_runs,
    lineage_document,
    run_document,
    runs_page,
    stale_document,
)
from artigraph.view.expressions import condition_of
from artigraph.view.listing import list_run_columns
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Data(ArtifactModel, name="served.Data"):
    value: int


@dataclass
class Model(ArtifactModel, name="served.Model"):
    value: int


calls: list[int] = []


@tracked(cache=Cache(version=1), name="train")
async def train(data: Data) -> Model:
    calls.append(data.value)
    return Model(2 * data.value)


@tracked(cache=Cache(version=1), name="check")
async def check(data: Data) -> None:
    calls.append(data.value)


class Stored(NamedTuple):
    old: UUID
    """The input of the run that computed the result."""
    new: UUID
    """Equal data, that the served run was given."""
    computed: UUID
    hit: UUID
    result: UUID


async def run_ids() -> list[UUID]:
    """Return the runs, the oldest first."""
    return await select(Run).ids()


async def stored() -> Stored:
    """Call a function with equal data of two versions."""
    calls.clear()
    old = await Data(1).save("data")
    await train(await Data.load(old))
    new = await Data(1).save("data")
    await train(await Data.load(new))
    assert calls == [1]
    computed, hit = await run_ids()
    [made] = (await run_document(computed)).produced
    return Stored(old, new, computed, hit, made.artifact_id)


async def existing() -> set[UUID]:
    async def work(connection: AsyncConnection) -> set[UUID]:
        rows = await connection.execute(node_table.select().with_only_columns(node_table.c.node_id))
        return set(rows.scalars())

    return await read(work)


async def is_served() -> bool:
    """Call the function, which must return what it always does, and return whether it was served."""
    calls.clear()
    assert await train(Data(1)) == Model(2)
    return not calls


async def test_lineage_leads_from_a_served_run_to_its_result() -> None:
    old, new, computed, hit, result = await stored()
    async with RunManager(Run()) as manager:
        await manager.use(result)
        end = await manager.save_artifact("end", Model(5))
    below = await descendants(new)
    assert {*below.nodes} == {new, hit, result, manager.run.node_id, end}
    assert (hit, result, "produced") in below.edges
    assert {*(await descendants(hit)).nodes} == {*below.nodes} - {new}
    assert {*(await descendants(hit, depth=1)).nodes} == {hit, result}
    assert {*(await descendants(hit, kinds=["produced"])).nodes} == {hit, result}
    assert {*(await descendants(hit, kinds=["used", "child"])).nodes} == {hit}
    assert {*(await ancestors(result)).nodes} == {result, computed, old}
    assert {*(await ancestors(hit)).nodes} == {hit, new}
    assert {*(await ancestors(end)).nodes} == {end, manager.run.node_id, result, computed, old}
    assert len(await paths(old, end)) == 5
    assert len(await paths(new, end)) == 0
    event = next(e for e in below.to_openlineage() if e["run"]["runId"] == str(hit) and e["eventType"] == "COMPLETE")
    assert [each["name"] for each in event["inputs"]] == [str(new)]
    assert [each["name"] for each in event["outputs"]] == [str(result)]
    assert str(result)[-4:] in below.to_mermaid()
    assert below.to_svg()


async def test_the_document_of_lineage_has_what_was_served() -> None:
    old, new, computed, hit, result = await stored()
    document = await lineage_document(hit, up=1, down=2)
    levels = {node.node_id: node.level for node in document.nodes}
    assert levels == {new: -1, hit: 0, result: 1}
    assert {(edge.source_id, edge.target_id, edge.kind) for edge in document.edges} == {
        (new, hit, "used"),
        (hit, result, "produced"),
    }
    more = {node.node_id: (node.more_up, node.more_down) for node in document.nodes}
    assert more == {new: (0, 0), hit: (0, 0), result: (1, 0)}  # the run that computed it
    around = await lineage_document(result, up=2)
    assert {node.node_id for node in around.nodes} == {old, computed, result}
    assert {node.node_id: node.more_up for node in around.nodes} == {old: 0, computed: 0, result: 0}
    both = await lineage_document(old, down=2)
    assert [node.more_down for node in both.nodes if node.node_id == computed] == [0]


@pytest.mark.parametrize("what", ["result", "computed"])
async def test_a_result_can_be_deleted_although_it_was_served(what: str) -> None:
    found = await stored()
    report = await delete(getattr(found, what))
    assert report.links == (1 if what == "result" else 2)
    left = await existing()
    assert {found.hit, found.new, found.old} <= left
    assert found.result not in left
    assert (await run_document(found.hit)).produced == ()
    [served] = await select(Run).where(columns(Run).node_id == found.hit).all()
    assert served.cached_from == found.computed
    assert (await fsck()).ok
    assert not await is_served()
    assert await is_served()


async def test_a_cascade_from_an_input_leaves_what_another_run_computed() -> None:
    old, new, computed, hit, result = await stored()
    with pytest.raises(ArtifactInUseError, match=str(hit)):
        await delete(new)
    plan = await delete(new, cascade=True, dry_run=True)
    assert (plan.runs, plan.artifacts, plan.links) == (1, 1, 2)
    report = await delete(new, cascade=True)
    assert {node.node_id for node in report.nodes} == {new, hit}
    assert {old, computed, result} <= await existing()
    assert await is_served()
    await delete(old, cascade=True)
    assert {computed, result}.isdisjoint(await existing())
    assert (await fsck()).ok
    assert not await is_served()


async def test_a_served_run_goes_without_its_result() -> None:
    found = await stored()
    await delete(found.hit)
    assert {found.result, found.computed, found.new} <= await existing()
    assert await is_served()
    assert (await fsck()).ok


async def test_prune_keeps_what_can_serve_calls() -> None:
    found = await stored()
    await check(await Data.load(found.old))
    returned_none = (await run_ids())[-1]
    async with RunManager(Run()) as other:
        await other.save_artifact("return", Model(7))
    zero = timedelta(0)
    with pytest.raises(ArtifactInUseError):
        await prune(older_than=zero, keep_cached=True)
    plan = await prune(older_than=zero, keep_cached=True, keep_used=True, dry_run=True)
    assert {node.node_id for node in plan.nodes} == {found.hit, found.new, other.run.node_id}
    newest = await prune(keep_newest={"return": 0}, keep_cached=True)
    assert [node.model_name for node in newest.nodes] == ["served.Model"]
    assert found.result in await existing()
    await prune(older_than=zero, keep_cached=True, keep_used=True)
    assert {found.old, found.computed, found.result, returned_none} <= await existing()
    assert {found.new, found.hit, other.run.node_id}.isdisjoint(await existing())
    assert await is_served()
    await prune(older_than=zero)
    assert not await existing()
    assert not await is_served()


async def test_prune_keeps_the_runs_above_and_not_what_serves_no_call() -> None:
    calls.clear()
    outer = RunManager(Run(name="outer"))

    async def fail() -> None:
        async with outer:
            await train(Data(1))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    [computed] = (await run_document(outer)).children
    assert not (await prune(failed_runs=True, keep_cached=True)).nodes
    [result] = (await run_document(computed.run_id)).produced
    await delete(result.artifact_id)
    plan = await prune(failed_runs=True, keep_cached=True, dry_run=True)
    assert [node.node_id for node in plan.nodes] == [outer.run.node_id]  # the result is gone
    await train(Data(1))
    served = (await run_ids())[-1]
    rule: dict[str, Any] = {"older_than": timedelta(0), "keep_cached": True}

    async def without_key(connection: AsyncConnection) -> None:
        await connection.execute(sql_delete(run_value_table).where(run_value_table.c.run_id == served))

    assert served not in {node.node_id for node in (await prune(**rule, dry_run=True)).nodes}
    await write(without_key)
    assert served in {node.node_id for node in (await prune(**rule, dry_run=True)).nodes}
    with pytest.raises(ConfigurationError, match="keep_cached"):
        await prune(**rule, cascade=True)


async def test_a_result_is_up_to_date_if_it_was_served_with_the_newest_version() -> None:
    old, new, computed, hit, result = await stored()
    for node in (old, computed, hit, result):
        assert (await stale_document(node)).inputs == ()
    async with RunManager(Run()) as manager:
        await manager.use(result)
        end = await manager.save_artifact("end", Model(5))
    assert (await stale_document(end)).inputs == ()
    newest = await Data(1).save("data")
    for node, used, distance in ((hit, new, 1), (computed, old, 1), (result, old, 2), (end, old, 4)):
        [item] = (await stale_document(node)).inputs
        assert (item.artifact_id, item.newest_id, item.distance) == (used, newest, distance)
    await train(await Data.load(newest))
    assert (await stale_document(end)).inputs == ()
    assert (await stale_document(result)).inputs == ()
    [item] = (await stale_document(hit)).inputs  # that call used what it used
    assert item.artifact_id == new


async def test_an_input_stays_stale_for_another_run_that_used_it() -> None:
    found = await stored()
    async with RunManager(Run()) as manager:
        await manager.use(found.result, found.old)
        end = await manager.save_artifact("end", Model(5))
    [item] = (await stale_document(end)).inputs
    assert (item.artifact_id, item.distance) == (found.old, 2)


async def test_however_often_a_result_was_served_it_takes_as_many_statements() -> None:
    old, _, _, _, result = await stored()
    with counted() as few:
        await stale_document(result)
    for _ in range(5):
        await train(await Data.load(await Data(1).save("data")))
    with counted() as many:
        await stale_document(result)
    assert len(few) == len(many)
    assert len((await descendants(old)).runs) == 1


async def test_the_documents_of_runs_say_what_was_served() -> None:
    _, new, computed, hit, result = await stored()
    document = await run_document(hit)
    assert (document.cached_from, document.cached_from_exists, document.served) == (computed, True, (result,))
    assert [(item.artifact_id, item.run_id) for item in document.produced] == [(result, computed)]
    assert [item.artifact_id for item in document.used] == [new]
    body = as_json(document)["data"]
    assert (body["cached_from"], body["served"]) == (str(computed), [str(result)])
    other = await run_document(computed)
    assert (other.cached_from, other.cached_from_exists, other.served) == (None, False, ())
    page = await runs_page(columns=["results.return.value"])
    assert [(item.run_id, item.cached_from, dict(item.columns)) for item in page.items] == [
        (hit, computed, {"results.return.value": 2}),
        (computed, None, {"results.return.value": 2}),
    ]
    assert "results.return.value" in await list_run_columns([hit])
    assert [item.artifact_id for item in (await artifacts_page(made_by=hit)).items] == [result]
    compared = await compare_runs([computed, hit])
    [row] = [row for row in compared.rows if row.kind == "result"]
    assert (row.values, row.present, row.differs) == ((2, 2), (True, True), False)
    assert not (await diff(computed, hit)).results
    await delete(computed)
    document = await run_document(hit)
    assert (document.cached_from, document.cached_from_exists, document.produced) == (computed, False, ())
    as_json(document)


async def test_runs_are_found_by_what_served_them() -> None:
    _, _, computed, hit, _ = await stored()
    await check(Data(1))
    others = [each for each in await run_ids() if each != hit]
    c = columns(Run)

    async def found(condition: Any) -> list[UUID]:
        return await select(Run).where(condition).ids()

    assert await found(c.cached_from.is_(None)) == others
    assert await found(~c.cached_from.is_(None)) == [hit]
    assert await found(c.cached_from == computed) == [hit]
    assert await found(c.cached_from == hit) == []
    assert await found(c.cached_from != computed) == others
    assert await found(c.cached_from.in_([computed, hit])) == [hit]
    assert await found((c.cached_from == computed) & (c.name == "train")) == [hit]
    assert await found(condition_of(f"cached_from == uuid('{computed}')", c)) == [hit]
    assert await found(condition_of("cached_from == None", c)) == others
    assert await select(Run).order_by(c.cached_from.desc()).limit(1).ids() == [hit]
    assert await select(Run).order_by(c.cached_from.asc()).ids() == [*others, hit]
    rows = await select(Run).order_by(c.node_id).rows("name", c.cached_from)
    assert [(row["name"], row["cached_from"]) for row in rows] == [
        ("train", None),
        ("train", computed),
        ("check", None),
    ]
    table = await select(Run).order_by(c.node_id).table("cached_from")
    assert [row["cached_from"] for row in table.arrow.to_pylist()] == [None, str(computed), None]


async def test_rows_that_were_altered_are_no_error_of_readers() -> None:
    _, _, _, hit, result = await stored()

    async def alter(connection: AsyncConnection) -> None:
        value = run_value_table.c
        await connection.execute(update(run_value_table).where(value.run_id == hit).values(search_key=b"short"))

    await write(alter)
    assert (await run_document(hit)).cached_from is None
    assert [item.cached_from for item in (await runs_page()).items] == [None, None]
    assert [item.artifact_id for item in (await stale_document(result)).inputs]
    report = await fsck()
    assert report.counts == {"cache-row": 1}


async def test_a_link_that_no_served_run_has_is_found() -> None:
    hit = (await stored()).hit

    async def alter(connection: AsyncConnection) -> None:
        await connection.execute(sql_delete(run_value_table).where(run_value_table.c.run_id == hit))

    await write(alter)
    assert (await fsck()).counts == {"link-no-result": 1}
