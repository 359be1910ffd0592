from __future__ import annotations

import math
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, FloatOperation, localcontext
from enum import Enum, IntFlag
from fractions import Fraction
from itertools import combinations
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph import orm
from artigraph.serializer.search_key import SEARCH_KEY_LENGTH, is_cut, search_key, uncut_key
from artigraph.testing.strategies import Access, Colour, Level, Unit, instances, numbers, plain_values, scalars, texts


def key(value: object) -> bytes:
    found = search_key(value)
    assert found is not None
    assert len(found) <= SEARCH_KEY_LENGTH
    return found


def check_order(one: Any, other: Any) -> None:
    """Assert that two keys are in the order of their values, and equal only for equal values where they are not cut."""
    low, high = (one, other) if one <= other else (other, one)
    assert key(low) <= key(high)
    if low == high:
        assert key(low) == key(high)
    elif key(low) == key(high):
        assert is_cut(key(low))


def is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else math.isnan(value) if isinstance(value, float) else False


def test_tables_have_room_for_a_key() -> None:
    assert orm.SEARCH_KEY_LENGTH == SEARCH_KEY_LENGTH


# Numbers ----------------------------------------------------------------------------------------------------------

DIGITS = st.text("0123456789", min_size=1, max_size=3)
NUMBERS = numbers().filter(lambda value: not is_nan(value)) | st.fractions()

MAX = sys.float_info.max
ABOUT_ONE = [0, -0.0, Decimal("-0E+5"), True, 1.0, Decimal("1.000"), 0.1, Decimal("0.1"), *map(Decimal, [0.1])]
ABOUT_MONEY = [19.99, Decimal("19.99"), -19.99, Decimal("-19.99"), Decimal("19.990"), *map(Decimal, [19.99])]
ABOUT_THIRDS = [1 / 3, Decimal(1) / Decimal(3), Decimal("0.10000000000000001")]
ABOUT_NOTHING = [5e-324, -5e-324, *map(Decimal, ["5e-324", "2e-324", "1e-400", "-1e-400", "1e-99999"])]
SMALLEST = [*map(Decimal, ["1e-999999999999999999", "9e-999999999999999999", "-1e-999999999999999999"])]
SUBNORMAL = [2.2250738585072014e-308, 2.225073858507201e-308]
ABOUT_2_53 = [2**53 - 1, 2**53, 2**53 + 1, float(2**53), Decimal(2**53 + 1), -(2**53), -(2**53) - 1]
LARGE = [2**63, 2**64 + 1, 10**20, 10**20 + 1]
ABOUT_MAX = [MAX, int(MAX), int(MAX) + 1, Decimal(MAX) + 1, -int(MAX) - 1, 2**1024 - 1, 2**1024, 10**308]
BEYOND = [10**309, 10**309 - 1, Decimal("1e309"), Decimal("9.9e308"), 10**5000, 10**5000 - 1, 10**5000 + 1]
FAR_BEYOND = [-(10**5000), -(10**5000) - 1, *map(Decimal, ["1e5000", "1e5001", "1e+999999999999999999"])]
MANY_ZEROS = [Decimal(f"{sign}0.5{19 * '0'}1{end}") for sign in ("", "-") for end in ("", 600 * "0" + "1", 700 * "0")]
INFINITE = [Decimal("-1e+999999999999999999"), float("inf"), float("-inf"), Decimal("Infinity")]
FRACTIONS = [
    *(Fraction(1, 2), Fraction(1), Fraction(-1999, 100), Fraction(1, 3), Fraction(-1, 3)),
    *(Fraction(1, 3 * 10**400), Fraction(1, 3 * 10**5000), Fraction(1, 2) + Fraction(1, 10**600 - 1)),
    *(Fraction(10**600 + 1, 3 * 10**600), Fraction(2**53 * 7 + 1, 7), Fraction(int(MAX) * 3 + 1, 3)),
    *(Fraction(1, 2) + Fraction(1, 10**21) + Fraction(1, sign * 3 * 10**900) for sign in (1, -1)),
    *(Fraction(10**310 + 1, 3), Fraction(-(10**310) - 1, 3), Fraction(10**6000 + 1, 3)),
]
NEAR: list[Any] = [
    *FRACTIONS,
    *[*ABOUT_ONE, *ABOUT_MONEY, *ABOUT_THIRDS, *ABOUT_NOTHING, *SMALLEST, *SUBNORMAL, *ABOUT_2_53],
    *[*LARGE, *ABOUT_MAX, *BEYOND, *FAR_BEYOND, *INFINITE, *MANY_ZEROS],
]


