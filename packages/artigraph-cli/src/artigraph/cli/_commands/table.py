"""`artigraph table MODEL -o PATH`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artigraph.cli._command import store_command
from artigraph.cli._files import force_option, new_file, target_option
from artigraph.cli._output import Output
from artigraph.cli._parameters import complete_models, names

_FORMATS = ("parquet", "csv", "json", "arrow")


@store_command()
@click.argument("model", shell_complete=complete_models)
@click.option("-w", "--where", metavar="EXPR", help="Only those for which this is true: 'accuracy > 0.5'.")
@click.option("-c", "--columns", callback=names, metavar="A,B", help="The fields to write. Otherwise all with values.")
@click.option("--run", "of_run", callback=names, metavar="A,B", help="Properties of runs: name,parameters.rate.")
@target_option
@force_option
async def table(output: Output, model: str, target: Path, *, force: bool, **chosen: Any) -> None:
    """Write the artifacts of a model to a file, one row for each.

    The ending of the file says how: .parquet, .csv, .json (lines of JSON) or .arrow. A column whose values are of
    several types becomes text, except in JSON.
    """
    import asyncio

    from artigraph.cli._documents import TableDocument
    from artigraph.query import columns, select
    from artigraph.view.expressions import column_of, condition_of

    kind = target.suffix.removeprefix(".")
    if kind not in _FORMATS:
        msg = f"{str(target)!r} ends in none of .{', .'.join(_FORMATS)}"
        raise click.UsageError(msg)
    c = columns(model)
    query = select(model)
    if chosen["where"] is not None:
        query = query.where(condition_of(chosen["where"], c))
    fields: list[Any] = [column_of(name, c) for name in chosen["columns"] or ()]
    of_run = chosen["of_run"] or ()
    found: Any
    if kind == "json":
        found = await query.rows(*fields, run=of_run, label=True)
    else:
        found = await query.table(*fields, run=of_run, label=True, as_text=True)
    with new_file(target, force=force) as file:
        await asyncio.to_thread(_write, found, file, kind)
    document = TableDocument(str(target), len(found))
    output.text(document.to_dict(), [f"{len(found):,} rows written to {str(target)!r}"])


def _write(found: Any, file: Path, kind: str) -> None:
    if kind == "json":
        from artigraph.cli._output import json_text
        from artigraph.cli._values import as_json

        with file.open("w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(f"{json_text(as_json(row))}\n" for row in found)
    elif kind == "csv":
        found.to_csv(file)
    elif kind == "parquet":
        found.to_parquet(file)
    else:
        found.to_arrow_file(file)
