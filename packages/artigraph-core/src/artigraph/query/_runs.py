"""Queries for runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self, TypeGuard
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from artigraph.db import fetch_rows
from artigraph.db.planner import expect_few_rows, expect_many_rows, filter_only, in_precomputed, variant_for_postgresql
from artigraph.errors import DeserializationError, InvalidNodeIdError, QueryError
from artigraph.graph.run_rows import (
    FetchRows,
    RunRow,
    read_fetched_runs,
    read_runs,
)
from artigraph.identifiers import NodeId, check_id, check_label, is_id_text
from artigraph.model.any_model import AnyModel, is_class_of_models
from artigraph.model.failures import LoadFailure
from artigraph.model.stored_names import stored_names
from artigraph.orm import link_table, node_table
from artigraph.query._artifacts import ArtifactQuery
from artigraph.query._bounded_users import Models, select_users
from artigraph.query._conditions import Condition, PropertyCompare, leaves_of
from artigraph.query._properties import PropertySelect
from artigraph.query._run_pages import PageForm, PageKind, fetch_page, kind_of_page, with_columns
from artigraph.query._sql import is_of_type_in_order, is_one_of, is_top_level, root
from artigraph.query._table_plan import DEFAULT_PROPERTIES, RunProperty, chosen_property
from artigraph.query._table_read import RunRows
from artigraph.query._tables import RunTables
from artigraph.run import Run, run_of_row

_MOST_ARTIFACTS = 30_000
"""The most artifacts that a statement names."""
_PAGE = 1000
"""The most runs that the statement which finds them also reads."""
_FEW_USERS = 100
"""As many first runs with a use are looked for among the first uses."""


class Used(NamedTuple):
    """A use that a run must have: of an artifact that is, or contains, a model of a class."""

    model_type: type[Any] | str
    version: int | None
    """The version of the class that wrote the model."""
    label: str | None
    """The label under which the artifact was saved."""


def _is_query(given: object) -> TypeGuard[ArtifactQuery[Any]]:
    return isinstance(given, ArtifactQuery)


def _checked_artifacts(given: object) -> UUID | ArtifactQuery[Any]:
    if _is_query(given):
        return given
    try:
        return check_id(given)
    except InvalidNodeIdError as error:
        msg = f"used takes a model class, the stored name of one, an artifact or a query for some: {error}"
        raise QueryError(msg) from error


def checked_use(model_type: object, version: object, label: str | None) -> Used:
    """Check the arguments of `used` and return them.

    Raises:
        QueryError: `model_type` is neither a model class nor a name, or `version` is not a whole number.
    """
    if isinstance(model_type, str):
        check_label(model_type, "The name of a model")
    elif not is_class_of_models(model_type):
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


class Related(NamedTuple):
    """Artifacts of which a run must have used one, or of which one must belong to it."""

    how: Literal["used", "having"]
    artifacts: UUID | ArtifactQuery[Any] | Sequence[UUID] | Select[Any]
    """An id, a query, or what a query stands for: ids, or a select of ids."""


def _related_runs(related: Related) -> Select[Any]:
    """Select the ids of the runs that are related to artifacts."""
    artifact, found = node_table.alias("related"), related.artifacts
    if isinstance(found, UUID):
        of_found = artifact.c.node_id == found
    elif isinstance(found, Select):
        of_found = in_precomputed(artifact.c.node_id, found)
    else:
        assert not isinstance(found, ArtifactQuery)  # `_resolved` has replaced it
        of_found = artifact.c.node_id.in_(found)
    if related.how == "having":
        return select(artifact.c.parent_id).where(of_found, artifact.c.parent_id.is_not(None))
    link = link_table.alias("related_link")
    joined = artifact.join(link, link.c.source_id == artifact.c.tree_root_id)
    return select(link.c.target_id).select_from(joined).where(of_found, link.c.kind == "used")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class RunSelect(RunTables):
    """A query for runs."""

    _used: tuple[Used, ...] = ()
    _related: tuple[Related, ...] = ()
    _top: bool = False

    def top_level(self) -> Self:
        """Keep only runs that belong to no other run."""
        return replace(self, _top=True)

    def used(
        self,
        artifact: type[AnyModel] | NodeId | ArtifactQuery[Any],
        *,
        version: int | None = None,
        label: str | None = None,
    ) -> Self:
        """Keep only runs that used an artifact, in addition to earlier calls.

            affected = await select(Run).used(Tokenizer, version=3).all()       # any model of this class
            affected = await select(Run).used(tokenizer.node_id).all()         # this one
            affected = await select(Run).used(select(Report).where(c.accuracy < 0.1)).all()

        A run used a model if it used the artifact that is the model or contains it. A class stands for the models of
        this class and of derived ones. With `version`, only models written by that version of the class count. With
        `label`, only artifacts saved under that label count.

        Args:
            artifact: a model class, the stored name of a class that is not here, an artifact or its id, or a query.
            version: the version of the class.
            label: the label of the artifact.

        Raises:
            QueryError: `artifact` is of another type, or a version or label is given with an id or a query.
            InvalidLabelError: the label is not valid.
        """
        is_text = isinstance(artifact, str) and not is_id_text(artifact)
        if is_text or (isinstance(artifact, type) and not isinstance(artifact, ArtifactQuery)):
            return replace(self, _used=(*self._used, checked_use(artifact, version, label)))
        if version is not None or label is not None:
            msg = "used takes version= and label= with a model class; narrow a query by its own methods"
            raise QueryError(msg)
        return replace(self, _related=(*self._related, Related("used", _checked_artifacts(artifact))))

    def having(self, artifacts: ArtifactQuery[Any]) -> Self:
        """Keep only runs to which at least one result of a query belongs, in addition to earlier calls.

            c = columns(Report)
            good = await select(Run).having(select(Report).where(c.accuracy > 0.9)).all()

        Raises:
            QueryError: `artifacts` is no query for artifacts.
        """
        if not isinstance(artifacts, ArtifactQuery):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"having takes a query for artifacts, select(Report).where(...) say, not {artifacts!r:.100}"
            raise QueryError(msg)
        return replace(self, _related=(*self._related, Related("having", artifacts)))

    async def ids(self) -> list[UUID]:
        """Return the ids of the runs. Only values on which the database cannot decide are loaded."""
        return await RunTables.ids(await self._resolved())

    async def count(self) -> int:
        """Return the number of runs. Only values on which the database cannot decide are loaded."""
        return await RunTables.count(await self._resolved())

    async def _resolved(self) -> RunSelect:
        """Return the query with the select, or the ids, of the artifacts that it names."""
        found: list[Related] = []
        for related in self._related:
            artifacts = related.artifacts
            if isinstance(artifacts, ArtifactQuery):
                artifacts = await artifacts._source()  # pyright: ignore[reportPrivateUsage]
            if isinstance(artifacts, list) and len(artifacts) > _MOST_ARTIFACTS:
                msg = (
                    f"{related.how} takes at most {_MOST_ARTIFACTS:,} artifacts of a query that the database cannot "
                    f"answer alone, and these are {len(artifacts):,}; narrow the query"
                )
                raise QueryError(msg)
            found.append(Related(related.how, artifacts))
        return replace(self, _related=tuple(found))

    async def _reader(self, columns: Sequence[RunProperty]) -> RunRows:
        return RunRows([chosen_property(each) for each in columns or DEFAULT_PROPERTIES])

    @property
    def _kind(self) -> str:
        return "Run"

    def _rows(self) -> Sequence[ColumnElement[bool]]:
        if self._walks and not self._used and not self._related:
            return [is_top_level(in_order=True) if self._top else is_of_type_in_order("run")]
        is_run: ColumnElement[bool] = is_top_level(in_order=False) if self._top else root.c.node_type == "run"
        if self._leads or self._used or self._related:
            is_run = filter_only(is_run)
        elif self._few:
            is_run = expect_many_rows(is_run, root.c.node_id)
        related = [in_precomputed(root.c.node_id, _related_runs(each)) for each in self._related]
        return [is_run, *(self._uses(number, used) for number, used in enumerate(self._used)), *related]

    def _belonging(self, run_id: UUID, *, below: bool) -> ColumnElement[bool]:
        """Return the condition that runs belong to a run, or to a run below it.

        No run has a label, and every artifact has one. So the index of parents and labels finds the runs alone, however
        many artifacts belong to the same run.
        """
        if below:
            return PropertySelect[Run]._belonging(self, run_id, below=below)
        return expect_few_rows((root.c.parent_id == run_id) & root.c.label.is_(None), root.c.parent_id)

    def _uses(self, number: int, used: Used) -> ColumnElement[bool]:
        """Return the condition that rows of `root` are runs with a use."""
        models = Models(tuple(stored_names([used.model_type])), used.version, used.label)
        if self._leads:
            return root.c.node_id.in_(_users_of(models))
        few = None if self._limit is None else self._offset + self._limit
        if few is None or few > _FEW_USERS or not self._walks or len(self._used) > 1:
            return _has_used(models, number, None, newest=False)
        newest = self._order_keys()[0].descending if self._orders else self._newest_first
        return _has_used(models, number, few, newest=newest)

    async def _load(self, ids: Sequence[UUID]) -> list[tuple[UUID, Run]]:
        found = await read_runs(ids)
        return self._made([found[node_id] for node_id in ids if node_id in found])

    async def _load_page(self) -> list[tuple[UUID, Run]] | None:
        fetch = self._fetch_page()
        return None if fetch is None else self._made(await read_fetched_runs(fetch))

    def _fetch_page(self, *, counted: bool = False) -> FetchRows | None:
        """Return a function that fetches the rows of a page, by one walk along the ids; None for another query.

        The runs directly inside one run are also such a page, and those with one name or one status. With `counted`,
        the last columns are `cached_from_of`, and the number of runs that belong directly to the run.
        """
        if self._used or self._related or not self._few or self._limit is None or self._limit > _PAGE:
            return None
        kind = self._kind_of_page()
        bounds = None if kind is None else self._bounding_ids(kind.bounds)
        if kind is None or bounds is None or self._offset:
            if not self._walks:
                return None
            statement = with_columns(self._statement(*self._asked(), paged=True), counted=counted)
            return lambda connection: fetch_rows(connection, statement, {})
        backwards = self._order_keys()[0].descending if self._orders else self._newest_first
        form = PageForm(tuple(bounds), top=self._top, backwards=backwards, counted=counted)
        return fetch_page(kind, form, {**bounds, "limit": self._limit}, self._walking_page)

    def _kind_of_page(self) -> PageKind | None:
        """Return the kind of a page by fixed statements; None if the query asks for more."""
        if self._runs:
            [(run_id, below), *others] = self._runs
            return None if below or others or self._conditions else PageKind("inside", run_id, ())
        return kind_of_page(self._conditions)

    @staticmethod
    def _walking_page(form: PageForm, inside: Any) -> Any:
        """Return a statement that walks along the ids, or finds the runs inside of a run, with a limit."""
        runs = () if inside is None else ((inside, False),)
        query = RunSelect(_top=form.top, _newest_first=form.backwards, _limit=1, _runs=runs)
        return query._statement(*query._asked(), paged=True)

    def _bounding_ids(self, conditions: Sequence[Condition]) -> dict[str, UUID] | None:
        """Return the ids between which the results are, `older` and `newer`; None if conditions include the bounds."""
        query = self
        for leaf in (leaf for condition in conditions for leaf in leaves_of(condition)):
            if not isinstance(leaf, PropertyCompare) or leaf.operator not in ("<", ">"):
                return None
            query = query.older_than(leaf.value) if leaf.operator == "<" else query.newer_than(leaf.value)
        bounds = {"older": query._older, "newer": query._newer}
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def _made(self, rows: Sequence[RunRow]) -> list[tuple[UUID, Run]]:
        found: list[tuple[UUID, Run]] = []
        for row in rows:
            try:
                found.append((row.node_id, run_of_row(row)))
            except DeserializationError as error:
                error.node_id = row.node_id
                if self._skipped is None:
                    raise
                self._skipped.append(LoadFailure(row.node_id, None, error))
        return found
