"""gc, fsck and copy_objects with a bucket of each server."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph import ArtifactModel, artifact_field
from artigraph.errors import DanglingObjectsError, StorageUnavailableError
from artigraph.maintenance import Amount, copy_objects, fsck, gc
from artigraph.storage import Storage
from artigraph.storage.file import FileSystem
from artigraph.storage.obstore import ObjectStorage
from integration.buckets.conftest import Bucket
from tests.support.churn import churn
from tests.support.maintenance import NOW, alone, delete_artifact, locations, orphan
from tests.support.proxy import proxied
from tests.support.sizes import sizes

__all__ = ["alone"]

pytestmark = [pytest.mark.usefixtures("engine")]


@pytest.fixture
def storage(place: Bucket) -> ObjectStorage:
    return place.storage(name=f"bucket-{uuid.uuid4().hex}").register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


def found(place: Bucket) -> set[str]:
    return {key.removeprefix("some/data/") for key in place.all_keys()}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
async def test_what_nothing_refers_to_goes_and_the_rest_stays(storage: ObjectStorage, place: Bucket) -> None:
    model = model_on(storage)
    node_id = await model("in use").save("a")
    await delete_artifact(await model("unused").save("b"), objects=False)
    await orphan(storage)
    assert (await gc(dry_run=False)).young.count == 2
    assert len(found(place)) == 3
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused, report.unregistered) == (Amount(1, 8), Amount(1, 11))
    assert found(place) == await locations()
    assert await model.load(node_id) == model("in use")
    assert (await fsck(read_data_subset=1.0)).ok
    [kept] = await locations()
    place.put(f"some/data/{kept}", b'"in usE"')
    assert (await fsck(read_data_subset=1.0)).counts == {"object-corrupt": 1}
    place.delete(f"some/data/{kept}")
    assert (await fsck()).counts == {"object-missing": 1}
    with pytest.raises(DanglingObjectsError):
        await gc(dry_run=False, grace=NOW)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_gc_and_fsck_say_that_a_server_stays_away(place: Bucket) -> None:
    with proxied(place.server_url) as proxy:
        storage = place.storage(proxy.url, name=f"bucket-{uuid.uuid4().hex}", deadline=20.0).register()
        model = model_on(storage)
        node_id = await model("kept").save("a")
        storage.deadline = 0.5
        for fault in ("503", "reset"):
            proxy.always("503" if fault == "503" else "reset")
            with pytest.raises(StorageUnavailableError):
                await gc(dry_run=False, grace=NOW)
            with pytest.raises(StorageUnavailableError):
                await fsck()
        proxy.always("none")
        storage.deadline = 20.0
        assert (await gc(dry_run=False, grace=NOW)).in_use.count == 1
        assert await model.load(node_id) == model("kept")


@pytest.mark.parametrize("seconds", sizes(4, 60))
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_gc_beside_writers_and_deleters_leaves_nothing_dangling(
    storage: ObjectStorage, seconds: float, database: str
) -> None:
    await churn(storage, seconds, f"{database} and {storage.name}")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_store_moves_to_a_bucket_and_back(storage: ObjectStorage, place: Bucket, tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects", name=f"files-{uuid.uuid4().hex}", durable=False).register()
    kind = model_on(files)
    models = [kind(text) for text in ("small", "x" * (20 << 20))]
    ids = [await model.save("x") for model in models]
    report = await copy_objects(files, storage, dry_run=False)
    assert (report.ok, report.moved.count) == (True, 2)
    assert found(place) == await locations()
    assert [await kind.load(node_id) for node_id in ids] == models
    assert (await storage.tidy(timedelta())) == (0, 0)
    assert (await copy_objects(storage, files, dry_run=False)).ok
    assert [await kind.load(node_id) for node_id in ids] == models
