"""`artigraph fsck`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Output


@store_command(storages=True, writes=True)
@click.option("--read", "subset", metavar="PART", help="Also read this part of the objects, 5% say.")
async def fsck(output: Output, subset: str | None) -> ExitCode:
    """Check all rows and objects, and report what is wrong. It changes nothing.

    The exit code is 4 if it finds a problem.
    """
    from artigraph.cli._plan import progress
    from artigraph.cli._reports import fsck_document
    from artigraph.maintenance import fsck as check

    with progress(output) as report_progress:
        report = await check(read_data_subset=subset, progress=report_progress)
    output.text(fsck_document(report).to_dict(), report.render().split("\n"))
    return ExitCode.OK if report.ok else ExitCode.FOUND
