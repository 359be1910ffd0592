"""Large values and many models on every database."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, ArtifactSequence, Lazy, artifact_field, load_many, save_many
from artigraph.db import read
from artigraph.errors import FieldNotLoadedError, NodeNotFoundError, ValueTooLargeError
from artigraph.orm import INLINE_LIMIT, node_table
from artigraph.storage.file import FileSystem

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Page(ArtifactModel, name="integration.Page"):
    content: bytes = b""
    pages: ArtifactSequence[bytes] = field(default_factory=ArtifactSequence[bytes])
    inner: Any = None
    number: int = 0


@pytest.mark.parametrize("byte", [b"\0", b"'", b"\xff"])
async def test_the_largest_value_of_a_row_comes_back_whatever_it_is_made_of(byte: bytes) -> None:
    model = Page(byte * INLINE_LIMIT)
    assert await Page.load(await model.save("x")) == model
    with pytest.raises(ValueTooLargeError):
        await Page(byte * (INLINE_LIMIT + 1)).save("y")


async def test_many_large_rows_are_saved_at_once() -> None:
    model = Page(pages=ArtifactSequence([bytes([number]) * 2**20 for number in range(24)]))
    assert await Page.load(await model.save("x")) == model


async def test_some_fields_are_loaded_and_no_others() -> None:
    ids = await save_many(
        [("page", Page(b"x" * number, inner=[Page(number=number)], number=number)) for number in range(3)]
    )
    parts = await load_many(Page, ids, fields=["number", "inner"])
    assert [part.number for part in parts] == [0, 1, 2]
    assert parts[2].inner == [Page(number=2)]
    with pytest.raises(FieldNotLoadedError):
        _ = parts[0].content


async def test_thousands_of_models_are_saved_and_loaded_at_once() -> None:
    models = [Page(number=number) for number in range(2500)]
    ids = await save_many([("page", model) for model in models])
    assert await load_many(Page, reversed(ids)) == [*reversed(models)]
    with pytest.raises(NodeNotFoundError):
        await load_many(Page, [*ids, uuid4()])


async def test_lazy_values_of_several_chunks_are_read_in_part(tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects", name=f"files-{uuid4().hex}")

    @dataclass
    class LazyArray(ArtifactModel):
        array: Lazy[np.ndarray] = artifact_field(storage=files)

    array = np.arange(3 * 2**20)
    loaded = await LazyArray.load(await LazyArray(Lazy(array)).save("x"))
    assert (await loaded.array.load() == array).all()
    assert ((await loaded.array.load(memory_map=True))[-3:] == array[-3:]).all()
    with await loaded.array.open() as file:
        assert file.seek(-8, 2) > 3 * 2**23
        assert int.from_bytes(file.read(), "little") == array[-1]
    again = await LazyArray.load(await loaded.save("again"))
    assert again == loaded

    async def blobs(connection: AsyncConnection) -> set[Any]:
        statement = select(node_table.c.blob_id).where(node_table.c.blob_id.is_not(None))
        return set(await connection.scalars(statement))

    assert len(await read(blobs)) == 1
