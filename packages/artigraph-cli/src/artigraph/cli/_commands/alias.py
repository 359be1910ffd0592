"""`artigraph alias {ls,set,rm}`."""

from __future__ import annotations

import click

from artigraph.cli._command import store_command
from artigraph.cli._output import Column, Output, moment
from artigraph.cli._parameters import complete_references, complete_series

_COLUMNS = [Column("alias", keep=2), Column("artifact_id", keep=1), Column("created_at", moment)]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def alias() -> None:
    """List, set and remove the aliases of a series: names that point to one version, such as "production"."""


async def _print(output: Output, model_name: str, label: str) -> None:
    from artigraph.cli._documents import AliasesPage, AliasItem
    from artigraph.identifiers import moment_of
    from artigraph.versions.aliases import SeriesKey, read_aliases

    aliases = await read_aliases(SeriesKey(model_name, label))
    items = [AliasItem(model_name, label, name, each, moment_of(each)) for name, each in aliases.items()]
    document = AliasesPage(tuple(items), None).to_dict()
    output.table(document, document["data"], _COLUMNS, "The series has no aliases.")


@store_command(alias, "ls")
@click.argument("series", shell_complete=complete_series, metavar="MODEL/LABEL")
async def ls(output: Output, series: str) -> None:
    """List the aliases of a series."""
    from artigraph.view.references import find_series

    await _print(output, *await find_series(series))


@store_command(alias, "set", writes=True)
@click.argument("series", shell_complete=complete_series, metavar="MODEL/LABEL")
@click.argument("name")
@click.argument("ref", shell_complete=complete_references, required=False)
async def set_alias(output: Output, series: str, name: str, ref: str | None) -> None:
    """Make an alias point to a version of the series, wherever it pointed before. Without REF, to the newest one."""
    from artigraph.identifiers import check_label
    from artigraph.orm import ALIAS_LENGTH
    from artigraph.versions.aliases import SeriesKey, point_alias
    from artigraph.view.references import find_node, find_series

    key = await find_series(series)
    check_label(name, "An alias", most=ALIAS_LENGTH)
    await point_alias(SeriesKey(*key), name, await find_node(series if ref is None else ref))
    await _print(output, *key)


@store_command(alias, "rm", writes=True)
@click.argument("series", shell_complete=complete_series, metavar="MODEL/LABEL")
@click.argument("name")
async def remove_alias(output: Output, series: str, name: str) -> None:
    """Remove an alias. The version stays."""
    from artigraph.errors import VersionNotFoundError
    from artigraph.versions.aliases import SeriesKey, drop_alias
    from artigraph.view.references import find_series

    key = await find_series(series)
    if not await drop_alias(SeriesKey(*key), name):
        msg = f"The series {series} has no alias {name!r}"
        raise VersionNotFoundError(msg)
    await _print(output, *key)
