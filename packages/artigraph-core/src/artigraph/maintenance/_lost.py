"""Marking runs whose process died."""

from __future__ import annotations

from uuid import UUID

from artigraph.db import in_session
from artigraph.errors import SessionStateError
from artigraph.graph.leases import mark_lost_runs


async def mark_lost() -> list[UUID]:
    """Mark runs as lost whose lease has expired by the database's clock, and return their ids.

    Reading such a run reports it as lost already, and a run that starts a minute later marks it. Call this for a
    database in which no run starts, or before your own queries over `run_status`. A process that continues after a
    pause takes up its run again.

    Raises:
        SessionStateError: a session is open here. It would keep the rows locked until it ends.
    """
    if in_session():
        msg = "mark_lost writes in a transaction of its own: call it outside of session_context()"
        raise SessionStateError(msg)
    return await mark_lost_runs()
