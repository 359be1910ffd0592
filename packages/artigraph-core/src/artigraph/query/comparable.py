"""What is compared to make a condition."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from artigraph.errors import InvalidLabel, QueryError
from artigraph.labels import check_label
from artigraph.query.conditions import Compare, Condition, Not, Operator, RunCompare
from artigraph.serializer.search_key import search_key

__all__ = ["Comparable", "check_compared", "check_storable"]

_MOST = 30_000
"""Values of one statement; asyncpg and SQLite take 32,767 parameters."""


class Comparable:
    """Turns comparisons with a value into conditions."""

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
        """Be equal to one of some values, of which there are at most 30,000."""
        if isinstance(values, (str, bytes)) or not isinstance(cast("object", values), Iterable):
            msg = f"in_ takes several values, [{values!r:.100}] say"
            raise QueryError(msg)
        compared = [self._compare("==", value) for value in values]
        if len(compared) > _MOST:
            msg = f"in_ takes at most {_MOST:,} values, and these are {len(compared):,}; ask for them in parts"
            raise QueryError(msg)
        return self._one_of(tuple(each.value for each in compared))

    def is_(self, value: None) -> Condition:
        """Be None. A field that an artifact of an older version did not have is not there, and so not None."""
        if value is not None:  # pyright: ignore[reportUnnecessaryComparison]
            msg = f"is_ asks for None; to compare with {value!r:.100} use =="
            raise QueryError(msg)
        return self._is_none()

    def is_not(self, value: None) -> Condition:
        """Not be None: the complement of `is_`."""
        return Not(self.is_(value))

    @abstractmethod
    def _compare(self, how: Operator, value: object) -> Compare | RunCompare:
        """Return the condition of a comparison.

        Raises:
            QueryError: it cannot be meant so.
        """

    @abstractmethod
    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        """Return the condition of being equal to one of some values, each of which may be compared."""

    @abstractmethod
    def _is_none(self) -> Condition:
        """Return the condition of being None."""


def check_compared(text: str, value: object) -> None:
    """See that a column, so called in messages, may be compared with a value.

    Raises:
        QueryError: the value is None, a column, or of a kind that is not searched by.
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
    """See that a text is one that a column of text may hold; what is too long for it is equal to nothing.

    Raises:
        QueryError: it has a NUL or a surrogate.
    """
    try:
        check_label(text, what, most=sys.maxsize)
    except InvalidLabel as error:
        raise QueryError(str(error)) from error
