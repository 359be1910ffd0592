"""`python -m artigraph.migrations upgrade|downgrade|current [URL] [--revision REVISION]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from artigraph.errors import ArtigraphError
from artigraph.migrations import current, downgrade, upgrade


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit code of the process."""
    parser = argparse.ArgumentParser("python -m artigraph.migrations", description="Migrate Artigraph's tables.")
    parser.add_argument("command", choices=("upgrade", "downgrade", "current"))
    parser.add_argument("url", nargs="?", help="the database; without it ARTIGRAPH_URL, or the embedded default")
    parser.add_argument("--revision", help="where to; upgrade: head; downgrade: required, `base` drops the tables")
    options = parser.parse_args(arguments)
    if options.command == "downgrade" and options.revision is None:
        parser.error("downgrade needs --revision; `base` drops the tables with all that is in them")
    try:
        asyncio.run(_run(options.command, options.url, options.revision))
    except ArtigraphError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _run(command: str, url: str | None, revision: str | None) -> None:
    if command == "upgrade":
        await upgrade(url, revision or "head")
    elif command == "downgrade":
        await downgrade(url, revision or "base")
    sys.stdout.write(f"{await current(url) or 'no tables'}\n")


if __name__ == "__main__":
    sys.exit(main())
