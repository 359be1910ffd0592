"""The kit finds serializers that break their promises."""

from __future__ import annotations

import itertools
import json
import sys
import threading
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import strategies as st

from artigraph.errors import CorruptObjectError, DeserializationError, SerializationError
from artigraph.serializer import Serializer, base
from artigraph.serializer.preview import Cells, LimitedFile, Preview, TextPreview
from artigraph.testing.serializer import SerializerConformance

FAILS = (AssertionError, pytest.fail.Exception)


class Words(Serializer[Any]):
    """Keeps its promises: lists of texts."""

    name = f"tests-words-{uuid.uuid4()}"
    types: tuple[type[Any], ...] = (list,)

    def serialize(self, value: Any) -> bytes:
        if type(value) is not list or not all(type(word) is str for word in cast("list[object]", value)):
            msg = "only lists of texts"
            raise SerializationError(msg)
        return json.dumps(cast("object", value)).encode()

    def deserialize(self, data: bytes) -> Any:
        try:
            return list(json.loads(data))
        except (ValueError, TypeError, RecursionError) as error:
            msg = "not a list of texts"
            raise DeserializationError(msg) from error


VALUES: list[Any] = [[], ["a"], ["b", "ä"]]


class TestWords(SerializerConformance):
    refused = ([1], "a")

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return Words()

    @pytest.fixture
    def values(self) -> Any:
        return VALUES


class TestWordsOfAStrategy(TestWords):
    @pytest.fixture
    def values(self) -> Any:
        return st.lists(st.text(st.characters(exclude_categories=["Cs"])))


class Tuples(Words):
    def deserialize(self, data: bytes) -> Any:
        return tuple(super().deserialize(data))


class Forgetful(Words):
    def deserialize(self, data: bytes) -> Any:
        return super().deserialize(data)[:1]


class Arrays(Words):
    def serialize(self, value: Any) -> Any:
        return bytearray(super().serialize(value))


class Counting(Words):
    numbers = itertools.count()

    def serialize(self, value: Any) -> bytes:
        return super().serialize(value) + b" " * next(self.numbers)


class Sharing(Words):
    def __init__(self) -> None:
        self.known: dict[bytes, Any] = {}

    def deserialize(self, data: bytes) -> Any:
        return self.known.setdefault(data, super().deserialize(data))


class Unwrapped(Words):
    def deserialize(self, data: bytes) -> Any:
        return json.loads(data)


class Panicking(Words):
    def deserialize(self, data: bytes) -> Any:
        try:
            return super().deserialize(data)
        except DeserializationError as error:
            raise BaseException("panic") from error


class TakesAnything(Words):
    def serialize(self, value: Any) -> bytes:
        return json.dumps(value, default=str).encode()


class RefusesByTypeError(Words):
    def serialize(self, value: Any) -> bytes:
        try:
            return super().serialize(value)
        except SerializationError as error:
            raise TypeError from error


class OneAtATime(Words):
    def __init__(self) -> None:
        self.value: Any = None
        self.barrier = threading.Barrier(2)

    def serialize(self, value: Any) -> bytes:
        self.value = value
        try:
            self.barrier.wait(0.05)  # another thread sets its own value meanwhile
        except threading.BrokenBarrierError:
            self.barrier.reset()
        return super().serialize(self.value)


class UnlikeItself(Words):
    def equal(self, one: Any, other: Any) -> bool:
        return False


class Importing(Words):
    names = itertools.count()

    def deserialize(self, data: bytes) -> Any:
        import sys
        from types import ModuleType

        name = f"tests_imported_{next(self.names)}"
        sys.modules[name] = ModuleType(name)
        return super().deserialize(data)


class Shown(Words):
    """Keeps its promises about previews."""

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        limited = LimitedFile(file, max_bytes)
        if limited.size > max_bytes:
            return TextPreview("words", True, "", None, limited.size)
        words = self.deserialize(limited.read())
        return TextPreview("words", False, Cells().show(words), None, limited.size)


class TestShown(TestWords):
    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return Shown()


