"""`artigraph tag RUN NAME=VALUE...`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output
from artigraph.cli._parameters import complete_references


def _pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in value:
        name, equals, tag = text.partition("=")
        if not name or not equals:
            msg = f"{text!r} is not of the form NAME=VALUE, such as team=vision"
            raise click.BadParameter(msg, ctx, param)
        found[name] = tag
    return found


@store_command(writes=True)
@click.argument("run", shell_complete=complete_references, metavar="RUN")
@click.argument("tags", nargs=-1, required=True, callback=_pairs, metavar="NAME=VALUE...")
async def tag(output: Output, run: str, tags: dict[str, str]) -> None:
    """Add tags to a run, and print all its tags. A tag replaces the one of the same name."""
    from artigraph.cli._documents import TagItem, TagsPage
    from artigraph.errors import QueryError
    from artigraph.graph.run_rows import read_runs
    from artigraph.graph.runs import replace_values
    from artigraph.run.values import MOST_VALUES, value_rows, values_of
    from artigraph.view.references import find_node

    run_id = await find_node(run)
    if run_id not in await read_runs([run_id]):
        msg = f"{run} is an artifact or a part of one. Only runs have tags"
        raise QueryError(msg)
    await replace_values(run_id, value_rows("tag", tags), most=MOST_VALUES)
    now, _, _ = values_of((await read_runs([run_id]))[run_id])
    document = TagsPage(tuple(TagItem(name, now[name]) for name in sorted(now)), None).to_dict()
    output.table(document, document["data"], [Column("name"), Column("value")], "The run has no tags.")
