"""A program that collects at the usual grace and prints what it did: `python under_another_clock.py URL FOLDER`."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from artigraph.db import engine_context
from artigraph.maintenance import fsck, gc
from artigraph.storage.file import FileSystem


async def main(url: str, folder: str) -> None:
    FileSystem(folder, name="objects", durable=False).register()
    async with engine_context(url):
        report = await gc(dry_run=False)
        checked = await fsck(read_data_subset="100%")
    told = {
        "time": time.time(),
        "in_use": report.in_use.count,
        "unused": report.unused.count,
        "unregistered": report.unregistered.count,
        "young": report.young.count,
        "ok": checked.ok,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
