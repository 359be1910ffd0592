"""Rows with values that their columns cannot hold, and every call that reads rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import artigraph
import artigraph.view as view
from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    Lazy,
    Run,
    RunManager,
    ancestors,
    artifact_field,
    columns,
    descendants,
    diff,
    paths,
    select,
    series,
)
from artigraph.maintenance import mark_lost
from artigraph.orm import alias_table, blob_table, lease_table, link_table, node_table, run_value_table
from artigraph.outline import outline_of
from artigraph.storage import MemoryStorage
from artigraph.stored import load_stored, open_stored
from artigraph.tracking import cached_functions, explain_run
from artigraph.tracking._sql import rows_of_call
from tests.support.cached_rows import insert_rows
from tests.support.documents import as_json

VALUES: Mapping[str, str] = {
    "nothing": "NULL",
    "an integer": "7",
    "a huge integer": "9223372036854775807",
    "a negative integer": "-5",
    "a real": "1.5",
    "an infinity": "9e999",
    "text": "'abc'",
    "text that is not ASCII": "'\u00e9\u4e2d\U0001f600'",
    "text that is no UTF-8": "CAST(x'6eff' AS TEXT)",
    "text with a NUL": "CAST(x'610062' AS TEXT)",
    "no text": "''",
    "no bytes": "x''",
    "a byte": "x'ff'",
    "16 bytes": "x'100102030405060708090a0b0c0d0e0f'",
    "17 bytes": "x'000102030405060708090a0b0c0d0e0f10'",
    "300 bytes": "zeroblob(300)",
}
"""Expressions of SQL: each storage class, and values of it that no column, or only some, can hold."""
TABLES = (node_table, blob_table, link_table, run_value_table, lease_table, alias_table)
COLUMNS = [f"{table.name}.{column.name}" for table in TABLES for column in table.columns]
KINDS = {
    "artigraph_node": (
        "node_type = 'run' AND parent_id IS NOT NULL",
        "node_type = 'model' AND tree_root_id = node_id AND label = 'first'",
        "node_type = 'model' AND tree_root_id != node_id",
        "node_type = 'container'",
        "node_type = 'value' AND blob_id IS NULL AND label = 'number'",
        "node_type = 'value' AND blob_id IS NOT NULL",
    ),
    "artigraph_run_value": ("kind = 'tag'", "kind = 'parameter'", "kind = 'environment'"),
}
"""Which rows of a table are altered: one of each kind."""


@dataclass
class Store:
    """A store with every kind of row, and the calls that read it."""

    file: Path
    storage: MemoryStorage
    tree: type[ArtifactModel]
    leaf: type[ArtifactModel]
    first: UUID
    second: UUID
    outer: UUID
    inner: UUID
    lazy: Any
    token: str
    rows: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def keep(self) -> None:
        """Remember the rows, to restore them."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute(
            "INSERT INTO artigraph_lease (run_id, expires_at) VALUES (?, '2099-01-01 00:00:00.000000')",
            [self.inner.bytes],
        )
        connection.execute("UPDATE artigraph_node SET run_status = 'running' WHERE node_id = ?", [self.inner.bytes])
        self.rows = {
            table.name: connection.execute(f"SELECT rowid, * FROM {table.name}").fetchall() for table in TABLES
        }
        connection.close()
        self.objects = dict(self.storage._objects)

    def restore(self) -> None:
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            names = ", ".join(["rowid", *(column.name for column in table.columns)])
            connection.execute(f"DELETE FROM {table.name}")
            rows = self.rows[table.name]
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
        connection.execute("COMMIT")
        connection.close()
        self.storage._objects.clear()
        self.storage._objects.update(self.objects)

    def alter(self, table: str, column: str, kind: str, value: str) -> str | None:
        """Put a value into a column of one row and return its storage class; None if SQLite refuses."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys=OFF")
            [rowid] = connection.execute(f"SELECT rowid FROM {table} WHERE {kind} LIMIT 1").fetchone()
            connection.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = {rowid}")
            [stored] = connection.execute(f"SELECT typeof({column}) FROM {table} WHERE rowid = {rowid}").fetchone()
        except sqlite3.IntegrityError:
            return None
        finally:
            connection.close()
        return str(stored)

    def reads(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        """Return every public read."""
        tree, first, second, outer = self.tree, self.first, self.second, self.outer
        c, r, n = columns(self.tree), columns(Run), columns(artigraph.Node)
        yield "load", lambda: tree.load(first)
        yield "load any", lambda: ArtifactModel.load(first)
        yield "load fields", lambda: tree.load(first, fields=["number"])
        yield "load many", lambda: artigraph.load_many(tree, [first, second])
        yield "lazy", self.lazy.load
        yield "all", lambda: select(tree).all()
        yield "all any", lambda: select(self.leaf).all()
        yield "where", lambda: select(tree).where(c.number == 1).all()
        yield "where text", lambda: select(tree).where(c.name.contains("a")).all()
        yield "order", lambda: select(tree).order_by(c.name, c.number.desc()).all()
        yield "first", lambda: select(tree).order_by(c.number).first()
        yield "count", lambda: select(tree).where(c.number >= 0).count()
        yield "stream", lambda: collected(select(tree))
        yield "runs", lambda: select(Run).all()
        yield "runs where", lambda: select(Run).where(r.tags["stage"] == "x").all()
        yield "runs by parameter", lambda: select(Run).where(r.parameters["rate"] > 0).all()
        yield "runs by status", lambda: select(Run).where(r.status == "completed").order_by(r.started_at.desc()).all()
        yield "runs by name", lambda: select(Run).where(r.name == "outer").order_by(r.name).all()
        yield "runs used", lambda: select(Run).used(tree).all()
        yield "nodes", lambda: select(artigraph.Node).all()
        yield "nodes where", lambda: select(artigraph.Node).where(n.model_name == "Tree").order_by(n.label).all()
        yield "ancestors", lambda: shown(ancestors(second))
        yield "descendants", lambda: shown(descendants(first))
        yield "descendants of a run", lambda: shown(descendants(outer))
        yield "paths", lambda: shown(paths(first, second))
        yield "series", lambda: series(tree, "first").all()
        yield "series latest", lambda: series(tree, "first").latest()
        yield "versions", lambda: series(tree, "first").versions()
        yield "alias", lambda: series(tree, "first").alias("production")
        yield "aliases", lambda: series(tree, "first").aliases()
        yield "series diff", lambda: series(tree, "first").diff()
        yield "diff", self.differ
        yield "outline", lambda: text_of(outline_of(first))
        yield "outline of a run", lambda: text_of(outline_of(outer))
        yield "stored", lambda: text_of(load_stored(first))
        yield "stored bytes", lambda: open_stored(first, "name")
        yield from self.views()
        yield "load in run", self.in_run
        yield "mark lost", mark_lost
        yield "cached functions", cached_functions
        yield "explain run", lambda: text_of(explain_run(outer))
        yield "delete dry", lambda: artigraph.delete([first, second, outer], dry_run=True, cascade=True)
        yield "prune dry", lambda: artigraph.prune(older_than=timedelta(0), dry_run=True)

    def views(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        """Return every read of `artigraph.view`."""
        first, outer = self.first, self.outer
        columns_of_runs = ["tags.stage", "parameters.rate", "environment.host"]
        yield "view runs", lambda: json_of(view.runs_page(columns=columns_of_runs))
        yield "view run", lambda: json_of(view.run_document(outer))
        yield "view runs that used", lambda: json_of(view.runs_page(used=first))
        yield "view compared", lambda: json_of(view.compare_runs([outer, self.inner]))
        yield "view artifacts", lambda: json_of(view.artifacts_page(columns=["number", "leaf.text", "leaves.a"]))
        yield "view artifacts of a model", lambda: json_of(view.artifacts_page("Tree"))
        yield "view artifact", lambda: json_of(view.artifact_document(first, preview_bytes=10_000))
        yield "view series", lambda: json_of(view.series_document("Tree", "first"))
        yield "view lineage", lambda: json_of(view.lineage_document(first, up=2, down=2))
        yield "view models", lambda: json_of(view.models_page())
        yield "view storage", lambda: json_of(view.storage_document())
        yield "view search", lambda: json_of(view.search("f"))
        yield "view search by id", lambda: json_of(view.search(str(first)[:8]))

    async def differ(self) -> None:
        diff(await self.tree.load(self.first), await self.tree.load(self.second))

    async def in_run(self) -> None:
        async with RunManager.resume(self.token) as manager:
            await manager.load_artifacts()
            await manager.load_artifact("first", self.tree)
            await manager.load_descendant_runs()
            await manager.load_descendant_artifacts()


async def collected(question: Any) -> list[object]:
    return [each async for each in question]


async def shown(graph: Awaitable[Any]) -> str:
    found = await graph
    return f"{list(found)} {found.to_mermaid()}"


async def json_of(document: Awaitable[view.Document]) -> object:
    return as_json(await document)


async def text_of(value: Awaitable[Any]) -> str:
    return str(await value)


async def make_store(file: Path, name: str) -> Store:
    """Fill the SQLite database in force, which is in a file, and remember its rows."""
    store = await fill_store(file, name)
    store.keep()
    return store


async def fill_store(file: Path, name: str) -> Store:
    """Fill the database in force, on whatever server."""
    storage = MemoryStorage(name).register()

    @dataclass
    class Leaf(ArtifactModel):
        text: str

    @dataclass
    class Tree(ArtifactModel):
        number: int
        name: str
        payload: str = artifact_field(storage=storage)
        later: Lazy[str] = artifact_field(storage=storage)
        leaves: ArtifactMapping[str, Leaf] = field(default_factory=ArtifactMapping)
        leaf: Leaf | None = None

    def tree(number: int) -> Tree:
        text = f"{number}" * 100
        return Tree(
            number, f"name {number}", text, Lazy(text + "!"), ArtifactMapping(a=Leaf("a"), b=Leaf("b")), Leaf("c")
        )

    async with RunManager(
        Run(name="outer", tags={"stage": "x"}, parameters={"rate": 0.5}, environment={"host": "here"})
    ) as outer:
        first = await outer.save_artifact("first", tree(1))
    async with RunManager(Run(name="next", tags={"stage": "y"})) as manager:
        await Tree.load(first)
        second = await manager.save_artifact("first", tree(2))
        async with RunManager(Run(name="inner")) as inner:
            await inner.save_artifact("first", tree(3))
    parts = {"python": "3.13", "arguments": {"number": "ab"}, "shown": {"number": "1"}}
    await insert_rows(
        outer.run.node_id, rows_of_call(outer.run.node_id, b"k" * 32, "module.function", parts, "artifact")
    )
    await series(Tree, "first").set_alias("production", first)
    loaded = await Tree.load(first)
    return Store(
        file, storage, Tree, Leaf, first, second, outer.run.node_id, inner.run.node_id, loaded.later, outer.token()
    )
