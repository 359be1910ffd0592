"""Decode values that an older version of a class stored: what no longer fits a class becomes a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import cast

from artigraph.serializer.codec._class_free import CLASS_FREE_TAGS, StoredEnum, StoredStruct
from artigraph.serializer.codec._read import CLASS_TAGS, TAGS, ChangedClassError, Classes, Tags, decode_tagged

_ITEMS = ("$set", "$frozenset", "$dict")
"""The tags of collections that need distinct and hashable items, which stand-ins may not be."""
_PLAIN = (str, bytes, bytearray, memoryview, range)
"""Sequences that hold no instances."""
_SCALARS = frozenset((float, int, str, bool, bytes, type(None)))
"""The types of most items, which are not looked into."""


def decode_former(data: bytes, classes: Classes) -> object:
    """Return the value that `encode` wrote, with a stand-in for each instance that does not fit its class now.

    A stand-in is a `StoredEnum` or a `StoredStruct`. An instance that contains a stand-in is one itself, so no class
    is made from a value that it does not expect.

    Raises:
        DeserializationError: the bytes do not encode a value, or a class's constructor failed.
    """
    return decode_tagged(data, partial(_tags_of, classes))


def stand_ins(value: object) -> Iterator[StoredEnum | StoredStruct]:
    """Yield the stand-ins in a value and its plain collections, but none that are inside of another one."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) in _SCALARS:
            continue
        if isinstance(item, (StoredEnum, StoredStruct)):
            yield item
        elif isinstance(item, Mapping):
            for key, part in cast("Mapping[object, object]", item).items():
                pending += (key, part)
        elif isinstance(item, (Sequence, AbstractSet)) and not isinstance(item, _PLAIN):
            pending += cast("Collection[object]", item)


def _tags_of(classes: Classes) -> Tags:
    instances = {tag: partial(_read_instance, tag, partial(read, classes)) for tag, read in CLASS_TAGS.items()}
    return TAGS | instances | {tag: partial(_read_items, tag) for tag in _ITEMS}


def _read_instance(tag: str, exact: Callable[[object], object], content: object) -> object:
    if next(stand_ins(content), None) is None:
        try:
            return exact(content)
        except ChangedClassError:
            pass
    return CLASS_FREE_TAGS[tag](content)


def _read_items(tag: str, content: object) -> object:
    return (CLASS_FREE_TAGS if next(stand_ins(content), None) is not None else TAGS)[tag](content)
