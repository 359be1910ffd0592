"""Saving and loading values of each kind of other libraries, beside the library's own writer and reader."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from artigraph import ArtifactModel, artifact_field
from artigraph.serializer import get_serializer_by_name
from artigraph.storage.file import FileSystem
from benchmarks.bench import Bench, Job
from benchmarks.floors import kinds
from benchmarks.jobs.files import compare_values
from benchmarks.results import Row

__all__ = ["JOBS", "measure"]

_LIMIT = 1.15


async def measure(name: str, bench: Bench) -> Sequence[Row]:
    """Save and load values of one kind."""
    kind = kinds.KINDS[name]
    storage = FileSystem(bench.folder / "ours", name=f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name=f"BenchmarkKind_{name}"):
        value: Any = artifact_field(storage=storage, serializer=get_serializer_by_name(kind.serializer))

    size = bench.effort.of(kind.size)
    title = f"{kind.title} of {size / 10**6:,.1f} MB to files"
    return await compare_values(
        bench,
        Holder,
        lambda number: kind.make(size, number),
        partial(kinds.write, kind),
        partial(kinds.read, kind),
        f"kind-{name}",
        title,
        limit=_LIMIT,
        saving=_LIMIT,
    )


# Most of these libraries are not part of the workspace's environment (scripts/frameworks.py).
JOBS = tuple(
    Job(f"kind-{name}", partial(measure, name), ("sqlite",), quick=False)
    for name, kind in kinds.KINDS.items()
    if find_spec(kind.library)
)
