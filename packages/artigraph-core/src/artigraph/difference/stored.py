"""What differs between two stored models or runs, found without the classes of users."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple
from uuid import UUID

from artigraph.difference._report import TOP, Change, ChangeKind, Path, labels_of, note_of
from artigraph.difference._walk import Pair, read_pairs, read_values
from artigraph.errors import ArgumentError
from artigraph.graph.run_rows import read_runs
from artigraph.printable import bytes_text, one_line
from artigraph.stored import StoredField, StoredModel, load_stored, open_stored

__all__ = ["Difference", "changes_of_stored", "class_text", "compare", "compare_nodes"]

_SEQUENCES = ("sequence", "list", "tuple")
"""Containers whose items have indexes."""
_PART = 1024 * 1024
_LONGEST = 60
"""The most characters of a value in a line."""


class Difference(NamedTuple):
    """A field or item that differs."""

    path: tuple[str, ...]
    """The labels that lead to it. Empty for the models themselves."""
    kind: ChangeKind
    before: str | None
    """What it is, as a short text."""
    after: str | None


class _Leaf(NamedTuple):
    """A value, or the class of a model or container."""

    path: Path
    text: str
    field: StoredField | None
    """None for a model or container."""


class _Found(NamedTuple):
    """A difference between two leaves of one path, or a leaf that only one of the two has."""

    path: Path
    kind: ChangeKind
    before: _Leaf | None
    after: _Leaf | None


async def compare(before: StoredModel, after: StoredModel) -> list[Difference]:
    """Return what changed from one stored model to another, in the order of their fields.

    Plain values are equal if they are of one type and equal; NaN equals NaN. Objects are equal if their stored bytes
    are: two serializations of equal values may differ. Bytes are read only if no recorded hash decides.
    """
    return [_difference(found) for found in await _compare(before, after, TOP)]


async def compare_nodes(before: UUID, after: UUID) -> list[Difference]:
    """Return what changed from one artifact or run to another.

    Raises:
        NodeNotFoundError: a node does not exist.
        ArgumentError: only one of them is a run.
        WrongModelTypeError: a node is a part of a model and no model itself.
    """
    runs = await read_runs([before, after], [])
    if len(runs) == len({before, after}):
        return await compare_runs(before, after)
    if runs:
        msg = f"Node {next(iter(runs))} is a run, and the other node is not. Compare two runs, or two artifacts"
        raise ArgumentError(msg)
    return await compare(await load_stored(before), await load_stored(after))


async def compare_runs(before: UUID, after: UUID) -> list[Difference]:
    """Return what changed from one run to another, each path with its section: parameters, tags, environment, results.

    Artifacts are compared as `compare` does.

    Raises:
        NodeNotFoundError: a run does not exist.
    """
    values = await read_values(before, after)
    found = [_of_value(change) for changes in values.values() for change in changes]
    async for pair in read_pairs(before, after):
        found += [_difference(each) for each in await _compare_pair(pair)]
    return found


async def changes_of_stored(before: StoredModel, after: StoredModel, path: Path) -> list[Change]:
    """Return what `compare` does as changes under a path. Values that only their serializer reads are None there."""
    return [
        Change(each.kind, _value(each.before), _value(each.after), each.path, _note(each))
        for each in await _compare(before, after, path)
    ]


def class_text(model: StoredModel) -> str:
    """Return the class of a model as text: "Report (version 1)"."""
    return f"{model.name} (version {model.class_version})"


def _difference(found: _Found) -> Difference:
    before, after = (None if leaf is None else leaf.text for leaf in (found.before, found.after))
    return Difference(found.path.labels(), found.kind, before, after)


def _of_value(change: Change) -> Difference:
    """Return the difference of a named value of runs."""
    note = note_of(change)
    before, after = (note or one_line(repr(value), _LONGEST) for value in (change.before, change.after))
    return Difference(
        labels_of(change),
        change.kind,
        None if change.kind == "added" else before,
        None if change.kind == "removed" else after,
    )


def _value(leaf: _Leaf | None) -> object:
    return None if leaf is None or leaf.field is None or leaf.field.kind != "plain" else leaf.field.value


def _note(found: _Found) -> str:
    return " → ".join(leaf.text for leaf in (found.before, found.after) if leaf is not None)


async def _compare_pair(pair: Pair) -> list[_Found]:
    if pair.before is not None and pair.after is not None:
        return await _compare(pair.before, pair.after, pair.path)
    before, after = (
        None if model is None else _Leaf(pair.path, class_text(model), None) for model in (pair.before, pair.after)
    )
    return [_Found(pair.path, "added" if before is None else "removed", before, after)]


async def _compare(before: StoredModel, after: StoredModel, path: Path) -> list[_Found]:
    old, new = dict(_leaves(before, path)), dict(_leaves(after, path))
    found: list[_Found] = []
    for labels in dict.fromkeys([*old, *new]):
        one, other = old.get(labels), new.get(labels)
        if one is None or other is None:
            at: Any = one or other
            found.append(_Found(at.path, "added" if one is None else "removed", one, other))
        elif one.field is None or other.field is None:
            if one.text != other.text:
                found.append(_Found(one.path, "class", one, other))
        elif not await _equal(labels, before.node_id, one.field, after.node_id, other.field):
            found.append(_Found(one.path, "changed", one, other))
    return found


def _leaves(model: StoredModel, path: Path) -> Iterator[tuple[tuple[str, ...], _Leaf]]:
    """Yield the parts of a model by labels, without recursion, because a model may be deeper than Python's stack."""
    yield (), _Leaf(path, class_text(model), None)
    pending = [_fields((), path, model)]
    while pending:
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            continue
        labels, at, field = step
        yield labels, _leaf(at, field)
        if field.kind in ("model", "container"):
            value: Any = field.value
            pending.append(_fields(labels, at, value) if field.kind == "model" else _items(labels, at, field))


