"""Reports of the library as documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal
from uuid import UUID

from artigraph.cli._records import all_filled, filled
from artigraph.deletion import DeletionReport
from artigraph.maintenance import (
    CopyReport,
    DoctorReport,
    FsckReport,
    GcReport,
    ProblemKind,
    UpgradeReport,
)
from artigraph.view import Document, Record

# Deletions ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeletedItem(Record):
    """An artifact or run that was selected, with what is deleted with it."""

    node_id: UUID
    kind: Literal["artifact", "run"]
    label: str | None
    """The label of an artifact."""
    model_name: str | None
    """The stored name of the class of an artifact."""
    reason: str
    """Why it was selected."""
    runs: int
    """Runs that are deleted with it, including itself."""
    artifacts: int
    """Artifacts that are deleted with it, including itself."""
    rows: int
    """Rows of nodes that are deleted with it."""
    value_bytes: int
    """Bytes of values in these rows."""


@dataclass(frozen=True, slots=True)
class DeletionDocument(Document):
    """What a deletion deleted or, on a dry run, would delete."""

    schema: ClassVar[str] = "artigraph.deletion/1"

    dry_run: bool
    """Whether nothing was deleted."""
    nodes: tuple[DeletedItem, ...]
    """The selected artifacts and runs."""
    not_found: tuple[UUID, ...]
    """Given ids that do not exist, or no longer do."""
    runs: int
    """Deleted runs."""
    artifacts: int
    """Deleted artifacts."""
    rows: int
    """Deleted rows of nodes."""
    value_bytes: int
    """Bytes of values in these rows."""
    links: int
    """Deleted edges of lineage."""
    aliases: int
    """Deleted aliases."""
    objects: int
    """Deleted objects in storages."""
    object_bytes: int
    """Bytes of these objects."""
    shared_objects: int
    """Kept objects, which other artifacts refer to."""
    left_objects: int
    """Objects of the deletion that still exist; `gc` removes them later."""


def deletion_document(report: DeletionReport) -> DeletionDocument:
    """Return what a deletion deleted, or would delete."""
    nodes = (filled(DeletedItem, node, kind="run" if node.is_run else "artifact") for node in report.nodes)
    return filled(DeletionDocument, report, nodes=tuple(nodes))


# Maintenance ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AmountItem(Record):
    """A number of objects, and their size."""

    count: int
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class ExampleItem(Record):
    """An object that a report names."""

    storage: str
    location: str
    size: int
    """In bytes."""
    text: str
    """Why deleting it failed, or an empty text."""


@dataclass(frozen=True, slots=True)
class SkippedItem(Record):
    """A storage that was skipped, or partly skipped."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class GcExamples(Record):
    """The first few objects of some of the amounts."""

    unused: tuple[ExampleItem, ...]
    unregistered: tuple[ExampleItem, ...]
    foreign: tuple[ExampleItem, ...]
    failed: tuple[ExampleItem, ...]
    dangling: tuple[ExampleItem, ...]


@dataclass(frozen=True, slots=True)
class GcDocument(Document):
    """What a garbage collection deleted or, on a dry run, would delete."""

    schema: ClassVar[str] = "artigraph.gc/1"

    dry_run: bool
    """Whether nothing was deleted."""
    grace: float
    """How old an object or row had to be to be deleted, in seconds."""
    in_use: AmountItem
    """Objects that artifacts refer to."""
    unused: AmountItem
    """Deleted: objects that no artifact referred to, and their rows."""
    unregistered: AmountItem
    """Deleted: objects without a row, left by interrupted saves."""
    unfinished: AmountItem
    """Deleted: files of interrupted writes, which were untouched for at least a week."""
    young: AmountItem
    """Kept: unused or unregistered objects that are not old enough."""
    foreign: AmountItem
    """Kept, with their rows: unused objects whose location lacks this database's store id."""
    failed: AmountItem
    """Objects whose deletion failed. The next `gc` finds them again."""
    dangling: AmountItem
    """Rows whose object does not exist. While there are any, `gc` deletes nothing."""
    examples: GcExamples
    skipped: tuple[SkippedItem, ...]
    """Storages that rows name and that are unknown here. Nothing in them was touched."""
    unswept: tuple[SkippedItem, ...]
    """Storages that were not searched for objects without a row."""


