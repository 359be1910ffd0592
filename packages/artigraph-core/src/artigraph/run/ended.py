"""Runs that are recorded when they have ended already, such as a call that was served from the cache."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from artigraph.graph.run_rows import RunRow
from artigraph.run._active import run_manager
from artigraph.run._captured import capture_environment
from artigraph.run._state import NO_PARENT, Run, row_at_start
from artigraph.run.values import set_fields


async def row_of_ended(run: Run, started_at: datetime, *, captures: bool) -> RunRow:
    """Return the row of a run that ends now, as a child of the active run, with its values.

    Args:
        run: the run, which was not entered.
        started_at: when it started.
        captures: whether to add the environment.
    """
    if captures:
        found = await asyncio.to_thread(capture_environment)
        set_fields(run, environment={**found, **(run.environment or {})})
    row = row_at_start(run)
    parent = run_manager(allow_none=True) if run.node_parent_id is None else None
    if parent is not None:
        await parent._ready()  # pyright: ignore[reportPrivateUsage]
    parent_id = run.node_parent_id if parent is None else parent.run.node_id
    return row._replace(
        parent_id=None if parent_id is NO_PARENT else parent_id,
        status="completed",
        started_at=started_at,
        ended_at=max(started_at, datetime.now(UTC)),
    )
