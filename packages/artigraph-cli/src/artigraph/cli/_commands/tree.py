"""`artigraph tree REF`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import complete_references


@store_command()
@click.argument("ref", shell_complete=complete_references)
async def tree(output: Output, ref: str) -> None:
    """Draw a run or an artifact with everything in it.

    A value is shown if it is short. No object is read from a storage.
    """
    from artigraph.cli._documents import TreeItem, TreePage
    from artigraph.outline import outline_of
    from artigraph.view.references import find_node

    outline = await outline_of(await find_node(ref))
    items: list[TreeItem] = []
    pending = [(outline, 0)]
    while pending:
        node, level = pending.pop()
        items.append(TreeItem(node.node_id, level, node.text))
        pending += [(child, level + 1) for child in reversed(node.children)]
    output.pages(TreePage(tuple(items), None).to_dict(), str(outline).split("\n"))
