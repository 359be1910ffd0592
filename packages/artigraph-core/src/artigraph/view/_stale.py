"""What an artifact or a run was made from, and has newer versions by now."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import Select, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import in_batches, read_anywhere
from artigraph.db.planner import expect_few_rows, filter_only
from artigraph.graph.nodes import Node
from artigraph.graph.run_rows import CACHE, CACHED_FROM, id_of_key
from artigraph.identifiers import NodeId, moment_of
from artigraph.lineage import Lineage, ancestors
from artigraph.lineage.sql import own_input, select_served
from artigraph.orm import link_table, node_table, run_value_table
from artigraph.view._document import Document, Record

_MOST = 1_000
"""The most inputs of a document."""


@dataclass(frozen=True, slots=True)
class StaleInput(Record):
    """An artifact that was used, and has newer versions in its series."""

    artifact_id: UUID
    """The version that was used."""
    model_name: str
    """The stored name of its class."""
    label: str
    created_at: datetime
    """When it was saved: in UTC, to the millisecond, by the clock of that machine."""
    distance: int
    """How many edges lead to it: 2 from an artifact to what the run that made it used, 1 from a run to what it used."""
    newer: int
    """How many newer versions there are."""
    newest_id: UUID
    """The newest version."""
    newest_created_at: datetime

    def __artigraph_node_id__(self) -> UUID:
        return self.artifact_id


@dataclass(frozen=True, slots=True)
class StaleDocument(Document):
    """The inputs of a node that have newer versions, so that the node is out of date. Without any it is up to date."""

    schema: ClassVar[str] = "artigraph.stale/1"

    root_id: UUID
    """The node that it is about. For a part of an artifact, this is the artifact."""
    inputs: tuple[StaleInput, ...]
    """The inputs that have newer versions: the nearest first, at most 1,000."""
    total: int
    """How many inputs have newer versions."""
    checked: int
    """How many inputs were compared with the newest version of their series."""


async def stale_document(node: NodeId) -> StaleDocument:
    """Return which inputs of a run or an artifact, at any distance, have newer versions than those that were used.

        document = await stale_document(report_id)
        for item in document.inputs:
            print(item.label, item.newer, item.newest_id, item.distance)

    The versions of a series are the artifacts of one model name and label. Earlier steps of a series are not compared:

    - inputs of a series in which the node was saved, or another product of its run;
    - a version from which a run of the lineage made a newer version of its series. That one is compared.

    An input is up to date if each run that used it was called again with the newest version, and the cache served that
    call: the two versions have equal content. What the newest version itself was made from is not compared.

    It takes the queries of `artigraph.ancestors`, one statement for each 1,000 inputs, and one for each 1,000 of these
    with newer versions.

    Raises:
        InvalidNodeIdError: `node` denotes no node.
        NodeNotFoundError: the node does not exist.
    """
    lineage = await ancestors(node)
    [root_id] = lineage.root_ids
    root = lineage.nodes[root_id]
    made = await _made_by(root_id if root.node_type == "run" else root.parent_id)
    own = {*made, _series_of(root)}
    replaced = set(_replaced(lineage))
    wanted = [
        artifact.node_id
        for artifact in lineage.artifacts
        if artifact.node_id not in replaced and _series_of(artifact) not in own
    ]
    found = await _newer(wanted)
    for node_id in await _used_again(lineage, found):
        del found[node_id]
    distances = _distances(lineage, root_id)
    items = [
        StaleInput(
            artifact_id=node_id,
            model_name=series.model_name,
            label=series.label,
            created_at=moment_of(node_id),
            distance=distances[node_id],
            newer=newer.number,
            newest_id=newer.newest_id,
            newest_created_at=moment_of(newer.newest_id),
        )
        for node_id, newer in found.items()
        if (series := _series_of(lineage.nodes[node_id])) is not None
    ]
    items.sort(key=lambda item: (item.distance, item.model_name, item.label, item.artifact_id))
    return StaleDocument(root_id, tuple(items[:_MOST]), len(items), len(wanted))


class _Series(NamedTuple):
    model_name: str
    label: str


class _Newer(NamedTuple):
    newest_id: UUID
    number: int


def _series_of(node: Node) -> _Series | None:
    """Return the series of an artifact; None for a run."""
    return None if node.model_name is None or node.label is None else _Series(node.model_name, node.label)


def _replaced(lineage: Lineage) -> Iterator[UUID]:
    """Yield each artifact from which a run of the lineage made a newer version of the same series."""
    made: dict[UUID, dict[_Series, UUID]] = {}
    for source_id, target_id, kind in lineage.edges:
        series = _series_of(lineage.nodes[target_id])
        if kind == "produced" and series is not None:
            made.setdefault(source_id, {})[series] = target_id
    for source_id, target_id, kind in lineage.edges:
        series = _series_of(lineage.nodes[source_id])
        if kind == "used" and series is not None:
            product = made.get(target_id, {}).get(series)
            if product is not None and product > source_id:
                yield source_id


def _distances(lineage: Lineage, root_id: UUID) -> Mapping[UUID, int]:
    """Return how many edges lead from the root to each node, against the flow of data."""
    above: dict[UUID, list[UUID]] = {}
    for source_id, target_id, _ in lineage.edges:
        above.setdefault(target_id, []).append(source_id)
    found, pending = {root_id: 0}, deque([root_id])
    while pending:
        node_id = pending.popleft()
        for other in above.get(node_id, ()):
            if other not in found:
                found[other] = found[node_id] + 1
                pending.append(other)
    return found


async def _made_by(run_id: UUID | None) -> set[_Series]:
    """Return the series of a run's products, and of the results that it was served."""
    if run_id is None:
        return set()
    node = node_table.c
    statement = select(node.model_name, node.label).where(
        expect_few_rows(node.parent_id == run_id, node.parent_id),
        node.label.is_not(None),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )

    async def work(connection: AsyncConnection) -> set[_Series]:
        made = union(statement, select_served([run_id]).with_only_columns(node.model_name, node.label))
        return {_Series(*row) for row in await connection.execute(made)}

    return await read_anywhere(work)


