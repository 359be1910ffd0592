"""The query of an address: what a page was asked for."""

from __future__ import annotations

from starlette.requests import Request

from artigraph.errors import QueryError
from artigraph.printable import quoted, split_items

PAGE = 50
"""The rows of a page."""
_MOST_ITEMS = 100


def text(request: Request, name: str) -> str | None:
    """Return a parameter of the query without spaces at its ends; None if it is missing or empty."""
    return request.query_params.get(name, "").strip() or None


def items(request: Request, name: str) -> list[str]:
    """Return the items of a parameter that may be given several times, each with several items between commas.

    An item with a comma is in quotes.

    Raises:
        QueryError: there are too many.
    """
    values = request.query_params.getlist(name)
    found = list(dict.fromkeys(each for value in values for each in split_items(value)))
    if len(found) > _MOST_ITEMS:
        msg = f"{name} has at most {_MOST_ITEMS} items, not {len(found)}"
        raise QueryError(msg)
    return found


def flag(request: Request, name: str) -> bool:
    """Return whether a parameter is set to anything but 0."""
    return text(request, name) not in (None, "0")


def number(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    """Return a parameter that is a whole number.

    Raises:
        QueryError: it is no number, or is out of range.
    """
    given = text(request, name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit()) or len(given) > len(str(most)) or not least <= int(given) <= most:
        msg = f"{name} is a number from {least} to {most}, not {quoted(given[:100])}"
        raise QueryError(msg)
    return int(given)
