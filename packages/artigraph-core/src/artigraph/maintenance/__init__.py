"""Maintenance of a store.

`doctor` says how it is, `gc` removes unused objects, `fsck` finds damage, and `mark_lost` marks runs that died.
`copy_objects` moves objects to another storage, and `upgrade` rewrites artifacts of older class versions.
"""

from artigraph.maintenance._copy import copy_objects
from artigraph.maintenance._doctor import doctor
from artigraph.maintenance._findings import DoctorReport, Finding, StorageState
from artigraph.maintenance._fsck import fsck
from artigraph.maintenance._gc import gc
from artigraph.maintenance._lost import mark_lost
from artigraph.maintenance._report import (
    Amount,
    CopyReport,
    Example,
    FsckReport,
    GcReport,
    Problem,
    ProblemKind,
    SkippedStorage,
)
from artigraph.maintenance._upgrade import UpgradeReport, upgrade
from artigraph.progress import Progress

__all__: list[str] = ["Amount", "CopyReport", "DoctorReport", "Example", "Finding", "FsckReport", "GcReport", "Problem"]
__all__ += ["ProblemKind", "Progress", "SkippedStorage", "StorageState", "UpgradeReport", "copy_objects", "doctor"]
__all__ += ["fsck", "gc", "mark_lost", "upgrade"]
