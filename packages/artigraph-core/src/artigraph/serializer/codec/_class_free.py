"""Decode plain values without their classes, or with classes that have changed since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar, cast

from artigraph.kinds import fitting, kind_of
from artigraph.serializer.codec._read import CLASS_TAGS, TAGS, ChangedClassError, Classes, Tags, decode
from artigraph.serializer.codec._read_scalars import expect, expect_dict, expect_list

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class StoredEnum:
    """A stored member of an enum, whose class is not looked up."""

    class_name: str
    member: str | int
    """The name of the member. Flags that are no member together have the number that they make up."""

    def __repr__(self) -> str:
        name = self.class_name
        return f"{name}.{self.member}" if isinstance(self.member, str) else f"{name}({self.member})"


@dataclass(frozen=True, slots=True, repr=False)
class StoredStruct:
    """A stored named tuple or dataclass, whose class is not looked up."""

    class_name: str
    fields: Mapping[str, object]
    """The stored fields in their order. It cannot be written to."""

    def __hash__(self) -> int:
        return hash((self.class_name, tuple(self.fields.items())))

    def build(self, cls: type[T], fields: Mapping[str, Any] | None = None) -> T:
        """Return an instance of a class, for a migration. This runs the code of the class that it is given.

        A dataclass or named tuple is called with the fields. A class of pydantic, attrs or msgspec is made with its
        validators and converters. Fields have their names in Python there, never aliases. Fields that the constructor
        does not take are set.

        Args:
            cls: the class.
            fields: the fields by name, by default the stored ones.
        """
        plain: type[Any] = cls
        kind = kind_of(plain)
        given = fitting(self.fields if fields is None else fields, kind)
        return cast("T", plain(**given) if kind is None else kind.check(plain, given))

    def __repr__(self) -> str:
        return f"{self.class_name}({', '.join(f'{name}={value!r}' for name, value in self.fields.items())})"


def decode_class_free(data: bytes) -> object:
    """Return the value that `encode` wrote, with a `StoredEnum` or `StoredStruct` for each instance of a class.

    It runs no code of users. A set or dict is a tuple of its items, or of its keys and values, if what stands for them
    cannot be told apart or hashed.

    Raises:
        DeserializationError: the bytes do not encode a value.
    """
    return decode(data, tags_of=lambda _: CLASS_FREE_TAGS)


def _read_member(content: object) -> StoredEnum:
    name, member = expect_list(content)
    return StoredEnum(expect(str, name), expect(str, member))


def _read_flag(content: object) -> StoredEnum:
    name, value = expect_list(content)
    return StoredEnum(expect(str, name), expect(int, value))


def _read_struct(content: object) -> StoredStruct:
    name, fields = expect_list(content)
    return StoredStruct(expect(str, name), MappingProxyType(expect_dict(fields)))


def _pair(item: object) -> object:
    """Return a key and its value as a tuple; the factory of a defaultdict, which comes first, as it is."""
    try:
        return tuple(expect_list(item))
    except ValueError:
        return item


_MAPPINGS = ("$dict", "$Counter", "$OrderedDict", "$defaultdict")


def _or_tuple(tag: str) -> Callable[[object], object]:
    """Return the reader of a set or dict, made to return a tuple where the items are not distinct or not hashable."""
    exact = TAGS[tag]

    def read(content: object) -> object:
        items = expect_list(content)
        try:
            return exact(items)
        except (TypeError, ValueError):
            return tuple(_pair(item) if tag in _MAPPINGS else item for item in items)

    return read


CLASS_FREE_TAGS = TAGS | {
    "$enum": _read_member,
    "$flag": _read_flag,
    "$namedtuple": _read_struct,
    "$dataclass": _read_struct,
    "$set": _or_tuple("$set"),
    "$frozenset": _or_tuple("$frozenset"),
    **{tag: _or_tuple(tag) for tag in _MAPPINGS},
}


# What an older version of a class stored ------------------------------------------------------------------------------


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
    return decode(data, classes, _tags_of)


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
