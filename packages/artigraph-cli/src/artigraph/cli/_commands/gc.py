"""`artigraph gc`."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import age, dry_run_option, yes_option


@store_command(storages=True, writes=True)
@click.option("--grace", callback=age, help="Keep objects younger than this, 7d say: saves may be using them.")
@dry_run_option
@yes_option
async def gc(output: Output, *, grace: timedelta | datetime | None, dry_run: bool, yes: bool) -> None:
    """Remove the objects that nothing refers to.

    It prints what would be deleted and asks. Saves may run at the same time.
    """
    from functools import partial

    from artigraph.cli._plan import delete_by_plan
    from artigraph.cli._reports import gc_document
    from artigraph.maintenance import GcReport
    from artigraph.maintenance import gc as collect

    if isinstance(grace, datetime):
        msg = "--grace is an age, such as 7d, and no point in time"
        raise click.UsageError(msg)

    def is_empty(plan: GcReport) -> bool:
        return not (plan.unused.count or plan.unregistered.count or plan.unfinished.count)

    work = collect if grace is None else partial(collect, grace=grace)
    await delete_by_plan(output, work, gc_document, is_empty=is_empty, dry_run=dry_run, yes=yes)
