"""Runs side by side: what differs between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast
from uuid import UUID

from sqlalchemy import case, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.difference.stored import compare_nodes
from artigraph.errors import DeserializationError, NodeNotFoundError, QueryError
from artigraph.identifiers import NodeId, check_id, check_ids
from artigraph.lineage.sql import own_input, select_served
from artigraph.orm import node_table
from artigraph.serializer.codec import StoredStruct
from artigraph.serializer.preview import Cell
from artigraph.stored.read import PLAIN_SERIALIZERS, decode_stored
from artigraph.view._document import Document, Page, Record
from artigraph.view._fields import LARGEST_CELL
from artigraph.view._run_values import RunColumn, RunValues, read_run_values
from artigraph.view._runs import RunItem, read_run_items
from artigraph.view._spelling import cell_of

MOST_RUNS = 50
_MOST_ARTIFACTS = 100
"""The most artifacts of each run whose fields are compared."""
_MOST_NODES = 500
"""The most nodes of each artifact that are compared."""
_MOST_KEYS = 100
_MOST_ROWS = 5_000

RowKind = Literal["parameter", "tag", "environment", "result"]
_KINDS: tuple[RowKind, ...] = ("parameter", "tag", "environment", "result")


@dataclass(frozen=True, slots=True)
class CompareRow(Record):
    """One value in each of the runs."""

    kind: RowKind
    """A named value of the run, or a field of an artifact that the run made."""
    name: str
    """The name of the value; for a result, the label of the artifact and the path: "report.accuracy"."""
    values: tuple[Cell, ...]
    """The value in each run. None where a run does not have it."""
    present: tuple[bool, ...]
    """Whether each run has it."""
    differs: bool
    """Whether two runs have different values, or only some runs have it. Values of different types differ."""
    deltas: tuple[float | None, ...]
    """Each number minus that of the first run. None where one of them is no number."""
    lowest: tuple[int, ...]
    """The indexes of the runs with the least number, if at least two numbers differ."""
    highest: tuple[int, ...]
    """The indexes of the runs with the greatest number, if at least two numbers differ."""


@dataclass(frozen=True, slots=True)
class CompareDocument(Document):
    """Runs side by side."""

    schema: ClassVar[str] = "artigraph.compare/1"

    runs: tuple[RunItem, ...]
    """The runs, in the order in which they were given."""
    rows: tuple[CompareRow, ...]
    """The values: parameters, tags, the environment, and results, each by name."""
    equal: int
    """How many values are equal in all runs. With `only_differences` their rows are left out."""
    cut: bool
    """Whether values are left out: of more than 100 artifacts of a run, 500 nodes of an artifact, or 5,000 rows."""


async def compare_runs(runs: Sequence[NodeId], *, only_differences: bool = False) -> CompareDocument:
    """Compare the parameters, tags, environments and results of 2 to 50 runs.

        document = await compare_runs([before, after], only_differences=True)
        for row in document.rows:
            print(row.kind, row.name, row.values, row.deltas)

    Results are the plain fields of at most 1,000 bytes of the artifacts that each run made, or was served, by label.
    Fields of models inside, items of collections, and values of a dict by its keys are rows of their own. It takes a
    constant number of statements.

    Raises:
        QueryError: there are fewer than 2 runs, more than 50, or one of them twice.
        InvalidNodeIdError: `runs` is no collection of runs.
        NodeNotFoundError: a run does not exist.
    """
    ids = check_ids(runs, "compare_runs")
    if not 1 < len(ids) <= MOST_RUNS or len(set(ids)) < len(ids):
        msg = f"compare_runs takes 2 to {MOST_RUNS} different runs, not {len(ids)} of which {len(set(ids))} differ"
        raise QueryError(msg)
    items = await read_run_items(ids, {})
    if len(items) < len(ids):
        missing = next(run_id for run_id in ids if run_id not in {item.run_id for item in items})
        msg = f"There is no run {missing}: it does not exist, or is an artifact or a part of one"
        raise NodeNotFoundError(msg)
    found, cut = await _read(ids)
    rows = [_row(kind, name, values, ids) for (kind, name), values in sorted(found.items(), key=_place)]
    shown = [row for row in rows if row.differs or not only_differences]
    equal = sum(not row.differs for row in rows)
    return CompareDocument(items, tuple(shown[:_MOST_ROWS]), equal, cut or len(shown) > _MOST_ROWS)


_Key = tuple[RowKind, str]
_Values = dict[UUID, tuple[object, object]]
"""A value by run, with what is equal if two values are."""


def _place(item: tuple[_Key, _Values]) -> tuple[int, str]:
    return _KINDS.index(item[0][0]), item[0][1]


async def _read(run_ids: Sequence[UUID]) -> tuple[dict[_Key, _Values], bool]:
    async def work(connection: AsyncConnection) -> tuple[dict[_Key, _Values], bool]:
        found: dict[_Key, _Values] = {}
        named = await read_run_values(connection, run_ids, None, whole=True)
        for run_id in run_ids:
            for kind, name, value, exact in _named(named[run_id]):
                found.setdefault((kind, name), {})[run_id] = value, exact
        artifacts, cut = await _artifacts(connection, run_ids)
        results, parts_cut = await _results(connection, artifacts)
        for run_id, name, value, exact in results:
            found.setdefault(("result", name), {})[run_id] = value, exact
        return found, cut or parts_cut

    return await read_anywhere(work)


def _named(values: RunValues) -> Iterator[tuple[RowKind, str, object, object]]:
    for kind, by_name in values.by_kind.items():
        for name, value in by_name.items():
            exact = values.exact[RunColumn(kind, name)]
            for path, item, same in _by_keys(name, value, exact):
                yield kind, path, item, same


_Artifacts = dict[UUID, tuple[list[UUID], str]]
"""The runs of each artifact, and its label, or the path of a part. Several runs may have been served one artifact."""


async def _artifacts(connection: AsyncConnection, run_ids: Sequence[UUID]) -> tuple[_Artifacts, bool]:
    """Return the runs and label of the artifacts that runs made or were served, and whether some are left out."""
    node = node_table.c
    made = select(node.node_id, node.parent_id.label("run_id"), node.label).where(
        node.parent_id.in_(run_ids), node.label.is_not(None), ~own_input(node_table)
    )
    each = union_all(made, select_served(run_ids)).subquery()
    number = func.row_number().over(partition_by=each.c.run_id, order_by=each.c.label).label("number")
    numbered = select(each, number).subquery()
    rows = await connection.execute(select(numbered).where(numbered.c.number <= _MOST_ARTIFACTS + 1))
    found: _Artifacts = {}
    cut = False
    for row in rows:
        if row.number > _MOST_ARTIFACTS:
            cut = True
        else:
            runs, _ = found.setdefault(row.node_id, ([], row.label))
            runs.append(row.run_id)
    return found, cut


async def _results(
    connection: AsyncConnection, artifacts: _Artifacts
) -> tuple[list[tuple[UUID, str, object, object]], bool]:
    """Return the plain values in artifacts: the run, the label with the path, the value, and what is equal."""
    ids, cut = list(artifacts), False
    found: list[tuple[UUID, str, object, object]] = []
    paths = dict(artifacts)
    for row in (await connection.execute(_parts(ids))) if ids else ():
        if row.position >= _MOST_NODES:
            cut = True
        elif row.node_id not in artifacts and row.parent_id in paths:
            runs, above = paths[row.parent_id]
            path = f"{above}.{row.label}"
            paths[row.node_id] = runs, path
            if row.small is not None and row.serializer in PLAIN_SERIALIZERS:
                values = list(_values(path, row.serializer, bytes(row.small)))
                found += [(run_id, *each) for run_id in runs for each in values]
    return found, cut


def _parts(artifact_ids: Sequence[UUID]) -> Any:
    node = node_table.c
    return (
        select(
            *(node[name] for name in ("node_id", "parent_id", "position", "label", "serializer")),
            case((func.length(node.value) <= LARGEST_CELL, node.value)).label("small"),
        )
        .where(node.tree_root_id.in_(artifact_ids), node.position <= _MOST_NODES)
        .order_by(node.tree_root_id, node.position)
    )


def _values(path: str, serializer: str, data: bytes) -> Iterator[tuple[str, object, object]]:
    try:
        value = decode_stored(serializer, data)
    except DeserializationError:
        return
    yield from _by_keys(path, value, data)


def _by_keys(path: str, value: object, exact: object) -> Iterator[tuple[str, object, object]]:
    """Yield a plain value, or the values of a dict by its keys. Other containers are one value."""
    if isinstance(value, StoredStruct):
        value = value.fields
    if isinstance(value, Mapping) and len(cast("Mapping[object, object]", value)) <= _MOST_KEYS:
        pairs = cast("Mapping[object, object]", value)
        if all(isinstance(key, str) for key in pairs):
            yield from ((f"{path}.{key}", item, (type(item), repr(item))) for key, item in pairs.items())
            return
    yield path, value, exact


def _row(kind: RowKind, name: str, values: _Values, run_ids: Sequence[UUID]) -> CompareRow:
    raw = [values[run_id][0] if run_id in values else None for run_id in run_ids]
    numbers = [_number(value) for value in raw]
    given = {number for number in numbers if number is not None}
    low, high = (min(given), max(given)) if len(given) > 1 else (None, None)
    return CompareRow(
        kind=kind,
        name=name,
        values=tuple(cell_of(value) for value in raw),
        present=tuple(run_id in values for run_id in run_ids),
        differs=len(values) < len(run_ids) or len({exact for _, exact in values.values()}) > 1,
        deltas=tuple(_delta(numbers[0], number) for number in numbers),
        lowest=tuple(at for at, number in enumerate(numbers) if low is not None and number == low),
        highest=tuple(at for at, number in enumerate(numbers) if high is not None and number == high),
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return value


def _delta(first: float | None, number: float | None) -> float | None:
    """Return a difference; None if it is not finite."""
    if first is None or number is None:
        return None
    try:
        delta = float(number - first)
    except OverflowError:  # integers beyond every float
        return None
    return delta if math.isfinite(delta) else None


# Artifacts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiffItem(Record):
    """What differs between two artifacts or runs, A and B: a field, an item or a named value."""

    path: str
    """The labels with dots between them. Empty for the artifacts themselves."""
    labels: tuple[str, ...]
    """The labels that lead to it. A label may contain dots."""
    kind: Literal["changed", "added", "removed", "class", "unknown"]
    """Another value, only in B, only in A, a model or container of another class, or a value that cannot be read."""
    before: str | None
    """What it is in A, as a short text."""
    after: str | None
    """What it is in B, as a short text."""


@dataclass(frozen=True, slots=True)
class DiffPage(Page[DiffItem]):
    """What differs between two artifacts, in the order of their fields."""

    schema: ClassVar[str] = "artigraph.diff/1"


async def diff_document(before: NodeId, after: NodeId) -> DiffPage:
    """Return what changed from one artifact or run to another. The page has all of it, so its `next` is None.

        for item in (await diff_document(older, newer)).items:
            print(item.kind, item.path, item.before, item.after)

    Values are compared without their classes: plain values by type and value, others by their stored bytes. Of runs it
    compares parameters, tags, environments and the artifacts in them, by name.

    Raises:
        InvalidNodeIdError: an argument denotes no node.
        NodeNotFoundError: a node does not exist.
        ArgumentError: only one of them is a run.
        WrongModelTypeError: a node is a part of a model and no model itself.
        StorageError, CorruptObjectError: bytes without a recorded hash cannot be read.
    """
    changes = await compare_nodes(check_id(before), check_id(after))
    items = (DiffItem(".".join(each.path), each.path, each.kind, each.before, each.after) for each in changes)
    return DiffPage(tuple(items), None)
