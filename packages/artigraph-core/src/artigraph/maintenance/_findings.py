"""The report of `doctor`, as values, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from artigraph.db.examine import Chosen
from artigraph.maintenance._report import Amount, GcReport
from artigraph.printable import count_text, printable

Level = Literal["ok", "note", "warning", "error"]
"""How much a finding matters: all is well; worth knowing; will cause trouble; the store cannot be used like this."""

Topic = Literal["store", "schema", "size", "storages", "runs", "unused", "clock", "server", "pool", "libraries", "gc"]
"""What a finding is about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `doctor` found out."""

    level: Level
    topic: Topic
    text: str
    """A sentence that says what was found."""
    advice: str = ""
    """What to do about it, or an empty text."""

    def __str__(self) -> str:
        return printable(f"{self.topic}: {self.text}")


@dataclass(frozen=True, slots=True)
class StorageState:
    """A storage that rows of the database name."""

    name: str
    objects: Amount
    """The objects that have a row, with the sizes that their rows record."""
    is_known: bool
    """Whether this process knows the storage."""
    is_reachable: bool | None
    """Whether it answered when it was asked for one of its objects. None if it could not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """What `doctor` found out about the current store. What could not be found out is None, and has a finding."""

    store: str
    """The path of the SQLite file, or the URL without its password and arguments."""
    chosen: Chosen | None
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
    storages: tuple[StorageState, ...]
    clock_difference: float | None
    """The seconds by which the clock of the database is ahead of this machine's. None on SQLite."""
    running_runs: int | None
    """Runs that have a lease. It includes the lost ones that are not marked yet."""
    lost_runs: int | None
    """Runs whose lease is over, and which are not marked as lost yet."""
    libraries: Mapping[str, str]
    """The versions of Python and of the libraries in use."""
    gc: GcReport | None
    """What `gc` would delete, if it was asked for."""
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The greatest level of all findings."""
        worst: Level = "ok"
        for finding in self.findings:
            if _LEVELS.index(finding.level) > _LEVELS.index(worst):
                worst = finding.level
        return worst

    @property
    def ok(self) -> bool:
        """Whether there is neither a warning nor an error."""
        return self.level in ("ok", "note")

    def render(self) -> str:
        """Return the report as text."""
        lines = [f"doctor: {_summary(self.findings)}"]
        for finding in self.findings:
            lines.append(f"  {finding.level:<8} {finding}")
            if finding.advice:
                lines.append(f"  {'':<8} -> {printable(finding.advice)}")
        if self.gc is not None:
            lines.append(self.gc.render())
        return "\n".join(lines)

    __str__ = render


_LEVELS: Sequence[Level] = ("ok", "note", "warning", "error")


def _summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in ("error", "warning")}
    named = [count_text(count, level) for level, count in counts.items() if count]
    return ", ".join(named) or "all is well"
