"""Models whose values are objects on a real S3 server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import current_database
from artigraph.errors import CorruptObjectError, LabelConflictError, ObjectNotFoundError
from artigraph.storage.aws import S3Storage
from integration.support.s3 import Server, keys, storage_in
from tests.support.corruption import missing_and_exchanged, one_or_all, spoil
from tests.support.hostile import rows_lead_nowhere
from tests.support.identical import assert_identical
from tests.support.sizes import note
from tests.support.values import frame

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np


@pytest.fixture
def storage(server: Server, bucket: str) -> S3Storage:
    return storage_in(server, bucket, S3Storage)


async def test_models_come_back_from_s3(storage: S3Storage, s3: Any, bucket: str) -> None:
    @dataclass
    class Everything(ArtifactModel):
        number: int
        table: Annotated[Any, storage]
        arrays: Annotated[list[Any], storage]

    array = _np.arange(200_000.0)
    model = Everything(1, frame(), [array, array, frame(), {"k": "text"}])
    async with RunManager(Run()) as manager:
        await manager.save_artifact("it", model)
        loaded = await manager.load_artifact("it", Everything)
    assert loaded == model
    assert_identical(loaded, model)
    store = (await current_database()).store_id.hex
    assert len(keys(s3, bucket)) == 3
    assert all(key.startswith(store + "/") for key in keys(s3, bucket))


async def test_equal_content_of_many_tasks_is_one_object_and_a_refused_save_leaves_none(
    storage: S3Storage, s3: Any, bucket: str
) -> None:
    @dataclass
    class Shared(ArtifactModel):
        text: Annotated[str, storage]

    async with RunManager(Run()) as manager:
        await asyncio.gather(*(manager.save_artifact(str(number), Shared("same")) for number in range(8)))
        assert len(keys(s3, bucket)) == 1
        with pytest.raises(LabelConflictError):
            await manager.save_artifact("0", Shared("other"))
        assert len(keys(s3, bucket)) == 1
        assert await manager.load_artifacts() == {str(number): Shared("same") for number in range(8)}


async def test_an_altered_or_lost_object_is_told(storage: S3Storage, s3: Any, bucket: str) -> None:
    @dataclass
    class Precious(ArtifactModel):
        text: Annotated[str, storage]

    node_id = await Precious("precious").save("x")
    [key] = keys(s3, bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=b'"Precious"')
    with pytest.raises(CorruptObjectError):
        await Precious.load(node_id)
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ObjectNotFoundError):
        await Precious.load(node_id)


@pytest.mark.parametrize("database", ["postgresql"])
@one_or_all("numpy-array")
async def test_spoilt_objects_are_never_decoded(
    serializers: Sequence[str], flips: int, truncations: int, storage: S3Storage, s3: Any, bucket: str
) -> None:
    def write(location: str, data: bytes | None) -> None:
        if data is None:
            s3.delete_object(Bucket=bucket, Key=location)
        else:
            s3.put_object(Bucket=bucket, Key=location, Body=data)

    figures = await spoil(storage, write, serializers, flips, truncations)
    await missing_and_exchanged(storage, write)
    note(14, "postgresql and s3", **figures)


@pytest.mark.parametrize("database", ["postgresql"])
async def test_altered_locations_lead_nowhere(storage: S3Storage, s3: Any, bucket: str) -> None:
    for place in ("a", "b", "c", "etc/passwd"):
        s3.put_object(Bucket=bucket, Key=place, Body=b"content")
    found = await rows_lead_nowhere(storage)
    assert found["tried"] >= 60
