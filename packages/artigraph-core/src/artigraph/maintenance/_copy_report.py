"""The report of `copy_objects`."""

from __future__ import annotations

from dataclasses import dataclass

from artigraph.maintenance._report import Amount, Example
from artigraph.printable import count_text, printable


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
