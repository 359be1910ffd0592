"""A run as a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from uuid import UUID

from artigraph.errors import InvalidNodeIdError
from artigraph.graph.run_rows import RunRow, RunStatus
from artigraph.identifiers import NodeId, check_id, check_label, new_id
from artigraph.run.values import cached_from, refuse_assignment, value_rows, values_of
from artigraph.serializer.search_key import search_key

if TYPE_CHECKING:
    from artigraph.html import Part


class _NoParent(Enum):
    """The type of `NO_PARENT`."""

    NO_PARENT = "NO_PARENT"

    def __repr__(self) -> str:
        return self.value


_EMPTY: Mapping[str, Any] = MappingProxyType({})
NO_PARENT: Final = _NoParent.NO_PARENT
"""Stands for no parent: the run has none, even if another run is active."""


@dataclass
class Run:
    """A run, to which artifacts and further runs belong.

    Fill it in before you enter it. From then on its fields are read-only: assigning to a field, or changing one of its
    mappings, raises a `RunStateError` that names the method to call instead. A run that was loaded is read-only too.
    """

    node_parent_id: UUID | Literal[_NoParent.NO_PARENT] | None = None
    """The run that this one belongs to.

    None means the run that is active when this one is entered, if there is one. `NO_PARENT` always means none. It is
    read-only once the run is entered.
    """
    node_id: UUID = field(default_factory=new_id)
    """The run's id, from the moment it is made."""
    status: RunStatus = field(default="new", kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    """When it was entered, in UTC."""
    ended_at: datetime | None = field(default=None, kw_only=True)
    """When it ended, in UTC. Never before `started_at`, even if the clock was set back."""
    error_type: str | None = field(default=None, kw_only=True)
    """The qualified name of the exception's class if the run failed."""
    error_message: str | None = field(default=None, kw_only=True)
    """The exception's message if the run failed, cut to 4,000 code points."""
    name: str | None = field(default=None, kw_only=True)
    """The run's name. Several runs may have the same."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    """Strings by name, to find the run by. `RunManager.add_tags` adds some after the run was entered."""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=True)
    """Plain values by name, to find the run by. `RunManager.add_parameters` adds some after the run was entered."""
    environment: Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False)
    """The run's environment by name: found by `RunManager(run, capture_environment=True)`, or given by you."""
    cached_from: UUID | None = field(default=None, kw_only=True, repr=False)
    """The run that computed the result, if a cached call of a tracked function was served. Artigraph sets it."""

    def __init__(  # noqa: PLR0913 (a field each)
        self,
        node_parent_id: NodeId | Literal[_NoParent.NO_PARENT] | None = None,
        node_id: NodeId | None = None,
        *,
        status: RunStatus = "new",
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
        name: str | None = None,
        tags: Mapping[str, str] = _EMPTY,
        parameters: Mapping[str, Any] = _EMPTY,
        environment: Mapping[str, Any] | None = None,
        cached_from: NodeId | None = None,
    ) -> None:
        self.node_parent_id = cast("UUID", node_parent_id)  # __setattr__ converts it to an id
        self.node_id = new_id() if node_id is None else cast("UUID", node_id)
        self.status = status
        self.started_at = started_at
        self.ended_at = ended_at
        self.error_type = error_type
        self.error_message = error_message
        self.name = name
        self.tags = {} if tags is _EMPTY else tags
        self.parameters = {} if parameters is _EMPTY else parameters
        self.environment = environment
        self.cached_from = cast("UUID", cached_from)

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.run._html import run_view

        return render(attempt(lambda: run_view(self)))

    def _artigraph_cells(self) -> Mapping[str, Part]:
        from artigraph.run._html import run_cells

        return run_cells(self)

    def __setattr__(self, name: str, value: object) -> None:
        """Set a field of a run that was not entered yet.

        Raises:
            RunStateError: the run was entered before, or was loaded.
            InvalidNodeIdError: the value of an id field identifies no node.
        """
        if self.__dict__.get("status", "new") != "new" and name in self.__dict__:  # but not during __init__
            refuse_assignment(self.node_id, name, value)
        may_be_absent = name in ("node_parent_id", "cached_from")
        if name == "node_id" or (may_be_absent and value is not None and value is not NO_PARENT):
            value = _checked_id(name, value)
        object.__setattr__(self, name, value)


def _checked_id(name: str, value: object) -> UUID:
    try:
        return check_id(value)
    except InvalidNodeIdError as error:
        msg = f"The {name} of a run: {error}"
        if name == "node_parent_id" and isinstance(value, str):
            msg = f"The first argument of Run is its parent, and {value!r:.100} is no id: write Run(name={value!r:.80})"
        raise InvalidNodeIdError(msg) from None


def row_of_run(run: Run) -> RunRow:
    """Return the row of a run, as it is stored."""
    return RunRow(
        run.node_id,
        run.node_parent_id if isinstance(run.node_parent_id, UUID) else None,
        run.status,
        run.started_at or datetime.now(UTC),
        run.ended_at,
        run.error_type,
        run.error_message,
    )


def row_at_start(run: Run) -> RunRow:
    """Return the row of a run at its start, with its name, tags, parameters and environment.

    Raises:
        InvalidLabelError: its name, the name of a value, or a tag breaks the rule for labels.
        SerializationError: a parameter or a value of its environment is no plain value, or is too large.
        ArgumentError: its tags, parameters or environment are no mapping.
    """
    name = None if run.name is None else check_label(run.name, "The name of a run")
    values = [
        *value_rows("tag", run.tags),
        *value_rows("parameter", run.parameters),
        *value_rows("environment", {} if run.environment is None else run.environment),
    ]
    key = None if name is None else search_key(name)
    return row_of_run(run)._replace(name=name, name_key=key, values=values)


def run_of_row(row: RunRow) -> Run:
    """Return the run that a row stores.

    Raises:
        DeserializationError: a value cannot be read; a newer release or another program wrote it.
    """
    tags, parameters, environment = values_of(row)
    run = object.__new__(Run)  # without __init__, which checks each field
    run.__dict__.update(
        node_parent_id=row.parent_id,
        node_id=row.node_id,
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_type=row.error_type,
        error_message=row.error_message,
        name=row.name,
        tags=tags,
        parameters=parameters,
        environment=environment or None,
        cached_from=cached_from(row),
    )
    return run
