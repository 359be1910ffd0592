"""What a run is, as a plain value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal
from uuid import UUID

from artigraph.graph import RunRow, RunStatus
from artigraph.ids import new_id
from artigraph.labels import check_label
from artigraph.run.metadata import value_rows, values_of
from artigraph.serializer.search_key import search_key

__all__ = ["NO_PARENT", "Run", "row_at_start", "row_of_run", "run_of_row"]


class _NoParent(Enum):
    """The type of `NO_PARENT`."""

    NO_PARENT = "NO_PARENT"

    def __repr__(self) -> str:
        return self.value


NO_PARENT: Final = _NoParent.NO_PARENT
"""The parent of a run that is to have none, even where another run is active."""


@dataclass
class Run:
    """A run: what artifacts, and further runs, belong to."""

    node_parent_id: UUID | Literal[_NoParent.NO_PARENT] | None = None
    """The run that this one belongs to. None means the run that is active when this one is entered, if there is one;
    `NO_PARENT` means none in any case. Settled when the run is entered."""
    node_id: UUID = field(default_factory=new_id)
    """The run's id, from the moment it is made."""
    status: RunStatus = field(default="new", kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    """When it was entered, in UTC."""
    ended_at: datetime | None = field(default=None, kw_only=True)
    """When it ended, in UTC; never before `started_at`, whatever the clock did."""
    error_type: str | None = field(default=None, kw_only=True)
    """Of a failed run: the qualified name of the exception's class."""
    error_message: str | None = field(default=None, kw_only=True)
    """Of a failed run: the exception's message, cut to 4,000 code points."""
    name: str | None = field(default=None, kw_only=True)
    """What it is called; names may repeat."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    """Texts by name, to find it by; `RunManager.add_tags` adds some while it runs."""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any], kw_only=True)
    """Plain values by name, to find it by; settled when it is entered."""
    environment: Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False)
    """What it ran in, by name: what `RunManager(run, capture_environment=True)` found, or what you know of it."""


def row_of_run(run: Run) -> RunRow:
    """Return the state of a run as it is to be stored."""
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
    """Return a run as it is to be stored when it starts, with all that is known of it.

    Raises:
        InvalidLabel: its name, that of a tag or so, or a tag breaks the rule for labels.
        SerializationError: a parameter, or something of its environment, is no plain value, or too large.
        TypeError: what is to be a mapping is none.
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
    """Return a run as it is stored.

    Raises:
        DeserializationError: a newer release, or somebody else, wrote a value that cannot be read.
    """
    return Run(
        row.parent_id,
        row.node_id,
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_type=row.error_type,
        error_message=row.error_message,
        name=row.name,
        tags=values_of(row, "tag"),
        parameters=values_of(row, "parameter"),
        environment=values_of(row, "environment") or None,
    )
