"""The kit finds serializers that break their promises."""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import strategies as st

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import Serializer, base
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
