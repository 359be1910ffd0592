"""The single statement of a lineage query: a recursion over runs, and the rows that are joined to them.

Artifacts and runs alternate along the flow of data: an artifact belongs to the run that produced it, and a link leads
from it to each run that used it. So the recursion follows runs, and visits each run once. The artifacts and the uses
between them are joined to the runs at the end.

A call that the cache served is a run, too. A link of the kind `produced` leads from it to the result, which belongs to
the run that computed it. Only queries along the flow of data follow such links, and only in a store that has some.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from artigraph.db.planner import expect_small_levels, filter_only, lookup_join, unindexed
from artigraph.graph.nodes import NODE_COLUMNS
from artigraph.orm import link_table, node_table

EdgeKind = Literal["used", "produced", "child"]
"""From an artifact to a run that used it; from a run to an artifact that it produced; from a run to its child run."""
Direction = Literal["up", "down"]
"""Against the flow of data, or along it."""
USED: EdgeKind = "used"
PRODUCED: EdgeKind = "produced"
DATA: tuple[EdgeKind, ...] = ("used", "produced")


class Start(NamedTuple):
    """The artifact or run that a query starts from, and the run that it belongs to."""

    node_id: UUID
    is_run: bool
    parent_id: UUID | None


def select_reached(
    start: Start, direction: Direction, kinds: Collection[EdgeKind], levels: int | None, *, served: bool = False
) -> sa.Select[Any]:
    """Select everything that can be reached along edges of some kinds, as rows with the columns of a `Node`.

    A use is also such a row: its `node_type` is `used`, its `node_id` the artifact, and its `parent_id` the run. With
    `levels`, the result has everything within that number of steps from run to run, and perhaps more.

    With `served`, downward queries also follow the links from runs that were served to their results. Such a link is a
    row, too: its `node_type` is `produced`, its `node_id` the run, and its `parent_id` the artifact. Some artifacts and
    uses are then selected twice.

    An artifact that is kept with the run that used it is not that run's product. If the rows include uses, they also
    include such artifacts and what was reached through them; the uses identify them. Without uses, they are left out
    here.
    """
    served = served and direction == "down" and PRODUCED in kinds
    runs = _runs(start, direction, kinds, levels, served=served)
    parts = _reached_parts(runs, start, direction, kinds)
    return _one_statement([*parts, *_served_parts(runs, start, kinds)] if served else parts)


def select_between(first: Start, last: Start) -> sa.Select[Any]:
    """Select everything on the paths of data from one node to another, in the same kind of rows; perhaps no row."""
    below, above = _runs(first, "down", DATA, None), _runs(last, "up", DATA, None)
    runs = sa.select(below.c.run_id).where(below.c.run_id.in_(sa.select(above.c.run_id))).cte("runs")
    return _one_statement(_between_parts(runs, (first.node_id, last.node_id)))


def select_dependent_runs(run_ids: Sequence[UUID]) -> sa.Select[*tuple[Any, ...]]:
    """Select runs and, with their parents, all runs that depend on them.

    These are the runs below them, the runs that used an artifact of any of these, and so on.
    """
    first = sa.select(node_table.c.node_id.label("run_id")).where(node_table.c.node_id.in_(run_ids))
    runs = first.cte("dependent", recursive=True)
    runs = runs.union(_in_order(_step_down(runs, data=True, child=True), runs.c.run_id))
    found = lookup_join(runs, node_table, node_table.c.node_id == runs.c.run_id)
    return _in_order(sa.select(node_table.c.node_id, node_table.c.parent_id).select_from(found), runs.c.run_id)


# Runs ----------------------------------------------------------------------------------------------------------------

_link = link_table.alias("link")
_near = node_table.alias("near")
_is_use = _link.c.kind == "used"
_served = link_table.alias("served")
_no_id = sa.literal(UUID(int=0), node_table.c.node_id.type)
"""The key of no node: a lookup of it finds nothing. SQLite would plan to read a whole table for NULL or `false`."""
_is_served = _served.c.kind == "produced"


def _runs(
    start: Start, direction: Direction, kinds: Collection[EdgeKind], levels: int | None, *, served: bool = False
) -> sa.CTE | sa.FromClause:
    """Return the runs that are reached, as a table of their ids."""
    name = f"runs_{direction}"
    first = _first_runs(start, direction, kinds)
    if levels is None:
        runs = first.cte(name, recursive=True)
        step = _step(runs, direction, kinds, served=served)
        return runs if step is None else runs.union(step)
    # A run appears once for each number of steps that lead to it: the work is repeated `levels` times at most.
    runs = first.add_columns(sa.literal_column("0", sa.Integer).label("level")).cte(name, recursive=True)
    step = _step(runs, direction, kinds, served=served)
    if step is not None:
        runs = runs.union(step.add_columns(runs.c.level + 1).where(runs.c.level < levels))
    return sa.select(runs.c.run_id).distinct().cte(f"{name}_once")


def _first_runs(start: Start, direction: Direction, kinds: Collection[EdgeKind]) -> sa.Select[Any]:
    if start.is_run:
        return _run_of(start.node_id)
    if direction == "down":
        if "used" not in kinds:
            return _run_of(_no_id)
        uses = _is_use & (_link.c.source_id == start.node_id)
        return sa.select(_link.c.target_id.label("run_id")).where(uses)
    parent_id = start.parent_id if "produced" in kinds else None
    above = _run_of(_no_id if parent_id is None else parent_id)
    return above if "used" in kinds else above.where(~_used_by(start.node_id, node_table.c.node_id))


def _run_of(node_id: sa.ColumnElement[UUID] | UUID) -> sa.Select[Any]:
    return sa.select(node_table.c.node_id.label("run_id")).where(node_table.c.node_id == node_id)


def _step(runs: sa.CTE, direction: Direction, kinds: Collection[EdgeKind], *, served: bool) -> sa.Select[Any] | None:
    """Return the runs one step away. PostgreSQL requires a single SELECT that names the recursive table once."""
    data, child = {"used", "produced"} <= {*kinds}, "child" in kinds
    if not data and not child:
        return None
    if direction == "up":
        return _in_order(_step_up(runs, data=data, child=child), runs.c.run_id)
    down = _step_to_served(runs, child=child) if served and data else _step_down(runs, data=data, child=child)
    return _in_order(down, runs.c.run_id)


def _step_down(runs: sa.CTE, *, data: bool, child: bool) -> sa.Select[Any]:
    below = lookup_join(runs, _near, _near.c.parent_id == runs.c.run_id)
    to_use = sa.and_(_link.c.source_id == _near.c.node_id, _is_use)
    if not data:
        return sa.select(_near.c.node_id).select_from(below).where(unindexed(_near.c.node_type) == "run")
    if not child:
        return sa.select(_link.c.target_id).select_from(lookup_join(below, _link, to_use))
    is_run = unindexed(_near.c.node_type) == "run"
    reached = sa.case((is_run, _near.c.node_id), else_=_link.c.target_id)
    below = lookup_join(below, _link, to_use, outer=True)
    return sa.select(reached).select_from(below).where(sa.or_(is_run, _link.c.target_id.is_not(None)))


def _step_to_served(runs: sa.CTE, *, child: bool) -> sa.Select[Any]:
    """Return the same as `_step_down`, and the runs that used what a run was served.

    Each run appears once for each of two ways: to what is below it, and along its links. The lookup of the other way
    finds nothing by its key. The key is not NULL, with which MariaDB would read all nodes without a parent.
    """
    ways = _two_ways()
    of_parent, of_hit = (sa.case((ways.c.way == way, runs.c.run_id), else_=_no_id) for way in (0, 1))
    each_way = lookup_join(runs.join(ways, sa.true()), _near, _near.c.parent_id == of_parent, outer=True)
    each_way = lookup_join(each_way, _served, sa.and_(_served.c.source_id == of_hit, _is_served), outer=True)
    artifact = sa.func.coalesce(_near.c.node_id, _served.c.target_id)
    to_use = sa.and_(_link.c.source_id == artifact, _is_use)
    if not child:
        return sa.select(_link.c.target_id).select_from(lookup_join(each_way, _link, to_use))
    is_run = unindexed(_near.c.node_type) == "run"
    reached = sa.case((is_run, _near.c.node_id), else_=_link.c.target_id)
    return sa.select(reached).select_from(lookup_join(each_way, _link, to_use, outer=True)).where(reached.is_not(None))


def _two_ways() -> sa.Subquery:
    return sa.union_all(
        sa.select(sa.literal_column("0", sa.Integer).label("way")), sa.select(sa.literal_column("1", sa.Integer))
    ).subquery("ways")


def _step_up(runs: sa.CTE, *, data: bool, child: bool) -> sa.Select[Any]:
    to_use = sa.and_(_link.c.target_id == runs.c.run_id, _is_use)
    if not child:
        above = lookup_join(lookup_join(runs, _link, to_use), _near, _near.c.node_id == _link.c.source_id)
        return sa.select(_near.c.parent_id).select_from(above).where(_near.c.parent_id.is_not(None))
    itself = node_table.alias("itself")
    above = lookup_join(runs, itself, itself.c.node_id == runs.c.run_id)
    if not data:
        return sa.select(itself.c.parent_id).select_from(above).where(itself.c.parent_id.is_not(None))
    ways = _two_ways()
    above = lookup_join(above, _link, to_use, outer=True)
    above = lookup_join(above, _near, _near.c.node_id == _link.c.source_id, outer=True)
    reached = sa.case((ways.c.way == 0, itself.c.parent_id), else_=_near.c.parent_id)
    each_way = above.join(ways, ways.c.way <= sa.case((_near.c.parent_id.is_(None), 0), else_=1))
    return sa.select(reached).select_from(each_way).where(reached.is_not(None))


# Rows joined to the runs -------------------------------------------------------------------------------------------


_edge: tuple[sa.ColumnElement[Any], ...] = (
    _link.c.source_id,
    sa.literal_column(f"'{USED}'", sa.String),
    _link.c.target_id,
    *(sa.null() for _ in NODE_COLUMNS[3:]),
)
_served_edge: tuple[sa.ColumnElement[Any], ...] = (
    _served.c.source_id,
    sa.literal_column(f"'{PRODUCED}'", sa.String),
    _served.c.target_id,
    *(sa.null() for _ in NODE_COLUMNS[3:]),
)
_artifact = tuple(sa.null() if column.name.startswith("run_") else column for column in NODE_COLUMNS)
"""The columns of the `Node` of an artifact. The columns of runs are null, so that no lease is looked up for it."""


def _reached_parts(
    runs: sa.CTE | sa.FromClause, start: Start, direction: Direction, kinds: Collection[EdgeKind]
) -> list[sa.Select[Any]]:
    """Return the selects of the start node, the runs, the artifacts, and the uses between them."""
    others = node_table.c.node_id != start.node_id
    parts = [
        sa.select(*NODE_COLUMNS).where(node_table.c.node_id == start.node_id),
        _runs_themselves(runs).where(others),
    ]
    if direction == "up":
        if "used" in kinds:
            uses = _uses_by(runs)
            parts.append(_used(runs, uses).where(others))
            parts.append(_nodes(_edge, uses, runs.c.run_id))
        return parts
    if "produced" in kinds:
        below = lookup_join(runs, node_table, node_table.c.parent_id == runs.c.run_id)
        products = _nodes(_artifact, below, runs.c.run_id).where(node_table.c.node_type != "run", others)
        if "used" not in kinds:
            products = products.where(~_used_by(node_table.c.node_id, node_table.c.parent_id))
        parts.append(products)
        if "used" in kinds:
            used_below = lookup_join(below, _link, sa.and_(_link.c.source_id == node_table.c.node_id, _is_use))
            parts.append(_nodes(_edge, used_below, runs.c.run_id).where(others))
    if "used" in kinds:
        parts.append(sa.select(*_edge).where(_link.c.source_id == start.node_id, _is_use))
    return parts


def _served_parts(runs: sa.CTE | sa.FromClause, start: Start, kinds: Collection[EdgeKind]) -> list[sa.Select[Any]]:
    """Return the selects of the links from runs to what they were served, of these artifacts, and of their uses.

    Many runs may be served the same artifact, which is selected once.
    """
    hits = lookup_join(runs, _served, sa.and_(_served.c.source_id == runs.c.run_id, _is_served))
    found = _in_order(sa.select(_served.c.target_id).select_from(hits), runs.c.run_id)
    results = found.distinct().subquery("results")
    result = results.c.target_id
    artifacts = lookup_join(results, node_table, node_table.c.node_id == result)
    parts = [
        _nodes(_artifact, artifacts, result).where(node_table.c.node_id != start.node_id),
        _nodes(_served_edge, hits, runs.c.run_id),
    ]
    if USED in kinds:
        used = lookup_join(results, _link, sa.and_(_link.c.source_id == result, _is_use))
        parts.append(_nodes(_edge, used, result))
    return parts


def _between_parts(runs: sa.CTE, ends: tuple[UUID, UUID]) -> list[sa.Select[Any]]:
    """Return the selects of the two ends, the runs, the artifacts between them, and the uses between all of them."""
    uses = _uses_by(runs)
    of_runs = sa.select(runs.c.run_id)
    others = node_table.c.node_id.not_in(ends)
    itself = node_table.c.node_id.in_(ends)
    between = _near.c.parent_id.in_(of_runs) | _near.c.node_id.in_(ends)
    return [
        sa.select(*NODE_COLUMNS).where(
            itself if ends[0] == ends[1] else itself & of_runs.exists()  # every path leads through a run
        ),
        _runs_themselves(runs).where(others),
        _used(runs, uses).where(node_table.c.parent_id.in_(of_runs), others),
        _nodes(_edge, lookup_join(uses, _near, _near.c.node_id == _link.c.source_id), runs.c.run_id).where(between),
    ]


def _used_by(artifact_id: sa.ColumnElement[UUID] | UUID, run_id: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Return whether a run used an artifact. If it is kept with that run, it is then not the run's product."""
    return (
        sa.select(_link.c.source_id)
        .where(_link.c.source_id == artifact_id, _link.c.target_id == run_id, _is_use)
        .exists()
    )


