"""`artigraph db {info,current,upgrade,downgrade}`."""

from __future__ import annotations

import click

from artigraph.cli._command import confirm, store_command
from artigraph.cli._output import Column, Output
from artigraph.cli._parameters import yes_option


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def db() -> None:
    """Show, create and migrate the tables."""


@store_command(db, "info")
async def info(output: Output) -> None:
    """Show which database this is, and which version its tables have. Passwords are not shown."""
    from artigraph.cli._documents import DatabaseDocument
    from artigraph.db import current_database, get_engine, shown_url
    from artigraph.errors import SchemaError
    from artigraph.migrations import current
    from artigraph.orm import SCHEMA_VERSION
    from artigraph.release import __version__

    engine = get_engine()
    version = await current()
    try:
        store_id = str((await current_database()).store_id)
    except SchemaError:  # no tables, or those of another release
        store_id = None
    document = DatabaseDocument(
        database=engine.dialect.name,
        driver=engine.dialect.driver,
        url=shown_url(engine.url),
        tables=version,
        tables_of_this_release=SCHEMA_VERSION,
        store_id=store_id,
        release=__version__,
    ).to_dict()
    rows = [{"name": name, "value": value} for name, value in document["data"].items()]
    output.table(document, rows, [Column("name"), Column("value")], "")


@store_command(db, "current")
async def current_version(output: Output) -> None:
    """Print the version of the tables."""
    await _print(output)


@store_command(db, "upgrade", creates=True)
@click.argument("revision", default="head")
async def upgrade_tables(output: Output, revision: str) -> None:
    """Upgrade the tables to the version of this release, or create missing ones.

    Make a backup before you upgrade tables that have data.
    """
    from artigraph.db import create_tables
    from artigraph.migrations import current, upgrade
    from artigraph.orm import SCHEMA_VERSION

    found = await current()
    if found is None and revision in ("head", SCHEMA_VERSION):
        await create_tables()  # needs no Alembic
    elif found != SCHEMA_VERSION or revision not in ("head", SCHEMA_VERSION):
        await upgrade(None, revision)
    await _print(output)


@store_command(db, "downgrade", writes=True)
@click.argument("revision")
@yes_option
async def downgrade_tables(output: Output, revision: str, *, yes: bool) -> None:
    """Downgrade the tables to an older version. "base" drops them with everything in them."""
    from artigraph.migrations import current, downgrade

    what = "drops all tables of Artigraph, with everything in them" if revision == "base" else f"goes to {revision}"
    output.note(f"The tables are of version {await current() or 'none'}. The downgrade {what}.")
    confirm("Downgrade them?", yes=yes)
    await downgrade(None, revision)
    await _print(output)


async def _print(output: Output) -> None:
    from artigraph.cli._documents import TablesDocument
    from artigraph.migrations import current
    from artigraph.orm import SCHEMA_VERSION

    version = await current()
    output.text(TablesDocument(version, SCHEMA_VERSION).to_dict(), [version or "no tables"])
