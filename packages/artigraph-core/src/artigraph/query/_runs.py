"""Queries for runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from artigraph.db.planner import expect_many_rows, filter_only, in_precomputed, variant_for_postgresql
from artigraph.errors import DeserializationError, QueryError
from artigraph.graph.runs import read_runs
from artigraph.identifiers import check_label
from artigraph.model import ArtifactModel
from artigraph.model.failures import LoadFailure
from artigraph.model.stored_names import stored_names
from artigraph.orm import link_table, node_table
from artigraph.query._bounded_users import Models, select_users
from artigraph.query._properties import PropertySelect
from artigraph.query._sql import is_of_type_in_order, is_one_of, root
from artigraph.run import Run, run_of_row

_FEW_USERS = 100
"""As many first runs with a use are looked for among the first uses."""


class Used(NamedTuple):
    """A use that a run must have: of an artifact that is, or contains, a model of a class."""

    model_type: type[ArtifactModel] | str
    version: int | None
    """The version of the class that wrote the model."""
    label: str | None
    """The label under which the artifact was saved."""


def checked_use(model_type: object, version: object, label: str | None) -> Used:
    """Check the arguments of `used` and return them.

    Raises:
        QueryError: `model_type` is neither a model class nor a name, or `version` is not a whole number.
    """
    if isinstance(model_type, str):
        check_label(model_type, "The name of a model")
    elif not isinstance(model_type, type) or not issubclass(model_type, ArtifactModel):
        msg = f"used takes a model class, or the stored name of one, not {model_type!r:.100}"
        raise QueryError(msg)
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        msg = f"The version of a model class is a whole number, not {version!r:.100}"
        raise QueryError(msg)
    return Used(model_type, version, None if label is None else check_label(label))


def _users_of(models: Models) -> Select[Any]:
    """Select the ids of the runs with a use. The select begins with the models, which an index finds by name."""
    model, artifact = node_table.alias("model"), node_table.alias("used_artifact")
    source = model.join(link_table, link_table.c.source_id == model.c.tree_root_id)
    conditions = [
        model.c.node_type == "model",
        is_one_of(model.c.model_name, models.names),
        link_table.c.kind == "used",
    ]
    if models.version is not None:
        conditions.append(model.c.model_version == models.version)
    if models.label is not None:
        source = source.join(artifact, artifact.c.node_id == model.c.tree_root_id)
        conditions.append(artifact.c.label == models.label)
    return select(link_table.c.target_id).select_from(source).where(*conditions)


@lru_cache(maxsize=64)
def _has_used(models: Models, number: int, few: int | None, *, newest: bool) -> ColumnElement[bool]:
    """Return the condition that rows of `root` are runs with a use, for a query in which no condition leads to them.

    To make the statement takes longer than to execute it, so the conditions are cached.

    Args:
        models: the models that were used.
        number: the index of the use in the query.
        few: the number of runs that are enough, the first or last ones by id; None for all.
        newest: whether the last runs are wanted.
    """
    bounded = select_users(f"used_{number}", models, few=few, newest=newest)
    return variant_for_postgresql(root.c.node_id.in_(_users_of(models)), in_precomputed(root.c.node_id, bounded))


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class RunSelect(PropertySelect[Run]):
    """A query for runs."""

    _used: tuple[Used, ...] = ()

    def used(
        self, model_type: type[ArtifactModel] | str, *, version: int | None = None, label: str | None = None
    ) -> Self:
        """Keep only runs that used a model of this class or of a derived one, in addition to earlier calls.

            affected = await select(Run).used(Tokenizer, version=3).all()

        A run used a model if it used the artifact that is the model or contains it. With `version`, only models written
        by that version of the class count. With `label`, only artifacts saved under that label count. Name a class that
        is not here by its stored name.

        Raises:
            QueryError: `model_type` is neither a model class nor a name, or `version` is not a whole number.
            InvalidLabelError: the label is not valid.
        """
        return replace(self, _used=(*self._used, checked_use(model_type, version, label)))

    @property
    def _kind(self) -> str:
        return "Run"

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        if self._walks and not self._used:
            return [is_of_type_in_order("run")]
        is_run = root.c.node_type == "run"
        if self._leads or self._used:
            is_run = filter_only(is_run)
        elif self._few:
            is_run = expect_many_rows(is_run, root.c.node_id)
        return [is_run, *(self._uses(number, used) for number, used in enumerate(self._used))]

    def _uses(self, number: int, used: Used) -> ColumnElement[bool]:
        """Return the condition that rows of `root` are runs with a use."""
        models = Models(tuple(stored_names([used.model_type])), used.version, used.label)
        if self._leads:
            return root.c.node_id.in_(_users_of(models))
        few = None if self._limit is None else self._offset + self._limit
        if few is None or few > _FEW_USERS or not self._walks or len(self._used) > 1:
            return _has_used(models, number, None, newest=False)
        newest = bool(self._orders) and self._order_keys()[0].descending
        return _has_used(models, number, few, newest=newest)

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, Run]]:
        rows = await read_runs(ids)
        found: list[tuple[UUID, Run]] = []
        for node_id in ids:
            try:
                found += [(node_id, run_of_row(rows[node_id]))] if node_id in rows else []
            except DeserializationError as error:
                error.node_id = node_id
                if self._skipped is None:
                    raise
                self._skipped.append(LoadFailure(node_id, None, error))
        return found
