"""What two runs hold, section by section: named values, and pairs of artifacts by label."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.db.planner import filter_only
from artigraph.difference._report import TOP, Change, Path
from artigraph.difference._walk import changes_of_values
from artigraph.errors import DeserializationError, NodeNotFoundError
from artigraph.graph.run_rows import RunRow, RunValueKind, RunValueRow, read_runs
from artigraph.lineage.sql import own_input, select_served
from artigraph.model.failures import LoadFailure
from artigraph.orm import node_table
from artigraph.run.values import FIELDS
from artigraph.serializer.codec import decode
from artigraph.stored import StoredModel
from artigraph.stored.read import read_each

_KINDS: tuple[RunValueKind, ...] = ("parameter", "tag", "environment")
_BATCH = 200
"""The number of labels whose artifacts are read together."""
_UNREADABLE = "a value that cannot be read"


class Pair(NamedTuple):
    """The artifacts of two runs under one label. One of them may be missing."""

    path: Path
    """`results.label`."""
    before: StoredModel | None
    after: StoredModel | None


async def read_values(before: UUID, after: UUID) -> Mapping[RunValueKind, tuple[Change, ...]]:
    """Return the changes of the named values of two runs, by kind. Each is ordered by name.

    Raises:
        NodeNotFoundError: a run does not exist.
    """
    found = await read_runs(list({before, after}))
    for run_id in (before, after):
        if run_id not in found:
            msg = (
                f"There is no run {run_id}: it does not exist, or is an artifact or a part of one. To compare two "
                "artifacts, load them first: diff(await Model.load(before), await Model.load(after))"
            )
            raise NodeNotFoundError(msg)
    return {kind: tuple(_changes(kind, found[before], found[after])) for kind in _KINDS}


def _changes(kind: RunValueKind, before: RunRow, after: RunRow) -> Iterator[Change]:
    old, new = ({row.name: row for row in run.values if row.kind == kind} for run in (before, after))
    for name in sorted({*old, *new}):
        yield from _changes_of(TOP.field(FIELDS[kind]).named(name), old.get(name), new.get(name))


def _changes_of(path: Path, before: RunValueRow | None, after: RunValueRow | None) -> Sequence[Change]:
    """Return the changes of one named value. Equal values of equal types are stored as equal bytes."""
    if before is not None and after is not None and before.value == after.value:
        return ()
    old, new = (None if row is None else _read(row) for row in (before, after))
    note = _UNREADABLE if (old is not None and old.unreadable) or (new is not None and new.unreadable) else None
    if old is None:
        return (Change("added", None, None if new is None else new.value, path, note),)
    if new is None:
        return (Change("removed", old.value, None, path, note),)
    if note is not None:
        return (Change("changed", old.value, new.value, path, note),)
    return changes_of_values(old.value, new.value, path)


class _Value(NamedTuple):
    value: object
    unreadable: bool = False


def _read(row: RunValueRow) -> _Value:
    try:
        return _Value(decode(row.value))
    except DeserializationError:
        return _Value(None, unreadable=True)


async def read_pairs(before: UUID, after: UUID) -> AsyncIterator[Pair]:
    """Yield the artifacts that two runs made, as they are stored, in the order of their labels.

    It takes one statement, and another one for each 200 labels. An artifact that is deleted meanwhile is left out.

    Raises:
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    ids = await _artifact_ids(before, after)
    labels = sorted({label for _, label in ids})
    for start in range(0, len(labels), _BATCH):
        some = labels[start : start + _BATCH]
        wanted = {ids[key] for label in some for key in ((before, label), (after, label)) if key in ids}
        failures: list[LoadFailure] = []
        models = dict(await read_each(wanted, failures=failures, digests=True))
        for failure in failures:
            if not isinstance(failure.error, NodeNotFoundError):
                raise failure.error
        for label in some:
            one, other = (models.get(ids.get((run_id, label), run_id)) for run_id in (before, after))
            if one is not None or other is not None:
                yield Pair(TOP.field("results").named(label), one, other)


async def _artifact_ids(before: UUID, after: UUID) -> dict[tuple[UUID, str], UUID]:
    """Return the ids of what the runs made or were served, by run and label, without inputs saved with a run."""
    node = node_table.c
    made = select(node.node_id, node.parent_id.label("run_id"), node.label).where(
        node.parent_id.in_({before, after}),
        node.label.is_not(None),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )
    statement = union_all(made, select_served({before, after}))

    async def work(connection: AsyncConnection) -> dict[tuple[UUID, str], UUID]:
        return {(row.run_id, row.label): row.node_id for row in await connection.execute(statement)}

    return await read_anywhere(work)
