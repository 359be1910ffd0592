"""`artigraph doctor`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Output


@store_command(storages=True, examines=True)
@click.option("--gc", is_flag=True, help="Count what gc would delete, too. It lists the storages.")
@click.option(
    "--time-limit", type=click.FloatRange(0.1, 3600), default=10, show_default=True, help="Seconds for a look."
)
async def doctor(output: Output, *, gc: bool, time_limit: float) -> ExitCode:
    """Examine the store and its surroundings, and say what to do. It writes nothing.

    The exit code is 4 if there is an error among the findings.
    """
    from artigraph.cli._reports import doctor_document
    from artigraph.maintenance import doctor as examine

    report = await examine(gc=gc, time_limit=time_limit)
    output.text(doctor_document(report).to_dict(), str(report).split("\n"))
    return ExitCode.FOUND if report.level == "error" else ExitCode.OK
