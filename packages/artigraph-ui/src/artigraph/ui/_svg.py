"""Elements of SVG as safe markup, with every text and attribute escaped. And axes with round numbers and times."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

from artigraph.printable import printable


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element. An attribute that is None is left out, and `class_` and `text_anchor` lose their underscores.

        element("text", "a < b", x=12, class_="tick")

    A child that is no markup is text: it is escaped, and characters that would be invisible are shown. So are those of
    attributes; links have none, as they are encoded.
    """
    shown = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _attribute(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{}{}>{}</{}>").format(name, shown, joined(*children), name)


def _attribute(value: str | float) -> str:
    return printable(value) if isinstance(value, str) else number(value)


def joined(*children: str) -> Markup:
    """Return children one after the other. What is no markup is text."""
    return Markup("").join(child if isinstance(child, Markup) else escape(printable(child)) for child in children)


def number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def percent(share: float) -> str:
    """Return a share of a width, from 0 to 1, as a length."""
    return f"{number(100 * share)}%"


# Axes -----------------------------------------------------------------------------------------------------------------


_PADDING = 0.04
"""How far an axis reaches beyond its values, as a share of its length."""
_SOME = 2
"""How many ticks more than wanted an axis may have."""
_ROUND = (1.0, 2.0, 5.0, 10.0)
_SECOND, _MINUTE, _HOUR, _DAY = 1.0, 60.0, 3_600.0, 86_400.0
_STEPS = (
    *(number * 0.001 for number in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(number * _SECOND for number in (1, 2, 5, 10, 15, 30)),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12)),
    *(number * _DAY for number in (1, 2, 4, 7, 14)),
)
"""Distances between ticks of times, up to which all days are equally long."""
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400, 6_000, 12_000)
_MONTH = 30.44 * _DAY
_LARGE, _SMALL = 1e6, 1e-4
_TINY = 1e-290
"""Numbers as small as that are shown as zero."""
_MOST_DECIMALS = 300
"""Smaller numbers cannot be rounded to decimals."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range with ticks."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Values with their texts, in ascending order."""

    def share(self, value: float) -> float:
        """Return how far along the axis a value is: 0 at `low`, 1 at `high`."""
        length = self.high / 2 - self.low / 2  # halves, since the whole may be beyond every float
        return (value / 2 - self.low / 2) / length


def number_axis(values: Iterable[float], *, most: int = 5, whole: bool = False) -> Axis:
    """Return an axis for finite numbers, with about `most` ticks. One of whole numbers has ticks at these alone."""
    given = list(values)
    low, high = _range(given)
    step = _round_up((high / 2 - low / 2) / most * 2)
    found = _within(low, high, step)
    closer = _round_up(step * 0.4)
    more = _within(low, high, closer)
    if len(more) <= most + _SOME:
        found, step = more, closer
    if whole:
        found, step = [tick for tick in found if tick % 1 == 0 and min(given) <= tick <= max(given)], max(step, 1.0)
    return Axis(low, high, tuple(zip(found, tick_texts(found, step), strict=True)))


def time_axis(values: Iterable[float], *, most: int = 5) -> Axis:
    """Return an axis for times in seconds since 1970, in UTC, with about `most` ticks."""
    low, high = _range(values, closest=0.01)
    wanted = (high - low) / (most + 1)
    step = next((step for step in _STEPS if step >= wanted), None)
    if step is None:
        months = next((months for months in _MONTHS if months * _MONTH >= wanted), _MONTHS[-1])
        found = [moment for moment in _months(low, high, months) if low <= moment <= high]
        texts = ["%Y" if months % 12 == 0 else "%b %Y"] * len(found)
    else:
        found = _within(low, high, step)
        texts = list(_formats(found, step))
    shown = [_moment(tick).strftime(text) for tick, text in zip(found, texts, strict=True)]
    if step is not None and step < _SECOND:
        shown = [text[:-3] for text in shown]  # milliseconds of microseconds
    return Axis(low, high, tuple(zip(found, shown, strict=True)))


def tick_texts(ticks: Sequence[float], step: float) -> list[str]:
    """Return ticks as texts of equal precision: "0.25", "1,500", "2.5e-7"."""
    largest = max(map(abs, ticks), default=0.0)
    if largest and (largest >= _LARGE or largest < _SMALL):
        digits = min(max(math.floor(math.log10(largest)) - _power(step), 0), 15)
        return [_short_exponent(f"{tick:.{digits}e}") if tick else "0" for tick in ticks]
    decimals = min(max(0, -_power(step)), 15)
    return [f"{tick:,.{decimals}f}" for tick in ticks]


def number_text(value: float) -> str:
    """Return a number for people, with up to six digits: "0.123457", "12,345", "1.5e-9"."""
    if value == int(value) and abs(value) < _LARGE * 1_000:
        return f"{int(value):,}"
    if _SMALL <= abs(value) < _LARGE:
        return _short(f"{value:,.{max(0, 5 - math.floor(math.log10(abs(value))))}f}")
    return _short_exponent(f"{value:.5e}")


def _short_exponent(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return f"{_short(mantissa)}e{int(exponent)}"


def _short(decimal: str) -> str:
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal


def _range(values: Iterable[float], *, closest: float | None = None) -> tuple[float, float]:
    """Return a little more than the range of values. If they are as close as that, they get some room on each side."""
    given = list(values) or [0.0, 1.0]
    low, high = min(given), max(given)
    largest = max(abs(low), abs(high))
    room = (high / 2 - low / 2) * 2 * _PADDING
    if closest is not None and high - low <= closest:
        room = 1.0
    elif closest is None and high - low <= max(largest * 1e-9, _TINY):  # closer numbers have no different ticks
        room = largest * 0.1 if largest > _TINY else 1.0
    return max(low - room, -sys.float_info.max), min(high + room, sys.float_info.max)


def _round_up(wanted: float) -> float:
    power = 10.0 ** _power(wanted)
    return next((power * number for number in _ROUND if power * number >= wanted), power * 10)


def _power(value: float) -> int:
    # The logarithm of 0.001 is a little more than -3.
    return math.floor(math.log10(value) + 1e-9) if value > 0 else 0


def _within(low: float, high: float, step: float) -> list[float]:
    return [tick for tick in _multiples(low, high, step) if low <= tick <= high]


def _multiples(low: float, high: float, step: float) -> Iterator[float]:
    first, last = math.ceil(low / step), math.floor(high / step)
    decimals = max(0, min(2 - _power(step), _MOST_DECIMALS))
    for index in range(first, min(last, first + 50) + 1):
        yield index * step if decimals == _MOST_DECIMALS else round(index * step, decimals)


def _months(low: float, high: float, months: int) -> Iterator[float]:
    first, last = _moment(low), _moment(high)
    start = (first.year * 12 + first.month - 1) // months * months
    for index in range(max(start, 12), last.year * 12 + last.month, months):
        yield datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC).timestamp()


def _formats(ticks: Sequence[float], step: float) -> Iterator[str]:
    """Yield the format of each tick: with the date at the first one of a day, if they are closer than days."""
    clock = "%H:%M" if step >= _MINUTE else "%H:%M:%S" if step >= _SECOND else "%H:%M:%S.%f"
    day = ""
    for tick in ticks:
        its_day = _moment(tick).strftime("%b %d")
        yield "%b %d" if step >= _DAY else clock if its_day == day else f"%b %d, {clock}"
        day = its_day


def _moment(seconds: float) -> datetime:
    # Ids hold up to 48 bits of milliseconds, and the room beside the last of them may be after the year 9999.
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=min(max(seconds, -62_135_596_800), 253_402_300_799))
