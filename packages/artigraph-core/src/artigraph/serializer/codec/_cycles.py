"""Find cycles in plain values, without recursion."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, cast

from artigraph.kinds import fields_of
from artigraph.serializer.codec.classes import is_named_tuple

Classes = Mapping[str, type[Any]]


def contains_itself(value: object, classes: Classes, scalars: Container[type[Any]]) -> bool:
    """Say whether a value that is nested too deeply contains itself. `scalars` are the types without parts."""
    done: dict[int, object] = {}
    path: dict[int, object] = {id(value): value}
    stack = [_children(value, classes)]
    while stack:
        child = next(stack[-1], _END)
        if child is _END:
            stack.pop()
            done.update([path.popitem()])
        elif id(child) in path:
            return True
        elif id(child) not in done and type(child) not in scalars:
            path[id(child)] = child
            stack.append(_children(child, classes))
    return False


_END = object()
_SEQUENCES: frozenset[type[Any]] = frozenset({list, tuple, set, frozenset, deque})
_DICTS: frozenset[type[Any]] = frozenset({dict, Counter, OrderedDict, defaultdict})


def _children(value: object, classes: Classes) -> Iterator[object]:
    cls: type[Any] = type(value)
    if cls in _DICTS:
        items = cast("dict[object, object]", value)
        return chain(items.keys(), items.values())
    if cls in _SEQUENCES or is_named_tuple(cls):
        return iter(cast("Iterable[object]", value))
    if classes.get(cls.__name__) is cls and (fields := fields_of(value, complete=False)) is not None:
        return iter(fields.values())
    return iter(())
