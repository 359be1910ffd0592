"""The result of a comparison, as values and as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

from artigraph.errors import class_name
from artigraph.model.repr import short_repr
from artigraph.printable import count_text, printable
from artigraph.serializer import SupportsDiff
from artigraph.serializer.base import claimed_by


def describe_change(before: object, after: object) -> str:
    """Return one line that says how two unequal values differ."""
    if type(before) is type(after):
        if isinstance(before, (set, frozenset)):
            return _of_sets(cast("AbstractSet[object]", before), cast("AbstractSet[object]", after))
        serializer = None if type(before).__module__ == "builtins" else claimed_by(type(before))
        if isinstance(serializer, SupportsDiff):
            # The names in a column's type are stored text, too.
            return printable(cast("SupportsDiff[Any]", serializer).describe_change(before, after))
    shown, shown_after = short_repr(before), short_repr(after)
    if shown != shown_after:
        return f"{shown} → {shown_after}"
    if type(before) is not type(after):
        return f"{shown}, {class_name(type(before))} → {class_name(type(after))}"
    if isinstance(before, (str, bytes)):
        return _of_texts(shown, before, cast("Any", after))
    return f"{shown}; the difference is in what is not shown"


def _of_sets(before: AbstractSet[object], after: AbstractSet[object]) -> str:
    gone, new = before - after, after - before
    parts = [f"without {short_repr(gone)}" if gone else "", f"with {short_repr(new)}" if new else ""]
    return f"{len(before):,} → {len(after):,} items, {' and '.join(part for part in parts if part)}"


def _of_texts(shown: str, before: str | bytes, after: str | bytes) -> str:
    pairs = enumerate(zip(before, after, strict=False))
    first = next((place for place, (one, other) in pairs if one != other), min(len(before), len(after)))
    unit = "characters" if isinstance(before, str) else "bytes"
    return f"{shown}; {len(before):,} → {len(after):,} {unit}, which differ from place {first:,} on"


_ENDS = 90
"""The number of characters shown of each end of a long path."""


class Path:
    """The steps from a model to a value in it. Each path refers only to the one above, so deep paths cost nothing."""

    __slots__ = ("above", "step", "write")

    def __init__(self, above: Path | None, step: object, write: Callable[[object], str]) -> None:
        self.above: Path | None = above
        self.step: object = step
        self.write: Callable[[object], str] = write

    def field(self, name: object) -> Path:
        """Return the path of a field."""
        return Path(self, name, _as_field)

    def item(self, key: object) -> Path:
        """Return the path of an item, by its key or index."""
        return Path(self, key, _as_item)

    def named(self, name: str) -> Path:
        """Return the path of what has a name that need not be an identifier: `.rate`, `['learning rate']`."""
        return self.field(name) if name.isidentifier() else self.item(name)

    def labels(self) -> tuple[str, ...]:
        """Return the steps as texts."""
        found: list[str] = []
        path = self
        while path.above is not None:
            found.append(path.step if isinstance(path.step, str) else short_repr(path.step))
            path = path.above
        return tuple(reversed(found))

    def __str__(self) -> str:
        return "".join(reversed(list(self._steps()))).removeprefix(".")

    def shortened(self) -> str:
        """Return the path for display, with its middle left out if it is long."""
        text = str(self)
        return text if len(text) <= 2 * _ENDS else f"{text[:_ENDS]} ... {text[-_ENDS:]}"

    def _steps(self) -> Iterator[str]:
        path: Path | None = self
        while path is not None:
            yield path.write(path.step)
            path = path.above


def _as_field(step: object) -> str:
    return f".{step}"


def _as_item(step: object) -> str:
    return f"[{short_repr(step)}]"


TOP = Path(None, None, lambda _: "")
"""The path of a model itself."""


ChangeKind = Literal["changed", "added", "removed", "class", "unknown"]
"""The kind of a change.

