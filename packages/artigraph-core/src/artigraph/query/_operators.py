"""The operators of columns: comparing a column makes a condition."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from artigraph.errors import InvalidLabelError, QueryError
from artigraph.identifiers import check_label
from artigraph.query._conditions import Compare, Condition, Not, Operator, PropertyCompare
from artigraph.serializer.search_key import search_key

_MOST = 30_000
"""The most values in one statement: asyncpg and SQLite take 32,767 parameters."""


class Comparable:
    """A column whose comparisons with a value make conditions."""

    __slots__ = ()

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compare("==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return Not(self._compare("==", other))

    __hash__: ClassVar[None]  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride] (as __eq__ has it)

    def __lt__(self, other: object) -> Condition:
        return self._compare("<", other)

    def __le__(self, other: object) -> Condition:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Condition:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Condition:
        return self._compare(">=", other)

    def in_(self, values: Iterable[object]) -> Condition:
        """Match values that equal one of `values`, of which there may be at most 30,000.

        Raises:
            QueryError: `values` is not a collection, has too many items, or has one with which the column cannot be
            compared.
        """
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            msg = f"in_ takes several values, [{values!r:.100}] say"
            raise QueryError(msg)
        compared = [self._compare("==", value) for value in values]
        if len(compared) > _MOST:
            msg = f"in_ takes at most {_MOST:,} values, and these are {len(compared):,}; ask for them in parts"
            raise QueryError(msg)
        return self._one_of(tuple(each.value for each in compared))

    def is_(self, value: None) -> Condition:
        """Match None. A field that an older version of the class did not have is missing, which is not None.

        Raises:
            QueryError: `value` is not None.
        """
        if value is not None:  # pyright: ignore[reportUnnecessaryComparison]
            msg = f"is_ asks for None; to compare with {value!r:.100} use =="
            raise QueryError(msg)
        return self._is_none()

    def is_not(self, value: None) -> Condition:
        """Match everything that `is_` does not match."""
        return Not(self.is_(value))

    @abstractmethod
    def _compare(self, how: Operator, value: object) -> Compare | PropertyCompare:
        """Return the condition of a comparison.

        Raises:
            QueryError: the column cannot be compared with this value, or not by this operator.
        """

    @abstractmethod
    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        """Return the condition that the column equals one of some values, which have been checked."""

    @abstractmethod
    def _is_none(self) -> Condition:
        """Return the condition that the column is None."""


def check_compared(text: str, value: object) -> None:
    """Check that a column may be compared with a value. `text` is the column's name in messages.

    Raises:
        QueryError: the value is None, a column, or of a type that queries cannot search for.
    """
    if value is None:
        msg = f"{text} is compared with None by {text}.is_(None), and its complement by .is_not(None)"
        raise QueryError(msg)
    if isinstance(value, Comparable):
        msg = f"{text} is compared with a value, not with another column"
        raise QueryError(msg)
    if search_key(value) is None:
        msg = f"{text} cannot be compared with {value!r:.100}: a {type(value).__qualname__} is not searched by"
        raise QueryError(msg)


def check_storable(what: str, text: str) -> None:
    """Check that a column of text can store a text. A text that is too long passes: it equals no stored value.

    Raises:
        QueryError: the text contains a NUL or a surrogate.
    """
    try:
        check_label(text, what, most=sys.maxsize)
    except InvalidLabelError as error:
        raise QueryError(str(error)) from error
