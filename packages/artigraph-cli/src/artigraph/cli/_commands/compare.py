"""`artigraph compare RUN RUN...`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output
from artigraph.cli._parameters import complete_references


@store_command()
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_references, metavar="RUN RUN...")
@click.option("--all", "everything", is_flag=True, help="Also what is equal in all runs.")
async def compare(output: Output, runs: tuple[str, ...], *, everything: bool) -> None:
    """Show in what runs differ: parameters, tags, environment, and the plain fields of what they produced."""
    from artigraph.view import compare_runs
    from artigraph.view.references import find_nodes, shortest_prefixes

    ids = await find_nodes(runs)
    found = await compare_runs(ids, only_differences=not everything)
    prefixes = await shortest_prefixes(ids) if output.draws else {}
    titles = [f"{item.name or 'run'} {prefixes.get(item.run_id, str(item.run_id))}" for item in found.runs]
    document = found.to_dict()
    rows = [
        {"kind": row["kind"], "name": row["name"], **dict(zip(titles, row["values"], strict=True))}
        for row in document["data"]["rows"]
    ]
    shown = [Column("kind"), Column("name", keep=2), *(Column(title, keep=1) for title in titles)]
    output.table(document, rows, shown, "The runs are equal in everything that is compared.")
    if found.cut:
        output.note("The runs have more values than are compared.")
