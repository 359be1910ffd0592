"""What changed, as values and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal

from artigraph.difference.path import Path
from artigraph.difference.words import describe_change
from artigraph.model.show import short_repr

__all__ = ["Change", "ChangeKind", "ModelDiff"]

ChangeKind = Literal["changed", "added", "removed", "class", "unknown"]
"""A value that is another one; a field, key or item that only one of the two has; a model that is of another class; a
value of which cannot be told whether it changed, because it is not loaded."""

_SIGNS = {"changed": "~", "added": "+", "removed": "-", "class": "~", "unknown": "?"}
_LINES = 50
"""How many changes a rendering shows where it is not told."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Change:
    """One thing that changed."""

    kind: ChangeKind
    before: object
    """The value before; None where there was none, or where it is not loaded."""
    after: object
    """The value after; None where there is none, or where it is not loaded."""
    _path: Path
    _note: str | None = None

    @property
    def path(self) -> str:
        """Where it is, as Python would write it: `nested.by_name['a'].value`; empty for the model itself."""
        return str(self._path)

    @property
    def summary(self) -> str:
        """One line that says what changed; of arrays and frames it says how much."""
        if self._note is not None:
            return self._note
        if self.kind == "added":
            return short_repr(self.after)
        return short_repr(self.before) if self.kind == "removed" else describe_change(self.before, self.after)

    def __str__(self) -> str:
        return f"{_SIGNS[self.kind]} {self._path.shortened() or '(itself)'}: {self.summary}"

    def __repr__(self) -> str:
        return f"<Change {self}>"

    def _cells(self) -> tuple[str, str, str]:
        return self.kind, self._path.shortened() or "(itself)", self.summary


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelDiff:
    """What changed between two models, in the order of their fields.

    It is false only where all is known to be equal: where values are not loaded, it is true, and `changed` says whether
    a difference was found.
    """

    changes: tuple[Change, ...]
    before: str
    """The class of the model before."""
    after: str
    """The class of the model after."""

    @property
    def changed(self) -> bool:
        """Whether a difference was found."""
        return any(change.kind != "unknown" for change in self.changes)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def render(self, *, most: int = _LINES) -> str:
        """Return it as text, with so many changes at most."""
        lines = [self._title(), *(f"  {change}" for change in self.changes[:most])]
        if len(self.changes) > most:
            lines.append(f"  and {len(self.changes) - most:,} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"<ModelDiff of {self._title()}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in change._cells())}</tr>"  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            for change in self.changes[:_LINES]
        )
        more = len(self.changes) - _LINES
        last = f'<tr><td colspan="3">and {more:,} more</td></tr>' if more > 0 else ""
        return f"<table><caption>{escape(self._title())}</caption>{rows}{last}</table>"

    def _title(self) -> str:
        classes = self.before if self.before == self.after else f"{self.before} → {self.after}"
        count = len(self.changes)
        return f"{classes}: {f'{count:,} change' + ('s' if count != 1 else '') if count else 'no changes'}"
