"""Hypothesis strategies for all that can be stored: plain values, labels, and instances of annotations' classes."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from struct import unpack
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from artigraph.errors import MissingDependencyError

try:
    from hypothesis import strategies as st
except ImportError as _error:
    msg = "artigraph.testing.strategies needs Hypothesis: pip install 'artigraph-core[testing]'"
    raise MissingDependencyError(msg) from _error

__all__: list[str] = ["CLASSES", "Access", "Box", "Colour", "Level", "Point", "Unit"]
__all__ += ["hashable_scalars", "instances", "labels", "numbers", "plain_values", "scalars", "texts", "time_zones"]

LABEL_LENGTH = 255


class Colour(Enum):
    """An enum whose values are not plain."""

    RED = (255, 0, 0)
    BLUE = object()
    CRIMSON = RED  # an alias


class Level(IntEnum):
    """An enum whose members are numbers."""

    LOW = 1
    HIGH = 2


class Unit(StrEnum):
    """An enum whose members are strings."""

    METRE = "m"
    SECOND = "s"


class Access(Flag):
    """An enum whose members combine."""

    READ = auto()
    WRITE = auto()
    EXECUTE = auto()


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any = None


@dataclass(frozen=True, slots=True)
class Box:
    """A dataclass with a derived field."""

    content: Any
    name: str = field(default="", kw_only=True)
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


CLASSES: Mapping[str, type[Any]] = {cls.__name__: cls for cls in (Access, Box, Colour, Level, Point, Unit)}
"""The classes that an annotation must supply for `instances()`, as `collect_classes` returns them."""


def labels() -> st.SearchStrategy[str]:
    """Make valid labels: 0-255 code points without NUL and surrogates. Some are labels that databases confuse."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    confusing = st.sampled_from(
        ["", " ", "a", "A", "a ", " a", "é", "e\u0301", "ß", "ss", "İ", "i", "🍣", "🍺", "\u200b"]
    )
    return st.one_of(
        confusing,
        st.text(characters, max_size=12),
        st.text(characters, min_size=LABEL_LENGTH, max_size=LABEL_LENGTH),
    )


def texts() -> st.SearchStrategy[str]:
    """Make any str, also with NUL, and with surrogates, alone and in pairs."""
    return st.one_of(
        st.text(max_size=20),
        st.text(st.characters(), max_size=20),
        st.text(st.sampled_from('a\0\ud800\udbff\udc00\udfff\ud7ff\ue000\U00010000\U0010ffff"\\$é'), max_size=12),
    )


def numbers() -> st.SearchStrategy[Any]:
    """Make bool, int of any size, float (with every NaN) and Decimal. Many are near the limits of their types."""
    near = st.builds(
        _near,
        st.sampled_from([1, -1]),
        st.sampled_from([0, 53, 54, 63, 64, 1023, 1024, 1025, 3400, 20000]),
        st.integers(-3, 3),
    )
    exponents = st.one_of(st.integers(-30, 30), st.integers(-500, 500), st.integers(-(10**17), 10**17))
    digits = st.lists(st.integers(0, 9), min_size=1, max_size=30)
    return st.one_of(
        st.booleans(),
        st.integers(),
        near,
        near.map(_to_float),
        st.floats(),
        st.binary(min_size=8, max_size=8).map(_from_bits),
        st.decimals(),
        st.floats(allow_nan=False, allow_infinity=False).map(Decimal),
        st.builds(_to_decimal, st.booleans(), digits, exponents),
        st.builds(_to_nan, st.sampled_from(["NaN", "-NaN", "sNaN", "-sNaN"]), st.integers(0, 999)),
    )


def _near(sign: int, exponent: int, offset: int) -> int:
    return sign * ((1 << exponent) + offset)


def _from_bits(data: bytes) -> float:
    return float(unpack(">d", data)[0])


def _to_decimal(negative: bool, digits: list[int], exponent: int) -> Decimal:  # noqa: FBT001
    return Decimal((int(negative), tuple(digits), exponent))


def _to_nan(kind: str, payload: int) -> Decimal:
    return Decimal(f"{kind}{payload}")


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def time_zones() -> st.SearchStrategy[tzinfo]:
    """Make zones of the time zone database, and offsets to the microsecond, with and without names."""
    offsets = st.timedeltas(timedelta(hours=-24, microseconds=1), timedelta(hours=24, microseconds=-1))
    whole = st.integers(-23 * 60, 23 * 60).map(_minutes)
    return st.one_of(
        st.just(UTC),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Monrovia"]).map(
            ZoneInfo
        ),
        whole.map(timezone),
        st.builds(timezone, offsets, texts()),
        offsets.map(timezone),
    )


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _folded(value: Any, fold: int) -> Any:
    return value.replace(fold=fold)


