"""Recording calls of tracked functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, insert, update

from artigraph import tracked
from artigraph.db import utc_in, utc_now
from artigraph.identifiers import new_ids
from artigraph.orm import lease_table, link_table, node_table
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.models import Measure
from benchmarks.results import Row, compared
from benchmarks.rows import insert_nodes, renewed

__all__ = ["JOBS"]

_insert_lease = insert(lease_table).values(expires_at=utc_in(timedelta(minutes=5)))
_insert_links = insert(link_table).values(created_at=utc_now())
_delete_lease = delete(lease_table).where(lease_table.c.run_id == bindparam("id"))
_end = update(node_table).where(node_table.c.node_id == bindparam("id")).values(run_status="completed")


async def _add(a: Measure, b: Measure) -> Measure:
    return Measure(a.value + b.value)


async def calls(bench: Bench) -> Sequence[Row]:
    """Call a tracked function with two models, which returns one."""
    count = bench.effort.of(50)
    add = tracked(_add)  # not before: from then on, each load in the process also remembers the parts of models
    tree = await bench.core.tree(await Measure(1.0).save("benchmark"))

    async def ours(_: object) -> None:
        for number in range(count):
            await add(Measure(float(number)), Measure(0.5))

    async def core(_: object) -> None:
        for _number in range(count):
            (run_id,) = new_ids(1)
            given = [renewed(tree) for _ in range(3)]
            for number, rows in enumerate(given):
                rows[0] |= {"parent_id": run_id, "label": f"value-{number}"}
            links = [{"source_id": rows[0]["node_id"], "target_id": run_id, "kind": "used"} for rows in given[:2]]
            now = datetime.now(UTC)
            run = {"node_id": run_id, "node_type": "run", "run_status": "running", "run_started_at": now}
            async with bench.core.writer.begin() as connection:
                await connection.execute(insert(node_table), run)
                await connection.execute(_insert_lease, {"run_id": run_id})
                await connection.execute(insert_nodes, [*given[0], *given[1]])
                await connection.execute(_insert_links, links)
            async with bench.core.writer.begin() as connection:
                await connection.execute(_delete_lease, {"id": run_id})
                await connection.execute(_end, {"id": run_id})
                await connection.execute(insert_nodes, given[2])

    seconds = await interleave({"ours": Way(ours, nothing), "core": Way(core, nothing)}, rounds=bench.effort.rounds)
    title = "call a tracked function with two models, which returns one"
    return [compared(seconds, job="tracked", title=title, database=bench.database, limit=1.5, each=count)]


JOBS = (Job("tracked", calls),)