def test_numbers_near_each_other_are_in_their_order() -> None:
    for one, other in combinations(NEAR, 2):
        check_order(one, other)


@settings(deadline=None, max_examples=400)
@given(one=NUMBERS, other=NUMBERS)
def test_numbers_of_every_kind_are_in_one_order(one: Any, other: Any) -> None:
    check_order(one, other)


@settings(deadline=None, max_examples=250)
@given(value=st.floats(allow_nan=False, allow_infinity=False), ulps=st.integers(-3, 3), digits=st.integers(14, 30))
def test_decimals_near_floats_are_in_their_order(value: float, ulps: int, digits: int) -> None:
    near = Decimal(math.nextafter(value, math.inf) if ulps > 0 else value)
    with localcontext() as context:
        context.prec = digits
        rounded = +near
    check_order(value, rounded)
    check_order(near, rounded)
    if abs(value) > 2**53:
        check_order(int(value) + ulps, value)
        check_order(int(value) + ulps, rounded)


@settings(deadline=None, max_examples=250)
@given(one=st.integers(-(2**70), 2**70), other=st.floats(-(2.0**70), 2.0**70))
def test_large_integers_and_floats_are_in_their_order(one: int, other: float) -> None:
    check_order(one, other)


def test_equal_numbers_have_one_key() -> None:
    assert key(True) == key(1) == key(1.0) == key(Decimal(1)) == key(Decimal("1.00")) == key(Level.LOW)
    assert key(0) == key(-0.0) == key(Decimal("-0")) == key(False)
    assert key(10**300) == key(Decimal("1e300"))
    assert key(float("inf")) == key(Decimal("inf"))


def test_fractions_have_the_keys_of_equal_numbers_or_cut_ones() -> None:
    assert key(Fraction(2)) == key(2)
    assert key(Fraction(1999, 100)) == key(Decimal("19.99"))
    assert key(Fraction(-1, 2)) == key(-0.5)
    assert is_cut(key(Fraction(1, 3)))
    assert key(Fraction(1, 3)) != key(1 / 3)
    one, other = Fraction(1, 3), Fraction(10**600 + 1, 3 * 10**600)
    assert key(one) == key(other)
    check_uncut(one, other)
    check_uncut(-one, -other)
    digits = Decimal("0." + "3" * 900)
    assert key(one) == key(digits)
    check_uncut(one, digits)
    assert uncut(one) != uncut(Decimal("0." + "3" * 20_000))


def test_nan_is_apart_from_all_numbers() -> None:
    nans = [float("nan"), -float("nan"), Decimal("nan"), Decimal("-sNaN12")]
    assert {key(nan) for nan in nans} == {b"\x10"}
    assert all(key(number)[:1] in (b"\x18", b"\x19") for number in NEAR)


def test_long_numbers_are_cut_or_told_apart() -> None:
    assert not is_cut(key(2**1000 + 1))
    assert is_cut(key(10**309))
    assert is_cut(key(-(10**309)))
    assert is_cut(key(Decimal("0." + "12" * 600)))
    assert not is_cut(key(float("inf")))
    assert not is_cut(key(-math.inf))
    assert not any(is_cut(key(value)) for value in (0, 1.5, -1.5, Decimal("19.99"), 2**64 + 1))


