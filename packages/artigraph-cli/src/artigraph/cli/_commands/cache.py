"""`artigraph cache {ls,explain,clear}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artigraph.cli._command import store_command
from artigraph.cli._exit_codes import ExitCode
from artigraph.cli._output import Column, Output, moment
from artigraph.cli._parameters import complete_functions, complete_references, dry_run_option, yes_option

if TYPE_CHECKING:
    from artigraph.progress import ProgressCallback
    from artigraph.tracking import ClearReport


class UnknownFunctionError(click.ClickException):
    """No function of this name has cached results."""

    exit_code = ExitCode.NOT_FOUND


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cache() -> None:
    """List functions with cached results, say why a run was served or computed, and forget results."""


@store_command(cache, "ls")
async def ls(output: Output) -> None:
    """List the functions that have cached results.

    Results are calls that were computed, and can serve later ones. Hits are calls that were served.
    """
    from artigraph.cli._cache import functions_page
    from artigraph.tracking import cached_functions
    from artigraph.view.references import shortest_prefixes

    found = await cached_functions()
    ids = [each.newest_run_id for each in found]
    texts = {str(key): text for key, text in (await shortest_prefixes(ids)).items()} if output.draws else {}

    def shortened(node_id: object) -> str:
        return texts.get(str(node_id), str(node_id))

    document = functions_page(found).to_dict()
    columns = [
        Column("function", keep=4),
        Column("results", keep=3, right=True),
        Column("hits", keep=3, right=True),
        Column("newest_at", moment, keep=2),
        Column("newest_run_id", shortened, keep=1, style="cyan"),
    ]
    output.table(document, document["data"], columns, "No function has cached results.")


@store_command(cache, "explain")
@click.argument("run", shell_complete=complete_references, metavar="RUN")
async def explain(output: Output, run: str) -> None:
    """Say why a run was served from the cache, or why it was computed.

    A run that was computed is compared with the nearest earlier run of its function.
    """
    from artigraph.cli._cache import explanation_document, explanation_lines
    from artigraph.errors import QueryError
    from artigraph.graph.run_rows import read_runs
    from artigraph.tracking import explain_run
    from artigraph.view.references import find_node

    run_id = await find_node(run)
    if run_id not in await read_runs([run_id]):
        msg = f"{run} is an artifact or a part of one. Only runs are explained"
        raise QueryError(msg)
    found = await explain_run(run_id)
    output.text(explanation_document(run_id, found).to_dict(), explanation_lines(run_id, found))


@store_command(cache, "clear", writes=True)
@click.argument("function", shell_complete=complete_functions, required=False, metavar="[FUNCTION]")
@click.option("--all", "everything", is_flag=True, help="The results of all functions.")
@dry_run_option
@yes_option
async def clear(output: Output, *, function: str | None, everything: bool, dry_run: bool, yes: bool) -> None:
    """Forget the results of a function. Runs and artifacts stay.

    The next calls are computed. FUNCTION is its name with the module, as `artigraph cache ls` shows it, or the end of
    that: train, or steps.train. It prints the plan and asks.
    """
    from artigraph.cli._cache import clear_document
    from artigraph.cli._plan import delete_by_plan
    from artigraph.tracking import clear_cache

    if (function is None) != everything:
        msg = "Name a function, or add --all to forget the results of all functions"
        raise click.UsageError(msg)
    name = None if function is None else await _full_name(function)

    async def work(*, dry_run: bool, progress: ProgressCallback | None) -> ClearReport:
        del progress  # it takes one statement
        return await clear_cache(name, dry_run=dry_run)

    await delete_by_plan(
        output,
        work,
        clear_document,
        is_empty=lambda plan: not plan.results,
        dry_run=dry_run,
        yes=yes,
        question="Forget these results?",
    )


async def _full_name(function: str) -> str:
    """Return the name with the module of a function, from that or from the end of it.

    Raises:
        UnknownFunctionError: no function has such a name.
        click.UsageError: several do.
    """
    from artigraph.tracking import cached_functions

    names = [each.function for each in await cached_functions()]
    found = [name for name in names if name == function] or [name for name in names if name.endswith(f".{function}")]
    if not found:
        msg = f"No function {function!r} has cached results. `artigraph cache ls` lists those that have"
        raise UnknownFunctionError(msg)
    if len(found) > 1:
        msg = f"{function!r} is the end of several names: {', '.join(map(repr, found))}"
        raise click.UsageError(msg)
    return found[0]
