"""The runs that used a model, for PostgreSQL: without statistics it cannot know which way is short.

Models and uses can each be few or many, and each way reads the whole store where another one reads a few rows. So the
statement first counts some of the models and of the uses. Then it executes the way that the numbers make short.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import literal_column as constant

from artigraph.db.planner import expect_few_rows, filter_only, in_precomputed, lookup_join, prefer_bitmap
from artigraph.orm import link_table, node_table
from artigraph.query._sql import is_one_of

_COUNTED = 1_000
"""The most uses that are counted, and that are followed to their trees."""
_FEWER_USES = 5
"""If models are more than this many times the uses, each use is followed to its tree."""
_FEWER_MODELS = 20
"""If uses are more than this many times the models, the uses of each model are looked up."""
_FIRST_USES = 300
"""The number of uses, in the order of runs, among which the first few runs are looked for."""
_TREE = 100
"""The most nodes that the trees of uses may have on average, so that the uses are followed to them."""

_use, _model, _artifact = link_table.alias("use"), node_table.alias("model"), node_table.alias("used_artifact")
_is_use = filter_only(_use.c.kind == "used")
_uses = sa.select(_use.c.source_id, _use.c.target_id).where(_is_use)
_OF_MODELS, _OF_USES, _OF_BOTH = (constant(f"'{way}'", sa.String) for way in ("models", "uses", "both"))


class Models(NamedTuple):
    """Some models, and the label of the artifacts that are, or contain, them."""

    names: tuple[str, ...]
    """The names under which the models are stored."""
    version: int | None
    label: str | None

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        """The condition that a row is such a model, which an index answers."""
        return sa.and_(_model.c.node_type == "model", is_one_of(_model.c.model_name, self.names), *self._of_version)

    @property
    def _of_version(self) -> list[sa.ColumnElement[bool]]:
        return [] if self.version is None else [_model.c.model_version == self.version]

    def number(self, most: sa.ColumnElement[int], limit: int) -> sa.ColumnElement[int]:
        """Return the number of models, or `most` if there are more. `limit` is the greatest value of `most`.

        They are read along the index of each name. Without the order, PostgreSQL may read the table until it has found
        enough, and if models are few that is the whole table.
        """
        names = sa.values(sa.column("name", sa.String), name="names").data([(name,) for name in self.names])
        of_name = sa.select(_model.c.tree_root_id).where(
            _model.c.node_type == "model", _model.c.model_name == names.c.name, *self._of_version
        )
        of_name = of_name.order_by(_model.c.label, _model.c.search_key).limit(constant(f"{limit}"))
        found = sa.select(constant("1", sa.Integer)).select_from(names.join(of_name.lateral("of_name"), sa.true()))
        return _count(found.limit(sa.select(most).scalar_subquery()))


def select_users(
    name: str, models: Models, *, few: int | None = None, newest: bool = False
) -> sa.Select[*tuple[Any, ...]]:
    """Select the ids of the runs that used an artifact with one of some models in it.

    Args:
        name: a name that no other such select of the statement has.
        models: the models.
        few: the number of runs that are enough, the first or last ones by id; None for all.
        newest: whether the last runs are wanted.
    """
    every = sa.union_all(*_ways(name, models)).subquery(f"{name}_every")
    if models.label is None:
        users = sa.select(every.c.target_id)
    else:
        is_labeled = filter_only(_artifact.c.label == models.label)
        labeled = sa.select(_artifact.c.node_id).where(
            in_precomputed(_artifact.c.node_id, sa.select(every.c.source_id)), is_labeled
        )
        users = sa.select(_use.c.target_id).where(_is_source(labeled), _is_use)
    return users if few is None else _tried(name, models, users, few=few, newest=newest)


def _tried(
    name: str, models: Models, users: sa.Select[*tuple[Any, ...]], *, few: int, newest: bool
) -> sa.Select[*tuple[Any, ...]]:
    """Select the first few users from the first uses in the order of runs, or all users if these are too few."""
    # The uses of fewer models are soon looked up.
    are_many = _value(models.number(constant(f"{_FIRST_USES}"), _FIRST_USES) >= _FIRST_USES, f"{name}_are_many")
    by_run = _use.c.target_id.desc() if newest else _use.c.target_id
    first = _once(_uses.where(are_many).order_by(by_run).limit(constant(f"{_FIRST_USES}")), f"{name}_first")
    tried: Any = _followed(first, models).where(_nodes_below(first) <= _TREE * _FIRST_USES)
    tried = tried.subquery(f"{name}_followed")
    if models.label is not None:
        on = sa.and_(_artifact.c.node_id == tried.c.source_id, filter_only(_artifact.c.label == models.label))
        tried = sa.select(tried).select_from(lookup_join(tried, _artifact, on)).subquery(f"{name}_labeled")
    by_id = tried.c.target_id.desc() if newest else tried.c.target_id
    found = _once(sa.select(tried.c.target_id).distinct().order_by(by_id).limit(constant(f"{few}")), f"{name}_found")
    are_enough = _value(_count(sa.select(found)) >= few, f"{name}_are_enough")
    either = sa.union_all(sa.select(found.c.target_id).where(are_enough), users.where(~are_enough))
    return sa.select(either.subquery(f"{name}_either").c.target_id)


def _ways(name: str, models: Models) -> list[sa.Select[*tuple[Any, ...]]]:
    """Return the uses as each way selects them. PostgreSQL executes only the short way."""
    some_uses = _once(_uses.limit(constant(f"{_COUNTED}")), f"{name}_some_uses")
    use_count = _value(_count(sa.select(some_uses)), f"{name}_use_count")
    most = _FEWER_USES * _COUNTED + 1
    model_count = _value(models.number(_FEWER_USES * use_count + 1, most), f"{name}_model_count")
    are_fewer = sa.and_(
        use_count < _COUNTED, model_count > _FEWER_USES * use_count, _nodes_below(some_uses) <= _TREE * use_count
    )
    are_more = sa.exists(sa.select(_use.c.source_id).offset(_FEWER_MODELS * model_count))
    way = _value(sa.case((are_fewer, _OF_USES), (are_more, _OF_MODELS), else_=_OF_BOTH), f"{name}_way")
    every_model = sa.select(_model.c.tree_root_id).where(prefer_bitmap(models.condition, _model.c.node_id))
    # PostgreSQL can only hash or sort for a full join. For an inner one it may compare all rows with all others.
    left, right = _uses.subquery(f"{name}_left"), every_model.subquery(f"{name}_right")
    is_found = left.c.source_id == right.c.tree_root_id
    full = left.outerjoin(right, is_found, full=True)
    joined = sa.select(left.c.source_id, left.c.target_id, is_found.label("is_found")).select_from(full)
    compared = joined.offset(constant("0")).subquery(f"{name}_compared")
    return [
        _uses.where(_is_source(every_model), way == _OF_MODELS),
        _followed(some_uses, models).where(way == _OF_USES),
        sa.select(compared.c.source_id, compared.c.target_id).where(compared.c.is_found, way == _OF_BOTH),
    ]


def _followed(uses: sa.CTE, models: Models) -> sa.Select[*tuple[Any, ...]]:
    """Select the uses whose tree has a model."""
    on = sa.and_(_model.c.tree_root_id == uses.c.source_id, filter_only(models.condition))
    return sa.select(uses.c.source_id, uses.c.target_id).select_from(lookup_join(uses, _model, on))


def _nodes_below(uses: sa.CTE) -> sa.ColumnElement[int]:
    """Return the number of nodes in the trees of some uses."""
    roots = lookup_join(uses, _artifact, _artifact.c.node_id == uses.c.source_id)
    return sa.select(sa.func.coalesce(sa.func.sum(_artifact.c.span), 0)).select_from(roots).scalar_subquery()


def _is_source(ids: sa.Select[*tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    """Return the condition that a use is of one of some artifacts."""
    return expect_few_rows(in_precomputed(_use.c.source_id, ids), _use.c.source_id)


def _once(rows: sa.Select[*tuple[Any, ...]], name: str) -> sa.CTE:
    """Return a table of rows that are read once, and only as far as something needs them."""
    return rows.cte(name).prefix_with("MATERIALIZED", dialect="postgresql")


def _value(value: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[Any]:
    """Return a value that is found once."""
    return sa.select(_once(sa.select(value.label("value")), name).c.value).scalar_subquery()


def _count(rows: sa.Select[*tuple[Any, ...]]) -> sa.ColumnElement[int]:
    return sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery()
