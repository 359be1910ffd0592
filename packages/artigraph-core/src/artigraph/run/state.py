"""What a run is, as a plain value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Literal
from uuid import UUID

from artigraph.graph import RunRow, RunStatus
from artigraph.ids import new_id

__all__ = ["NO_PARENT", "Run", "row_of_run", "run_of_row"]


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


def row_of_run(run: Run) -> RunRow:
    """Return a run as it is to be stored."""
    return RunRow(
        run.node_id,
        run.node_parent_id if isinstance(run.node_parent_id, UUID) else None,
        run.status,
        run.started_at or datetime.now(UTC),
        run.ended_at,
        run.error_type,
        run.error_message,
    )


def run_of_row(row: RunRow) -> Run:
    """Return a run as it is stored."""
    return Run(
        row.parent_id,
        row.node_id,
        status=row.status,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_type=row.error_type,
        error_message=row.error_message,
    )
