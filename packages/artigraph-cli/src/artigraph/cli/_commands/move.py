"""`artigraph move`."""

from __future__ import annotations

import click

from artigraph.cli._command import confirm, store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Output
from artigraph.cli._parameters import dry_run_option, yes_option


@store_command(storages=True, writes=True)
@click.argument("source")
@click.argument("target")
@dry_run_option
@yes_option
async def move(output: Output, *, source: str, target: str, dry_run: bool, yes: bool) -> ExitCode:
    """Copy the objects of a storage to another one, and use them there.

    SOURCE and TARGET are names of storages. It prints what would be copied and asks. The objects of the source stay.
    The exit code is 4 if something remains in the source, or a row of it is malformed.
    """
    from artigraph.cli._plan import progress
    from artigraph.cli._reports import copy_document
    from artigraph.maintenance import copy_objects

    report = None
    for is_plan in (True, False) if dry_run or not yes else (False,):
        with progress(output) as show:
            report = await copy_objects(source, target, dry_run=is_plan, progress=show)
        output.text(copy_document(report).to_dict(), report.render().split("\n"))
        if is_plan:
            if dry_run or not report.planned.count:
                return ExitCode.FOUND if report.malformed else ExitCode.OK
            confirm("Copy this?", yes=yes)
    return ExitCode.OK if report is None or report.ok else ExitCode.FOUND
