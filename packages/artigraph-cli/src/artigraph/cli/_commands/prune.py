"""`artigraph prune`."""

from __future__ import annotations

from typing import Any

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Output
from artigraph.cli._parameters import age, dry_run_option, yes_option


def _counts(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, int] | None:
    """Return how many artifacts to keep by label, from texts such as "checkpoint=3"."""
    found: dict[str, int] = {}
    for text in value:
        label, _, count = text.rpartition("=")
        if not label or not count.isdecimal():
            msg = f"{text!r} is not of the form LABEL=NUMBER, such as checkpoint=3"
            raise click.BadParameter(msg, ctx, param)
        found[label] = int(count)
    return found or None


@store_command(storages=True, writes=True)
@click.option("--older-than", callback=age, help="Artifacts and runs older than this: 90d, 12h, or a time.")
@click.option(
    "--keep-newest",
    multiple=True,
    callback=_counts,
    metavar="LABEL=N",
    help="All but the newest N of a label.",
)
@click.option("--failed-runs", is_flag=True, help="Runs that ended with an exception.")
@click.option("--keep-used", is_flag=True, help="Keep what remaining runs have used, and its history.")
@click.option("--keep-cached", is_flag=True, help="Keep the runs that can still serve calls of cached functions.")
@click.option("--cascade", is_flag=True, help="Also delete the runs that used a deleted artifact.")
@dry_run_option
@yes_option
async def prune(output: Output, *, dry_run: bool, yes: bool, **rule: Any) -> None:
    """Delete old artifacts and runs by a rule: --older-than, --keep-newest or --failed-runs.

    It prints the plan and asks. With another rule, --older-than narrows what that rule selects. An artifact that an
    alias points to is kept, and so are the runs it belongs to.
    """
    from functools import partial

    from artigraph.cli._plan import delete_by_plan
    from artigraph.cli._reports import deletion_document
    from artigraph.deletion import prune as prune_store

    work = partial(prune_store, **rule)
    await delete_by_plan(
        output, work, deletion_document, is_empty=lambda plan: not plan.nodes, dry_run=dry_run, yes=yes
    )
