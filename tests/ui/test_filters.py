"""How moments, lengths of time, sizes and values are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from artigraph.ui._filters import cell, duration, expression, number, short, size, value, when


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-90), None),
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1, seconds=5), "1 hour ago"),
        (timedelta(hours=23, seconds=5), "23 hours ago"),
        (timedelta(days=30, seconds=5), "30 days ago"),
        (timedelta(days=31, seconds=5), None),
    ],
)
def test_a_moment_is_written_by_its_distance(ago: timedelta, text: str | None) -> None:
    moment = datetime.now(UTC) - ago
    shown = str(when(moment))
    assert moment.strftime('title="%Y-%m-%d %H:%M:%S UTC"') in shown
    assert f">{text or moment.strftime('%Y-%m-%d')}" in shown
    assert when(moment.replace(tzinfo=None)) == shown
    assert "none" in when(None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (-1, "0 ms"),
        (0.0126, "13 ms"),
        (1.256, "1.26 s"),
        (59.4, "59.40 s"),
        (59.99, "1 min 0 s"),
        (0.9999, "1.00 s"),
        (60, "1 min 0 s"),
        (3_725, "1 h 2 min"),
        (86_400 * 3 + 3_600 * 4, "3 d 4 h"),
        (timedelta(minutes=2), "2 min 0 s"),
    ],
)
def test_a_length_of_time_has_two_units(seconds: Any, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_sizes_and_ids() -> None:
    assert [number(each) for each in (1234567, 0.1234567, 1e-9, 12.0)] == ["1,234,567", "0.123457", "1e-09", "12"]
    assert [size(each) for each in (1, 2048)] == ["1 byte", "2.0 KiB"]
    assert short("018f3c5e-7b2a-7000-8000-000000000000") == "018f3c5e-7b2a"
    assert "none" in f"{number(None)}{size(None)}{duration(None)}"


def test_cells_keep_the_exact_number() -> None:
    assert cell(0.12345678) == '<span class="number" title="0.12345678">0.123457</span>'
    assert [cell(each) for each in (True, "a\u202eb", None)] == ["True", "a\\u202eb", '<span class="none">None</span>']


def test_values_are_escaped_and_long_ones_can_be_opened() -> None:
    assert value("<b>") == "&lt;b&gt;"
    assert value(["<b>"]) == "<code>[&#34;&lt;b&gt;&#34;]</code>"
    long = str(value("<" * 500))
    assert (long.count("<details"), long.count("&lt;")) == (1, 620)
    nested = str(value({"<key>": list(range(100))}))
    assert (nested.startswith("<details"), "<key>" in nested, "\n" in nested) == (True, False, True)


def test_columns_become_expressions() -> None:
    names = ("parameters.rate", "tags.my team", 'tags."', "parameters.class", "tags.a.b")
    assert [expression(name) for name in names] == [
        "parameters.rate",
        "tags['my team']",
        "tags['\"']",
        "parameters['class']",
        "tags['a.b']",
    ]