class ShownWhole(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        return super().preview(file, max_bytes=2**30)


class ShownAndClosed(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        with file:
            return super().preview(file, max_bytes=max_bytes)


class ShownInLines(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        return TextPreview("a\nb", False, "", None, 0)


class ShownAsNothing(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Any:
        return None


class ShownUnencodable(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        return TextPreview("words", False, "\ud800", None, 0)


class ShownUnwrapped(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        return TextPreview("words", False, str(json.loads(file.read())), None, 0)


class ShownInSpiteOfDamage(Shown):
    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        try:
            return super().preview(file, max_bytes=max_bytes)
        except CorruptObjectError:
            return TextPreview("words", False, "", None, 0)


class ShownByImports(Shown):
    names = itertools.count()

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        name = f"tests_imported_for_a_preview_{next(self.names)}"
        sys.modules[name] = ModuleType(name)
        return super().preview(file, max_bytes=max_bytes)


KIT = TestWords()
CASES: list[tuple[type[Words], Callable[[Serializer[Any]], None]]] = [
    (Tuples, lambda serializer: KIT.test_values_come_back_exactly(serializer, VALUES)),
    (Forgetful, lambda serializer: KIT.test_values_come_back_exactly(serializer, VALUES)),
    (Forgetful, lambda serializer: KIT.test_values_come_back_exactly(serializer, st.just(["a", "b"]))),
    (Arrays, lambda serializer: KIT.test_values_come_back_exactly(serializer, VALUES)),
    (UnlikeItself, lambda serializer: KIT.test_values_come_back_exactly(serializer, VALUES)),
    (UnlikeItself, lambda serializer: KIT.test_equal_says_so_of_what_came_back(serializer, VALUES)),
    (Counting, lambda serializer: KIT.test_bytes_depend_on_the_value_alone(serializer, VALUES)),
    (Sharing, lambda serializer: KIT.test_what_is_made_of_one_value_is_not_shared(serializer, VALUES)),
    (Unwrapped, lambda serializer: KIT.test_flipped_bits_are_data_or_an_error(serializer, VALUES)),
    (Unwrapped, lambda serializer: KIT.test_what_is_cut_off_is_data_or_an_error(serializer, VALUES)),
    (Unwrapped, lambda serializer: KIT.test_bytes_of_others_are_data_or_an_error(serializer, b"")),
    (Panicking, lambda serializer: KIT.test_bytes_of_others_are_data_or_an_error(serializer, b"")),
    (OneAtATime, lambda serializer: KIT.test_threads_do_not_disturb_each_other(serializer, VALUES)),
    (Importing, lambda serializer: KIT.test_loading_imports_nothing(serializer, VALUES)),
    *(
        (cls, lambda serializer: KIT.test_a_preview_is_plain_and_reads_little(serializer, VALUES))
        for cls in (ShownWhole, ShownAndClosed, ShownInLines, ShownAsNothing, ShownUnencodable)
    ),
    (ShownUnwrapped, lambda serializer: KIT.test_a_preview_of_broken_bytes_is_one_or_an_error(serializer, VALUES)),
    (
        ShownInSpiteOfDamage,
        lambda serializer: KIT.test_what_a_file_raises_goes_on_from_a_preview(serializer, VALUES),
    ),
    (ShownByImports, lambda serializer: KIT.test_a_preview_imports_nothing(serializer, VALUES)),
]


@pytest.mark.parametrize(("cls", "check"), CASES)
def test_a_broken_promise_is_found(cls: type[Words], check: Callable[[Serializer[Any]], None]) -> None:
    with pytest.raises(FAILS):
        check(cls())


@pytest.mark.parametrize("cls", [TakesAnything, RefusesByTypeError])
def test_a_refusal_that_is_none_is_found(cls: type[Words]) -> None:
    with pytest.raises((*FAILS, TypeError)):
        KIT.test_what_would_not_come_back_is_refused(cls())
    with pytest.raises((*FAILS, TypeError)):
        KIT.test_values_of_other_types_are_refused(cls())


def test_no_values_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="gives none"):
        KIT.test_values_come_back_exactly(Words(), [])


def test_what_a_test_registers_is_forgotten() -> None:
    assert Words.name not in {serializer.name for serializer in base._serializers}
    assert base._by_type.get(list) is None


def test_the_fixtures_have_to_be_given() -> None:
    kit: Any = SerializerConformance
    for name in ("serializer", "values"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(kit, name).__wrapped__(kit())
