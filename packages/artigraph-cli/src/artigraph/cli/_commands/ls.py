"""`artigraph ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import age, complete_models, names

if TYPE_CHECKING:
    from artigraph.cli._listing import Request

_STATUSES = ("running", "completed", "failed", "cancelled", "lost")


@store_command()
@click.option("-m", "--model", shell_complete=complete_models, help="Artifacts of this model, with their fields.")
@click.option("--series", is_flag=True, help="Series, with the numbers of their versions.")
@click.option("--runs", is_flag=True, help="Runs.")
@click.option("-w", "--where", metavar="EXPR", help="Only those for which this is true: 'accuracy > 0.5'.")
@click.option("--since", callback=age, help="Only those made since then: 7d, 12h, or a time.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs with this status.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="In the order of this column, also results.LABEL.FIELD of runs; -COLUMN for the greatest first.",
)
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most this many.")
@click.option(
    "--columns", callback=names, metavar="A,B", help="The fields to show; parameters.rate or tags.team of runs."
)
@click.option("--after", metavar="CURSOR", help="The following page: the `next` of the one before.")
async def ls(output: Output, **options: Any) -> None:
    """List artifacts, series or runs, the newest first. Without options, it lists artifacts of all models.

    EXPR is a Python comparison of fields, such as: accuracy > 0.5 and data.name == "train". For runs it is of name,
    status, started_at, parameters.NAME, tags.NAME and the like. Nothing is evaluated.
    """
    from artigraph.cli._listing import Request, list_artifacts, list_runs, list_series

    request = Request(**options)
    _check(request)
    if request.runs:
        await list_runs(output, request)
    elif request.series:
        await list_series(output)
    else:
        await list_artifacts(output, request)


def _check(request: Request) -> None:
    if sum((request.model is not None, request.series, request.runs)) > 1:
        msg = "--model, --series and --runs exclude each other"
        raise click.UsageError(msg)
    kinds = {"--model": request.model is not None, "--runs": request.runs}
    for option, value, allowed in (
        ("--where", request.where, ("--model", "--runs")),
        ("--sort", request.sort, ("--model", "--runs")),
        ("--columns", request.columns, ("--model", "--runs")),
        ("--status", request.status, ("--runs",)),
    ):
        if value is not None and not any(kinds[kind] for kind in allowed):
            msg = f"{option} needs {' or '.join(allowed)}"
            raise click.UsageError(msg)
    if request.sort is not None and request.after is not None:
        msg = "--after excludes --sort: only the order of time has pages"
        raise click.UsageError(msg)
    if request.series and (request.since is not None or request.after is not None):
        msg = "--series excludes --since and --after"
        raise click.UsageError(msg)
