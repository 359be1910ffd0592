"""One hostile text as label, key, name, tag and stored name: every report, error and repr shows it in its own place."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import artigraph
from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    Node,
    Run,
    RunManager,
    ancestors,
    artifact_field,
    descendants,
    diff,
    origin_of,
    select,
    series,
)
from artigraph.db import engine_context
from artigraph.errors import ArtigraphError
from artigraph.maintenance import fsck, gc
from artigraph.outline import outline_of
from artigraph.storage import MemoryStorage
from tests.support.maintenance import alone

__all__ = ["alone"]

HOSTILE = "a\n\u2514\u2500\u2500 fake\u202e\x1b[2K'"


class Shown:
    """What was shown, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, where: str, *values: object) -> None:
        self.texts[where] = "\n".join([*map(str, values), *map(repr, values)])

    async def error(self, where: str, work: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(ArtigraphError) as caught:
            await work()
        self.add(where, caught.value)

    def check(self) -> None:
        for where, text in self.texts.items():
            assert "\u202e" not in text, where
            assert "\x1b" not in text, where
            assert "\n\u2514\u2500\u2500 fake" not in text, where


@dataclass
class Leaf(ArtifactModel, name="HostileLeaf"):
    x: int


async def test_no_report_error_or_repr_shows_a_hostile_text_raw(tmp_path: Path) -> None:
    shown = Shown()
    storage = MemoryStorage(f"hostile-{uuid4().hex}").register()

    @dataclass
    class Big(ArtifactModel, name=f"model {HOSTILE}"):
        by: ArtifactMapping[str, Leaf] = field(default_factory=ArtifactMapping)
        text: str = artifact_field(default="t" * 100, storage=storage)
        plain: dict[str, int] = field(default_factory=dict[str, int])

    file = tmp_path / "artigraph.db"
    async with engine_context(f"sqlite+aiosqlite:///{file}", create_tables=True):
        run = Run(name=HOSTILE, tags={HOSTILE: HOSTILE}, parameters={HOSTILE: HOSTILE})
        model = Big(ArtifactMapping({HOSTILE: Leaf(1)}), "x" * 100, {HOSTILE: 1})
        other = Big(ArtifactMapping({HOSTILE: Leaf(2)}), "y" * 100, {HOSTILE: 2})
        async with RunManager(run) as manager:
            node_id = await manager.save_artifact(HOSTILE, model)
            await shown.error("label in use", lambda: manager.save_artifact(HOSTILE, model))
            await shown.error("no such label", lambda: manager.load_artifact(HOSTILE + "x"))
            await shown.error("another class", lambda: manager.load_artifact(HOSTILE, Leaf))
        await other.save(HOSTILE)
        versions = series(Big, HOSTILE)
        await versions.set_alias("production", node_id)
        shown.add("reprs", run, manager, model, versions, await origin_of(model))
        shown.add("nodes", *await select(Node).all(), *await select(Run).all())
        difference = diff(model, other)
        shown.add("difference", difference, difference.render(), *difference)
        shown.add("outline", await outline_of(run.node_id))
        for lineage in (await ancestors(node_id), await descendants(node_id)):
            shown.add("lineage", lineage, list(lineage), lineage.to_mermaid())
        for report in (
            await artigraph.delete([node_id, run.node_id], dry_run=True, cascade=True),
            await artigraph.prune(older_than=timedelta(0), dry_run=True, cascade=True),
            await artigraph.prune(keep_newest={HOSTILE: 1}, dry_run=True, cascade=True),
        ):
            shown.add(f"report {len(shown.texts)}", report, report.render())
        await shown.error("alias", lambda: versions.alias(HOSTILE))
        await shown.error("no version", lambda: series(Big, HOSTILE + "x").latest())
        await shown.error("alias in use", lambda: artigraph.delete(node_id))
        await shown.error("no id", lambda: Leaf.load(HOSTILE))
        await shown.error("no run name", lambda: awaited(lambda: Run(HOSTILE)))
        await shown.error("wrong class", lambda: Leaf.load(node_id))
        await shown.error("bad label", lambda: model.save(HOSTILE + "\0"))
        wrong: Any = {HOSTILE: object()}
        await shown.error("bad key", lambda: Big(plain=wrong).save("x"))
        await shown.error("bad parameter", lambda: RunManager(Run(parameters=wrong)).__aenter__())
        await broken(shown, storage, file, Big, node_id)
    shown.check()
    assert len(shown.texts) > 35


async def awaited(work: Callable[[], object]) -> object:
    return work()


async def broken(shown: Shown, storage: MemoryStorage, file: Path, big: type[ArtifactModel], node_id: UUID) -> None:
    """Show the reports on objects and rows that were altered by hand."""

    async def look(what: str) -> None:
        await shown.error(f"{what}: load", lambda: big.load(node_id))
        report = await fsck(read_data_subset=1)
        assert not report.ok
        shown.add(f"{what}: fsck", report, report.render(), *report.problems)

    for location in storage._objects:
        storage._objects[location] = b"zz"
    await look("corrupt")
    skipped = await select(big).all(errors="skip")
    shown.add("skipped", skipped, *skipped.failures)
    storage._objects.clear()
    await look("missing")
    connection = sqlite3.connect(file, isolation_level=None)
    for what, change in {
        "position": "artigraph_node SET position = 99 WHERE node_type = 'value' AND label = 'x'",
        "version": "artigraph_node SET model_version = 99 WHERE node_type = 'model'",
        "model": "artigraph_node SET model_name = :text WHERE node_type = 'model'",
        "serializer": "artigraph_node SET serializer = :text WHERE serializer IS NOT NULL",
        "status": "artigraph_node SET run_status = 'x' || :text WHERE node_type = 'run'",
        "kind": "artigraph_run_value SET kind = :text WHERE kind = 'tag'",
        "storage": "artigraph_blob SET storage = rowid || :text, location = rowid || :text",
    }.items():
        connection.execute(f"UPDATE {change}", {"text": HOSTILE})
        await look(what)
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "nodes": select(Node).all,
            "runs": select(Run).all,
            "gc": gc,
        }
        for name, work in works.items():
            try:
                shown.add(f"{what}: {name}", await work())
            except ArtigraphError as error:
                shown.add(f"{what}: {name}", error)
    connection.close()
