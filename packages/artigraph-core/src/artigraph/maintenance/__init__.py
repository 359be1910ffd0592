"""Maintenance of a store: `gc` removes unused objects, `fsck` finds damage, and `mark_lost` marks runs that died."""

from artigraph.maintenance._fsck import fsck
from artigraph.maintenance._gc import gc
from artigraph.maintenance._lost import mark_lost
from artigraph.maintenance._report import (
    Amount,
    Example,
    FsckReport,
    GcReport,
    Problem,
    ProblemKind,
    Progress,
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
