"""Rows that were altered by hand: each page shows what it can, or an error that names the row. None fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from artigraph.db import engine_context
from artigraph.ui import create_app
from tests.support.small_store import SmallStore
from tests.ui.conftest import client_of, pages

KINDS = {
    "artifact": "tree_root_id = node_id",
    "value": "node_type = 'value'",
    "nested model": "node_type = 'model' AND tree_root_id <> node_id",
    "container": "node_type = 'container'",
    "run": "node_type = 'run'",
}
COLUMNS = (
    *("parent_id", "label", "tree_root_id", "position", "span", "model_name", "model_version"),
    *("serializer", "value", "blob_id", "search_key", "run_status", "run_started_at", "run_name"),
)
CHANGES = {
    **{f"without {column}": f"{column} = NULL" for column in COLUMNS},
    "of an unknown type": "node_type = 'tensor'",
    "of an unknown serializer": "serializer = 'future'",
    "with other bytes": "value = x'ff00'",
    "with an unknown status": "run_status = 'paused'",
    "with a time that is none": "run_started_at = 'noon'",
    "that belong to themselves": "parent_id = node_id",
    "with a huge version": "model_version = 9223372036854775807",
    "with a negative position": "position = -5",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_page_fails(kind: str, change: str, url: str, store: SmallStore, tmp_path: Path) -> None:
    async with engine_context(url) as engine, engine.begin() as connection:
        await connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        statement = f"UPDATE OR IGNORE artigraph_node SET {CHANGES[change]} WHERE {KINDS[kind]}"
        await connection.execute(text(statement))
    problems: list[str] = []
    async with client_of(create_app(url)) as client:
        for address in pages(store):
            for suffix in ("", "&format=json" if "?" in address else "?format=json"):
                try:
                    answer: Any = await client.get(address + suffix)
                except Exception as error:
                    problems.append(f"{address}{suffix}: {type(error).__name__}: {str(error)[:200]}")
                else:
                    assert answer.status_code in (200, 303, 307, 400, 404, 409, 503), address
    assert problems == []
