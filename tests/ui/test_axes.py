"""Axes of charts: round ticks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artigraph.ui._svg import Axis, number_axis, number_text, time_axis


def texts(axis: Axis) -> list[str]:
    return [text for _, text in axis.ticks]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([54.0, 145.0], ["60", "80", "100", "120", "140"]),
        ([0.0, 1_500.0], ["0", "500", "1,000", "1,500"]),
        ([-3.0, 3.0], ["-3", "-2", "-1", "0", "1", "2", "3"]),
        ([1e-8, 6e-7], ["0", "1e-7", "2e-7", "3e-7", "4e-7", "5e-7", "6e-7"]),
        ([0.0, 2.5e9], ["0", "5e8", "1e9", "1.5e9", "2e9", "2.5e9"]),
        ([0.5, 0.5], ["0.45", "0.50", "0.55"]),
        ([0.0], ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
    ],
)
def test_ticks_are_round(values: list[float], expected: list[str]) -> None:
    assert texts(number_axis(values)) == expected


def test_whole_numbers_have_ticks_among_them_only() -> None:
    assert texts(number_axis([1, 2], whole=True)) == ["1", "2"]
    assert texts(number_axis([1], whole=True)) == ["1"]
    assert texts(number_axis(range(1, 201), whole=True)) == ["50", "100", "150", "200"]


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=5))
def test_every_axis_holds_its_values_and_has_few_different_ticks(values: list[float]) -> None:
    axis = number_axis(values)
    for value in values:
        assert 0 <= axis.share(value) <= 1
    assert len(axis.ticks) <= 12
    assert all(axis.low <= tick <= axis.high for tick, _ in axis.ticks)
    assert sorted({tick for tick, _ in axis.ticks}) == [tick for tick, _ in axis.ticks]
    for value in values:
        assert axis.low <= value <= axis.high
        assert float(number_text(value).replace(",", "")) == pytest.approx(value, rel=1e-5, abs=1e-300)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (178609.5, "178,610"),
        (120000.25, "120,000"),
        (99999.96, "100,000"),
        (0.1234567, "0.123457"),
        (-1500.0, "-1,500"),
    ],
)
def test_a_number_keeps_its_size(value: float, expected: str) -> None:
    assert number_text(value) == expected


START = datetime(2026, 11, 28, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (
            timedelta(milliseconds=40),
            ["Nov 28, 22:30:00.000", "22:30:00.010", "22:30:00.020", "22:30:00.030", "22:30:00.040"],
        ),
        (timedelta(seconds=8), ["Nov 28, 22:30:00", "22:30:02", "22:30:04", "22:30:06", "22:30:08"]),
        (timedelta(hours=5), ["Nov 28, 23:00", "Nov 29, 00:00", "01:00", "02:00", "03:00"]),
        (timedelta(days=9), ["Nov 29", "Dec 01", "Dec 03", "Dec 05", "Dec 07"]),
        (timedelta(days=400), ["Jan 2027", "Apr 2027", "Jul 2027", "Oct 2027", "Jan 2028"]),
        (timedelta(days=3_000), ["2028", "2030", "2032", "2034"]),
    ],
)
def test_ticks_of_times_are_readable(span: timedelta, expected: list[str]) -> None:
    assert texts(time_axis([START.timestamp(), (START + span).timestamp()])) == expected


@given(st.lists(st.integers(0, 2**48 - 1), min_size=1, max_size=3))
def test_every_time_of_an_id_has_a_place(milliseconds: list[int]) -> None:
    axis = time_axis([each / 1_000 for each in milliseconds])
    assert len(axis.ticks) <= 12
    for each in milliseconds:
        assert 0 <= axis.share(each / 1_000) <= 1
