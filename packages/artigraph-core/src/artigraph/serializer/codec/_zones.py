"""Time zones, written by names that can be looked up again."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

_KEY = re.compile(r"[A-Za-z0-9_+-]{1,64}(?:/[A-Za-z0-9_+-]{1,64}){0,3}")
"""The form of the time zone database's keys. No other text ever becomes part of a file path."""


def load_zone(key: str) -> ZoneInfo:
    """Return the zone that has this key in the time zone database.

    Raises:
        ValueError: the database has no such key. The message completes a sentence that names the key.
    """
    if not _KEY.fullmatch(key):
        msg = "is not a key of the time zone database"
        raise ValueError(msg)
    try:
        return ZoneInfo(key)
    except (LookupError, OSError, ValueError) as error:
        msg = "is not in this machine's time zone database (pip install tzdata brings one)"
        raise ValueError(msg) from error


def describe_zone(value: datetime | time) -> dict[str, str | int]:
    """Return what to write beside the ISO 8601 text of an aware value, so that its zone can be loaded.

    If the result has a `zone`, or an `offset` in microseconds, write the text without a zone.

    Raises:
        ValueError: the zone could not be made again. The message completes a sentence about the value.
    """
    zone = value.tzinfo
    if type(zone) is timezone:
        untyped: Any = zone
        offset, *names = untyped.__getinitargs__()
        parts: dict[str, str | int] = {}
        if offset.microseconds:  # `fromisoformat` of Python 3.11 takes +00:00:00.000001 for UTC
            parts["offset"] = offset // timedelta(microseconds=1)
        if names:
            parts["name"] = names[0]
        return parts
    if type(zone) is not ZoneInfo:
        msg = (
            f"has a tzinfo of type {type(zone).__module__}.{type(zone).__qualname__}, which cannot be made again from "
            "what is stored; use zoneinfo.ZoneInfo or datetime.timezone"
        )
        raise ValueError(msg)
    if not isinstance(zone.key, str):
        msg = "has a ZoneInfo without a key, which cannot be looked up again; use ZoneInfo(key)"
        raise ValueError(msg)  # noqa: TRY004 (a key that is missing, no wrong type)
    try:
        known = load_zone(zone.key)
    except ValueError as error:
        msg = f"has the time zone {zone.key!r}, which {error}"
        raise ValueError(msg) from error
    if known is not zone:  # it was read from a file, or made with `no_cache`
        again = value.replace(tzinfo=known)
        if (again.utcoffset(), again.tzname()) != (value.utcoffset(), value.tzname()):
            msg = f"has a ZoneInfo that says {zone.key!r} but differs from ZoneInfo({zone.key!r})"
            raise ValueError(msg)
    return {"zone": zone.key}
