"""What a value consists of, as saving sees it, and whether there is a stream in it: something that can be read once."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.definition import define, is_model
from artigraph.model.lazy import Lazy, held
from artigraph.model.partial import is_partial
from artigraph.model.steps import SLICE

__all__ = ["Step", "find_stream", "is_stream", "parts_of"]

Step = tuple[str, Any]
"""The name of a field, or the key or index of an item."""
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""What most items are, which are no streams and have no parts."""


def parts_of(item: object) -> Iterator[tuple[Step, object]]:
    """Yield the stored fields of a model, or the items of a container, each with the way to it."""
    if is_model(type(item)):
        for name in define(type(item)).fields:
            yield ("field", name), getattr(item, name)
    elif _is_container(item) and isinstance(item, Mapping):
        for key, part in cast("Mapping[Any, object]", item).items():
            yield ("item", key), part
    elif _is_container(item) and isinstance(item, Sequence):
        for index, part in enumerate(cast("Sequence[object]", item)):
            yield ("item", index), part


def is_stream(value: object) -> bool:
    """Say whether a value can be read only once, so that nobody else could read it afterwards."""
    return issubclass(type(value), Iterator)


def find_stream(value: object) -> Generator[None, None, object]:
    """Return a stream that is in a value, at any depth, or is the value; None where there is none.

    It yields between slices of work that each take a few milliseconds. Nothing is read, each object is looked through
    once, and depth is no limit. Dataclasses are looked through too: the codec refuses a stream in one, but a serializer
    of a user's may read it. What no save reads is not, such as the items of a set.
    """
    pending: list[object] = [value]
    seen: dict[int, object] = {}  # which keeps them alive, or another could have the id
    while pending:
        item = pending.pop()
        if is_stream(item):
            return item
        if id(item) not in seen:
            seen[id(item)] = item
            pending += [part for part in _insides(item) if type(part) not in _PLAIN]
            if len(seen) % SLICE == 0:
                yield
    return None


def _insides(item: object) -> Iterable[object]:
    cls: type[Any] = type(item)
    if cls is list or cls is tuple:  # most are, so this is to be quick
        return cast("Iterable[object]", item)
    if is_partial(cls):  # it is not saved, and says so
        return ()
    if issubclass(cls, Lazy):
        return (held(item)[0],)
    if dataclasses.is_dataclass(cls) and not is_model(cls):
        return (getattr(item, field.name, None) for field in dataclasses.fields(cls))
    return (part for _, part in parts_of(item))


def _is_container(item: object) -> bool:
    return type(item) in (dict, list, tuple, ArtifactMapping, ArtifactSequence)
