"""`artigraph rm REF...`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import complete_references, dry_run_option, yes_option


@store_command(storages=True, writes=True)
@click.argument("refs", nargs=-1, required=True, shell_complete=complete_references, metavar="REF...")
@click.option("--cascade", is_flag=True, help="Also delete the runs that used one, and aliases that point to one.")
@dry_run_option
@yes_option
async def rm(output: Output, refs: tuple[str, ...], *, cascade: bool, dry_run: bool, yes: bool) -> None:
    """Delete artifacts, and runs with everything in them.

    It prints the plan and asks. An artifact that a remaining run used, or that an alias points to, is refused without
    --cascade. Objects that other artifacts share stay.
    """
    from functools import partial

    from artigraph.cli._plan import delete_by_plan
    from artigraph.cli._reports import deletion_document
    from artigraph.deletion import delete
    from artigraph.view.references import find_nodes

    work = partial(delete, await find_nodes(refs), cascade=cascade)
    await delete_by_plan(
        output, work, deletion_document, is_empty=lambda plan: not plan.nodes, dry_run=dry_run, yes=yes
    )