@dataclass(frozen=True, slots=True)
class UpgradedModels(Record):
    """Models of one stored name and version that were rewritten."""

    model_name: str
    model_version: int
    models: int


@dataclass(frozen=True, slots=True)
class UpgradeFailure(Record):
    """An artifact that could not be converted. It is unchanged."""

    node_id: UUID
    label: str | None
    type: str
    """The name of the class of the error."""
    message: str


@dataclass(frozen=True, slots=True)
class UpgradeDocument(Document):
    """What an upgrade of a class rewrote or, on a dry run, would rewrite."""

    schema: ClassVar[str] = "artigraph.upgrade/1"

    dry_run: bool
    """Whether nothing was written."""
    model: str
    """The name of the class."""
    artifacts: int
    rows: int
    """Rows of nodes that these artifacts had before."""
    value_bytes: int
    """Bytes of the values that these artifacts had before, in rows and in objects."""
    missing: int
    """Artifacts that others deleted or rewrote meanwhile."""
    models: tuple[UpgradedModels, ...]
    failures: tuple[UpgradeFailure, ...]


def upgrade_document(report: UpgradeReport) -> UpgradeDocument:
    """Return what an upgrade rewrote, or would rewrite."""
    models = (UpgradedModels(*key, count) for key, count in sorted(report.versions.items()))
    failures = (
        filled(UpgradeFailure, each, type=type(each.error).__name__, message=str(each.error))
        for each in report.failures
    )
    return filled(UpgradeDocument, report, models=tuple(models), failures=tuple(failures))


def gc_document(report: GcReport) -> GcDocument:
    """Return what a garbage collection deleted, or would delete."""
    examples = GcExamples(
        unused=all_filled(ExampleItem, report.unused_examples),
        unregistered=all_filled(ExampleItem, report.unregistered_examples),
        foreign=all_filled(ExampleItem, report.foreign_examples),
        failed=all_filled(ExampleItem, report.failed_examples),
        dangling=all_filled(ExampleItem, report.dangling_examples),
    )
    return filled(GcDocument, report, grace=report.grace.total_seconds(), examples=examples)


@dataclass(frozen=True, slots=True)
class ProblemItem(Record):
    """One problem that a check found."""

    kind: ProblemKind
    text: str
    """What is wrong, in a sentence."""
    node_id: UUID | None
    """The affected node, if there is one."""
    storage: str | None
    """The storage of the affected object, if there is one."""
    location: str | None
    """The location of the affected object, if there is one."""


@dataclass(frozen=True, slots=True)
class FsckDocument(Document):
    """What a check of all rows and objects found."""

    schema: ClassVar[str] = "artigraph.fsck/1"

    ok: bool
    """Whether no problem was found."""
    counts: Mapping[ProblemKind, int]
    """How often each kind of problem was found. Kinds that were not found are absent."""
    problems: tuple[ProblemItem, ...]
    """Examples: at most ten of each kind."""
    objects: AmountItem
    """Objects that have a row, with the sizes that their rows record."""
    read: AmountItem
    """The objects that were read and whose hashes were compared."""
    unregistered: AmountItem
    """Objects without a row. They are no problem: a running save has such objects, and `gc` removes the rest."""
    unregistered_examples: tuple[ExampleItem, ...]
    unlisted: tuple[SkippedItem, ...]
    """Storages that could not be searched for objects without a row."""
    unrecorded: str | None
    """Why the outcome was not recorded in the database; None if it was."""


def fsck_document(report: FsckReport) -> FsckDocument:
    """Return what a check found."""
    return filled(FsckDocument, report)


