"""A module that workers import: its models, its tracked functions, and what all tasks have in common."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artigraph import ArtifactModel, RunManager, artifact_field, tracked
from artigraph.storage.aws import S3Storage
from artigraph.storage.file import FileSystem

FOLDER = Path(os.environ["LAB_FOLDER"])


def bucket(name: str) -> S3Storage:
    """Return a storage in the bucket of the test, with credentials from variables that only the tests know."""
    return S3Storage(
        os.environ["LAB_BUCKET"],
        name,
        name=name,
        region="us-east-1",
        endpoint_url=os.environ["LAB_ENDPOINT"],
        access_key_id=os.environ["LAB_KEY_ID"],
        secret_access_key=os.environ["LAB_SECRET"],
    )


FILES = FileSystem(FOLDER / "module", name="module-files", durable=False)
BUCKET = bucket("module-bucket")


@dataclass
class Sample(ArtifactModel, name="lab.Sample", version=3):
    """A model of a module."""

    number: int
    near: np.ndarray[Any, Any] = artifact_field(storage=FILES)
    far: np.ndarray[Any, Any] = artifact_field(storage=BUCKET)


def sample(number: int) -> Sample:
    """Return a sample whose arrays follow from its number."""
    return Sample(number, np.arange(number), np.ones(number))


@tracked(cache=True)
def grow(sample: Sample, by: int) -> Sample:
    """Return a larger sample. The function is sync, and of a module."""
    return Sample(sample.number + by, np.arange(sample.number + by), sample.far * by)


def in_run(token: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run async work in the run that a token names, on an event loop of its own."""

    async def joined() -> Any:
        async with RunManager.resume(token):
            return await work()

    return asyncio.run(joined())


def meet(name: str, processes: int = 2) -> None:
    """Wait until so many processes are here, so that each of them gets a task."""
    folder = FOLDER / "meetings" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(os.getpid())).touch()
    for _ in range(1200):
        if len(list(folder.iterdir())) >= processes:
            return
        time.sleep(0.1)
    msg = f"fewer than {processes} processes came to {name!r}"
    raise TimeoutError(msg)
