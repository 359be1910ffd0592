"""Values that queries compare, and how Python compares them."""

from __future__ import annotations

import math
import operator
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Annotated, Any

from artigraph import (
    ArtifactModel,
)


class Color(Enum):
    RED = 1
    BLUE = "b"


class Level(IntEnum):
    LOW = 1
    HIGH = 9


@dataclass
class Inner(ArtifactModel, name="QueryInner"):
    x: Any
    deeper: Inner | None = None


@dataclass
class Outer(ArtifactModel, name="QueryOuter"):
    value: Annotated[Any, Color, Level]
    number: float | None = None
    inner: Inner | None = None
    color: Color | None = None
    items: list[int] = field(default_factory=list[int])


NAN = float("nan")


LONG = "é" * 200


VALUES: list[Any] = [
    None, True, False, 0, -0.0, 1, -1, 1.5, -1.5, 0.1, Decimal("0.1"), Decimal("1.0"), 2**53, 2**53 + 1,
    float(2**53), -(2**63), 2**64, 10**400, 10**400 + 1, -(10**400), Decimal("1e400"), math.inf, -math.inf, NAN,
    Decimal("NaN"), 5e-324, Level.LOW, Level.HIGH, "", "a", "A", "a ", "ab", "b", "é", "e\u0301", "\0", "a\0b", "%",
    "_", "'; DROP TABLE artigraph_node; --", "\\", '"', "🍣", "🍺", "\ud800", "\uffff", LONG, LONG + "a", LONG + "b",
    LONG[:127], LONG[:127] + "a", "x" * 254, "x" * 255, "x" * 300, b"", b"a", b"\xff", b"\xff\xff", b"\0",
    b"x" * 300, b"x" * 301, b"'", date(2020, 1, 1), datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2020, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2020, 1, 1, 0, 0, 0, 1), time(1),
    time(1, tzinfo=UTC), timedelta(0), timedelta(days=-1), timedelta(microseconds=1), uuid.UUID(int=0),
    uuid.UUID(int=2**128 - 1), PurePosixPath("a/b"), PurePosixPath("a-b"), Color.RED, Color.BLUE, [1, 2], (),
    {"a": 1}, {1, 2},
]  # fmt: skip


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def in_python(how: str, stored: Any, asked: Any) -> bool:
    """Compare as Python does; what it refuses to compare is false."""
    if isinstance(stored, Inner) or stored is ...:
        return how == "!="
    try:
        return bool(OPERATORS[how](stored, asked))
    except (TypeError, ArithmeticError):  # the latter of NaN
        return False


def in_sql(how: str, column: Any, asked: Any) -> Any:
    return OPERATORS[how](column, asked)
