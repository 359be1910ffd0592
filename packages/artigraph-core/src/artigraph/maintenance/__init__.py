"""Keeping a store in order: `gc` removes what nothing refers to, `fsck` says what is broken, `mark_lost` who died."""

from artigraph.maintenance.fsck import fsck
from artigraph.maintenance.gc import gc
from artigraph.maintenance.lost import mark_lost
from artigraph.maintenance.progress import Progress
from artigraph.maintenance.report import (
    Amount,
    Example,
    FsckReport,
    GcReport,
    Problem,
    ProblemKind,
    SkippedStorage,
)

__all__ = [
    "Amount",
    "Example",
    "FsckReport",
    "GcReport",
    "Problem",
    "ProblemKind",
    "Progress",
    "SkippedStorage",
    "fsck",
    "gc",
    "mark_lost",
]
