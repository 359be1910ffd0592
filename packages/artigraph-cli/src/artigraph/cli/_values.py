"""Find stored values by the path in a reference."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.printable import quoted
from artigraph.stored import StoredEnum, StoredField, StoredModel, StoredStruct, load_stored
from artigraph.table import ObjectCell

_INFINITIES = ("-Infinity", "Infinity")


async def find_field(node_id: UUID, path: Sequence[str], reference: str) -> tuple[StoredField, list[str]]:
    """Return the value at a path, and its labels. Labels may contain dots, so neighbors of the path may be one label.

    Raises:
        NodeNotFoundError: nothing is stored under this path.
        QueryError: the path leads to a model or a container.
    """
    model = await load_stored(node_id)
    fields: Mapping[str, StoredField] = model.fields
    labels: list[str] = []
    rest = list(path)
    field: StoredField | None = None
    while rest:
        step = next((end for end in range(len(rest), 0, -1) if ".".join(rest[:end]) in fields), None)
        if step is None:
            known = ", ".join(map(quoted, list(fields)[:20])) or "nothing"
            msg = f"Nothing is stored under {quoted('.'.join(rest))} in {quoted(reference)}. It has {known}"
            raise NodeNotFoundError(msg)
        label, rest = ".".join(rest[:step]), rest[step:]
        labels.append(label)
        field = fields[label]
        fields = _fields_of(field)
    if field is None or field.kind in ("model", "container"):
        known = ", ".join(map(quoted, list(fields)[:20])) or "none"
        msg = f"{quoted(reference)} is no value. Add a dot and the name of one of its fields or items: {known}"
        raise QueryError(msg)
    return field, labels


def _fields_of(field: StoredField) -> Mapping[str, StoredField]:
    value: Any = field.value
    if isinstance(value, StoredModel):
        return value.fields
    return value if field.kind == "container" else {}


def as_json(value: Any) -> Any:
    """Return a plain value as what JSON has, in full: bytes in base64, times in ISO 8601, timedeltas in seconds.

    The floats that JSON does not have are "NaN", "Infinity" and "-Infinity".

    A dict whose keys are not all texts is a list of pairs. A member of an enum and an instance are objects with their
    class. What has no other spelling, such as a Decimal, is text.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else _INFINITIES[value > 0]
    if isinstance(value, StoredEnum):
        return {"$class": value.class_name, "member": value.member}
    if isinstance(value, StoredStruct):
        return {"$class": value.class_name, "fields": as_json(value.fields)}
    if isinstance(value, (Mapping, list, tuple, AbstractSet)):
        return _container(value)
    return _scalar(value)


def _container(value: Any) -> Any:
    if not hasattr(value, "items"):
        return [as_json(item) for item in value]
    pairs: list[tuple[Any, Any]] = list(value.items())
    if all(isinstance(key, str) for key, _ in pairs):
        return {key: as_json(item) for key, item in pairs}
    return [[as_json(key), as_json(item)] for key, item in pairs]


def _scalar(value: object) -> Any:
    match value:
        case bytes():
            return b64encode(value).decode()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case ObjectCell(storage, location, size, digest):
            hexadecimal = None if digest is None else digest.hex()
            return {"storage": storage, "location": location, "size": size, "sha256": hexadecimal}
        case _:
            return str(value)
