"""Lineage over rows that were altered by hand."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from artigraph import ArtifactModel, Run, RunManager, ancestors
from artigraph.db import engine_context
from artigraph.errors import MalformedRowError


@dataclass
class AlteredInput(ArtifactModel):
    number: int


@pytest.mark.parametrize(
    ("column", "value"),
    [("model_version", "'text'"), ("model_version", "1.5"), ("label", "x'00ff'"), ("tree_root_id", "x'01'")],
)
async def test_a_column_that_holds_what_it_cannot_is_named(column: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "artigraph.db"
    async with engine_context(f"sqlite:///{file}", create_tables=True):
        source = await AlteredInput(1).save("source")
        async with RunManager(Run()) as manager:
            await AlteredInput.load(source)
            result = await manager.save_artifact("result", AlteredInput(2))
        connection = sqlite3.connect(file)
        connection.executescript("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON")
        connection.execute(f"UPDATE artigraph_node SET {column} = {value} WHERE node_id = ?", [source.bytes])
        connection.commit()
        connection.close()
        with pytest.raises(MalformedRowError, match=str(source)) as caught:
            await ancestors(result)
        assert caught.value.column == column
