"""Records of reports: documents say what a report says, under the same names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from artigraph.view import Record

R = TypeVar("R", bound=Record)


def filled(cls: type[R], report: object, **others: object) -> R:
    """Return a record of a report: each field has the value of the report's attribute of the same name.

    Where the field is a record itself, or a tuple of records, it is made in the same way.

    Args:
        cls: the class of the record.
        report: the report.
        others: the values of fields that the report does not have under their names.
    """
    kinds = get_type_hints(cls)
    names = [field.name for field in fields(cls) if field.name not in others]
    return cls(**others, **{name: _value_of(kinds[name], getattr(report, name)) for name in names})


def all_filled(cls: type[R], reports: Iterable[object]) -> tuple[R, ...]:
    """Return a record of each report; see `filled`."""
    return tuple(filled(cls, report) for report in reports)


def _value_of(kind: Any, value: Any) -> Any:
    (item, *_) = get_args(kind) or (kind,)
    if not isinstance(item, type) or not issubclass(item, Record) or value is None:
        return value
    return all_filled(item, value) if get_origin(kind) is tuple else filled(item, value)
