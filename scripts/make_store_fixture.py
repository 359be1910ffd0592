"""Write down what a store of this release looks like, so that every later release can be seen to open it.

    python -m scripts.make_store_fixture sqlite                        # a database in a temporary folder
    python -m scripts.make_store_fixture postgresql postgresql://...   # an empty database, which is left as it is then

It fills the database with what tests/stores/release_VERSION.py says, and writes its statements, its objects and an
index of its ids to tests/data/stores/VERSION/NAME. What is there already is never written again: it is what a release
left. For a new schema version, first copy the newest of those modules.
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
from tests.stores.dumps import STORES, keep, statements


async def make(name: str, url: str | None, folder: Path) -> Path:
    """Fill a database, write it down and return where."""
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
    """Make the fixture of one database, and say how large it is."""
    with tempfile.TemporaryDirectory() as folder:
        target = asyncio.run(make(name, url, Path(folder)))
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target.relative_to(STORES.parent.parent.parent)}: {size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
