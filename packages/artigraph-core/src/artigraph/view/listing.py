"""Other lists: runs and artifacts in the order of their queries, which has no cursor; runs in groups; all series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Select, and_, func, literal, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, SelectByIds, read_anywhere
from artigraph.db.planner import expect_few_rows, filter_only, lookup_join
from artigraph.graph.run_rows import RunValueKind
from artigraph.identifiers import NodeId, check_ids
from artigraph.lineage.sql import own_input, select_served
from artigraph.orm import node_table, run_value_table
from artigraph.query import RunSelect, StoredSelect
from artigraph.run.values import FIELDS
from artigraph.stored.read import PLAIN_SERIALIZERS
from artigraph.view._artifacts import ArtifactsPage, read_artifact_items
from artigraph.view._by_result import InputItem, RunGroup, RunGroupsPage, group_by_input, runs_by_result
from artigraph.view._document import Page, Record, check_limit
from artigraph.view._fields import LARGEST_CELL, field_paths
from artigraph.view._run_values import chosen_columns
from artigraph.view._runs import RunsPage, read_run_items
from artigraph.view.configuration import Configuration

__all__: list[str] = ["InputItem", "RunGroup", "RunGroupsPage", "SeriesItem", "SeriesList", "StoreItem", "StoresList"]
__all__ += ["group_by_input", "list_run_columns", "list_series", "list_stores", "ordered_artifacts", "ordered_runs"]
__all__ += ["runs_by_result"]


@dataclass(frozen=True, slots=True)
class SeriesItem(Record):
    """A series: the artifacts of one model and label."""

    model_name: str
    """The stored name of the class."""
    label: str
    versions: int
    """How many artifacts it has."""


@dataclass(frozen=True, slots=True)
class SeriesList(Page[SeriesItem]):
    """All series, ordered by model and label."""

    schema: ClassVar[str] = "artigraph.series-list/1"


@dataclass(frozen=True, slots=True)
class StoreItem(Record):
    """A store of the configuration."""

    name: str


@dataclass(frozen=True, slots=True)
class StoresList(Page[StoreItem]):
    """The stores of a configuration, by name."""

    schema: ClassVar[str] = "artigraph.stores/1"


def list_stores(configuration: Configuration) -> StoresList:
    """Return the stores that a configuration names. No database is opened."""
    return StoresList(tuple(map(StoreItem, sorted(configuration.stores))), None)


async def list_series(model: str | None = None) -> SeriesList:
    """Return all series of the store, or those of one model by its stored name.

    It takes one statement, which reads the index entries of all artifacts. All series are on one page.
    """
    node = node_table.c
    # Only an artifact has its id as its search key. A model inside one has none.
    conditions = [node.node_type == "model", node.search_key >= b""]
    conditions += [] if model is None else [node.model_name == model]
    names = (node.model_name, node.label)
    statement = select(*names, func.count()).where(*conditions).group_by(*names).order_by(*names)

    async def work(connection: AsyncConnection) -> tuple[SeriesItem, ...]:
        return tuple(SeriesItem(*row) for row in await connection.execute(statement))

    return SeriesList(await read_anywhere(work), None)


async def ordered_artifacts(
    query: StoredSelect, *, columns: Sequence[str | Sequence[str]] | None = None, limit: int = 50
) -> ArtifactsPage:
    """Return the first artifacts of a query, in its order, as `artifacts_page` shows them.

        c = columns("Report")
        best = await ordered_artifacts(select("Report").order_by(c.accuracy.desc()), columns=["accuracy"], limit=10)

    Args:
        query: which artifacts, in which order. Its limit has no effect.
        columns: the fields to show; see `artifacts_page`.
        limit: the most artifacts, up to 1,000.

    Raises:
        QueryError: a column or the limit is invalid.
    """
    paths = field_paths(columns)
    ids = await query.limit(check_limit(limit)).ids()
    return ArtifactsPage(await read_artifact_items(ids, paths), None)


async def ordered_runs(query: RunSelect, *, columns: Sequence[str] = (), limit: int = 50) -> RunsPage:
    """Return the first runs of a query, in its order, as `runs_page` shows them.

    Args:
        query: which runs, in which order. Its limit has no effect.
        columns: the tags, parameters and values of the environment to show; see `runs_page`.
        limit: the most runs, up to 1,000.

    Raises:
        QueryError: a column or the limit is invalid.
    """
    chosen = chosen_columns(columns)
    ids = await query.limit(check_limit(limit)).ids()
    return RunsPage(await read_run_items(ids, chosen), None)


_MOST_COLUMNS = 500
_MOST_ARTIFACTS = 1_000
_SHOWN: tuple[RunValueKind, ...] = ("parameter", "tag")


async def list_run_columns(runs: Sequence[NodeId]) -> list[str]:
    """Return the columns that any of some runs has: `parameters.NAME`, `tags.NAME` and `results.LABEL.FIELD`, by name.

    It takes one statement, and returns at most 500 names of values and 500 of results. Results are the plain fields
    of at most 1,000 bytes of the first 1,000 artifacts that the runs made or were served. The environment has too many
    names to choose from a list.

    Raises:
        InvalidNodeIdError: `runs` is no collection of runs.
    """
    ids = check_ids(runs, "list_run_columns")
    if not ids:
        return []

    async def work(connection: AsyncConnection) -> list[Row]:
        return await _columns_of_runs.converted(connection, ids)

    found = await read_anywhere(work)
    values = sorted({(kind, name) for is_value, kind, name in found if is_value})
    named = [f"{FIELDS[kind]}.{name}" for kind, name in values[:_MOST_COLUMNS]]
    fields = {(label, field) for is_value, label, field in found if not is_value}
    # A dot in a label would be read as the end of it.
    written = sorted(f"results.{label}.{field}" for label, field in fields if "." not in f"{label}{field}")
    return named + written[:_MOST_COLUMNS]


def _select_columns(runs: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    return select(union_all(_select_names(runs), _select_fields(runs)).subquery())


def _select_names(runs: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    value = run_value_table.c
    shown = [literal(kind, value.kind.type) for kind in _SHOWN]
    names = select(value.kind, value.name).distinct().where(value.run_id.in_(runs), value.kind.in_(shown))
    found = names.order_by(value.kind, value.name).limit(_MOST_COLUMNS).subquery("names")
    return select(literal_column("1", Integer).label("is_value"), found)


def _select_fields(runs: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    """Select the labels of what runs made or were served, with the labels of its plain fields, each pair once."""
    node, field = node_table.c, node_table.alias("field")
    made = select(node.node_id, node.label).where(
        expect_few_rows(node.parent_id.in_(runs), node.parent_id),
        node.label.is_not(None),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )
    served = select_served(runs).with_only_columns(node.node_id, node.label)
    both = (select(each.limit(_MOST_ARTIFACTS).subquery(name)) for each, name in ((made, "made"), (served, "served")))
    artifact = select(union_all(*both).subquery("both")).limit(_MOST_ARTIFACTS).subquery("artifact")
    is_small = (
        field.c.serializer.in_([literal(name, node.serializer.type) for name in sorted(PLAIN_SERIALIZERS)]),
        field.c.blob_id.is_(None),
        func.length(field.c.value) <= LARGEST_CELL,
    )
    joined = lookup_join(artifact, field, and_(field.c.parent_id == artifact.c.node_id, *is_small))
    fields = select(literal_column("0", Integer), artifact.c.label, field.c.label.label("field")).select_from(joined)
    return fields.distinct()


_columns_of_runs = SelectByIds(_select_columns)
