"""Objects that are damaged in their storage, and the errors of loads, for any database and any storage."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pyarrow as pa
import pytest
from sqlalchemy import select

from artigraph import ArtifactModel, File, artifact_field
from artigraph.db import read
from artigraph.errors import CorruptObjectError, ObjectNotFoundError
from artigraph.model.values import StoredValue
from artigraph.orm import blob_table, node_table
from artigraph.serializer import get_serializer_by_name
from artigraph.storage import Storage
from tests.support.golden import golden

__all__ = ["SERIALIZERS", "Write", "location_of", "missing_and_exchanged", "one_or_all", "spoil"]

SERIALIZERS = sorted(golden())
_pa: Any = pa
Write = Callable[[str, bytes | None], Awaitable[None] | None]
"""Replaces the bytes of an object without the storage, or removes it."""


def one_or_all(*serializers: str) -> pytest.MarkDecorator:
    """Give a test each of some serializers, 50 flips and 20 truncations, or all of them at once, 400 and 100."""
    short = [pytest.param([name], 50, 20, id=name) for name in serializers]
    long = pytest.param(SERIALIZERS, 400, 100, id="long", marks=[pytest.mark.long, pytest.mark.timeout(1800)])
    return pytest.mark.parametrize(("serializers", "flips", "truncations"), [*short, long])


def _model(storage: Storage, serializer: str) -> Any:
    @dataclass
    class Holder(ArtifactModel, name="reliability.Holder"):
        value: Any = artifact_field(storage=storage, serializer=get_serializer_by_name(serializer))
        sibling: bytes = artifact_field(storage=storage)
        note: str = ""

    return Holder


def _value(serializer: str) -> Any:
    values = golden()[serializer]
    return values["dict" if serializer == "json" else next(iter(values))]


async def location_of(node_id: UUID, label: str) -> str:
    """Return where the object of a field is."""
    query = (
        select(blob_table.c.location)
        .join(node_table, node_table.c.blob_id == blob_table.c.blob_id)
        .where(node_table.c.tree_root_id == node_id, node_table.c.label == label)
    )
    location: str = (await read(lambda connection: connection.execute(query))).scalar_one()
    return location


async def spoil(
    storage: Storage, write: Write, serializers: Sequence[str], flips: int, truncations: int
) -> dict[str, int]:
    """Flip bits of objects and cut them short, one change at a time, and check that no byte of them is decoded.

    Returns:
        How many times that was done.
    """
    for serializer in serializers:
        holder = _model(storage, serializer)
        node_id = await holder(_value(serializer), b"the sibling", "a note").save("spoilt")
        location = await location_of(node_id, "value")
        data = await storage.read(location)
        spoilt = [*_flipped(data, flips), *_cut(data, truncations)]
        assert len(spoilt) == flips + truncations
        for broken in spoilt:
            await _assert_told(holder, node_id, write, location, broken)
        await _written(write, location, data)
        assert (await holder.load(node_id)).note == "a note"
    count = len(serializers)
    return {"serializers": count, "flips": count * flips, "truncations": count * truncations, "undetected": 0}


async def _assert_told(holder: Any, node_id: UUID, write: Write, location: str, broken: bytes) -> None:
    await _written(write, location, broken)
    with patch.object(StoredValue, "decode", _no_decoding), pytest.raises(CorruptObjectError, match="value"):
        await _consume((await holder.load(node_id)).value)
    rest = await holder.load(node_id, fields=["sibling", "note"])
    assert (rest.sibling, rest.note) == (b"the sibling", "a note")


def _no_decoding(self: StoredValue, data: Any) -> Any:
    """Replace decoding: accept only the bytes of the sibling, because the value must not be decoded."""
    assert bytes(data) == b"the sibling", "damaged bytes were decoded"
    return bytes(data)


async def _consume(value: Any) -> None:
    """Read the content of a value that reads only on request."""
    if isinstance(value, File):
        await value.read()
    elif isinstance(value, _pa.RecordBatchReader):
        value.read_all()


async def missing_and_exchanged(storage: Storage, write: Write) -> None:
    """Remove an object, exchange two of one length, and lengthen one: each raises, and its sibling loads."""
    holder = _model(storage, "bytes")
    ids = [await holder(content, b"the sibling", "a note").save("it") for content in (b"one, so long", b"two, so long")]
    places = [await location_of(node_id, "value") for node_id in ids]
    await _written(write, places[0], b"two, so long")
    await _written(write, places[1], b"one, so long")
    for node_id in ids:
        with pytest.raises(CorruptObjectError, match="SHA-256"):
            await holder.load(node_id)
    await _written(write, places[0], b"one, so long")
    await _written(write, places[1], b"two, so long, and longer")
    assert (await holder.load(ids[0])).value == b"one, so long"
    with pytest.raises(CorruptObjectError, match="24 bytes"):
        await holder.load(ids[1])
    await _written(write, places[1], None)
    with pytest.raises(ObjectNotFoundError):
        await holder.load(ids[1])
    for node_id in ids:
        assert (await holder.load(node_id, fields=["sibling"])).sibling == b"the sibling"


async def _written(write: Write, location: str, data: bytes | None) -> None:
    waiting = write(location, data)
    if waiting is not None:
        await waiting


def _flipped(data: bytes, count: int) -> Iterator[bytes]:
    chance = random.Random(data)
    for _ in range(count):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield bytes(broken)


def _cut(data: bytes, count: int) -> Iterator[bytes]:
    chance = random.Random(data)
    for _ in range(count):
        yield data[: chance.randrange(len(data))]