_Steps = Iterator[tuple[tuple[str, ...], Path, StoredField]]


def _fields(labels: tuple[str, ...], path: Path, model: StoredModel) -> _Steps:
    for name, field in model.fields.items():
        yield (*labels, name), path.field(name), field


def _items(labels: tuple[str, ...], path: Path, container: StoredField) -> _Steps:
    items: Any = container.value
    held: Mapping[str, StoredField] = items
    for key, field in held.items():
        is_index = container.serializer in _SEQUENCES and key.isdecimal()
        yield (*labels, key), path.item(int(key) if is_index else key), field


def _leaf(path: Path, field: StoredField) -> _Leaf:
    value: Any = field.value
    if isinstance(value, StoredModel):
        return _Leaf(path, class_text(value), None)
    if field.kind == "container":
        return _Leaf(path, str(field.serializer), None)
    if field.kind == "object":
        return _Leaf(path, f"{field.serializer}, {bytes_text(field.size or 0)}", field)
    return _Leaf(
        path, one_line(repr(value), _LONGEST) if field.problem is None else "a value that cannot be read", field
    )


async def _equal(path: tuple[str, ...], before: UUID, one: StoredField, after: UUID, other: StoredField) -> bool:
    if one.kind == other.kind == "plain" and one.problem is None and other.problem is None:
        # Values that are equal by content, such as NaN in a list, may be unequal by ==.
        same = type(one.value) is type(other.value) and one.value == other.value
        return same or (repr(one.value) == repr(other.value))
    if one.serializer != other.serializer or one.size != other.size:
        return False
    hashes = one.sha256, other.sha256
    if None in hashes:
        files = [await open_stored(before, path), await open_stored(after, path)]
        hashes = await asyncio.to_thread(_hashes, *files)
    return hashes[0] == hashes[1]


def _hashes(one: BinaryIO, other: BinaryIO) -> tuple[bytes, bytes]:
    return _hash(one), _hash(other)


def _hash(file: BinaryIO) -> bytes:
    found = hashlib.sha256()
    with file:
        while part := file.read(_PART):
            found.update(part)
    return found.digest()
