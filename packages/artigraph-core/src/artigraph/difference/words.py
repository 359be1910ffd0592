"""What changed in one value, in a few words."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, cast

from artigraph.model.show import short_repr
from artigraph.serializer import SupportsDiff
from artigraph.serializer.base import claimed_by

__all__ = ["describe_change"]


def describe_change(before: object, after: object) -> str:
    """Return one line that says how two values that are not equal differ."""
    if type(before) is type(after):
        if isinstance(before, (set, frozenset)):
            return _of_sets(cast("AbstractSet[object]", before), cast("AbstractSet[object]", after))
        serializer = None if type(before).__module__ == "builtins" else claimed_by(type(before))
        if isinstance(serializer, SupportsDiff):
            return cast("SupportsDiff[Any]", serializer).describe_change(before, after)
    shown, shown_after = short_repr(before), short_repr(after)
    if shown != shown_after:
        return f"{shown} → {shown_after}"
    if type(before) is not type(after):
        return f"{shown}, {_name(before)} → {_name(after)}"
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


def _name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