async def _used_again(lineage: Lineage, newer: Mapping[UUID, _Newer]) -> list[UUID]:
    """Return the inputs for which the cache served each run that used them with their newest version, too."""
    users: dict[UUID, set[UUID]] = {}
    for source_id, target_id, kind in lineage.edges:
        if kind == "used" and source_id in newer:
            users.setdefault(source_id, set()).add(target_id)
    again: dict[UUID, set[UUID | None]] = {}
    value, use = run_value_table.c, link_table.c

    async def work(connection: AsyncConnection) -> None:
        for ids in in_batches(sorted({each.newest_id for each in newer.values()})):
            statement = (
                select(use.source_id, value.search_key)
                .distinct()
                .join_from(link_table, run_value_table, value.run_id == use.target_id)
                .where(
                    expect_few_rows(use.source_id.in_(ids), use.source_id),
                    filter_only(use.kind == "used"),
                    value.kind == CACHE,
                    value.name == CACHED_FROM,
                )
            )
            for newest_id, key in await connection.execute(statement):
                again.setdefault(newest_id, set()).add(id_of_key(key))

    if users:
        await read_anywhere(work)
    return [node_id for node_id, runs in users.items() if runs <= again.get(newer[node_id].newest_id, set())]


async def _newer(artifact_ids: Sequence[UUID]) -> dict[UUID, _Newer]:
    """Return the newest version in the series of each artifact that has a newer one, and how many are newer."""

    async def work(connection: AsyncConnection) -> dict[UUID, _Newer]:
        found: dict[UUID, _Newer] = {}
        for ids in in_batches(artifact_ids):
            for row in await connection.execute(select_newer(ids)):
                if row.newest_id is not None:
                    found[row.node_id] = _Newer(row.newest_id, row.newer)
        return found

    return await read_anywhere(work)


def select_newer(artifact_ids: Collection[UUID]) -> Select[*tuple[Any, ...]]:
    """Select the newest version of the series of each artifact: each reads one range of the index of search keys."""
    used, newer = node_table.alias("used"), node_table.alias("newer")
    in_series = (
        newer.c.node_type == "model",
        newer.c.model_name == used.c.model_name,
        newer.c.label == used.c.label,
        newer.c.search_key > used.c.search_key,
    )
    newest = select(newer.c.node_id).where(*in_series).order_by(newer.c.search_key.desc()).limit(1)
    count = select(func.count()).select_from(newer).where(*in_series)
    return select(
        used.c.node_id,
        newest.correlate(used).scalar_subquery().label("newest_id"),
        count.correlate(used).scalar_subquery().label("newer"),
    ).where(used.c.node_id.in_(artifact_ids))
