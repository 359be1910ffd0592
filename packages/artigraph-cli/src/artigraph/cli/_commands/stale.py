"""`artigraph stale REF`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Column, Output, moment
from artigraph.cli._parameters import complete_references


@store_command()
@click.argument("ref", shell_complete=complete_references)
@click.option("--exit-code", is_flag=True, help="Exit with 4 if an input has a newer version.")
async def stale(output: Output, ref: str, *, exit_code: bool) -> ExitCode:
    """Show which inputs of an artifact or a run, at any distance, have newer versions than those that were used.

    The versions of a series are the artifacts of one model and label. The distance of an input is the number of edges
    to it.
    """
    from artigraph.view import stale_document
    from artigraph.view.references import find_node, shortest_prefixes

    found = await stale_document(await find_node(ref))
    ids = [node_id for item in found.inputs for node_id in (item.artifact_id, item.newest_id)]
    prefixes = await shortest_prefixes(ids) if output.draws else {}
    texts = {str(node_id): prefix for node_id, prefix in prefixes.items()}

    def shortened(node_id: object) -> str:
        return texts.get(str(node_id), str(node_id))

    document = found.to_dict()
    shown = [
        Column("artifact_id", shortened, keep=9, style="cyan"),
        Column("model_name", keep=8),
        Column("label", keep=7),
        Column("newer", keep=6, right=True),
        Column("newest_id", shortened, keep=6, style="cyan"),
        Column("distance", keep=3, right=True),
        Column("created_at", moment, keep=4),
        Column("newest_created_at", moment, keep=5),
    ]
    output.table(document, document["data"]["inputs"], shown, "Nothing it was made from has a newer version.")
    if found.total > len(found.inputs):
        output.note(f"{found.total - len(found.inputs):,} more inputs have newer versions.")
    return ExitCode.FOUND if exit_code and found.total else ExitCode.OK
