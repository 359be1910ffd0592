"""What is compared to make a condition."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from artigraph.errors import QueryError
from artigraph.query.conditions import Any_, Condition, Not, Operator
from artigraph.serializer.search_key import search_key

__all__ = ["Comparable", "check_compared"]


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
        """Be equal to one of some values."""
        if isinstance(values, (str, bytes)):
            msg = f"in_ takes several values, [{values!r}] say"
            raise QueryError(msg)
        return Any_(tuple(self._compare("==", value) for value in values))

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
    def _compare(self, how: Operator, value: object) -> Condition:
        """Return the condition of a comparison.

        Raises:
            QueryError: it cannot be meant so.
        """

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
