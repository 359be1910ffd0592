"""Limits for the depth and the numbers of encoded values, stack space for the deepest ones, and cycles in values."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from itertools import accumulate, chain
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar, cast

from artigraph.kinds import fields_of
from artigraph.serializer.codec.classes import is_named_tuple

MAX_DEPTH = 100
"""The greatest depth of nested containers. It is small enough not to reach Python's limit of 1,000 frames."""
MAX_JSON_DEPTH = 3 * MAX_DEPTH + 3
"""The most brackets around a token: three for a container (`{"$dict":[[`) and for a scalar (`{"$complex":[{`)."""
MAX_BITS = 1024
"""Integers of more bits are hexadecimal. Reading decimal digits takes quadratic time, and Python limits them."""
LONGEST_NUMBER = 400
"""The most characters of a JSON number. An integer of 1,024 bits has 309 digits."""
NO_CLASSES: Mapping[str, type[Any]] = MappingProxyType({})

_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[^][{}"]++')
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}

P = ParamSpec("P")
R = TypeVar("R")


def is_too_deep(text: str) -> bool:
    """Say whether JSON is nested deeper than `encode` ever writes. Called before a parser recurses into it."""
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return False
    brackets = _NO_BRACKETS.sub("", text)
    return max(accumulate(_STEP.get(bracket, 0) for bracket in brackets), default=0) > MAX_JSON_DEPTH


def in_fresh_stack(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in a new thread, whose stack starts empty, and return its result."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(copy_context().run, partial(function, *args, **kwargs)).result()


# Cycles ---------------------------------------------------------------------------------------------------------------


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
