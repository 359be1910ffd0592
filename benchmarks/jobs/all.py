"""All jobs, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bench import Job
from benchmarks.jobs import files, loads, objects, s3, saves

__all__ = ["JOBS"]

JOBS: Sequence[Job] = (*saves.JOBS, *loads.JOBS, *objects.JOBS, *files.JOBS, *s3.JOBS)