def test_numbers_of_any_size_have_keys() -> None:
    for value in (10**100_000, -(3**200_000), Decimal("1." + "1" * 1_000_000), Decimal("-1e-999999999999999999")):
        assert len(key(value)) <= SEARCH_KEY_LENGTH


@pytest.mark.parametrize("power", [309, 20_000, 50_000, 70_000])
def test_huge_integers_around_a_power_of_ten_have_the_keys_of_equal_decimals(power: int) -> None:
    for value, equal in [
        (10**power - 1, "9" * power),
        (10**power, f"1e{power}"),
        (10**power + 1, f"1{'0' * (power - 1)}1"),
    ]:
        assert key(value) == key(Decimal(equal))
        assert key(-value) == key(Decimal(f"-{equal}"))
    assert key(10 ** (power - 1)) < key(10**power) < key(10 ** (power + 1))


def test_a_context_changes_no_key() -> None:
    values = [Decimal("19.99"), Decimal("-1e-400"), Decimal("1e400"), *map(Decimal, [0.1])]
    keys = [key(value) for value in values]
    with localcontext() as context:
        context.prec = 3
        context.Emax = 10
        context.Emin = -10
        context.capitals = 0
        context.traps[FloatOperation] = True
        assert [key(value) for value in values] == keys


# Text -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=250)
@given(one=texts(), other=texts())
def test_text_is_in_the_order_of_code_points(one: str, other: str) -> None:
    check_order(one, other)
    assert key(one + other).startswith(key(one))


@settings(deadline=None)
@given(stem=st.text(min_size=240, max_size=260), one=texts(), other=texts())
def test_long_text_is_cut(stem: str, one: str, other: str) -> None:
    check_order(stem + one, stem + other)
    assert is_cut(key(stem + "x" * 255))


def check_uncut(one: Any, other: Any) -> None:
    keys = uncut(one), uncut(other)
    assert (one < other, one == other) == (keys[0] < keys[1], keys[0] == keys[1])


def uncut(value: object) -> bytes:
    found = uncut_key(value)
    assert found is not None
    return found


def repeated(end: str, sign: int) -> tuple[int, Decimal]:
    digits = "123456789" * 60 + end
    return sign * int(digits), sign * Decimal(f"0.{digits}")


@settings(deadline=None)
@given(one=NUMBERS, power=st.integers(0, 5_000), ends=st.tuples(DIGITS, DIGITS), sign=st.sampled_from([1, -1]))
def test_uncut_keys_tell_all_numbers_apart(one: Any, power: int, ends: tuple[str, str], sign: int) -> None:
    check_uncut(one, sign * 10**power)
    check_uncut(sign * 10**power, sign * (10**power + 1))
    check_uncut(sign * 10**power, Decimal(sign).scaleb(power))
    for first in repeated(ends[0], sign):
        for second in repeated(ends[1], sign):
            check_uncut(first, second)


@settings(deadline=None)
@given(stem=st.text(min_size=240, max_size=260), one=texts(), other=texts())
def test_uncut_keys_tell_all_texts_apart(stem: str, one: str, other: str) -> None:
    check_uncut(stem + one, stem + other)
    check_uncut(*((stem + text).encode("utf-8", "surrogatepass") for text in (one, other)))
    assert uncut(stem + one)[:SEARCH_KEY_LENGTH] == key(stem + one)


@pytest.mark.parametrize("cls", [PurePosixPath, PureWindowsPath])
def test_uncut_keys_tell_all_paths_apart(cls: Any) -> None:
    paths = sorted([cls("x" * 300, part) for part in ("b", "a-b", "a/b", "a", "")], key=lambda path: path.parts)
    keys = [uncut(path) for path in paths]
    assert keys == sorted(set(keys))


def test_uncut_keys_tell_long_members_apart() -> None:
    names = ["N" * 300 + end for end in "ab"]
    long: Any = Enum("Long", names)  # type: ignore[misc]
    assert uncut(long[names[0]]) < uncut(long[names[1]])
    assert uncut_key(object()) is None
    assert uncut_key(1.5) == search_key(1.5)


