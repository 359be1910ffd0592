"""Spoilt objects, hostile text and altered rows, on every database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from artigraph.storage.file import FileSystem
from artigraph.testing.storage import HOSTILE_LOCATIONS
from tests.support.corruption import Write, missing_and_exchanged, one_or_all, spoil
from tests.support.hostile import (
    deletions_lead_nowhere,
    hostile_texts,
    names_lead_nowhere,
    round_trip,
    rows_lead_nowhere,
)
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def files(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name=f"hostile-{uuid4().hex}", durable=False)


def past(storage: FileSystem) -> Write:
    """Return a function that writes objects without the storage."""

    def write(location: str, data: bytes | None) -> None:
        path = storage.directory / location
        path.unlink() if data is None else path.write_bytes(data)

    return write


@pytest.mark.parametrize("count", sizes(100, 1000))
async def test_hostile_text_comes_back_and_the_tables_stand(count: int, database: str) -> None:
    note(23, database, **await round_trip(hostile_texts(count)))


async def test_altered_rows_lead_nowhere(files: FileSystem, database: str) -> None:
    found = await rows_lead_nowhere(files)
    assert found["tried"] >= 60
    assert await deletions_lead_nowhere(files, HOSTILE_LOCATIONS[::10]) >= 6
    assert await names_lead_nowhere(files, ["os.system", "pickle:loads", "'; DROP TABLE artigraph_node; --"]) == 15


# A database keeps only the hash of an object. So one serializer is enough here, and the long run tries all.
@one_or_all("arrow-parquet")
async def test_spoilt_objects_are_never_decoded(
    serializers: Sequence[str], flips: int, truncations: int, files: FileSystem, database: str
) -> None:
    figures = await spoil(files, past(files), serializers, flips, truncations)
    await missing_and_exchanged(files, past(files))
    note(14, f"{database} and files", **figures)
