"""The web view shows an object on S3 by parts of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from artigraph import ArtifactModel
from artigraph.db import engine_context
from artigraph.storage.aws import S3Storage
from artigraph.ui import create_app
from integration.support.s3 import Server, storage_in

_np: Any = np


class Counting(S3Storage):
    """A storage that counts the bytes that are read, and reads no object whole."""

    read_bytes = 0

    async def read(self, location: str) -> bytes:
        msg = f"The object {location} was read whole"
        raise AssertionError(msg)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        data = await super().read_range(location, start, length)
        self.read_bytes += len(data)
        return data


@dataclass
class Measured(ArtifactModel, name="integrations3.Measured"):
    samples: np.ndarray


async def test_a_preview_reads_little_of_the_object(server: Server, bucket: str, tmp_path: Path) -> None:
    storage = storage_in(server, bucket, Counting).register()
    url = f"sqlite:///{tmp_path}/store.db"
    samples = _np.random.default_rng(0).random((12, 1_000_000))
    async with engine_context(url, create_tables=True, large_value_storage=storage):
        node_id = await Measured(samples).save("measured")
    transport = httpx.ASGITransport(create_app(url))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
        page = await client.get(f"/artifacts/{node_id}")
        assert page.status_code == 200
        assert "12 x 1,000,000" in page.text
        # Chunks of 8 MiB are checked against their hashes as wholes.
        assert 0 < storage.read_bytes <= 3 * 8 * 2**20 < samples.nbytes / 3
        before = storage.read_bytes
        async with client.stream("GET", f"/artifacts/{node_id}/content?path=samples") as answer:
            assert answer.status_code == 200
            size = sum([len(part) async for part in answer.aiter_bytes()])
        assert size > samples.nbytes
        assert storage.read_bytes - before == size
