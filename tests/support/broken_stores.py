"""A store of all kinds of nodes, and ways to damage its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Executable, delete, insert, update

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field
from artigraph.identifiers import new_id
from artigraph.maintenance import ProblemKind
from artigraph.orm import alias_table, blob_table, link_table, node_table, run_value_table
from artigraph.serializer.codec import encode
from artigraph.storage import Storage, get_storage_by_name
from tests.support.maintenance import rows

STORAGE = "objects"
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Ids:
    outer: UUID
    inner: UUID
    runs: list[UUID]
    nodes: dict[tuple[UUID, int], UUID]
    """The nodes of both artifacts, by their roots and positions."""
    missing: UUID = field(default_factory=new_id)
    """An id without a node."""

    def of(self, position: int) -> UUID:
        return self.nodes[self.inner, position]


async def make_store(storage: Storage) -> Ids:
    """Save an artifact at the root, and one of nested models in a run within a run."""
    assert get_storage_by_name(STORAGE) is storage

    @dataclass
    class Leaf(ArtifactModel):
        text: str = artifact_field(storage=storage)

    @dataclass
    class Branch(ArtifactModel):
        number: int
        leaves: ArtifactMapping[str, Leaf] = field(default_factory=ArtifactMapping)
        last: Leaf | None = None

    outer = await Leaf("alone").save("alone")
    runs = [Run(), Run(), Run()]
    async with RunManager(runs[0]), RunManager(runs[1]) as manager:
        model = Branch(7, ArtifactMapping(a=Leaf("one"), b=Leaf("two")), Leaf("three"))
        inner = await manager.save_artifact("branch", model)
        async with RunManager(runs[2]):
            pass
    nodes = {
        (row["tree_root_id"], row["position"]): row["node_id"]
        for row in await rows(node_table)
        if row["tree_root_id"] is not None
    }
    # 0 branch, 1 number, 2 leaves, 3 a, 4 a.text, 5 b, 6 b.text, 7 last, 8 last.text
    assert len(nodes) == 2 + 9
    return Ids(outer, inner, [run.node_id for run in runs], nodes)


def change(node_id: UUID, **values: object) -> Executable:
    return update(node_table).where(node_table.c.node_id == node_id).values(**values)


def alias(node_id: UUID, model_name: str, label: str) -> Executable:
    values = {"model_name": model_name, "label": label, "alias": "x", "node_id": node_id, "moved_at": EPOCH}
    return insert(alias_table).values(**values)


def cache_row(run_id: UUID, name: str, value: bytes, key: bytes | None) -> Executable:
    values = {"run_id": run_id, "kind": "cache", "name": name, "value": value, "search_key": key}
    return insert(run_value_table).values(**values)


@dataclass
class Tampering:
    kind: ProblemKind
    """The kind of problem that fsck must report."""
    statements: Callable[[Ids], Sequence[Executable]]
    node: Callable[[Ids], UUID] | None = None
    """The node that the report names, or None."""
    count: int = 1
    also: Sequence[ProblemKind] = ()
    """Other problems that it causes."""


TAMPERINGS = {
    "a type of the future": Tampering(
        "unknown-type", lambda ids: [change(ids.of(1), node_type="tensor", value=None)], lambda ids: ids.of(1)
    ),
    "a part whose parent is gone": Tampering(
        "parent-missing",
        lambda ids: [change(ids.of(4), parent_id=new_id())],
        lambda ids: ids.of(4),
        also=["span"],
    ),
    "a run whose parent is gone": Tampering(
        "parent-missing", lambda ids: [change(ids.runs[0], parent_id=uuid4())], lambda ids: ids.runs[0]
    ),
    "an artifact in an artifact": Tampering(
        "parent-no-run", lambda ids: [change(ids.outer, parent_id=ids.inner, label="x")], lambda ids: ids.outer
    ),
    "a run in an artifact": Tampering(
        "parent-no-run", lambda ids: [change(ids.runs[2], parent_id=ids.inner)], lambda ids: ids.runs[2]
    ),
    "a run in itself": Tampering(
        "circle", lambda ids: [change(ids.runs[2], parent_id=ids.runs[2])], lambda ids: ids.runs[2]
    ),
    "runs in a circle": Tampering("circle", lambda ids: [change(ids.runs[0], parent_id=ids.runs[1])], count=3),
    "a part without a tree": Tampering(
        "no-place",
        lambda ids: [change(ids.of(8), tree_root_id=None)],
        lambda ids: ids.of(8),
        also=["root-span", "span"],
    ),
    "a part without a position": Tampering(
        "no-place",
        lambda ids: [change(ids.of(8), position=None)],
        lambda ids: ids.of(8),
        also=["positions"],
    ),
    "a run in a tree": Tampering(
        "no-place",
        lambda ids: [change(ids.runs[2], tree_root_id=ids.inner, position=9, span=1)],
        lambda ids: ids.runs[2],
        also=["root-span", "outside-parent"],
    ),
    "a tree whose root is gone": Tampering(
        "root-missing",
        lambda ids: [delete(node_table).where(node_table.c.node_id == ids.outer)],
        lambda ids: ids.nodes[ids.outer, 1],
        also=["parent-missing", "positions"],
    ),
    "a tree in another tree": Tampering(
        "root-missing",
        lambda ids: [change(ids.of(0), tree_root_id=ids.of(3), position=20)],
        also=["positions", "outside-parent"],
        count=9,
    ),
    "a gap between positions": Tampering(
        "positions", lambda ids: [change(ids.of(8), position=9)], lambda ids: ids.inner, also=["outside-parent"]
    ),
    "a root that is too long": Tampering(
        "root-span", lambda ids: [change(ids.inner, span=10)], lambda ids: ids.inner, also=["span"]
    ),
    "a part that is lost": Tampering(
        "span",
        lambda ids: [delete(node_table).where(node_table.c.node_id == ids.of(8))],
        lambda ids: ids.of(7),
        also=["root-span"],
    ),
    "a nested model that is too short": Tampering(
        "span", lambda ids: [change(ids.of(5), span=1)], count=2, also=["outside-parent"]
    ),
    "a part that moved to another model": Tampering(
        "outside-parent",
        lambda ids: [change(ids.of(8), parent_id=ids.of(3), label="moved")],
        lambda ids: ids.of(8),
        also=["span"],
    ),
    "a part that moved to another artifact": Tampering(
        "outside-parent",
        lambda ids: [change(ids.of(8), parent_id=ids.outer, label="moved")],
        lambda ids: ids.of(8),
        also=["span"],
    ),
    "a part that moved to a run": Tampering(
        "outside-parent",
        lambda ids: [change(ids.of(8), parent_id=ids.runs[0], label="moved")],
        lambda ids: ids.of(8),
        also=["span"],
    ),
    "a part without a parent": Tampering(
        "outside-parent", lambda ids: [change(ids.of(8), parent_id=None)], lambda ids: ids.of(8), also=["span"]
    ),
    "a value nowhere": Tampering("value", lambda ids: [change(ids.of(1), value=None)], lambda ids: ids.of(1)),
    "a value in two places": Tampering("value", lambda ids: [change(ids.of(8), value=b"1")], lambda ids: ids.of(8)),
    "a model with a value": Tampering("value", lambda ids: [change(ids.of(7), value=b"1")], lambda ids: ids.of(7)),
    "an object without a row": Tampering(
        "blob-missing", lambda ids: [change(ids.of(8), blob_id=new_id())], lambda ids: ids.of(8)
    ),
    "a value in a tombstone": Tampering(
        "blob-missing",
        lambda ids: [
            insert(blob_table).values(
                blob_id=ids.inner, storage=STORAGE, location="gone", size=-1, sha256=b"x" * 32, created_at=EPOCH
            ),
            change(ids.of(8), blob_id=ids.inner),
        ],
        lambda ids: ids.of(8),
    ),
    "a link to nothing": Tampering(
        "link-missing",
        lambda ids: [insert(link_table).values(source_id=ids.inner, target_id=new_id(), kind="used", created_at=EPOCH)],
        lambda ids: ids.inner,
    ),
    "a link to an artifact": Tampering(
        "link-no-run",
        lambda ids: [
            insert(link_table).values(source_id=ids.inner, target_id=ids.outer, kind="used", created_at=EPOCH)
        ],
        lambda ids: ids.inner,
    ),
    "a result of a run that was not served": Tampering(
        "link-no-result",
        lambda ids: [
            insert(link_table).values(source_id=ids.runs[2], target_id=ids.inner, kind="produced", created_at=EPOCH)
        ],
        lambda ids: ids.runs[2],
    ),
    "a result that is a part": Tampering(
        "link-no-result",
        lambda ids: [
            cache_row(ids.runs[2], "cached_from", encode(ids.runs[1]), ids.runs[1].bytes),
            insert(link_table).values(source_id=ids.runs[2], target_id=ids.of(3), kind="produced", created_at=EPOCH),
        ],
        lambda ids: ids.runs[2],
    ),
    "a result of an artifact": Tampering(
        "link-no-result",
        lambda ids: [
            insert(link_table).values(source_id=ids.outer, target_id=ids.inner, kind="produced", created_at=EPOCH)
        ],
        lambda ids: ids.outer,
    ),
    "a served run with the key of another one": Tampering(
        "cache-row",
        lambda ids: [cache_row(ids.runs[2], "cached_from", encode(ids.runs[1]), ids.runs[0].bytes)],
        lambda ids: ids.runs[2],
    ),
    "a served run without a key": Tampering(
        "cache-row",
        lambda ids: [cache_row(ids.runs[2], "cached_from", encode(ids.runs[1]), None)],
        lambda ids: ids.runs[2],
    ),
    "a computed run without parts": Tampering(
        "cache-row",
        lambda ids: [
            cache_row(ids.runs[1], "key", encode("artifact"), b"k" * 32),
            cache_row(ids.runs[1], "function", encode("f"), b"f" * 48),
        ],
        lambda ids: ids.runs[1],
    ),
    "a key of another size": Tampering(
        "cache-row",
        lambda ids: [
            cache_row(ids.runs[1], "key", encode("artifact"), b"k" * 31),
            cache_row(ids.runs[1], "function", encode("f"), b"f" * 48),
            cache_row(ids.runs[1], "parts", encode({}), None),
        ],
        lambda ids: ids.runs[1],
    ),
    "a function without a search key": Tampering(
        "cache-row",
        lambda ids: [
            cache_row(ids.runs[1], "key", encode("artifact"), b"k" * 32),
            cache_row(ids.runs[1], "function", encode("f"), None),
            cache_row(ids.runs[1], "parts", encode({}), None),
        ],
        lambda ids: ids.runs[1],
    ),
    "a row of the cache that no release knows": Tampering(
        "cache-row", lambda ids: [cache_row(ids.runs[1], "keys", encode("x"), None)], lambda ids: ids.runs[1]
    ),
    "an alias of nothing": Tampering(
        "alias", lambda ids: [alias(ids.missing, "Leaf", "alone")], lambda ids: ids.missing
    ),
    "an alias of another label": Tampering(
        "alias", lambda ids: [alias(ids.outer, "Leaf", "branch")], lambda ids: ids.outer
    ),
    "an alias of another model": Tampering(
        "alias", lambda ids: [alias(ids.outer, "Branch", "alone")], lambda ids: ids.outer
    ),
    "an alias of a part": Tampering("alias", lambda ids: [alias(ids.of(3), "Leaf", "a")], lambda ids: ids.of(3)),
    "an alias of a run": Tampering("alias", lambda ids: [alias(ids.runs[0], "Leaf", "a")], lambda ids: ids.runs[0]),
}
