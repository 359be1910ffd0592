"""Write coordinate reference systems as JSON, and read them."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support.library import class_of

pyproj: Any = import_module("pyproj")

_CODE = re.compile(r"[A-Za-z_]{1,40}:[A-Za-z0-9_.]{1,40}", re.ASCII)
_MAX_DEPTH = 60
"""How deep the JSON of a system may be nested. PROJ reads it by recursion."""


def describe_crs(crs: Any) -> dict[str, Any] | None:
    """Return a description of a system: its definition as PROJJSON, and its code, such as EPSG:4326.

    Raises:
        SerializationError: it would not load exactly.
    """
    if crs is None:
        return None
    if type(crs) is pyproj.CRS:
        description: dict[str, Any] = {"definition": json.loads(crs.to_json())}
        if _CODE.fullmatch(crs.srs):
            description["code"] = crs.srs
        again = restore_crs(description)
        if again == crs and (again.srs == crs.srs or _is_exact(again, crs)):
            return description
    msg = (
        f"its coordinate reference system is a {class_of(crs)} ({crs.name!r:.80}), which would not come back exactly; "
        "set one that does: set_crs(pyproj.CRS.from_wkt(crs.to_wkt()), allow_override=True)"
    )
    raise SerializationError(msg)


def restore_crs(description: dict[str, Any] | None) -> Any:
    """Return the system of a description.

    The code names it only if this machine's database defines it as the stored definition does.
    """
    if description is None:
        return None
    _check_depth(description["definition"], _MAX_DEPTH)
    defined = pyproj.CRS.from_json(json.dumps(description["definition"]))
    code = description.get("code")
    if code is None or not _CODE.fullmatch(code):
        return defined
    try:
        named = pyproj.CRS(code)
    except pyproj.exceptions.CRSError:
        return defined
    return named if named == defined else defined


def same_crs(one: Any, other: Any) -> bool:
    """Say whether two systems, each of which may be None, are equal."""
    return (one is None) == (other is None) and bool(one == other)


def _is_exact(one: Any, other: Any) -> bool:
    # PROJ finds some systems unlike what it made of their own JSON.
    return bool(one.is_exact_same(other)) or one.to_json() == other.to_json()


def _check_depth(value: Any, left: int) -> None:
    if not left:
        msg = "a coordinate reference system is nested too deep"
        raise ValueError(msg)
    kind: object = value.__class__
    parts: Any = value.values() if kind is dict else value
    for each in parts if kind in (dict, list) else ():
        _check_depth(each, left - 1)
