"""Record what a store of this release looks like, so that tests can check that every later release opens it.

    python -m scripts.make_store_fixture sqlite                        # a database in a temporary folder
    python -m scripts.make_store_fixture postgresql postgresql://...   # an empty database, which keeps the rows

It fills the database as tests/stores/release_VERSION.py says. It writes the database's statements, its objects and an
index of its ids to tests/data/stores/VERSION/NAME. An existing fixture is never overwritten, since it is what a release
left behind. For a new schema version, first copy the newest of those modules.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import event

from artigraph.db import current_database, engine_context, get_engine, read
from artigraph.orm import SCHEMA_VERSION, Base
from artigraph.storage.file import FileSystem
from tests.support.dumps import STORES, keep, statements


async def make(name: str, url: str | None, folder: Path) -> Path:
    """Fill a database, record it, and return the folder of the fixture."""
    target = STORES / SCHEMA_VERSION / name
    if target.exists():
        msg = f"{target} is there already: it is what a release left, and stays as it is"
        raise SystemExit(msg)
    release = import_module(f"tests.stores.release_{SCHEMA_VERSION}")
    storage = FileSystem(folder / "objects", name=release.STORAGE, durable=False).register()
    made: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().startswith("CREATE "):
            made.append(" ".join(statement.split()))

    async with engine_context(
        url or f"sqlite:///{folder}/artigraph.db",
        create_tables=True,
        large_value_storage=storage,
        inline_limit=release.INLINE_LIMIT,
    ):
        event.listen(get_engine().sync_engine, "before_cursor_execute", note)
        dialect = (await current_database()).dialect
        if dialect != name:
            msg = f"The URL is that of {dialect}, not of {name}"
            raise SystemExit(msg)
        index = await release.fill(folder)
        rows = await read(lambda connection: connection.run_sync(lambda sync: list(statements(sync, Base.metadata))))
    keep(target, made + rows, index, storage.directory)
    return target


def main(name: str, url: str | None = None) -> None:
    """Make the fixture of one database, and print its size."""
    with tempfile.TemporaryDirectory() as folder:
        target = asyncio.run(make(name, url, Path(folder)))
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target.relative_to(STORES.parent.parent.parent)}: {size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
