"""Filters of the templates: how moments, lengths of time, sizes, numbers and ids are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from keyword import iskeyword
from types import MappingProxyType
from typing import Any
from uuid import UUID

from markupsafe import Markup, escape

from artigraph.identifiers import moment_of
from artigraph.printable import bytes_text, duration_text, printable, quote_item
from artigraph.view import ArtifactItem, RunItem

SHORT_ID = 13
"""The characters of a short id. They are the time to the millisecond, and the command line takes them."""
_SPANS = ((86_400, "day", 30), (3_600, "hour", 24), (60, "minute", 60))
"""Units with their seconds, and the most that are counted in them."""
_TO_THE_SECOND = len("2000-01-01T00:00:00")
_SHORTEST_SECONDS = 0.9995
"""A shorter time is written in milliseconds."""
_DASH = Markup('<span class="none" aria-hidden="true">-</span><span class="unseen">none</span>')


def when(moment: datetime | None) -> Markup:
    """Return how long ago a moment is; the exact one is shown when the pointer rests on it."""
    return Markup(when_html(moment))  # noqa: S704 (it has no text from elsewhere)


def when_html(moment: datetime | None) -> str:
    """Return what `when` does, as a text. A page has many moments, and a Markup takes longer."""
    if moment is None:
        return str(_DASH)
    exact = moment
    if exact.tzinfo is not UTC:
        exact = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    text = exact.isoformat()
    exact_text, words = text.removesuffix("+00:00"), _ago(exact)
    # Digits and our own words need no escaping.
    title = text[:_TO_THE_SECOND].replace("T", " ")
    return f'<time datetime="{exact_text}Z" title="{title} UTC" data-ago>{words}</time>'


def exactly(moment: datetime | None) -> Markup:
    """Return a moment to the second, in UTC, and how long ago it is."""
    if moment is None:
        return _DASH
    exact = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{} UTC</time>').format(
        exact.isoformat().replace("+00:00", "Z"), _ago(exact), exact.strftime("%Y-%m-%d %H:%M:%S")
    )


def _ago(moment: datetime) -> str:
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 0:
        return moment.strftime("%Y-%m-%d %H:%M")
    for unit, name, most in _SPANS:
        count = int(seconds // unit)
        if count:
            if count > most:
                return moment.date().isoformat()
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def duration(seconds: float | timedelta | None) -> str | Markup:
    """Return a length of time in its two greatest units, or in milliseconds."""
    if seconds is None:
        return _DASH
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if total < _SHORTEST_SECONDS:
        return f"{max(total, 0) * 1000:.0f} ms"
    return duration_text(timedelta(seconds=total))


def size(number: int | None) -> str | Markup:
    """Return a number of bytes in a unit that suits it."""
    return _DASH if number is None else bytes_text(number)


def number(value: float | None) -> str | Markup:
    """Return a number for people: integers with separators, floats with at most six digits."""
    if value is None:
        return _DASH
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}"


def short(node_id: UUID | str) -> str:
    """Return the beginning of an id."""
    return str(node_id)[:SHORT_ID]


def cell(value: object) -> str | Markup:
    """Return a value for a cell of a table. Characters that cannot be seen are escaped."""
    if value is None:
        return Markup('<span class="none">None</span>')
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return Markup(f'<span class="number" title="{value!r}">{number(value)}</span>')  # noqa: S704 (digits)
    return printable(str(value))


def value(given: Any) -> Markup:
    """Return a value of any shape, as JSON spells it. A long one can be opened."""
    if not isinstance(given, (dict, list)):
        text = cell(given)
        if isinstance(text, Markup) or len(text) <= _LONG:
            return escape(text)
        summary, whole = text[:_LONG], Markup('<pre tabindex="0">{}</pre>').format(lines(str(given)))
    else:
        text = json.dumps(given, ensure_ascii=False)
        if len(text) <= _LONG:
            return Markup("<code>{}</code>").format(printable(text))
        indented = json.dumps(given, ensure_ascii=False, indent=2)
        summary, whole = text[:_LONG], Markup('<pre tabindex="0">{}</pre>').format(lines(indented))
    return Markup('<details class="long"><summary>{}…</summary>{}</details>').format(printable(summary), whole)


_LONG = 120
"""The characters of a value that is shown at once."""


def visible(text: str | None) -> str:
    """Return a text in which every character is visible. Only a row that was altered by hand has None."""
    return "(missing)" if text is None else printable(text)


def lines(text: str) -> str:
    """Return a text of several lines in which every character is visible."""
    return "\n".join(printable(line) for line in text.split("\n"))


def expression(column: str) -> str:
    """Return a chosen column of runs as an expression writes it: parameters.rate, tags["my team"]."""
    kind, _, name = column.partition(".")
    return column if name.isidentifier() and not iskeyword(name) else f"{kind}[{name!r}]"


def is_numeric(items: Sequence[RunItem | ArtifactItem], name: str) -> bool:
    """Return whether a column of a table holds numbers only, so that its heading is on their side."""
    values = [item.columns[name] for item in items if name in item.columns]
    return bool(values) and all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values)


def columns_of(items: Sequence[ArtifactItem]) -> list[str]:
    """Return the columns that any of some artifacts has, in the order in which they appear."""
    return list(dict.fromkeys(name for item in items for name in item.columns))


TESTS: Mapping[str, Callable[..., bool]] = MappingProxyType({"numeric": is_numeric})
FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "cell": cell,
        "columns_of": columns_of,
        "duration": duration,
        "exactly": exactly,
        "expression": expression,
        "item": quote_item,
        "lines": lines,
        "made": moment_of,
        "number": number,
        "printable": visible,
        "short": short,
        "size": size,
        "value": value,
        "when": when,
    }
)
