"""A program that loads 50 MB a thousand times at once, and prints how much memory that took beyond one load before.

python bounded.py FOLDER
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artigraph import ArtifactModel
from artigraph.db import bytes_in_flight, engine_context
from artigraph.storage.file import FileSystem

MB = 1_000_000
LOADS = 1000


@dataclass
class Bounded(ArtifactModel):
    array: np.ndarray


def peak() -> int:
    """The most memory of this process so far, in bytes."""
    # On Linux ru_maxrss begins with what the parent had when it started this one, which would hide growth below that.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def main(folder: Path) -> None:
    files = FileSystem(folder / "objects", name="bounded-files")
    rng = np.random.default_rng(1)
    async with engine_context(f"sqlite:///{folder}/bounded.db", create_tables=True, large_value_storage=files):
        ids = [await Bounded(np.frombuffer(rng.bytes(50 * MB), dtype="u1")).save("array") for _ in range(4)]

        async def load(number: int) -> int:
            return len((await Bounded.load(ids[number % 4])).array)

        await load(0)  # one-time imports and setup
        before = peak()
        loaded = sum(await asyncio.gather(*(load(number) for number in range(LOADS))))
        print(json.dumps({"bytes": loaded, "growth": peak() - before, "bound": bytes_in_flight()}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
