"""The sync twin of `artigraph.maintenance`."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import artigraph.maintenance as async_maintenance
from artigraph.maintenance import (
    Amount,
    CopyReport,
    DoctorReport,
    Example,
    Finding,
    FsckReport,
    GcReport,
    Problem,
    ProblemKind,
    Progress,
    SkippedStorage,
    StorageState,
    UpgradeReport,
)
from artigraph.maintenance._doctor import SECONDS
from artigraph.maintenance._gc import GRACE
from artigraph.model.any_model import AnyModel
from artigraph.portal import wait_for
from artigraph.progress import ProgressCallback
from artigraph.storage import Storage

__all__ = [
    "Amount",
    "CopyReport",
    "DoctorReport",
    "Example",
    "Finding",
    "FsckReport",
    "GcReport",
    "Problem",
    "ProblemKind",
    "Progress",
    "SkippedStorage",
    "StorageState",
    "UpgradeReport",
    "copy_objects",
    "doctor",
    "fsck",
    "gc",
    "mark_lost",
    "upgrade",
]


def copy_objects(
    source: str | Storage, target: str | Storage, *, dry_run: bool = True, progress: ProgressCallback | None = None
) -> CopyReport:
    """Copy the objects of a storage to another one, and make their rows name that one; by default only report them.

    Each object is read from the source, checked against its recorded hash, put into the target, and read from there and
    checked again. Then its row is switched, in a transaction with up to 100 others. The objects of the source stay, so
    all artifacts can be loaded at every moment, by every process that knows both storages.

    Saves, loads, deletions and `gc` may run at the same time. A call that ended early is continued by the next one,
    which copies only what is still in the source. An object of an interrupted call that is already in the target is
    verified, not sent again.

    An object that cannot be read, or is damaged, is left in the source and reported. So is a malformed row. Rows that
    others have locked, such as an open session, are left too. Call it again until nothing remains.

    Args:
        source: the storage to leave, or its name.
        target: the storage to fill, or its name.
        dry_run: whether only to count.
        progress: called with the progress.

    Raises:
        UnknownStorageError: no storage of this name is registered or installed.
        ConfigurationError: the source is the target.
        StorageUnavailableError, StorageFullError: a storage did not answer, or is full. What was switched stays so.
        SessionStateError: a session is open here. The rows are switched in transactions of their own.
    """
    return wait_for(async_maintenance.copy_objects(source, target, dry_run=dry_run, progress=progress))


def doctor(*, gc: bool = False, time_limit: float = SECONDS) -> DoctorReport:
    """Examine the current store and its surroundings, and say what is wrong and what to do about it.

        report = doctor()
        print(report)

    It says which store is in use and why, and whether its tables are of this release. It looks at its size, storages,
    runs and clock, the settings of the database, and the libraries. It writes nothing, and creates neither a file nor
    a folder. It works on a store of any release, on a folder without a store, and for a user who may only read.

    What cannot be found out, or takes too long, becomes a finding. So it raises no error of a database or storage.

    Args:
        gc: also report what `gc` would delete. This opens the store as `gc` does, lists all objects, and has no time
            limit.
        time_limit: the most seconds for one look at the database or a storage. There are about ten, and one for each
            storage.

    Raises:
        ConfigurationError: `time_limit` is not a positive number.
        SessionStateError: a session is open here. It looks at what is committed.
    """
    return wait_for(async_maintenance.doctor(gc=gc, time_limit=time_limit))


def fsck(*, read_data_subset: str | float | None = None, progress: ProgressCallback | None = None) -> FsckReport:
    """Check all rows of the current database and the objects that they refer to, and report what is wrong.

    It checks that each object exists and, in storages that can list their objects, that its size is the recorded one.
    With `read_data_subset`, for example `"5%"` or 0.05, it also reads that part of each storage's objects, chosen at
    random, and compares their SHA-256.

    It changes nothing but one row: when the last check ended, and how many problems it found. `storage_document` shows
    that. If the database refuses to write, the report says why.

    Saves, deletions and garbage collections may run at the same time.

    Raises:
        ConfigurationError: the subset is neither a percentage nor a number from 0 to 1.
        StorageError: a storage could not be listed, or did not answer.
        SessionStateError: a session is open here. Its uncommitted rows would look broken.
    """
    return wait_for(async_maintenance.fsck(read_data_subset=read_data_subset, progress=progress))


def gc(*, dry_run: bool = True, grace: timedelta = GRACE, progress: ProgressCallback | None = None) -> GcReport:
    """Remove the objects that nothing refers to from the storages of the current database; by default only report them.

    Everything is checked before anything is deleted. Two kinds of objects are deleted:

    - objects whose rows no artifact refers to, with these rows, if the rows are older than `grace` by the database's
      clock;
    - objects without a row, if they are older than `grace` by the clock of their storage.

    Only objects whose location begins with this database's store id are deleted.

    Saves, deletions and other collections may run at the same time. If a save's object is collected, the save puts it
    again.

    Raises:
        DanglingObjectsError: this is no dry run, and a row's object does not exist; or a value of an artifact has
            neither an object nor bytes. Nothing was deleted.
        MalformedRowError: an object's row, or a reference to one, was altered, so that the objects in use cannot be
            determined. Nothing was deleted.
        StorageError: a storage could not be listed, or did not answer; nothing was deleted.
        ConfigurationError: the grace is no timedelta, or negative.
        SessionStateError: a session is open here. The deletions cannot wait for its end.
    """
    return wait_for(async_maintenance.gc(dry_run=dry_run, grace=grace, progress=progress))


def mark_lost() -> list[UUID]:
    """Mark runs as lost whose lease has expired by the database's clock, and return their ids.

    Reading such a run reports it as lost already, and a run that starts a minute later marks it. Call this for a
    database in which no run starts, or before your own queries over `run_status`. A process that continues after a
    pause takes up its run again.

    Raises:
        SessionStateError: a session is open here. It would keep the rows locked until it ends.
    """
    return wait_for(async_maintenance.mark_lost())


def upgrade(
    model_type: type[AnyModel], *, dry_run: bool = True, progress: ProgressCallback | None = None
) -> UpgradeReport:
    """Rewrite the artifacts that contain models of an older version of a class; by default only report them.

        report = upgrade(Report)  # reads and converts each artifact, and changes nothing
        print(report.render())
        upgrade(Report, dry_run=False)

    An artifact counts if it is a model of the class, or of a class derived from it, or has one nested in it. Models
    that are stored under an alias of the class count, too. The whole artifact is loaded, converted and stored by the
    classes of today. It keeps its id, label, run, uses and aliases. Nested models keep their ids if their paths stay.

    Each artifact is one transaction. If the call ends early, the next one rewrites the rest. Saves, loads,
    deletions and other upgrades may run at the same time. Objects that are no longer needed are left to `gc`.

    Programs with older classes cannot load the result. Bring them up to date first.

    Args:
        model_type: the class. `ArtifactModel` stands for every class that is imported, also by `artifact_class`.
        dry_run: convert each artifact, and write nothing.
        progress: receives how far the upgrade is. An exception that it raises ends the upgrade between two artifacts.

    Raises:
        ArgumentError: `model_type` is not a model class.
        ModelDefinitionError: the class cannot be stored as it is defined, or a step of its migrations is missing.
        SessionStateError: a session is open here. Each artifact is a transaction of its own.
        StorageError, DatabaseError: a storage or the database failed. What was rewritten before stays rewritten.
    """
    return wait_for(async_maintenance.upgrade(model_type, dry_run=dry_run, progress=progress))