@settings(deadline=None)
@given(one=st.binary(), other=st.binary())
def test_bytes_are_in_their_order(one: bytes, other: bytes) -> None:
    check_order(one, other)
    check_order(one * 100, other * 100)


# Times ------------------------------------------------------------------------------------------------------------

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]).map(ZoneInfo)


@settings(deadline=None, max_examples=250)
@given(one=st.datetimes(timezones=st.one_of(OFFSETS, ZONES)), other=st.datetimes(timezones=st.one_of(OFFSETS, ZONES)))
def test_aware_datetimes_are_in_the_order_of_their_instants(one: datetime, other: datetime) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    instant, other_instant = one - epoch, other - epoch
    assert (key(one) < key(other)) == (instant < other_instant)
    assert (key(one) == key(other)) == (instant == other_instant)


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2024, 10, 27, 2, 30, tzinfo=berlin)
    assert key(first) < key(first.replace(fold=1))
    assert key(first) == key(datetime(2024, 10, 27, 0, 30, tzinfo=UTC))


@settings(deadline=None)
@given(one=st.datetimes(), other=st.datetimes())
def test_naive_datetimes_are_in_their_order(one: datetime, other: datetime) -> None:
    check_order(one, other)
    assert key(one)[0] != key(one.replace(tzinfo=UTC))[0]


@settings(deadline=None)
@given(one=st.times(), other=st.times(), zone=OFFSETS, other_zone=OFFSETS)
def test_times_are_in_their_order(one: time, other: time, zone: tzinfo, other_zone: tzinfo) -> None:
    check_order(one, other)
    check_order(one.replace(tzinfo=zone), other.replace(tzinfo=other_zone))
    assert key(one)[0] != key(one.replace(tzinfo=zone))[0]
    assert key(one) == key(one.replace(tzinfo=ZoneInfo("Europe/Berlin")))  # Python finds it naive, too


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=5, minutes=45))])
def test_the_times_around_each_minute_are_in_their_order(zone: tzinfo | None) -> None:
    minutes = [divmod(minute, 60) for minute in range(24 * 60)]
    ends = [time(*minute, *end, tzinfo=zone) for minute in minutes for end in [(0, 0), (0, 1), (59, 999_999)]]
    keys = [key(moment) for moment in ends]
    assert keys == sorted(set(keys))


@settings(deadline=None)
@given(one=st.dates(), other=st.dates())
def test_dates_are_in_their_order(one: date, other: date) -> None:
    check_order(one, other)


ATTOSECONDS = {"W": 604_800 * 10**18, "D": 86_400 * 10**18, "h": 3_600 * 10**18, "m": 60 * 10**18, "s": 10**18} | {
    unit: 10 ** (15 - 3 * place) for place, unit in enumerate(("ms", "us", "ns", "ps", "fs", "as"))
}
duration: Any = np.timedelta64  # whose stubs take units as literals only
COUNTS = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-5000, 5000))


@st.composite
def durations(draw: st.DrawFn) -> tuple[Any, int]:
    """Draw a duration of NumPy or Python, and its attoseconds."""
    unit = draw(st.sampled_from([*ATTOSECONDS, "timedelta"]))
    if unit == "timedelta":
        span = draw(st.timedeltas())
        return span, (span.days * 86_400 + span.seconds) * 10**18 + span.microseconds * 10**12
    count, times = draw(COUNTS), draw(st.sampled_from((1, 7, 25)))
    return duration(count, f"{times}{unit}"), count * times * ATTOSECONDS[unit]


@settings(deadline=None)
@given(one=durations(), other=durations())
def test_durations_of_every_unit_are_in_one_order(one: tuple[Any, int], other: tuple[Any, int]) -> None:
    keys = key(one[0]), key(other[0])
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one[1] < other[1], one[1] == other[1])


