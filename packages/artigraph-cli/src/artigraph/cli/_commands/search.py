"""`artigraph search TEXT`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output

_COLUMNS = [
    Column("kind", keep=3),
    Column("text", keep=4),
    Column("name"),
    Column("model_name"),
    Column("node_id", keep=2),
]


@store_command()
@click.argument("text")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most this many.")
async def search(output: Output, text: str, *, limit: int) -> None:
    """Find ids, models, labels, names of runs, and tags that begin with a text. `team=vis` is of a tag's value."""
    from artigraph.view import search as search_store

    document = (await search_store(text, limit=limit)).to_dict()
    output.table(document, document["data"]["hits"], _COLUMNS, "Nothing begins with this text.")
