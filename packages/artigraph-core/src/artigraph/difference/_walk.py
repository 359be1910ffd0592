"""Walk through two models side by side, without recursion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.db.planner import filter_only
from artigraph.difference._report import TOP, Change, ChangeKind, ModelDiff, Path
from artigraph.errors import DeserializationError, FieldNotLoadedError, NodeNotFoundError
from artigraph.graph.run_rows import RunRow, RunValueKind, RunValueRow, read_runs
from artigraph.kinds import fields_of, kind_of
from artigraph.lineage.sql import own_input, select_served
from artigraph.model import Lazy
from artigraph.model.any_model import is_model_instance
from artigraph.model.compare import Parts, canonical, equal, parts_of_both, plainly_equal
from artigraph.model.definition import compared_fields, traits_of
from artigraph.model.failures import LoadFailure
from artigraph.model.lazy import held
from artigraph.model.partial import is_partial, loaded_fields
from artigraph.model.values import StoredValue
from artigraph.orm import node_table
from artigraph.run.values import FIELDS
from artigraph.serializer.codec import decode, encode
from artigraph.stored import StoredModel
from artigraph.stored.read import read_each

_OWN_EQUALITY = "unequal by its own ==, though no field of it is"


def diff_models(before: object, after: object) -> ModelDiff:
    """Return what changed from one model to another, field by field."""
    changes = tuple(changes_of_models(before, after))
    return ModelDiff(changes, _class_of(before).__qualname__, _class_of(after).__qualname__)


def changes_of_models(before: object, after: object, path: Path = TOP) -> list[Change]:
    """Return the changes between two models that are under a path."""
    return _Walk(_AS_FIELDS).walk(path, before, after)


def changes_of_values(before: object, after: object, path: Path) -> list[Change]:
    """Return the changes between two values that consist of builtin types, of which `1`, `1.0` and `True` differ."""
    return _Walk(_EXACT).walk(path, before, after)


class _Nothing(Enum):
    """Marks the place of a value that does not exist or is not loaded."""

    ABSENT = 1
    NOT_LOADED = 2


class _Pair(NamedTuple):
    path: Path
    before: object
    after: object


class _Unequal(NamedTuple):
    """Marks the end of the walk through two models whose class says that they are unequal."""

    pair: _Pair
    reported: int
    """The number of changes found before that walk."""


class _Rules(NamedTuple):
    """How values are compared."""

    are_equal: Callable[[object, object], bool]
    """Returns whether two values are equal, whatever parts they have."""
    are_plainly_equal: Callable[[object, object], bool]
    """Returns whether two values without parts are equal."""
    mark: Callable[[Any], object]
    """Returns what is equal for equal keys."""


class _Walk:
    def __init__(self, rules: _Rules) -> None:
        self._rules = rules
        self._changes: list[Change] = []
        self._pending: list[_Pair | _Unequal] = []
        self._seen: dict[tuple[int, int], _Pair] = {}  # keeps the objects alive, so that no other gets their ids

    def walk(self, path: Path, before: object, after: object) -> list[Change]:
        self._pending.append(_Pair(path, before, after))
        while self._pending:
            item = self._pending.pop()
            if isinstance(item, _Pair):
                self._compare(item)
            elif len(self._changes) == item.reported:
                self._tell("changed", item.pair, _OWN_EQUALITY)
        return self._changes

    def _tell(self, kind: ChangeKind, pair: _Pair, note: str | None = None) -> None:
        before, after = (None if isinstance(each, _Nothing) else each for each in (pair.before, pair.after))
        self._changes.append(Change(kind, before, after, pair.path, note))

    def _compare(self, pair: _Pair) -> None:
        before, after = pair.before, pair.after
        if before is _Nothing.ABSENT:
            self._tell("added", pair, "not loaded" if after is _Nothing.NOT_LOADED else None)
        elif after is _Nothing.ABSENT:
            self._tell("removed", pair, "not loaded" if before is _Nothing.NOT_LOADED else None)
        elif isinstance(before, _Nothing) or isinstance(after, _Nothing):
            self._tell("unknown", pair, "not loaded")
        elif before is after:
            return
        elif issubclass(type(before), Lazy) and issubclass(type(after), Lazy):
            self._compare_lazy(pair)
        elif is_model_instance(before) and is_model_instance(after):
            self._compare_models(pair, before, after)
        else:
            self._compare_values(pair)

    def _compare_lazy(self, pair: _Pair) -> None:
        (value, stored), (value_after, stored_after) = held(pair.before), held(pair.after)
        if stored is None and stored_after is None:
            self._pending.append(_Pair(pair.path, value, value_after))
            return
        try:
            same = _same_stored(value, stored, value_after, stored_after)
        except FieldNotLoadedError:
            same = None
        if same is None:
            self._tell("unknown", pair, "not loaded")
        elif not same:
            sizes = [f"{each.size:,} bytes by {each.serializer}" if each else "" for each in (stored, stored_after)]
            self._tell("changed", pair, f"{sizes[0] or 'a value'} → {sizes[1] or 'a value'}, not loaded")

    def _compare_models(self, pair: _Pair, before: object, after: object) -> None:
        if self._met(pair):
            return
        cls = _class_of(before)
        if cls is not _class_of(after):
            self._tell("class", pair, _classes(cls, _class_of(after)))
        elif _has_own_equality(cls) and not is_partial(type(before)) and not is_partial(type(after)):
            if plainly_equal(before, after):
                return
            self._pending.append(_Unequal(pair, len(self._changes)))
        fields, others = _fields_of(before), _fields_of(after)
        names = [*fields, *(name for name in others if name not in fields)]
        self._push(
            _Pair(pair.path.field(name), fields.get(name, _Nothing.ABSENT), others.get(name, _Nothing.ABSENT))
            for name in names
        )

    def _compare_values(self, pair: _Pair) -> None:
        parts, others = parts_of_both(pair.before, pair.after)
        if parts is None or others is None:
            if not self._rules.are_plainly_equal(pair.before, pair.after):
                self._tell("changed", pair)
        elif not self._met(pair):
            self._push(_pairs_of(pair, parts, others, self._rules))

    def _met(self, pair: _Pair) -> bool:
        key = (id(pair.before), id(pair.after))
        met = key in self._seen
        self._seen.setdefault(key, pair)
        return met

    def _push(self, pairs: Iterator[_Pair]) -> None:
        self._pending += reversed(list(pairs))


def _pairs_of(pair: _Pair, parts: Parts, others: Parts, rules: _Rules) -> Iterator[_Pair]:
    """Pair the parts of two values that correspond, and pair each other part with nothing."""
    if isinstance(parts, Mapping) and isinstance(others, Mapping):
        step = pair.path.field if fields_of(pair.before, complete=False) is not None else pair.path.item
        items, other_items = _by_key(parts, rules), _by_key(others, rules)
        for mark, (key, part) in items.items():
            yield _Pair(step(key), part, other_items.get(mark, (None, _Nothing.ABSENT))[1])
        for mark, (key, part) in other_items.items():
            if mark not in items:
                yield _Pair(step(key), _Nothing.ABSENT, part)
        return
    before, after = cast("Sequence[object]", parts), cast("Sequence[object]", others)
    names: Sequence[str] | None = getattr(pair.before, "_fields", None) if type(parts) is tuple else None
    start, end = (0, 0) if len(before) == len(after) else _in_common(before, after, rules.are_equal)
    last, other_last = len(before) - end, len(after) - end
    for index in range(start, max(last, other_last)):
        path = pair.path.item(index) if names is None else pair.path.field(names[index])
        yield _Pair(
            path,
            before[index] if index < last else _Nothing.ABSENT,
            after[index] if index < other_last else _Nothing.ABSENT,
        )


def _by_key(mapping: Mapping[Any, object], rules: _Rules) -> dict[object, tuple[object, object]]:
    """Return keys and parts by an identity of the keys: NaN equals NaN, and a mapping may have NaN several times."""
    found: dict[object, tuple[object, object]] = {}
    for key, part in mapping.items():
        mark, again = rules.mark(key), 0
        while (mark, again) in found:
            again += 1
        found[mark, again] = (key, part)
    return found


def _in_common(
    before: Sequence[object], after: Sequence[object], are_equal: Callable[[object, object], bool]
) -> tuple[int, int]:
    """Return the number of equal items at the start of two sequences, and of further equal items at their end."""
    shorter = min(len(before), len(after))
    start = end = 0
    while start < shorter and are_equal(before[start], after[start]):
        start += 1
    while end < shorter - start and are_equal(before[-1 - end], after[-1 - end]):
        end += 1
    return start, end


def _surely_equal(before: object, after: object) -> bool:
    try:
        return equal(before, after)
    except FieldNotLoadedError:
        return False


def _equally_encoded(before: object, after: object) -> bool:
    return encode(before) == encode(after)


_AS_FIELDS = _Rules(_surely_equal, plainly_equal, canonical)
"""Values are equal if they are equal as fields of models."""
_EXACT = _Rules(_equally_encoded, _equally_encoded, encode)
"""Values of builtin types are equal if they are of one type and equal: the codec encodes these alike."""


def _same_stored(
    value: object, stored: StoredValue | None, value_after: object, stored_after: StoredValue | None
) -> bool | None:
    """Return whether two values, at least one of them not loaded, are equal; None if that cannot be decided."""
    if stored is None or stored_after is None:
        return stored.encodes(value_after) if stored else stored_after is not None and stored_after.encodes(value)
    if stored.serializer != stored_after.serializer:
        return None
    return stored.digest == stored_after.digest


def _class_of(model: object) -> type[Any]:
    """Return the class of a model, even if only some of its fields were loaded."""
    cls = type(model)
    return cls.__bases__[0] if is_partial(cls) else cls


def _classes(before: type[Any], after: type[Any]) -> str:
    names = [f"{cls.__qualname__} (version {traits_of(cls).version})" for cls in (before, after)]
    return f"{names[0]} → {names[1] if names[0] != names[1] else 'another class of this name'}"


def _has_own_equality(cls: type[Any]) -> bool:
    return not (getattr(cls.__eq__, "__module__", None) or "").startswith("artigraph.model.")


def _fields_of(model: object) -> dict[str, object]:
    """Return the fields by which models are compared. Fields that are not loaded are marked."""
    cls = _class_of(model)
    if is_partial(type(model)):
        names = compared_fields(cls)
        loaded = loaded_fields(model)
        return {name: loaded.get(name, _Nothing.NOT_LOADED) for name in names}
    kind = kind_of(cls)
    if kind is not None:
        parts = kind.parts(model)
        return dict(kind.read(model) if parts is None else parts)
    return {name: getattr(model, name) for name in compared_fields(cls)}


# Values whose objects are read ----------------------------------------------------------------------------------------


_KINDS: tuple[RunValueKind, ...] = ("parameter", "tag", "environment")
_BATCH = 200
"""The number of labels whose artifacts are read together."""
_UNREADABLE = "a value that cannot be read"


class Pair(NamedTuple):
    """The artifacts of two runs under one label. One of them may be missing."""

    path: Path
    """`results.label`."""
    before: StoredModel | None
    after: StoredModel | None


async def read_values(before: UUID, after: UUID) -> Mapping[RunValueKind, tuple[Change, ...]]:
    """Return the changes of the named values of two runs, by kind. Each is ordered by name.

    Raises:
        NodeNotFoundError: a run does not exist.
    """
    found = await read_runs(list({before, after}))
    for run_id in (before, after):
        if run_id not in found:
            msg = (
                f"There is no run {run_id}: it does not exist, or is an artifact or a part of one. To compare two "
                "artifacts, load them first: diff(await Model.load(before), await Model.load(after))"
            )
            raise NodeNotFoundError(msg)
    return {kind: tuple(_changes(kind, found[before], found[after])) for kind in _KINDS}


def _changes(kind: RunValueKind, before: RunRow, after: RunRow) -> Iterator[Change]:
    old, new = ({row.name: row for row in run.values if row.kind == kind} for run in (before, after))
    for name in sorted({*old, *new}):
        yield from _changes_of(TOP.field(FIELDS[kind]).named(name), old.get(name), new.get(name))


def _changes_of(path: Path, before: RunValueRow | None, after: RunValueRow | None) -> Sequence[Change]:
    """Return the changes of one named value. Equal values of equal types are stored as equal bytes."""
    if before is not None and after is not None and before.value == after.value:
        return ()
    old, new = (None if row is None else _read(row) for row in (before, after))
    note = _UNREADABLE if (old is not None and old.unreadable) or (new is not None and new.unreadable) else None
    if old is None:
        return (Change("added", None, None if new is None else new.value, path, note),)
    if new is None:
        return (Change("removed", old.value, None, path, note),)
    if note is not None:
        return (Change("changed", old.value, new.value, path, note),)
    return changes_of_values(old.value, new.value, path)


class _Value(NamedTuple):
    value: object
    unreadable: bool = False


def _read(row: RunValueRow) -> _Value:
    try:
        return _Value(decode(row.value))
    except DeserializationError:
        return _Value(None, unreadable=True)


async def read_pairs(before: UUID, after: UUID) -> AsyncIterator[Pair]:
    """Yield the artifacts that two runs made, as they are stored, in the order of their labels.

    It takes one statement, and another one for each 200 labels. An artifact that is deleted meanwhile is left out.

    Raises:
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    ids = await _artifact_ids(before, after)
    labels = sorted({label for _, label in ids})
    for start in range(0, len(labels), _BATCH):
        some = labels[start : start + _BATCH]
        wanted = {ids[key] for label in some for key in ((before, label), (after, label)) if key in ids}
        failures: list[LoadFailure] = []
        models = dict(await read_each(wanted, failures=failures, digests=True))
        for failure in failures:
            if not isinstance(failure.error, NodeNotFoundError):
                raise failure.error
        for label in some:
            one, other = (models.get(ids.get((run_id, label), run_id)) for run_id in (before, after))
            if one is not None or other is not None:
                yield Pair(TOP.field("results").named(label), one, other)


async def _artifact_ids(before: UUID, after: UUID) -> dict[tuple[UUID, str], UUID]:
    """Return the ids of what the runs made or were served, by run and label, without inputs saved with a run."""
    node = node_table.c
    made = select(node.node_id, node.parent_id.label("run_id"), node.label).where(
        node.parent_id.in_({before, after}),
        node.label.is_not(None),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )
    statement = union_all(made, select_served({before, after}))

    async def work(connection: AsyncConnection) -> dict[tuple[UUID, str], UUID]:
        return {(row.run_id, row.label): row.node_id for row in await connection.execute(statement)}

    return await read_anywhere(work)