@pytest.mark.parametrize("unit", ATTOSECONDS)
def test_equal_durations_of_numpy_have_equal_keys(unit: str) -> None:
    span = np.timedelta64(7 * 604_800 * 10**6, "us") if ATTOSECONDS[unit] >= 10**12 else np.timedelta64(7, "us")
    same = span.astype(f"m8[{unit}]")
    assert same == span
    assert key(same) == key(span) == key(span.item())


def test_a_duration_is_no_number() -> None:
    for unit in (*ATTOSECONDS, "Y", "M"):
        assert key(duration(5, unit)) != key(5)
    assert key(np.timedelta64(1, "Y")) == key(np.timedelta64(12, "M"))
    assert key(np.timedelta64(-1, "Y")) < key(np.timedelta64(11, "M"))
    assert search_key(np.timedelta64(5)) is None  # equal to 5 of every unit


@settings(deadline=None)
@given(one=st.timedeltas(), other=st.timedeltas())
def test_durations_are_in_their_order(one: timedelta, other: timedelta) -> None:
    check_order(one, other)


def test_the_ends_of_time_have_keys() -> None:
    for ends in (
        (datetime.min, datetime.max),
        (date.min, date.max),
        (time.min, time.max),
        (timedelta.min, timedelta.max),
    ):
        check_order(*ends)
    far = timezone(timedelta(hours=23, minutes=59))
    check_order(datetime.min.replace(tzinfo=far), datetime.max.replace(tzinfo=UTC))


def test_a_strange_time_zone_is_not_searched_by() -> None:
    class Zone(tzinfo):
        def utcoffset(self, dt: datetime | None) -> timedelta:
            raise RuntimeError("no")

        def dst(self, dt: datetime | None) -> None:
            return None

        def tzname(self, dt: datetime | None) -> None:
            return None

    assert search_key(datetime(2024, 1, 1, tzinfo=Zone())) is None
    assert search_key(time(1, tzinfo=Zone())) is None


# The rest ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(one=st.uuids(), other=st.uuids())
def test_uuids_are_in_their_order(one: UUID, other: UUID) -> None:
    check_order(one, other)


PARTS = st.lists(
    st.one_of(st.sampled_from(["a", "A", "a-", "a b", "ab", "\0", "a\0", "a\x01", ".."]), texts()), max_size=4
)


@settings(deadline=None, max_examples=250)
@given(one=PARTS, other=PARTS, cls=st.sampled_from([PurePosixPath, PureWindowsPath]))
def test_paths_are_in_the_order_of_their_components(one: list[str], other: list[str], cls: Any) -> None:
    left, right = cls("/".join(one)), cls("/".join(other))
    separator = "/" if cls is PurePosixPath else "\\"
    texts = [str(path) if cls is PurePosixPath else str(path).lower() for path in (left, right)]
    components = [text.split(separator) for text in texts]
    assert (key(left) < key(right)) == (components[0] < components[1])
    assert (key(left) == key(right)) == (left == right)


def test_concrete_and_pure_paths_have_one_key() -> None:
    path = Path("a/b")
    pure = PurePosixPath("a/b") if isinstance(path, PurePosixPath) else PureWindowsPath("a/b")
    assert key(path) == key(pure)
    assert key(PureWindowsPath("A\\b")) == key(PureWindowsPath("a/B"))
    assert key(PurePosixPath("A")) != key(PurePosixPath("a"))


class Whole(IntFlag):
    A = 1
    B = 2


class Name(str, Enum):  # noqa: UP042 (there is such code)
    A = "a"


class Rate(float, Enum):
    A = 1.5


class Price(Decimal, Enum):
    A = Decimal("1.5")


class Same(Enum):
    A = 1

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = Enum.__hash__


def test_members_that_are_numbers_or_text_have_the_keys_of_those() -> None:
    assert key(Level.HIGH) == key(2)
    assert key(Whole.A | Whole.B) == key(3)
    assert key(Unit.METRE) == key("m")
    assert key(Name.A) == key("a")
    assert key(Rate.A) == key(1.5)