@dataclass(frozen=True, slots=True)
class CopyDocument(Document):
    """What a copy from one storage to another did or, on a dry run, would do."""

    schema: ClassVar[str] = "artigraph.copy/1"

    dry_run: bool
    """Whether nothing was copied."""
    source: str
    """The name of the storage to leave."""
    target: str
    """The name of the storage to fill."""
    planned: AmountItem
    """Objects that rows named in the source at the beginning."""
    moved: AmountItem
    """Objects that were copied, and whose rows name the target now."""
    merged: AmountItem
    """Objects whose content the target had already."""
    failed: AmountItem
    """Objects that could not be copied, because they are missing or damaged."""
    remaining: AmountItem
    """Objects that rows still name in the source at the end."""
    failed_examples: tuple[ExampleItem, ...]
    malformed: int
    """Values of rows that are malformed. Such a row is not copied, or may have an object in the source."""
    malformed_examples: tuple[str, ...]


def copy_document(report: CopyReport) -> CopyDocument:
    """Return what a copy did, or would do."""
    return filled(CopyDocument, report)


# The doctor -----------------------------------------------------------------------------------------------------------


_Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class FindingItem(Record):
    """One thing that was found out."""

    level: _Level
    """All is well; worth knowing; will cause trouble; the store cannot be used like this."""
    topic: str
    """What it is about, in one word."""
    text: str
    """A sentence that says what was found."""
    advice: str
    """What to do about it, or an empty text."""


@dataclass(frozen=True, slots=True)
class StorageStateItem(Record):
    """A storage that rows of the database name."""

    name: str
    objects: int
    """The objects that have a row."""
    size: int
    """Their bytes, by their rows."""
    is_known: bool
    """Whether the storage is known here."""
    is_reachable: bool | None
    """Whether it answered when it was asked for one of its objects. None if it could not be asked."""


@dataclass(frozen=True, slots=True)
class CollectableItem(Record):
    """What `gc` would delete."""

    unused: AmountItem
    """Objects that no artifact refers to."""
    unregistered: AmountItem
    """Objects without a row, left by interrupted saves."""
    unfinished: AmountItem
    """Files of interrupted writes."""


@dataclass(frozen=True, slots=True)
class DoctorDocument(Document):
    """How the store and its surroundings are. What could not be found out is null, and has a finding."""

    schema: ClassVar[str] = "artigraph.doctor/1"

    level: _Level
    """The greatest level of all findings."""
    store: str
    """The path of the SQLite file, or the URL without its password and arguments."""
    chosen: str | None
    """Who chose it: `engine_context`, `set_engine`, the `environment` variable, or nobody (the `folder` .artigraph)."""
    dialect: str | None
    """The kind of the database."""
    server: str | None
    """The version of the database server, or of SQLite's library."""
    schema_version: str | None
    """The version of the tables."""
    rows: Mapping[str, int]
    """The number of rows by table. On PostgreSQL, MySQL and MariaDB it is the server's estimate."""
    size: int | None
    """The size of the tables, or of the SQLite file, in bytes."""
    storages: tuple[StorageStateItem, ...]
    clock_difference: float | None
    """The seconds by which the clock of the database is ahead of this machine's. Null on SQLite."""
    running_runs: int | None
    """Runs that have a lease. It includes the lost ones that are not marked yet."""
    lost_runs: int | None
    """Runs whose lease is over, and which are not marked as lost yet."""
    libraries: Mapping[str, str]
    """The versions of Python and of the libraries in use."""
    findings: tuple[FindingItem, ...]
    gc: CollectableItem | None
    """What `gc` would delete, with --gc."""


def doctor_document(report: DoctorReport) -> DoctorDocument:
    """Return what an examination found out."""
    storages = (
        filled(StorageStateItem, each, objects=each.objects.count, size=each.objects.size) for each in report.storages
    )
    return filled(DoctorDocument, report, storages=tuple(storages))
