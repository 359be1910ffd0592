"""The SQL texts of our own elements, one for each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from string import Formatter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Grouping

C = TypeVar("C", bound=type[sa.ClauseElement])

__all__ = ["written"]


def written(default: str | None = None, /, *, mysql: str | None = None, **texts: str) -> Callable[[C], C]:
    """Decorate a class of SQL elements with its text on each kind of database.

        @written("{0}", postgresql="({0} || '')")
        class _Unindexed(FunctionElement[Any]): ...

    `{0}` and `{1}` stand for the parts of an element: the arguments of a function, the inside of a grouping, and the
    sides of a binary expression. A part that a text leaves out is not compiled, so it has no parameters.

    Args:
        default: the text on the databases that have none of their own.
        mysql: the text on MySQL and MariaDB.
        texts: the texts on other databases, by SQLAlchemy's names for them.
    """
    own = texts if mysql is None else texts | {"mysql": mysql, "mariadb": mysql}

    def decorate(cls: C) -> C:
        if default is not None:
            compiles(cls)(_writer(default))
        for dialect, text in own.items():
            compiles(cls, dialect)(_writer(text))
        return cls

    return decorate


def _writer(text: str) -> Callable[..., str]:
    used = sorted({int(place) for _, place, _, _ in Formatter().parse(text) if place is not None})

    def write(element: sa.ClauseElement, compiler: SQLCompiler, **kw: Any) -> str:
        parts = list(_parts_of(element))
        return text.format(*(compiler.process(part, **kw) if place in used else "" for place, part in enumerate(parts)))

    return write


def _parts_of(element: sa.ClauseElement) -> Iterable[Any]:
    untyped: Any = element
    if isinstance(element, sa.BinaryExpression):
        return untyped.left, untyped.right
    return (untyped.element,) if isinstance(element, Grouping) else untyped.clauses
