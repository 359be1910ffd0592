"""Decode plain values without the classes of their instances: what stands for an instance names its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast

from artigraph.kinds import fitting, kind_of
from artigraph.serializer.codec._read import TAGS, decode_tagged
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
    return decode_tagged(data, lambda: CLASS_FREE_TAGS)


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