def own_input(artifact: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that an artifact was saved with the run that used it, and so is not its product."""
    return _used_by(artifact.c.node_id, artifact.c.parent_id)


def select_served(run_ids: Collection[UUID] | Sequence[sa.BindParameter[UUID]]) -> sa.Select[*tuple[Any, ...]]:
    """Select the results that runs were served: `node_id`, the run as `run_id`, and the `label`."""
    return (
        sa.select(node_table.c.node_id, link_table.c.source_id.label("run_id"), node_table.c.label)
        .join_from(link_table, node_table, node_table.c.node_id == link_table.c.target_id)
        .where(link_table.c.source_id.in_(run_ids), filter_only(link_table.c.kind == "produced"))
    )


def _uses_by(runs: sa.CTE | sa.FromClause) -> sa.FromClause:
    return lookup_join(runs, _link, sa.and_(_link.c.target_id == runs.c.run_id, _is_use))


def _runs_themselves(runs: sa.CTE | sa.FromClause) -> sa.Select[Any]:
    found = lookup_join(runs, node_table, node_table.c.node_id == runs.c.run_id)
    return _nodes(NODE_COLUMNS, found, runs.c.run_id)


def _used(runs: sa.CTE | sa.FromClause, uses: sa.FromClause) -> sa.Select[Any]:
    """Select each artifact that runs used once."""
    used = _in_order(sa.select(_link.c.source_id).select_from(uses), runs.c.run_id).distinct().subquery("used")
    found = lookup_join(used, node_table, node_table.c.node_id == used.c.source_id)
    return _nodes(_artifact, found, used.c.source_id)


def _nodes(
    columns: Sequence[sa.ColumnElement[Any]], source: sa.FromClause, key: sa.ColumnElement[UUID]
) -> sa.Select[Any]:
    return _in_order(sa.select(*columns).select_from(source), key)


def _in_order(statement: sa.Select[*tuple[Any, ...]], key: sa.ColumnElement[UUID]) -> sa.Select[*tuple[Any, ...]]:
    """Make the databases join in the written order: runs first, and the other tables by their indexes.

    Without statistics of a table, MySQL and MariaDB would scan all links for each level of the recursion. With them,
    SQLite would.

    Args:
        statement: the joins.
        key: the ids of the table that is written first.
    """
    word = "STRAIGHT_JOIN"
    ordered = statement.prefix_with(word, dialect="mysql").prefix_with(word, dialect="mariadb")
    return ordered.where(expect_small_levels(key))


def _one_statement(parts: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
    return sa.select(sa.union_all(*parts).subquery("found"))
