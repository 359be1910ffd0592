"""The reports of maintenance, as values and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from artigraph.printable import bytes_text, count_text, printable

EXAMPLES = 10
"""The most examples of one kind in a report."""

ProblemKind = Literal[
    "object-missing",
    "object-size",
    "object-corrupt",
    "object-unreadable",
    "storage-unknown",
    "serializer-unknown",
    "malformed",
    "unknown-type",
    "parent-missing",
    "parent-no-run",
    "circle",
    "no-place",
    "root-missing",
    "positions",
    "root-span",
    "span",
    "outside-parent",
    "value",
    "blob-missing",
    "link-missing",
    "link-no-run",
    "link-no-result",
    "cache-row",
    "alias",
]
"""The kinds of problems. docs/how-to/check-a-store.md says what each means."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of objects, and their size in bytes."""

    count: int = 0
    size: int = 0

    def __str__(self) -> str:
        return f"{count_text(self.count, 'object')}, {bytes_text(self.size)}"


@dataclass(frozen=True, slots=True)
class Example:
    """An object that a report names."""

    storage: str
    location: str
    size: int
    text: str = ""
    """Why deleting it failed, if it did."""

    def __str__(self) -> str:
        return f"{self.storage} {self.location} ({bytes_text(self.size)}){f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class SkippedStorage:
    """A storage that was skipped, or partly skipped, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return printable(f"{self.name}: {self.reason}")


class Total:
    """Counts objects, and keeps the first few as examples."""

    def __init__(self) -> None:
        self._count = self._size = 0
        self._examples: list[Example] = []

    def add(self, storage: str, location: str, size: int, text: str = "") -> None:
        """Count an object."""
        self._count += 1
        self._size += size
        if len(self._examples) < EXAMPLES:
            self._examples.append(Example(storage, location, size, text))

    @property
    def amount(self) -> Amount:
        """The number and the size of the objects counted."""
        return Amount(self._count, self._size)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The first few objects counted."""
        return tuple(self._examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What `gc` deleted or, on a dry run, would delete."""

    dry_run: bool
    """Whether nothing was deleted. Then the amounts of deleted objects are those that would be deleted."""
    grace: timedelta
    """The grace period: how old an object or row had to be to be deleted."""
    in_use: Amount
    """Objects that artifacts refer to."""
    unused: Amount
    """Deleted: objects that no artifact referred to, and their rows."""
    unregistered: Amount
    """Deleted: objects without a row, left by interrupted saves."""
    unfinished: Amount
    """Deleted: files of interrupted writes, which are no objects and were untouched for at least a week."""
    young: Amount
    """Kept: unused or unregistered objects that are not old enough."""
    foreign: Amount
    """Kept, with their rows: unused objects whose location lacks this database's store id.

    They may belong to another store.
    """
    failed: Amount
    """Objects whose deletion failed. The next `gc` finds them again."""
    dangling: Amount
    """Rows whose object does not exist. While there are any, `gc` deletes nothing; see `fsck`."""
    unused_examples: tuple[Example, ...]
    unregistered_examples: tuple[Example, ...]
    foreign_examples: tuple[Example, ...]
    failed_examples: tuple[Example, ...]
    dangling_examples: tuple[Example, ...]
    skipped: tuple[SkippedStorage, ...]
    """Storages that rows name and this process does not know. Nothing in them was touched."""
    unswept: tuple[SkippedStorage, ...]
    """Storages that were not searched for objects without a row."""

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.maintenance._html import gc_view

        return render(attempt(lambda: gc_view(self)))

    def render(self) -> str:
        """Return the report as text."""
        verb = "would be deleted" if self.dry_run else "deleted"
        lines = [f"gc{' (dry run: nothing was deleted)' if self.dry_run else ''}, grace {_time(self.grace)}"]
        lines += _section(f"in use: {self.in_use}")
        lines += _section(f"{verb}, because no artifact uses them: {self.unused}", self.unused, self.unused_examples)
        lines += _section(
            f"{verb}, because no blob row names them: {self.unregistered}",
            self.unregistered,
            self.unregistered_examples,
        )
        if self.unfinished.count:
            lines += _section(f"{verb}, left by writes that were never finished: {self.unfinished}")
        lines += _section(f"kept, as they are younger than the grace: {self.young}")
        if self.foreign.count:
            title = f"kept, as they do not bear the id of this database: {self.foreign}"
            lines += _section(title, self.foreign, self.foreign_examples)
        if self.failed.count:
            title = f"could not be deleted now, left to the next gc: {self.failed}"
            lines += _section(title, self.failed, self.failed_examples)
        if self.dangling.count:
            title = f"MISSING, so that gc would delete nothing at all (see fsck): {self.dangling}"
            lines += _section(title, self.dangling, self.dangling_examples)
        lines += [
            f"  left out, as it is not known here: {printable(each.name)}: {printable(each.reason)}"
            for each in self.skipped
        ]
        lines += [
            f"  not searched for objects without a row: {printable(each.name)}: {printable(each.reason)}"
            for each in self.unswept
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem that `fsck` found."""

    kind: ProblemKind
    text: str
    node_id: UUID | None = None
    """The affected node, if there is one."""
    storage: str | None = None
    location: str | None = None
    """The location of the affected object, if there is one."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckReport:
    """What `fsck` found."""

    counts: Mapping[ProblemKind, int]
    """How often each kind of problem was found. Kinds that were not found are absent."""
    problems: tuple[Problem, ...]
    """Examples: at most ten of each kind."""
    objects: Amount
    """Objects that have a row, with the sizes that their rows record."""
    read: Amount
    """The registered objects that were read and whose hashes were compared."""
    unregistered: Amount
    """Objects without a row. They are no problem: a running save has such objects, and `gc` removes the rest."""
    unregistered_examples: tuple[Example, ...]
    unlisted: tuple[SkippedStorage, ...]
    """Storages that could not be searched for objects without a row."""
    unrecorded: str | None = None
    """Why the outcome was not recorded in the database; None if it was."""

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.counts

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.maintenance._html import fsck_view

        return render(attempt(lambda: fsck_view(self)))

    def render(self) -> str:
        """Return the report as text."""
        lines = [f"fsck: {'no problems' if self.ok else f'{sum(self.counts.values()):,} problems'}"]
        lines += _section(f"registered: {self.objects}")
        lines += _section(f"read and compared: {self.read}")
        for kind, count in self.counts.items():
            problems = [problem for problem in self.problems if problem.kind == kind]
            lines += _section(f"{kind}: {count:,}", Amount(count), problems)
        lines += _section(
            f"without a row, which is no problem: {self.unregistered}", self.unregistered, self.unregistered_examples
        )
        lines += [
            f"  not searched for objects without a row: {printable(each.name)}: {printable(each.reason)}"
            for each in self.unlisted
        ]
        lines += [] if self.unrecorded is None else [f"  not recorded: {printable(self.unrecorded)}"]
        return "\n".join(lines)


def _section(title: str, amount: Amount | None = None, examples: Sequence[object] = ()) -> list[str]:
    """Return a title with the examples below it, and how many objects are not shown."""
    more = 0 if amount is None else amount.count - len(examples)
    lines = [f"  {title}", *(f"    {printable(str(example))}" for example in examples)]
    return [*lines, f"    and {more:,} more"] if more and examples else lines


def _time(span: timedelta) -> str:
    return str(span).removesuffix(", 0:00:00")


# Copies ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What `copy_objects` did or, on a dry run, would do."""

    dry_run: bool
    """Whether nothing was copied."""
    source: str
    """The name of the storage to leave."""
    target: str
    """The name of the storage to fill."""
    planned: Amount
    """Objects that rows named in the source when the call began."""
    moved: Amount
    """Objects that were copied, and whose rows name the target now."""
    merged: Amount
    """Objects whose content the target had already. Artifacts refer to that one now."""
    failed: Amount
    """Objects that could not be copied, because they are missing or damaged. Their rows still name the source."""
    failed_examples: tuple[Example, ...]
    remaining: Amount
    """Objects that rows still name in the source at the end."""

    malformed: int = 0
    """Values of rows that are malformed. Such a row is not copied, or may have an object in the source."""
    malformed_examples: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no row names the source any more, and no malformed row may do so."""
        return not self.remaining.count and not self.malformed

    def _repr_html_(self) -> str:
        from artigraph.html import attempt, render
        from artigraph.maintenance._html import copy_view

        return render(attempt(lambda: copy_view(self)))

    def render(self) -> str:
        """Return the report as text."""
        note = " (dry run: nothing was copied)" if self.dry_run else ""
        lines = [f"copy from {printable(self.source)} to {printable(self.target)}{note}"]
        if self.dry_run:
            return "\n".join([*lines, f"  would be copied: {self.planned}", *self._malformed_lines()])
        lines += [f"  copied: {self.moved}", f"  in the target already: {self.merged}"]
        if self.failed.count:
            lines += [f"  could not be copied (see fsck): {self.failed}"]
            lines += [f"    {printable(str(example))}" for example in self.failed_examples]
            more = self.failed.count - len(self.failed_examples)
            lines += [f"    and {more:,} more"] if more else []
        lines += self._malformed_lines()
        why = "" if not self.remaining.count else "; copy again once nobody saves there or holds them"
        return "\n".join([*lines, f"  remaining in {printable(self.source)}: {self.remaining}{why}"])

    def _malformed_lines(self) -> list[str]:
        if not self.malformed:
            return []
        lines = [f"  not copied, because rows are malformed (see fsck): {count_text(self.malformed, 'value')}"]
        lines += [f"    {printable(example)}" for example in self.malformed_examples]
        more = self.malformed - len(self.malformed_examples)
        return [*lines, f"    and {more:,} more"] if more else lines
