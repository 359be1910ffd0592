"""Traverse the parts of a value that a save would store, and find streams in it: iterators, readable only once."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from artigraph.kinds import fields_of
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._dataclass_kind import DATACLASS
from artigraph.model.definition import define, is_model
from artigraph.model.lazy import Lazy, held
from artigraph.model.partial import is_partial
from artigraph.progress import SLICE

Step = tuple[str, Any]
"""The name of a field, or the key or index of an item."""
PLAIN = frozenset({type(None), bool, int, float, str, bytes, datetime})
"""The types of most items. They are not streams, have no parts, and cannot be referred to weakly."""


def parts_of(item: object) -> Iterator[tuple[Step, object]]:
    """Yield the stored fields of a model, or the items of a container, each with its step from there."""
    container: Any = item
    if is_model(type(item)):
        definition = define(type(item))
        if definition.kind is DATACLASS:
            for name in definition.fields:
                yield ("field", name), getattr(item, name)
        else:
            for name, part in definition.kind.read(item).items():
                yield ("field", name), part
    elif _is_container(item) and isinstance(item, Mapping):
        for key, part in container.items():
            yield ("item", key), part
    elif _is_container(item) and isinstance(item, Sequence):
        for index, part in enumerate(container):
            yield ("item", index), part


def is_stream(value: object) -> bool:
    """Return whether a value can be read only once, so that nobody could read it again."""
    return issubclass(type(value), Iterator)


def find_stream(value: object) -> Generator[None, None, object]:
    """Return a stream that is the value or is in it, at any depth, or None.

    It yields between slices of work that each take a few milliseconds. It reads nothing and inspects each object once.
    Depth is unlimited. It looks into dataclasses, too: the codec refuses a stream in one, but a user's serializer may
    read it. It does not look where no save reads, such as in a set.
    """
    pending: list[object] = [value]
    seen: dict[int, object] = {}  # keeps the objects alive, so that no other gets their ids
    while pending:
        item = pending.pop()
        if is_stream(item):
            return item
        if id(item) not in seen:
            seen[id(item)] = item
            pending += [part for part in _insides(item) if type(part) not in PLAIN]
            if len(seen) % SLICE == 0:
                yield
    return None


def _insides(item: object) -> Iterable[object]:
    cls: type[Any] = type(item)
    if cls is list or cls is tuple:  # the common case, so it comes first
        return cast("Iterable[object]", item)
    if is_partial(cls):  # saving it raises an error that says why
        return ()
    if issubclass(cls, Lazy):
        return (held(item)[0],)
    if not is_model(cls) and (fields := fields_of(item, complete=False)) is not None:
        return fields.values()
    return (part for _, part in parts_of(item))


def _is_container(item: object) -> bool:
    return type(item) in (dict, list, tuple, ArtifactMapping, ArtifactSequence)
