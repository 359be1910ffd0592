"""The report of `artigraph doctor` as a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from artigraph.cli._reports import AmountItem, amount_item
from artigraph.maintenance import DoctorReport, GcReport
from artigraph.view import Document, Record

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
    storages = [
        StorageStateItem(each.name, each.objects.count, each.objects.size, each.is_known, each.is_reachable)
        for each in report.storages
    ]
    return DoctorDocument(
        level=report.level,
        store=report.store,
        chosen=report.chosen,
        dialect=report.dialect,
        server=report.server,
        schema_version=report.schema_version,
        rows=report.rows,
        size=report.size,
        storages=tuple(storages),
        clock_difference=report.clock_difference,
        running_runs=report.running_runs,
        lost_runs=report.lost_runs,
        libraries=report.libraries,
        findings=tuple(FindingItem(each.level, each.topic, each.text, each.advice) for each in report.findings),
        gc=None if report.gc is None else _collectable(report.gc),
    )


def _collectable(report: GcReport) -> CollectableItem:
    amounts = report.unused, report.unregistered, report.unfinished
    return CollectableItem(*map(amount_item, amounts))