def _times() -> st.SearchStrategy[Any]:
    zones = st.one_of(st.none(), time_zones())
    folds = st.sampled_from([0, 0, 1])
    return st.one_of(
        st.builds(_folded, st.datetimes(timezones=zones, allow_imaginary=True), folds),
        st.builds(_folded, st.times(timezones=zones), folds),
        st.dates(),
        st.timedeltas(),
    )


def _paths() -> st.SearchStrategy[PurePath]:
    parts = st.one_of(st.sampled_from(["a", "B", "..", ".", "/", "\\", "c:", "a b", ""]), texts())
    classes: list[type[PurePath]] = [Path, PurePosixPath, PureWindowsPath]
    return st.builds(_join, st.sampled_from(classes), st.lists(parts, max_size=4))


def _join(cls: type[PurePath], parts: list[str]) -> PurePath:
    path = cls("/".join(parts))
    return path if cls(str(path)).parts == path.parts else cls()


def scalars() -> st.SearchStrategy[Any]:
    """Make plain values that have no parts."""
    return st.one_of(
        st.none(), numbers(), texts(), st.binary(max_size=20), _times(), st.uuids(), _paths(), _pairs_of_numbers()
    )


def _pairs_of_numbers() -> st.SearchStrategy[Any]:
    large = st.builds(_near, st.sampled_from([1, -1]), st.sampled_from([3, 64, 1025, 20000]), st.integers(-3, 3))
    integers = st.one_of(st.integers(), large)
    other_floats = st.binary(min_size=8, max_size=8).map(_from_bits)
    return st.one_of(
        st.builds(complex, st.floats(), st.floats()),
        st.builds(complex, other_floats, other_floats),
        st.builds(Fraction, integers, integers.filter(bool)),
        st.builds(range, integers, integers, integers.filter(bool)),
    )


def hashable_scalars() -> st.SearchStrategy[Any]:
    """Make scalars that can be keys and items of sets: all except signaling NaN."""
    return scalars().filter(_is_hashable)


def instances() -> st.SearchStrategy[Any]:
    """Make instances of `CLASSES`: enum members, combined flags, named tuples, dataclasses."""
    return st.one_of(_members(), _members().map(Point), st.builds(Box, _members(), name=texts()))


def _members() -> st.SearchStrategy[Any]:
    flags = st.integers(0, 7).map(Access)
    return st.one_of(st.sampled_from([*Colour, *Level, *Unit]), flags)


def plain_values(leaves: st.SearchStrategy[Any] | None = None, *, max_leaves: int = 12) -> st.SearchStrategy[Any]:
    """Make plain values of any shape, from scalars or from the given leaves.

    `plain_values(scalars() | instances())` also makes values for annotations that supply classes.
    """
    leaves = scalars() if leaves is None else leaves
    hashable = st.recursive(leaves.filter(_is_hashable), _hashable_parts, max_leaves=5)
    return st.recursive(
        st.one_of(leaves, hashable),
        lambda items: st.one_of(
            st.lists(items, max_size=5),
            st.lists(items, max_size=5).map(_to_tuple),
            st.sets(hashable, max_size=4),
            st.dictionaries(texts(), items, max_size=4),
            st.dictionaries(st.sampled_from(["$dict", "$int", "a", "$"]), items, max_size=2),
            st.dictionaries(hashable, items, max_size=4),
            st.dictionaries(hashable, items, max_size=4).map(_to_counter),
            st.dictionaries(hashable, items, max_size=4).map(_to_ordered),
            st.builds(
                _to_defaultdict, st.sampled_from([None, int, list, dict]), st.dictionaries(hashable, items, max_size=4)
            ),
            st.builds(_to_deque, st.lists(items, max_size=4), st.sampled_from([None, 4, 2**40])),
        ),
        max_leaves=max_leaves,
    )


def _to_counter(items: dict[Any, Any]) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    for key, item in items.items():
        counter[key] = item  # its own update adds, which needs numbers
    return counter


def _to_ordered(items: dict[Any, Any]) -> OrderedDict[Any, Any]:
    return OrderedDict(items)


def _to_defaultdict(factory: type[Any] | None, items: dict[Any, Any]) -> defaultdict[Any, Any]:
    return defaultdict(factory, items)


def _to_deque(items: list[Any], most: int | None) -> deque[Any]:
    return deque(items, most)


def _hashable_parts(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(items, max_size=4).map(_to_tuple), st.frozensets(items, max_size=4))


def _to_tuple(items: list[Any]) -> tuple[Any, ...]:
    return tuple(items)


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
