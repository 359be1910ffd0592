"""`artigraph log MODEL/LABEL`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import complete_series, names


@store_command()
@click.argument("series", shell_complete=complete_series, metavar="MODEL/LABEL")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most this many.")
@click.option("--columns", callback=names, metavar="A,B", help="The fields to show. By default, all plain ones.")
@click.option("--after", metavar="CURSOR", help="The following page: the `next` of the one before.")
async def log(output: Output, series: str, *, limit: int, columns: list[str] | None, after: str | None) -> None:
    """List the versions of a series, the newest first."""
    from artigraph.cli._listing import artifact_columns, with_cells
    from artigraph.view import series_document
    from artigraph.view.references import find_series, shortest_prefixes

    page = await series_document(*await find_series(series), columns=columns, limit=limit, after=after)
    prefixes = await shortest_prefixes([item.artifact_id for item in page.versions]) if output.draws else {}
    fields = columns or list(dict.fromkeys(name for item in page.versions for name in item.columns))
    document = page.to_dict()
    shown = artifact_columns(fields, prefixes, model=False)
    output.table(document, with_cells(document["data"]["versions"]), shown, "No versions.")
