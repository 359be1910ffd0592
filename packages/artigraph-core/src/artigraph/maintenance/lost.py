"""Marking runs whose process died."""

from __future__ import annotations

from uuid import UUID

from artigraph.db import current_database, in_session
from artigraph.errors import SessionStateError
from artigraph.graph import mark_lost_runs

__all__ = ["mark_lost"]


async def mark_lost() -> list[UUID]:
    """Mark as lost the runs whose lease ran out, by the database's clock, and return their ids.

    They are lost wherever they are read already, and the next start of a run marks them by the way: this is for
    databases in which none starts, and for queries of your own over `run_status`. A process that comes back takes its
    run up again.

    Raises:
        SessionStateError: a session is open here, which would keep the rows from others until it ends.
    """
    if in_session():
        msg = "mark_lost writes in a transaction of its own: call it outside of session_context()"
        raise SessionStateError(msg)
    await current_database()
    return await mark_lost_runs()
