"""With the statistics of a large store, SQLite looks up what lineage needs, and reads no whole table."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from artigraph import ArtifactModel, Run, RunManager, ancestors, delete, descendants
from artigraph.lineage import EdgeKind, paths
from tests.support.statements import counted

STATISTICS = """
artigraph_node|ix_artigraph_node_top_run|1000000 1
artigraph_node|ix_artigraph_node_run|1000000 1
artigraph_node|ix_artigraph_node_search|10000009 3333330 3333330 100 4
artigraph_node|sqlite_autoindex_artigraph_node_3|10000009 10 2
artigraph_node|sqlite_autoindex_artigraph_node_2|10000009 5 2
artigraph_node|sqlite_autoindex_artigraph_node_1|10000009 1
artigraph_link|ix_artigraph_link_target_id_source_id|900000 1 1
artigraph_link|sqlite_autoindex_artigraph_link_1|900000 1 1
"""
"""What ANALYZE finds in a store of 10,000,000 nodes with 1,000,000 runs."""


KINDS: list[list[EdgeKind]] = [["used"], ["produced"], ["child"], ["used", "produced"], ["used", "produced", "child"]]


@dataclass
class Step(ArtifactModel, name="plans.Step"):
    number: int


@pytest.mark.usefixtures("engine")
async def test_sqlite_reads_no_whole_table(database_url: str) -> None:
    async with RunManager(Run()) as first:
        first_id = await first.save_artifact("step", Step(1))
        step = await Step.load(first_id)
    async with RunManager(Run()) as second:
        await second.save_artifact("input", step)
        last_id = await second.save_artifact("step", Step(2))
    with counted() as seen:
        for node_id in (first_id, first.run.node_id, last_id, second.run.node_id):
            for kinds in KINDS:
                for depth in (None, 2):
                    await ancestors(node_id, depth, kinds)
                    await descendants(node_id, depth, kinds)
        await paths(first_id, last_id)
        await delete(first_id, cascade=True, dry_run=True)
    asked = {statement for statement in seen if "RECURSIVE" in statement}
    assert len(asked) > 10
    file = make_url(database_url).database or ""
    with sqlite3.connect(file) as connection:
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM sqlite_stat1")
        rows = [line.split("|") for line in STATISTICS.split("\n") if line]
        connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", rows)
    connection.close()
    connection = sqlite3.connect(file)  # reads the statistics
    for statement in asked:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))]
        read = [line for line in plan if re.search("BLOOM|AUTOMATIC|SCAN (artigraph_|link|near|itself|served)", line)]
        assert read == [], f"{statement}\n" + "\n".join(plan)
    connection.close()
