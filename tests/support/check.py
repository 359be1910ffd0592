"""Check a store without the library: by plain SQL and plain listings."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import NullPool, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.places import Place

__all__ = ["Checker", "Findings"]

_NODES = text(
    "SELECT node_id, node_type, parent_id, label, tree_root_id, position, span, serializer, value, blob_id, "
    "run_status "
    "FROM artigraph_node ORDER BY node_id"
)
_BLOBS = text("SELECT blob_id, storage, location, size, sha256 FROM artigraph_blob WHERE size >= 0 ORDER BY blob_id")
"""Rows of objects; those of a negative size are tombstones."""
_BUSY = {
    "postgresql": text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    ),
    "mariadb": text(
        "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist "
        "ON id = trx_mysql_thread_id WHERE db = database() AND id <> connection_id()"
    ),
    # Its tables of InnoDB and of processes fail where a statement that is under way holds bytes.
    "mysql": text(
        "SELECT count(*) FROM performance_schema.events_transactions_current "
        "JOIN performance_schema.threads USING (thread_id) "
        "WHERE processlist_db = database() AND processlist_id <> connection_id() AND state = 'ACTIVE'"
    ),
}


@dataclass(frozen=True)
class Findings:
    """The content of a store, and its faults."""

    roots: frozenset[UUID]
    """The ids of all saved trees that are whole."""
    runs: Mapping[UUID, str]
    """The state of each run."""
    rows: frozenset[tuple[Any, ...]] = field(repr=False)
    """Every row of the tables of nodes and of objects."""
    objects: frozenset[str] = field(repr=False)
    """The locations of all objects."""
    orphans: frozenset[str]
    """The locations of objects that no row names."""
    dangling: tuple[str, ...]
    """Rows whose object is missing or has other content."""
    partial: tuple[str, ...]
    """Trees that are not whole."""

    @property
    def sound(self) -> bool:
        """Whether every row has what it refers to and every tree is whole."""
        return not self.dangling and not self.partial


class Checker:
    """Checks one store again and again, and reads each object once."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._engine = create_async_engine(place.url, poolclass=NullPool)
        self._read: dict[str, tuple[int, bytes]] = {}

    async def look(self) -> Findings:
        """Read all rows, list all objects, and compare them."""
        nodes, blobs = await self._tables()
        objects = frozenset(self.place.objects())
        dangling = [*self._dangling(blobs, objects)]
        known = {blob["blob_id"] for blob in blobs}
        dangling += [f"node {node['node_id']}" for node in nodes if (node["blob_id"] or None) not in (None, *known)]
        roots, partial = _trees(nodes)
        return Findings(
            roots=roots,
            runs={node["node_id"]: node["run_status"] for node in nodes if node["node_type"] == "run"},
            rows=frozenset(tuple(row.values()) for row in (*nodes, *blobs)),
            objects=objects,
            orphans=objects - {blob["location"] for blob in blobs},
            dangling=tuple(dangling),
            partial=partial,
        )

    async def busy(self) -> int:
        """Return how many connections to the database have an open transaction or statement."""
        async with self._engine.connect() as connection:
            dialect = connection.dialect
            if dialect.name != "sqlite":
                name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
                return int((await connection.execute(_BUSY[name])).scalar_one())
            await connection.execute(text("PRAGMA busy_timeout = 0"))
            try:
                await connection.execute(text("BEGIN IMMEDIATE"))
            except OperationalError:
                return 1
            return 0

    async def _tables(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with self._engine.connect() as connection:
            tables = [(await connection.execute(statement)).mappings().all() for statement in (_NODES, _BLOBS)]
        nodes, blobs = ([{name: _plain(name, row[name]) for name in row} for row in table] for table in tables)
        return nodes, blobs

    def _dangling(self, blobs: Iterable[dict[str, Any]], objects: frozenset[str]) -> Iterable[str]:
        for blob in blobs:
            location = blob["location"]
            if blob["storage"] != self.place.storage_name:
                yield f"{location} is in the unknown storage {blob['storage']}"
            elif location not in objects:
                yield f"{location} is not there"
            else:
                if location not in self._read:
                    data = self.place.bytes_of(location)
                    self._read[location] = (len(data), hashlib.sha256(data).digest())
                if self._read[location] != (blob["size"], blob["sha256"]):
                    yield f"{location} is not what was stored"


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_id"):
        return UUID(bytes=bytes(value)) if isinstance(value, bytes) else UUID(str(value))
    return bytes(value) if name in ("value", "sha256") else value


def _trees(nodes: Iterable[dict[str, Any]]) -> tuple[frozenset[UUID], tuple[str, ...]]:
    by_root: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for node in nodes:
        if node["tree_root_id"] is not None:
            by_root[node["tree_root_id"]].append(node)
    whole: set[UUID] = set()
    partial: list[str] = []
    for root_id, tree in by_root.items():
        tree.sort(key=lambda node: node["position"])
        ids = {node["node_id"] for node in tree}
        right = (
            tree[0]["node_id"] == root_id
            and tree[0]["span"] == len(tree)
            and [node["position"] for node in tree] == [*range(len(tree))]
            and all(node["parent_id"] in ids for node in tree[1:])
            and all(
                (node["value"] is None) != (node["blob_id"] is None) for node in tree if node["node_type"] == "value"
            )
        )
        if right:
            whole.add(root_id)
        else:
            partial.append(f"{root_id} has {len(tree)} rows")
    return frozenset(whole), tuple(partial)
