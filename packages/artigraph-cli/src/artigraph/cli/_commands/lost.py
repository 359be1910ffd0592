"""`artigraph lost`."""

from __future__ import annotations

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output


@store_command(writes=True)
async def lost(output: Output) -> None:
    """Mark runs whose process died as lost, and list them.

    Such a run shows as lost anyway, and a run that starts a minute later marks it.
    """
    from artigraph.cli._documents import LostItem, LostPage
    from artigraph.maintenance import mark_lost

    document = LostPage(tuple(LostItem(run_id) for run_id in await mark_lost()), None).to_dict()
    output.table(document, document["data"], [Column("run_id")], "No run is newly lost.")
