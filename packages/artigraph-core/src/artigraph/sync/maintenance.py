"""The sync twin of `artigraph.maintenance`."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import artigraph.maintenance as async_maintenance
from artigraph.background import wait_for
from artigraph.maintenance import Amount, Example, FsckReport, GcReport, Problem, ProblemKind, Progress, SkippedStorage
from artigraph.maintenance.gc import GRACE
from artigraph.maintenance.progress import Watcher

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


def fsck(*, read_data_subset: str | float | None = None, progress: Watcher | None = None) -> FsckReport:
    """Look at all rows of the database in force and at the objects that they refer to, and say what is wrong.

    Nothing is changed. Of each object it is seen whether it is there, and where its storage lists, whether its size is
    the recorded one. With `read_data_subset`, `"5%"` or 0.05 for one, that part of the objects of each storage, chosen
    at random, is read and compared by SHA-256.

    Saves, deletions and collections may run at the same time.

    Raises:
        ConfigurationError: the subset is neither a percentage nor a number from 0 to 1.
        StorageError: a storage could not be listed or asked.
        SessionStateError: a session is open here; what it has not committed would be taken for broken.
    """
    return wait_for(async_maintenance.fsck(read_data_subset=read_data_subset, progress=progress))


def gc(*, dry_run: bool = True, grace: timedelta = GRACE, progress: Watcher | None = None) -> GcReport:
    """Remove objects that nothing refers to from the storages of the database in force; first say what would go.

    Everything is looked at before anything is deleted. What goes is: rows that no artifact refers to, made longer ago
    than `grace` by the database's clock, and their objects; and objects that no row stands for, older than `grace` by
    the clock of their storage. Only objects whose location begins with this database's store id are deleted.

    Saves, deletions and other collections may run at the same time. A save whose object is taken from it puts it again.

    Raises:
        DanglingObjectsError: a row's object is not there, and this is no dry run; nothing was deleted.
        StorageError: a storage could not be listed or asked; nothing was deleted.
        ConfigurationError: the grace is no timedelta, or negative.
        SessionStateError: a session is open here; what is deleted here cannot wait for its end.
    """
    return wait_for(async_maintenance.gc(dry_run=dry_run, grace=grace, progress=progress))


def mark_lost() -> list[UUID]:
    """Mark as lost the runs whose lease ran out, by the database's clock, and return their ids.

    They are lost wherever they are read already, and the next start of a run marks them by the way: this is for
    databases in which none starts, and for queries of your own over `run_status`. A process that comes back takes its
    run up again.

    Raises:
        SessionStateError: a session is open here, which would keep the rows from others until it ends.
    """
    return wait_for(async_maintenance.mark_lost())
