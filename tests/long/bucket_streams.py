"""A program that streams bytes to a bucket and back, and prints how much memory that took beyond what was there before.

python bucket_streams.py URL BYTES
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator

import numpy as np

from artigraph.storage.obstore import ObjectStorage
from tests.long.streamed import peak

PART = 4 * 1024 * 1024


async def main(url: str, bucket: str, size: int) -> None:
    storage = ObjectStorage(f"s3://{bucket}", endpoint=url, access_key_id="k", secret_access_key="s")
    sent = hashlib.sha256()

    async def parts(count: int) -> AsyncIterator[bytes]:
        rng = np.random.default_rng(1)
        for _ in range(count):
            part = rng.bytes(PART)
            sent.update(part)
            yield part

    await storage.create_stream(parts(3))  # the first use imports libraries, and starts threads
    sent = hashlib.sha256()
    before = peak()
    location = await storage.create_stream(parts(size // PART))
    got = hashlib.sha256()
    for start in range(0, size, PART):
        got.update(await storage.read_range(location, start, PART))
    growth = peak() - before
    print(json.dumps({"bytes": size, "growth": growth, "same": got.digest() == sent.digest()}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
