"""`artigraph diff A B`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Column, Output
from artigraph.cli._parameters import complete_references

_COLUMNS = [Column("path", keep=2), Column("kind"), Column("before", keep=1), Column("after", keep=1)]


@store_command(storages=True)
@click.argument("before", shell_complete=complete_references, metavar="A")
@click.argument("after", shell_complete=complete_references, metavar="B")
@click.option("--exit-code", is_flag=True, help="Exit with 4 if there is a difference.")
async def diff(output: Output, before: str, after: str, *, exit_code: bool) -> ExitCode:
    """Show what differs between two artifacts, field by field, or between two runs.

    Values that are no plain values, such as frames, are compared by their stored bytes. Of runs, parameters, tags,
    environments and the artifacts in them are compared by name.
    """
    from artigraph.view import diff_document
    from artigraph.view.references import find_nodes

    document = (await diff_document(*await find_nodes([before, after]))).to_dict()
    rows = [{**row, "path": row["path"] or "(itself)"} for row in document["data"]]
    output.table(document, rows, _COLUMNS, "No differences.")
    return ExitCode.FOUND if exit_code and rows else ExitCode.OK
