"""What maintenance has to say, as values and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

__all__ = [
    "EXAMPLES",
    "Amount",
    "Example",
    "FsckReport",
    "GcReport",
    "Problem",
    "ProblemKind",
    "SkippedStorage",
    "Tally",
]

EXAMPLES = 10
"""How many examples of one thing a report holds at most."""

ProblemKind = Literal[
    "object-missing",
    "object-size",
    "object-corrupt",
    "object-unreadable",
    "storage-unknown",
    "serializer-unknown",
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
    "alias",
]
"""What can be wrong; docs/maintenance.md says what each means."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of objects, and their bytes."""

    count: int = 0
    size: int = 0

    def __str__(self) -> str:
        return f"{self.count:,} {'object' if self.count == 1 else 'objects'}, {_human(self.size)}"


@dataclass(frozen=True, slots=True)
class Example:
    """An object that a report tells of."""

    storage: str
    location: str
    size: int
    text: str = ""
    """Why deleting it failed, where it did."""

    def __str__(self) -> str:
        return f"{self.storage} {self.location} ({_human(self.size)}){f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class SkippedStorage:
    """A storage of which something was left out."""

    name: str
    reason: str


class Tally:
    """Counts objects, and keeps the first few of them."""

    def __init__(self) -> None:
        self._count = self._size = 0
        self._examples: list[Example] = []

    def add(self, storage: str, location: str, size: int, text: str = "") -> None:
        """Count one."""
        self._count += 1
        self._size += size
        if len(self._examples) < EXAMPLES:
            self._examples.append(Example(storage, location, size, text))

    @property
    def amount(self) -> Amount:
        """How many, and how large."""
        return Amount(self._count, self._size)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The first few."""
        return tuple(self._examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class GcReport:
    """What `gc` did, or would have done."""

    dry_run: bool
    """Whether nothing was deleted: then what is said to be deleted is what would be."""
    grace: timedelta
    """How old something had to be to be deleted."""
    in_use: Amount
    """Objects that artifacts refer to."""
    unused: Amount
    """Deleted: objects, and their rows, that no artifact referred to any more."""
    unregistered: Amount
    """Deleted: objects without a row, left by saves that came to no end."""
    unfinished: Amount
    """Deleted: what is no object, left by writes that were never finished and not touched for a week at least."""
    young: Amount
    """Kept: unused or unregistered, but not old enough."""
    foreign: Amount
    """Kept, with their rows: unused, but not under this database's store id, so they may be somebody else's."""
    failed: Amount
    """Objects whose deletion failed; the next `gc` finds them."""
    dangling: Amount
    """Rows whose object is not there. While there are any, `gc` deletes nothing; see `fsck`."""
    unused_examples: tuple[Example, ...]
    unregistered_examples: tuple[Example, ...]
    foreign_examples: tuple[Example, ...]
    failed_examples: tuple[Example, ...]
    dangling_examples: tuple[Example, ...]
    skipped: tuple[SkippedStorage, ...]
    """Storages that rows name and this process does not know: nothing of theirs was touched."""
    unswept: tuple[SkippedStorage, ...]
    """Storages where objects without a row were not looked for."""

    def render(self) -> str:
        """Return the report as text."""
        verb = "would be deleted" if self.dry_run else "deleted"
        lines = [f"gc{' (dry run: nothing was deleted)' if self.dry_run else ''}, grace {_time(self.grace)}"]
        lines += _section(f"in use: {self.in_use}")
        lines += _section(f"{verb}, as no artifact refers to them: {self.unused}", self.unused, self.unused_examples)
        lines += _section(
            f"{verb}, as no row stands for them: {self.unregistered}", self.unregistered, self.unregistered_examples
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
        lines += [f"  left out, as it is not known here: {each.name}: {each.reason}" for each in self.skipped]
        lines += [f"  not searched for objects without a row: {each.name}: {each.reason}" for each in self.unswept]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: ProblemKind
    text: str
    node_id: UUID | None = None
    """The node that it is about, if it is about one."""
    storage: str | None = None
    location: str | None = None
    """Where the object is that it is about, if it is about one."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckReport:
    """What `fsck` found."""

    counts: Mapping[ProblemKind, int]
    """How often each kind of problem was found; kinds that were not found are left out."""
    problems: tuple[Problem, ...]
    """Examples: of each kind at most ten."""
    objects: Amount
    """Objects that have a row, and what their rows say of their size."""
    read: Amount
    """Those of them that were read and whose hashes were compared."""
    unregistered: Amount
    """Objects without a row, which is no problem: saves under way have such, and `gc` removes what remains."""
    unregistered_examples: tuple[Example, ...]
    unlisted: tuple[SkippedStorage, ...]
    """Storages where objects without a row could not be looked for."""

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return not self.counts

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
        lines += [f"  not searched for objects without a row: {each.name}: {each.reason}" for each in self.unlisted]
        return "\n".join(lines)


def _human(size: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:  # noqa: PLR2004 (what the units are multiples of)
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _section(title: str, amount: Amount | None = None, examples: Sequence[object] = ()) -> list[str]:
    """Return a title with examples below it, and how many more there are."""
    more = 0 if amount is None else amount.count - len(examples)
    lines = [f"  {title}", *(f"    {example}" for example in examples)]
    return [*lines, f"    and {more:,} more"] if more and examples else lines


def _time(span: timedelta) -> str:
    return str(span).removesuffix(", 0:00:00")
