"""gc and fsck on a real S3 server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artigraph import ArtifactModel, artifact_field
from artigraph.db import current_database, engine_context
from artigraph.errors import DanglingObjectsError
from artigraph.maintenance import Amount, fsck, gc
from artigraph.storage.aws import S3Storage
from integration.support.s3 import Server, keys, storage_in
from tests.support.churn import churn
from tests.support.maintenance import NOW, alone, delete_artifact, locations, orphan
from tests.support.sizes import sizes

__all__ = ["alone"]


@pytest.fixture
def storage(server: Server, bucket: str) -> S3Storage:
    return storage_in(server, bucket, S3Storage).register()


def model_on(storage: S3Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_what_nothing_refers_to_goes_and_the_rest_stays(storage: S3Storage, s3: Any, bucket: str) -> None:
    model = model_on(storage)
    node_id = await model("in use").save("a")
    await delete_artifact(await model("unused").save("b"), objects=False)
    await orphan(storage)
    assert (await gc(dry_run=False)).young.count == 2
    assert len(keys(s3, bucket)) == 3
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused, report.unregistered) == (Amount(1, 8), Amount(1, 11))
    assert set(keys(s3, bucket)) == await locations()
    assert await model.load(node_id) == model("in use")
    assert (await fsck(read_data_subset=1.0)).ok
    [kept] = await locations()
    s3.put_object(Bucket=bucket, Key=kept, Body=b'"in usE"')
    assert (await fsck(read_data_subset=1.0)).counts == {"object-corrupt": 1}
    s3.put_object(Bucket=bucket, Key=kept, Body=b"short")
    assert (await fsck()).counts == {"object-size": 1}
    s3.delete_object(Bucket=bucket, Key=kept)
    assert (await fsck()).counts == {"object-missing": 1}
    with pytest.raises(DanglingObjectsError):
        await gc(dry_run=False, grace=NOW)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_two_databases_in_one_bucket_leave_each_others_objects(
    storage: S3Storage, s3: Any, bucket: str, tmp_path: Path
) -> None:
    model = model_on(storage)
    await model("ours").save("x")
    ours = await orphan(storage)
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
        await model("theirs").save("x")
        theirs = await orphan(storage)
        assert (await gc(dry_run=False, grace=NOW)).unregistered.count == 1
    found = keys(s3, bucket)
    assert len(found) == 3
    assert ours in found
    assert theirs not in found
    assert (await current_database()).store_id.hex == ours.partition("/")[0]


@pytest.mark.parametrize("seconds", sizes(4, 60))
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_gc_beside_writers_and_deleters_leaves_nothing_dangling(
    storage: S3Storage, seconds: float, database: str
) -> None:
    await churn(storage, seconds, f"{database} and S3")