def test_other_members_have_keys_of_their_own() -> None:
    values = [Colour.RED, Colour.BLUE, *map(Access, range(8))]
    assert len({key(value) for value in values}) == len(values)
    assert key(Colour.RED) == key(Colour.CRIMSON) == b"\x60Colour\0RED"
    assert key(Access(0)) == b"\x60Access\0" + b"0"


def test_members_with_an_equality_of_their_own_are_not_searched_by() -> None:
    assert search_key(Same.A) is None
    assert search_key(Price.A) is None


@settings(deadline=None)
@given(value=plain_values(scalars() | instances()))
def test_everything_has_a_short_key_or_none(value: object) -> None:
    found = search_key(value)
    assert found is None or 1 <= len(found) <= SEARCH_KEY_LENGTH
    if isinstance(value, list | tuple | dict | set | frozenset):
        assert found is None


def test_subclasses_have_no_key() -> None:
    for base in (str, float, int, bytes):
        assert search_key(type("Sub", (base,), {})()) is None


def test_kinds_differ_in_their_first_byte() -> None:
    values = [
        None, float("nan"), -1, 1, "", b"", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1), date(1, 1, 1),
        time(1, tzinfo=UTC), time(1), timedelta(1), UUID(int=1), PurePosixPath(), PureWindowsPath(), Colour.RED,
    ]  # fmt: skip
    assert len({key(value)[:1] for value in values}) == len(values)
    assert [key(value)[:1] for value in values] == sorted(key(value)[:1] for value in values)


FORMAT: list[tuple[object, str]] = [
    (None, "08"),
    (float("nan"), "10"),
    (float("-inf"), "18 0000000000000000 ff"),
    (-(10**309), "18 0f fffffffffffffeca ff"),
    (-1.5, "18 c007ffffffffffff ff"),
    (0, "19 0000000000000000"),
    (1, "19 3ff0000000000000"),
    (1.5, "19 3ff8000000000000"),
    (2**53 + 1, "19 4340000000000000 02 8001 0b"),
    (-(2**53) - 1, "18 bcbfffffffffffff fd 7ffe f4 ff"),
    (Decimal("1e-400"), "19 0000000000000000 02 7e71 0b"),
    (Decimal("1e-99999"), "19 0000000000000000 01 7ffffffffffe7962 0b"),
    (10**309, "19 f0 0000000000000135"),
    (float("inf"), "19 ffffffffffffffff"),
    ("a\0é", "20 61 00 c3a9"),
    ("\ud800", "20 eda080"),
    (b"a\0", "28 6100"),
    (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "30 80000000000f4240"),
    (datetime(1969, 12, 31, 23, 59, 59), "31 7ffffffffff0bdc0"),
    (date(1, 1, 1), "38 00000001"),
    (time(0, tzinfo=timezone(timedelta(seconds=1))), "40 7ffffffffff0bdc0"),
    (time(0, 0, 1), "41 80000000000f4240"),
    (time(23, 59, 58, 7), "41 800000141db8db87"),
    (timedelta(days=-1, microseconds=1), "48 7fffffff 00000000 00000001"),
    (np.timedelta64(-1, "ns"), "48 7fffffff 0001517f 000f423f e8990a4600"),
    (np.timedelta64(2**62, "W"), "48 ffffffff 80000000000000 01c000000000000000 00000000 00000000"),
    (np.timedelta64(-2, "Y"), "49 7fffffffffffffffffffffffffffffe8"),
    (np.timedelta64("NaT", "D"), "10"),
    (UUID(int=1), "50 00000000000000000000000000000001"),
    (PurePosixPath("/a/b"), "58 00 61 00 62"),
    (PureWindowsPath("C:\\A"), "59 633a 00 61"),
    (Colour.RED, "60 436f6c6f7572 00 524544"),
]


@pytest.mark.parametrize(("value", "expected"), FORMAT)
def test_the_format_is_kept(value: object, expected: str) -> None:
    assert key(value).hex() == expected.replace(" ", "")
