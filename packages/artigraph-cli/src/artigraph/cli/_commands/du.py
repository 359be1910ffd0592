"""`artigraph du`."""

from __future__ import annotations

from typing import Literal

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output, size


@store_command()
@click.option("--by", type=click.Choice(["model", "storage", "run"]), default="model", show_default=True)
async def du(output: Output, by: Literal["model", "storage", "run"]) -> None:
    """Show how much values take, by model, storage or name of runs. With --json it is all three.

    An object that several values share counts for each model and run, and once for its storage.
    """
    from artigraph.view import storage_document

    document = (await storage_document()).to_dict()
    data = document["data"]
    if by == "storage":
        rows = [{**item, "storage": item["storage"] or "(database)"} for item in data["storages"]]
        first = [Column("storage", keep=2), Column("objects", right=True)]
    else:
        rows = [{**item, "name": item["name"] or "(none)"} for item in data["models" if by == "model" else "runs"]]
        first = [Column("name", keep=2), Column("artifacts", right=True), Column("values", right=True)]
    output.table(document, rows, [*first, Column("bytes", size, right=True, keep=1)], "The store has no values.")
