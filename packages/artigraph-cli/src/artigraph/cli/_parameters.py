"""Arguments and options that several commands share: how they are read, and completed in a shell."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|min|h|d|w)", re.ASCII)
_DEPTH = re.compile(r"[0-9]{1,9}", re.ASCII)

yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without a question.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")


def age(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | datetime | None:
    """Return an age as a timedelta ("90d"), or a point in time as an aware datetime, in UTC if it has no zone."""
    if value is None:
        return None
    found = _SPAN.fullmatch(value)
    try:
        if found is not None:
            return timedelta(**{_UNITS[found[2]]: float(found[1])})
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        msg = f"{value!r} is no age such as 90d, 12h or 30min, and no time such as 2026-11-01"
        raise click.BadParameter(msg, ctx, param) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def depth(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return a number of edges. "all" gives -1."""
    if value is None:
        return None
    if value == "all":
        return -1
    if not _DEPTH.fullmatch(value):
        msg = f"{value!r} is no number of edges, and not 'all'"
        raise click.BadParameter(msg, ctx, param)
    return int(value)


def complete_references(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return references in the store that begin with a text."""
    from artigraph.cli._complete import references

    return references(incomplete, ctx.params.get("config"))


def complete_series(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return series in the store that begin with a text."""
    from artigraph.cli._complete import references

    return references(incomplete, ctx.params.get("config"), series_only=True)


def complete_models(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of models in the store that begin with a text."""
    from artigraph.cli._complete import model_names

    return model_names(incomplete, ctx.params.get("config"))


def complete_functions(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of functions with cached results that begin with a text."""
    from artigraph.cli._complete import function_names

    return function_names(incomplete, ctx.params.get("config"))


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Return the names of columns, which are separated by commas. A name with a comma is in quotes."""
    from artigraph.printable import split_items

    if value is None:
        return None
    found = split_items(value) if '"' in value else [name.strip() for name in value.split(",")]
    if not all(found):
        msg = "names are separated by single commas: accuracy,data.name"
        raise click.BadParameter(msg, ctx, param)
    return found
