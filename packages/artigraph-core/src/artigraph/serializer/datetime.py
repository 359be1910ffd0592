"""The serializers of dates, times and durations."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Generic, TypeVar, cast

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.base import Serializer
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.preview import TextPreview, preview_plain

__all__ = ["DatetimeSerializer", "TimedeltaSerializer", "datetime_serializer", "timedelta_serializer"]

T = TypeVar("T")


class _PlainSerializer(Serializer[T], Generic[T]):
    """A serializer of a few plain types, which writes them as the codec of plain values does."""

    def serialize(self, value: T) -> bytes:
        if not isinstance(value, self.types):
            msg = f"Serializer {self.name!r} takes no {type(value).__name__}; it takes {self._kinds()}"
            raise SerializationError(msg)
        return encode(value)

    def deserialize(self, data: bytes) -> T:
        value = decode(data)
        if type(value) not in self.types:
            msg = f"A {type(value).__name__} is stored where serializer {self.name!r} reads {self._kinds()}"
            raise DeserializationError(msg)
        return cast("T", value)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TextPreview:
        """Return the value as text, as ISO 8601 writes it where that has a form for it."""
        return preview_plain(file, rows=rows, max_bytes=max_bytes, types=self.types)

    def _kinds(self) -> str:
        return ", ".join(cls.__name__ for cls in self.types)


class DatetimeSerializer(_PlainSerializer[date | datetime | time]):
    """Writes dates and times: naive ones, and those whose zone is a `ZoneInfo` or a `timezone`; with their fold.

    It stores the wall time and the name of the zone. So a value keeps its meaning after its zone's rules change.
    `pandas.Timestamp`, a subclass, is refused.
    """

    name = "datetime"
    types: tuple[type[Any], ...] = (datetime, date, time)


class TimedeltaSerializer(_PlainSerializer[timedelta]):
    """Writes durations, to the microsecond. `pandas.Timedelta`, a subclass, is refused."""

    name = "timedelta"
    types: tuple[type[Any], ...] = (timedelta,)


datetime_serializer: DatetimeSerializer = DatetimeSerializer().register()
timedelta_serializer: TimedeltaSerializer = TimedeltaSerializer().register()
