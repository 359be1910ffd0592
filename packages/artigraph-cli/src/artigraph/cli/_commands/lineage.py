"""`artigraph lineage REF`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import complete_references, depth

if TYPE_CHECKING:
    from artigraph.lineage import Lineage

_HOW = Literal["tree", "mermaid", "dot", "svg", "openlineage"]


@store_command()
@click.argument("ref", shell_complete=complete_references)
@click.option("--up", callback=depth, metavar="N", help="What it was made from, N edges far, or `all`.")
@click.option("--down", callback=depth, metavar="N", help="What was made from it, N edges far, or `all`.")
@click.option("--to", shell_complete=complete_references, metavar="REF", help="Only the paths to this node.")
@click.option("--format", "how", type=click.Choice(["tree", "mermaid", "dot", "svg", "openlineage"]), default="tree")
@click.option(
    "--collapse",
    type=click.Choice(["series"]),
    help="Draw all versions of a series as one box, and all runs of one name (svg).",
)
async def lineage(
    output: Output,
    ref: str,
    *,
    up: int | None,
    down: int | None,
    to: str | None,
    how: _HOW,
    collapse: Literal["series"] | None,
) -> None:
    """Show what an artifact or a run was made from, and what was made from it.

    Without --up and --down it is all that the node was made from. From a run to an artifact is one edge.
    """
    from artigraph.cli._lineage import graph_lines, lineage_document, merged
    from artigraph.lineage import ancestors, descendants, paths
    from artigraph.view.references import find_node

    if to is not None and (up is not None or down is not None):
        msg = "--to excludes --up and --down"
        raise click.UsageError(msg)
    if collapse is not None and how != "svg":
        msg = "--collapse needs --format svg"
        raise click.UsageError(msg)
    node_id = await find_node(ref)
    found: dict[Literal["up", "down"], Lineage] = {}
    if to is not None:
        found["down"] = await paths(node_id, await find_node(to))
    elif up is not None or down is None:
        found["up"] = await ancestors(node_id, None if up in (None, -1) else up)
    if down is not None:
        found["down"] = await descendants(node_id, None if down == -1 else down)
    whole = merged(list(found.values()))
    output.pages(lineage_document(whole).to_dict(), graph_lines(whole, found, how, collapse))
