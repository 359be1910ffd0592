"""Write time zones by name, with their exact class, and read them."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from artigraph.errors import SerializationError
from artigraph.serializer._support.library import class_of


def describe_zone(zone: tzinfo) -> dict[str, Any]:
    """Return a description from which `restore_zone` makes the zone.

    Raises:
        SerializationError: the zone cannot be made again from a name.
    """
    library = type(zone).__module__.partition(".")[0]
    description: dict[str, Any] = {}
    untyped: Any = zone
    if type(zone) is timezone:
        offset, *name = untyped.__getinitargs__()
        description = {"offset": [offset.days, offset.seconds, offset.microseconds], "name": name}
    elif type(zone) is ZoneInfo:
        description = {"zoneinfo": zone.key}
    elif library == "pytz":
        key: object = getattr(zone, "zone", None)
        description = {"pytz": key} if key else {"pytz_minutes": untyped._minutes}
    elif library == "dateutil" and zone == import_module("dateutil.tz").UTC:
        description = {"dateutil": "UTC"}
    if not description or not _comes_back(zone, description):
        msg = (
            f"its time zone is the {class_of(zone)} {zone}, which cannot be made again from a name; "
            "convert it to a zoneinfo.ZoneInfo: .dt.tz_convert(ZoneInfo(key))"
        )
        raise SerializationError(msg)
    return description


def _comes_back(zone: tzinfo, description: dict[str, Any]) -> bool:
    try:
        again = restore_zone(description)
    except (ImportError, LookupError, TypeError, ValueError):
        return False
    # A pytz zone that is bound to one of its offsets is another object of the same zone.
    return type(again) is type(zone) and (again == zone or str(again) == str(zone) != "")


def restore_zone(description: dict[str, Any]) -> tzinfo:
    """Return the zone of a description. Raises an error for an invalid description."""
    if "offset" in description:
        days, seconds, microseconds = description["offset"]
        return timezone(timedelta(days, seconds, microseconds), *description["name"])
    if "zoneinfo" in description:
        return ZoneInfo(description["zoneinfo"])
    if "dateutil" in description:
        zone: tzinfo = import_module("dateutil.tz").UTC
    elif "pytz" in description:
        zone = import_module("pytz").timezone(description["pytz"])
    else:
        zone = import_module("pytz").FixedOffset(description["pytz_minutes"])
    return zone
