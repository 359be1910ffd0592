"""The list of cached functions, clearing, and explanations of runs. integration/test_tracking.py has the servers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, Cache, Run, RunManager, delete, tracked
from artigraph import select as select_runs
from artigraph.db import insert_rows, read, write
from artigraph.errors import TrackingError
from artigraph.graph.run_rows import CACHE
from artigraph.orm import node_table, run_value_table
from artigraph.outline import outline_of
from artigraph.run._state import row_at_start
from artigraph.serializer.codec import encode
from artigraph.tracking import cached_functions, clear_cache, explain_run
from artigraph.tracking._sql import FUNCTION, KEY, PARTS, _counts, _newest, _of_function, latest, rows_of_call
from tests.support.plans import SORTED, explained
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")
INDEX = "ix_artigraph_run_value_search"


@dataclass
class Total(ArtifactModel, name="overview.Total"):
    value: int


@tracked(cache=True)
async def double(number: int) -> Total:
    return Total(2 * number)


@tracked(cache=Cache(version=1))
async def note(text: str) -> None:
    del text


class Adder:
    @tracked(cache=Cache(ignore=["self"]))
    def add(self, one: int, other: int) -> int:
        return one + other


DOUBLE, NOTE, ADD = (f"{__name__}.{name}" for name in ("double", "note", "Adder.add"))


async def runs() -> list[Run]:
    return await select_runs(Run).all()


async def names_of(run_id: UUID) -> set[str]:
    value = run_value_table.c

    async def work(connection: AsyncConnection) -> set[str]:
        found = select(value.name).where(value.run_id == run_id, value.kind == CACHE)
        return set((await connection.execute(found)).scalars())

    return await read(work)


async def test_functions_are_listed_with_their_results_and_hits() -> None:
    assert await cached_functions() == []
    before = datetime.now(UTC)
    for number in (1, 2, 1, 1):
        await double(number)
    await note("a")
    await note("a")
    found = await cached_functions()
    made = await runs()
    assert [(each.function, each.results, each.hits) for each in found] == [(DOUBLE, 2, 2), (NOTE, 1, 1)]
    computed = [run for run in made if run.cached_from is None]
    assert [each.newest_run_id for each in found] == [computed[1].node_id, computed[2].node_id]
    assert all(before - timedelta(seconds=5) <= each.newest_at <= datetime.now(UTC) for each in found)
    assert await names_of(computed[0].node_id) == {"key", "function", "parts"}
    (hit, *_) = [run for run in made if run.cached_from is not None]
    assert await names_of(hit.node_id) == {"cached_from", "served"}


async def test_deleting_a_run_takes_it_out_of_the_list_and_its_hits_stay() -> None:
    await double(1)
    await double(1)
    (computed, _) = sorted(await runs(), key=lambda run: run.cached_from is not None)
    (listed,) = await cached_functions()
    assert (listed.newest_run_id, listed.hits) == (computed.node_id, 1)
    await delete(computed, cascade=True)
    assert await cached_functions() == []
    assert await double(1) == Total(2)
    (listed,) = await cached_functions()
    assert listed.results == 1


async def test_clearing_forgets_results_and_keeps_runs_and_artifacts() -> None:
    await double(1)
    await double(2)
    await note("a")
    planned = await clear_cache(double, dry_run=True)
    assert (planned.dry_run, planned.results, [each.function for each in planned.functions]) == (True, 2, [DOUBLE])
    assert planned.render() == f"Would forget:\n  {DOUBLE}  2 results\nThe runs and artifacts stay."
    assert await double.cached(1) is not None
    before = await runs()
    done = await clear_cache(DOUBLE)
    assert (done.dry_run, done.results, done.functions) == (False, 2, planned.functions)
    assert await runs() == before
    assert await double.cached(1) is None
    assert [each.function for each in await cached_functions()] == [NOTE]
    assert str(await double.explain(1)) == f"miss: no earlier call of {DOUBLE} has a cached result"
    nothing = await clear_cache(DOUBLE)
    assert (nothing.results, nothing.render()) == (0, "Forgot nothing: there are no cached results.")
    assert (await clear_cache()).results == 1
    assert await cached_functions() == []


async def test_clearing_takes_a_method_and_refuses_other_functions() -> None:
    report = await clear_cache(Adder.add)
    assert report.results == 0
    assert await clear_cache(Adder().add) == report
    others: tuple[Any, ...] = (len, runs, tracked(runs), 5)
    for other in others:
        with pytest.raises(TrackingError, match="is no cached function"):
            await clear_cache(other)


async def test_explanations_of_runs() -> None:
    await double(1)
    await double(2)
    await double(1)
    first, second, hit = [run.node_id for run in sorted(await runs(), key=lambda run: run.node_id)]
    explained_runs = [await explain_run(run_id) for run_id in (first, second, hit)]
    assert [None if each is None else each.function for each in explained_runs] == [DOUBLE] * 3
    assert [str(each) for each in explained_runs] == [
        f"miss: no earlier call of {DOUBLE} has a cached result",
        f"miss: number 1 -> 2; code equal; compared with run {first}",
        f"hit: run {first} serves the call",
    ]
    async with RunManager(Run()) as manager:
        pass
    assert await explain_run(manager.run) is None
    await clear_cache()
    assert await explain_run(second) is None
    again = await explain_run(hit)
    assert again is not None
    assert (again.function, again.run_id) == (DOUBLE, first)


async def test_an_outline_says_from_which_run_a_call_was_served() -> None:
    async with RunManager(Run(name="all")) as manager:
        await double(1)
        await double(1)
    with counted() as statements:
        outline = await outline_of(manager)
    assert len([each for each in statements if "artigraph_node" in each]) == 2  # of which one looks at the run itself
    computed, hit = [child.text for child in outline.children]
    assert "served" not in computed
    assert hit.endswith(f", served from run {outline.children[0].node_id}")


async def test_an_old_run_is_compared_with_the_runs_before_it() -> None:
    for number in range(60):
        await double(number)
    made = sorted(await runs(), key=lambda run: run.node_id)
    old = await explain_run(made[1])
    assert old is not None
    assert (old.run_id, old.differences) == (made[0].node_id, ("number 0 -> 1",))


async def test_the_same_call_with_other_code_is_the_nearest() -> None:
    def made(offset: int) -> Any:
        @tracked(cache=True)
        async def add(number: int) -> int:
            return number + offset

        return add

    await made(1)(1)
    await made(2)(3)
    found = await made(2).explain(1)
    name = f"{__name__}.test_the_same_call_with_other_code_is_the_nearest.<locals>.made.<locals>.add"
    assert (found.differences, found.equal) == ((f"code changed: {name}",), ("number",))


async def test_altered_rows_are_no_error() -> None:
    await double(1)
    (run,) = await runs()
    value = run_value_table.c

    async def spoil(connection: AsyncConnection) -> None:
        of_run = update(run_value_table).where(value.run_id == run.node_id)
        await connection.execute(of_run.where(value.name == PARTS).values(value=encode({"code": 5, "shown": {"a": 1}})))
        await connection.execute(of_run.where(value.name == FUNCTION).values(value=b"\xff"))

    await write(spoil)
    assert [each.function for each in await cached_functions()] == [""]
    assert "argument number is new" in str(await double.explain(2))
    assert await double(1) == await double(1)
    served = (await runs())[-1]
    assert await explain_run(run) is None
    found = await explain_run(served)
    assert found is not None
    assert (found.is_hit, found.run_id, found.not_followed) == (True, run.node_id, ())

    async def shorten(connection: AsyncConnection) -> None:
        await connection.execute(update(run_value_table).where(value.name == FUNCTION).values(search_key=b"\x01"))

    await write(shorten)
    assert await cached_functions() == []


async def test_the_statements_are_few_and_use_the_index() -> None:
    made = [row_at_start(Run(name=f"{number}")) for number in range(2000)]

    async def fill(connection: AsyncConnection) -> None:
        now = datetime.now(UTC)
        run = {"node_type": "run", "run_status": "completed", "run_started_at": now}
        await connection.execute(insert(node_table), [{"node_id": row.node_id, **run} for row in made])
        values = [
            {"run_id": row.node_id.bytes, **each._asdict()}
            for number, row in enumerate(made)
            for each in rows_of_call(row.node_id, number.to_bytes(32, "big"), f"module.f{number % 7}", {}, "none")
        ]
        await insert_rows(connection, run_value_table, values)

    await write(fill)
    with counted() as statements:
        found = await cached_functions()
    assert len([each for each in statements if "artigraph_run_value" in each]) == 3
    assert [(each.function, each.results) for each in found] == [
        (f"module.f{number}", 286 if number < 5 else 285) for number in range(7)
    ]
    newest = {number % 7: row.node_id for number, row in enumerate(made)}
    assert [each.newest_run_id for each in found] == [newest[number] for number in range(7)]
    assert [each.run_id for each in await latest("module.f3", 2)] == [made[1998].node_id, made[1991].node_id]
    assert INDEX in await explained(_counts, {"name": FUNCTION})
    value = run_value_table.c
    ordered = select(value.run_id).where(_of_function("module.f3")).order_by(value.search_key.desc()).limit(50)
    shown = await explained(ordered, {})
    assert INDEX in shown
    assert not SORTED.search(shown)
    shown = await explained(_newest, {"ids": [row.node_id for row in made[:3]]})
    assert INDEX not in re.sub(r'"possible_keys": \[[^]]*\]', "", shown)
    with counted() as statements:
        assert (await clear_cache("module.f3")).results == 286
    assert len([each for each in statements if "DELETE" in each]) == 1
    with counted() as statements:
        assert (await clear_cache()).results == 2000 - 286
    assert len([each for each in statements if "DELETE" in each]) == 1

    async def count(connection: AsyncConnection) -> int:
        return await connection.scalar(select(func.count()).where(value.kind == CACHE, value.name == KEY)) or 0

    assert await read(count) == 0
