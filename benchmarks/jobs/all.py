"""All jobs, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bench import Job
from benchmarks.jobs import (
    cached,
    counts,
    files,
    growth,
    imports,
    kinds,
    lineage,
    loads,
    memory,
    newest,
    objects,
    queries,
    s3,
    saves,
    sizes,
    tables,
    tracked,
    unanalyzed,
    web,
)

__all__ = ["JOBS"]

JOBS: Sequence[Job] = (
    *saves.JOBS,
    *loads.JOBS,
    *sizes.JOBS,
    *queries.JOBS,
    *tables.JOBS,
    *newest.JOBS,
    *web.JOBS,
    *unanalyzed.JOBS,
    *growth.JOBS,
    *lineage.JOBS,
    *tracked.JOBS,
    *cached.JOBS,
    *counts.JOBS,
    *objects.JOBS,
    *files.JOBS,
    *kinds.JOBS,
    *s3.JOBS,
    *imports.JOBS,
    *memory.JOBS,
)