- `changed`: the values differ.
- `added`, `removed`: only one of the two has this field, key or item.
- `class`: the models are of different classes.
- `unknown`: a value is not loaded, so it is unknown whether it changed.
"""

_SIGNS = {"changed": "~", "added": "+", "removed": "-", "class": "~", "unknown": "?"}
_LINES = 50
"""The number of changes that a rendering shows by default."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Change:
    """One change between two models."""

    kind: ChangeKind
    before: object
    """The value before; None if it was added, or if it is not loaded."""
    after: object
    """The value after; None if it was removed, or if it is not loaded."""
    _path: Path
    _note: str | None = None

    @property
    def path(self) -> str:
        """The path of the value in Python's notation, `nested.by_name['a'].value`; empty for the model itself."""
        return str(self._path)

    @property
    def summary(self) -> str:
        """One line that says what changed. For arrays and frames it says how much changed."""
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


def labels_of(change: Change) -> tuple[str, ...]:
    """Return the steps of a change's path as texts."""
    return change._path.labels()  # pyright: ignore[reportPrivateUsage]


def note_of(change: Change) -> str | None:
    """Return what is said about a change whose values do not tell."""
    return change._note  # pyright: ignore[reportPrivateUsage]


class _Changes(ABC):
    """What the results of comparisons have in common."""

    __slots__ = ()

    @property
    def changed(self) -> bool:
        """Whether a difference was found."""
        return any(change.kind != "unknown" for change in self)

    def __bool__(self) -> bool:
        return bool(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Change]:
        return iter(self._all())

    def render(self, *, most: int = _LINES) -> str:
        """Return the changes as text, at most `most` of them."""
        lines = [self._title(), *(f"  {change}" for change in self._all()[:most])]
        if len(self) > most:
            lines.append(f"  and {len(self) - most:,} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._title()}>"

    def _repr_html_(self) -> str:
        import artigraph.html as html

        def cells(change: Change) -> list[html.Part]:
            kind, path, summary = change._cells()  # pyright: ignore[reportPrivateUsage]
            return [kind, html.code(path), html.code(summary)]

        def view() -> html.Part:
            rows = html.first_of(map(cells, self), _LINES, len(self))
            body = [html.table(rows, head=["kind", "path", "change"])] if self else []
            return html.element("div", html.element("b", self._title()), *body)

        return html.render(html.attempt(view))

    def _title(self) -> str:
        return f"{self._subject()}: {count_text(len(self), 'change') if self else 'no changes'}"

    @abstractmethod
    def _all(self) -> tuple[Change, ...]: ...

    @abstractmethod
    def _subject(self) -> str: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelDiff(_Changes):
    """The changes between two models, in the order of their fields.

    It is false only if all values are known to be equal. It is true if a value is not loaded, so that it is unknown
    whether it changed. `changed` says whether a difference was found.
    """

    changes: tuple[Change, ...]
    before: str
    """The class of the model before."""
    after: str
    """The class of the model after."""

    def _all(self) -> tuple[Change, ...]:
        return self.changes

    def _subject(self) -> str:
        return self.before if self.before == self.after else f"{self.before} → {self.after}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunDiff(_Changes):
    """The changes between two runs: parameters, tags, environment, and results, each ordered by name.

    The path of a change begins with its section: `parameters.rate`, `results.report.accuracy`. It is false only if
    nothing changed. It is true if a value of a result is not loaded, so that it is unknown whether it changed.
    """

    before: UUID
    """The id of the run before."""
    after: UUID
    """The id of the run after."""
    parameters: tuple[Change, ...]
    tags: tuple[Change, ...]
    environment: tuple[Change, ...]
    results: tuple[Change, ...]
    """The changes of the artifacts that the runs made, by label."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of all sections."""
        return (*self.parameters, *self.tags, *self.environment, *self.results)

    def _all(self) -> tuple[Change, ...]:
        return self.changes

    def _subject(self) -> str:
        return f"Run {self.before} → {self.after}"
