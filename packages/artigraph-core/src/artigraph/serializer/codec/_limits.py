"""Limits for the depth and the numbers of encoded values, and a way to get stack space for the deepest ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

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
