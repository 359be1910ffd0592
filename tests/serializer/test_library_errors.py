"""Errors of a library become Artigraph's, but not the exceptions that stop the process or the task."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from artigraph.errors import STOPPING, DeserializationError, SerializationError, StorageError
from artigraph.serializer._support.library import PartsSerializer
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.preview import LimitedFile, Preview


class PanicError(BaseException):
    """As Polars raises them: it does not derive from Exception."""


class Failing(PartsSerializer[Any, Preview]):
    """Raises an exception wherever a library is called."""

    name = "failing"
    types = ()

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        yield b"part"
        raise self.error

    def _from_bytes(self, data: Any) -> Any:
        raise self.error

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> Preview:
        raise self.error


@pytest.mark.parametrize("stopping", STOPPING)
def test_what_stops_the_process_passes_unchanged(stopping: type[BaseException]) -> None:
    serializer, limited = Failing(stopping()), LimitedFile(io.BytesIO(b"data"), 1)
    with pytest.raises(stopping):
        serializer.serialize(None)
    with pytest.raises(stopping):
        list(serializer.serialize_parts(None))
    with pytest.raises(stopping):
        serializer.deserialize(b"")
    with pytest.raises(stopping):
        serializer.preview(io.BytesIO())
    limited.exceeded = True
    with pytest.raises(stopping):
        within_limit(limited, lambda: serializer.deserialize(b""), lambda: None)


def test_parts_may_be_left_unread() -> None:
    parts: Any = Failing(ValueError()).serialize_parts(None)
    assert next(parts) == b"part"
    parts.close()


@pytest.mark.parametrize("error", [ValueError("no"), PanicError("no"), MemoryError("no")])
def test_any_other_error_names_the_serializer(error: BaseException) -> None:
    serializer = Failing(error)
    with pytest.raises(SerializationError, match=r"'failing' cannot store this NoneType exactly: no") as caught:
        serializer.serialize(None)
    assert caught.value.__cause__ is error
    message = rf"'failing' writes.*{type(error).__name__}: no"
    with pytest.raises(DeserializationError, match=message) as broken:
        serializer.deserialize(b"")
    assert broken.value.__cause__ is error
    with pytest.raises(DeserializationError, match=message):
        serializer.preview(io.BytesIO())


def test_errors_of_the_stored_file_pass_unchanged() -> None:
    with pytest.raises(StorageError, match="gone"):
        Failing(StorageError("gone")).preview(io.BytesIO())
    with pytest.raises(SerializationError, match=r"^no$"):
        Failing(SerializationError("no")).serialize(None)
