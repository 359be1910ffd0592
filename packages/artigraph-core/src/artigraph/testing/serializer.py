"""Tests of what a serializer promises: subclass `SerializerConformance` and run it with pytest.

The contract is `artigraph.serializer.Serializer`. Hypothesis is needed only if values are given as a strategy.

This module is over 400 lines, because one class has the tests of all promises: the author of a serializer subclasses
only that.
"""

from __future__ import annotations

import copy
import io
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import pytest

from artigraph.errors import CorruptObjectError, DeserializationError, RegistrationError, SerializationError
from artigraph.serializer import (
    Serializer,
    SupportsColumns,
    SupportsDiff,
    SupportsMapping,
    SupportsParts,
    SupportsPreview,
    SupportsStreams,
    base,
    get_serializer_by_name,
    get_serializer_by_type,
)
from artigraph.serializer.preview import Preview

__all__ = ["RecordingFile", "SerializerConformance"]

_FLIPS = 50
_TRUNCATIONS = 20
_EXAMPLES = 50
_THREADS = 8
_LARGEST_PART = 16 * 2**20
_LONGEST_LINE = 5000

_PREVIEW_BYTES = 8 * 2**20
_PREVIEWS: tuple[dict[str, int], ...] = (
    {},
    {"rows": 1, "columns": 1},
    {"rows": 0, "columns": 0},
    {"rows": 3, "max_bytes": 2**12},
    {"max_bytes": 500},
    {"max_bytes": 0},
)
"""Options of `SupportsPreview.preview`."""

_FOREIGN: tuple[bytes, ...] = (
    b"",
    b"\0",
    b"\0" * 4096,
    b"\xff" * 4096,
    b"null",
    b"{}",
    b"[" * 100_000,
    b"PAR1" * 2,
    b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1",
    b"ARROW1\0\0" + b"\xff" * 64,
    b"\x93NUMPY\x01\x00\xff\xff",
    b"\x80\x05K\x01.",
)
"""Bytes in no format, or in other formats. pickle would load the last as 1."""


class SerializerConformance:
    """The promises of a serializer, one test each.

    A subclass (whose name begins with `Test`) defines the fixtures `serializer` and `values`:

    ```python
    class TestMySerializer(SerializerConformance):
        refused = [object()]

        @pytest.fixture
        def serializer(self):
            return my_serializer

        @pytest.fixture
        def values(self):
            return [MyValue(), MyValue(1, "a")]
    ```

    Values are a sequence, or a strategy of Hypothesis. Registrations made during a test are undone after it.
    """

    refused: Sequence[Any] = ()
    """Values that `serialize` refuses, because they would not load exactly."""

    deterministic: bool = True
    """Whether one value always gives equal bytes. That is useful, because equal content is stored once."""

    read_once: bool = False
    """Whether storing a value consumes it, so that values compare by identity only. If so, override `fresh`."""

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        """Return the serializer to test."""
        msg = "The subclass has to give the fixture `serializer`"
        raise NotImplementedError(msg)

    @pytest.fixture
    def values(self) -> Any:
        """Return values that load exactly: a sequence of examples, or a strategy of Hypothesis."""
        msg = "The subclass has to give the fixture `values`"
        raise NotImplementedError(msg)

    def fresh(self, value: Any) -> Any:
        """Return what to store for a value of the fixture `values`: that value, or one made from it each time."""
        return value

    def columns(self, value: Any) -> Sequence[tuple[Sequence[Any], Any]]:
        """Return choices of columns, each with the value that has only them. For a serializer that reads columns."""
        return ()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        """Assert that a value loaded exactly: that a user can see no difference.

        By default it trusts `Serializer.equal`. Override it with another comparison, so that the serializer is not
        tested with its own code.
        """
        assert type(back) is type(value), f"{value!r} of {type(value)} came back as {back!r} of {type(back)}"
        assert serializer.equal(value, back), f"{value!r} came back as {back!r}"

    @pytest.fixture(autouse=True)
    def _registry(self) -> Iterator[None]:
        """Restore the registrations after a test."""
        state = vars(base)
        tables: list[dict[Any, Any]] = [state["_by_type"], state["_shipped"], vars(state["_serializers"])["_items"]]
        before = [dict(table) for table in tables]
        yield
        for table, content in zip(tables, before, strict=True):
            table.clear()
            table.update(content)
        vars(base)["_resolved"].clear()

    # Values -----------------------------------------------------------------------------------------------------------

    def test_values_come_back_exactly(self, serializer: Serializer[Any], values: Any) -> None:
        def check(value: Any) -> None:
            data = serializer.serialize(self.fresh(value))
            assert type(data) is bytes, f"serialize returned {type(data)}, not bytes"
            self.assert_identical(serializer, value, serializer.deserialize(data))

        _for_each(values, check)

    def test_a_hint_of_the_size_is_a_number_or_none(self, serializer: Serializer[Any], values: Any) -> None:
        def check(value: Any) -> None:
            hint: object = serializer.size_hint(self.fresh(value))
            assert hint is None or (type(hint) is int and hint >= 0), f"{hint!r} is no number of bytes"

        _for_each(values, check)
        serializer.size_hint(object())  # called before the value is refused, so it must take any

    def test_a_value_that_came_back_can_be_stored_again(self, serializer: Serializer[Any], values: Any) -> None:
        def check(value: Any) -> None:
            back = serializer.deserialize(serializer.serialize(self.fresh(value)))
            self.assert_identical(serializer, value, serializer.deserialize(serializer.serialize(back)))

        _for_each(values, check)

    def test_equal_says_so_of_what_came_back(self, serializer: Serializer[Any], values: Any) -> None:
        if self.read_once:
            pytest.skip("the values cannot be compared without being consumed")

        def check(value: Any) -> None:
            back = serializer.deserialize(serializer.serialize(self.fresh(value)))
            assert serializer.equal(value, back) is True, f"equal does not say True of {value!r} and {back!r}"
            assert serializer.equal(value, object()) is False, f"{value!r} equals an object of another type"

        _for_each(values, check)

    def test_what_is_made_of_one_value_is_not_shared(self, serializer: Serializer[Any], values: Any) -> None:
        def check(value: Any) -> None:
            data = serializer.serialize(self.fresh(value))
            one, other = serializer.deserialize(data), serializer.deserialize(data)
            if one is other:  # only immutable values may be shared
                assert copy.copy(one) is one, f"{one!r} is handed out twice"
            self.assert_identical(serializer, value, other)

        _for_each(values, check)

    def test_bytes_depend_on_the_value_alone(self, serializer: Serializer[Any], values: Any) -> None:
        if not self.deterministic:
            pytest.skip("the serializer does not promise equal bytes for one value")
        examples = _examples(values)
        first = [serializer.serialize(self.fresh(value)) for value in examples]
        again = [serializer.serialize(self.fresh(value)) for value in reversed(examples)]
        assert first == again[::-1]

    def test_threads_do_not_disturb_each_other(self, serializer: Serializer[Any], values: Any) -> None:
        examples = _examples(values)

        def work(seed: int) -> None:
            for value in random.Random(seed).sample(examples, len(examples)):
                back = serializer.deserialize(serializer.serialize(self.fresh(value)))
                self.assert_identical(serializer, value, back)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(work, range(2 * _THREADS)))

    # Abilities (`Supports...`), where the serializer has them ---------------------------------------------------------

    def test_parts_are_the_bytes(self, serializer: Serializer[Any], values: Any) -> None:
        parts_of = _ability(serializer, SupportsParts, "serialize_parts")
        for value in _examples(values):
            parts = list(parts_of(self.fresh(value)))
            assert b"".join(parts) == serializer.serialize(self.fresh(value))

    def test_a_part_cannot_be_written_to(self, serializer: Serializer[Any], values: Any) -> None:
        parts_of = _ability(serializer, SupportsParts, "serialize_parts")
        for value in _examples(values):
            assert all(memoryview(part).readonly for part in parts_of(self.fresh(value)))

    def test_a_stream_comes_back_from_a_file(self, serializer: Serializer[Any], values: Any) -> None:
        stream_of = _ability(serializer, SupportsStreams, "serialize_stream")
        restore: Any = cast("Any", serializer).deserialize_file
        for value in _examples(values):
            parts = list(stream_of(self.fresh(value)))
            data = b"".join(parts)
            assert data == serializer.serialize(self.fresh(value))
            assert all(len(part) <= _LARGEST_PART for part in parts), "a part is much larger than 8 MiB"
            self.assert_identical(serializer, value, restore(RecordingFile(data)))

    def test_a_difference_is_told_in_one_line(self, serializer: Serializer[Any], values: Any) -> None:
        describe = _ability(serializer, SupportsDiff, "describe_change")
        seen: list[Any] = []

        def check(value: Any) -> None:
            for other in seen[-3:]:
                if type(other) is type(value):
                    text: object = describe(other, value)
                    assert isinstance(text, str), f"{text!r} is no text"
                    assert len(text.splitlines()) == 1, f"{text!r} is not one line"
                    assert len(text) < _LONGEST_LINE, f"{len(text)} characters are not a few words"
            seen.append(value)

        _for_each(values, check)

    def test_columns_come_back_alone(self, serializer: Serializer[Any], values: Any) -> None:
        restore = _ability(serializer, SupportsColumns, "deserialize_columns")
        for value in _examples(values):
            data = serializer.serialize(value)
            for names, expected in self.columns(value):
                self.assert_identical(serializer, expected, restore(RecordingFile(data), names))

    def test_columns_that_are_not_there_are_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        restore = _ability(serializer, SupportsColumns, "deserialize_columns")
        for value in _examples(values):
            with pytest.raises(DeserializationError):
                restore(RecordingFile(serializer.serialize(value)), ["no column has this name, it is hoped"])

    def test_columns_of_broken_files_are_data_or_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        restore = _ability(serializer, SupportsColumns, "deserialize_columns")
        for value in _examples(values):
            for names, _ in self.columns(value):
                chosen = partial(_load_columns, restore, names)
                for data in _broken(serializer.serialize(value)):
                    _load(chosen, data)

    def test_what_a_file_raises_goes_on(self, serializer: Serializer[Any], values: Any) -> None:
        chosen = [(value, self.columns(value)) for value in _examples(values)]
        restore = _ability(serializer, SupportsColumns, "deserialize_columns")
        for value, choices in chosen:
            for names, _ in choices[:1]:
                with pytest.raises(CorruptObjectError):
                    restore(_CorruptFile(serializer.serialize(value)), names)

    def test_a_mapped_value_is_equal_and_read_only(self, serializer: Serializer[Any], values: Any) -> None:
        restore = _ability(serializer, SupportsMapping, "deserialize_mapped")
        for value in _examples(values):
            data = serializer.serialize(value)
            buffer = bytearray(data)
            try:
                mapped = restore(memoryview(buffer).toreadonly())
            except DeserializationError as error:  # the value has another form in memory
                assert str(error)  # noqa: PT017
                continue
            self.assert_identical(serializer, value, mapped)
            assert buffer == data

    def test_mapping_broken_bytes_gives_data_or_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        restore = _ability(serializer, SupportsMapping, "deserialize_mapped")
        for value in _examples(values):
            for data in _broken(serializer.serialize(value)):
                _load(lambda data: restore(memoryview(data)), data)

    def test_a_preview_is_plain_and_reads_little(self, serializer: Serializer[Any], values: Any) -> None:
        preview_of = _ability(serializer, SupportsPreview, "preview")
        for value in _examples(values):
            data = serializer.serialize(self.fresh(value))
            for options in _PREVIEWS:
                file = RecordingFile(data)
                preview: object = preview_of(file, **options)
                assert isinstance(preview, Preview), f"{preview!r} is no Preview"
                assert len(preview.summary.splitlines()) == 1, f"{preview.summary!r} is not one line"
                assert len(preview.summary) < _LONGEST_LINE, f"{len(preview.summary)} characters are not a summary"
                _check_json(preview.to_dict())
                most = options.get("max_bytes", _PREVIEW_BYTES)
                assert file.fetched <= most, f"{file.fetched} bytes were read for a preview of at most {most}"
                assert not file.closed, "the file belongs to the caller"

    def test_a_preview_imports_nothing(self, serializer: Serializer[Any], values: Any) -> None:
        preview_of = _ability(serializer, SupportsPreview, "preview")
        stored = [serializer.serialize(self.fresh(value)) for value in _examples(values)]
        for data in stored:
            serializer.deserialize(data)
        before = set(sys.modules)
        for data in stored:
            preview_of(RecordingFile(data))
        assert set(sys.modules) == before

    def test_a_preview_of_broken_bytes_is_one_or_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        preview_of = _ability(serializer, SupportsPreview, "preview")
        for data in {serializer.serialize(self.fresh(value)) for value in _examples(values)}:
            for broken in _broken(data):
                _load(lambda data: preview_of(RecordingFile(data)).to_dict(), broken)
        for data in _FOREIGN:
            _load(lambda data: preview_of(RecordingFile(data)).to_dict(), data)

    def test_what_a_file_raises_goes_on_from_a_preview(self, serializer: Serializer[Any], values: Any) -> None:
        preview_of = _ability(serializer, SupportsPreview, "preview")
        for value in _examples(values):
            data = serializer.serialize(self.fresh(value))
            if data:
                with pytest.raises(CorruptObjectError):
                    preview_of(_CorruptFile(data))

    # Refusals ---------------------------------------------------------------------------------------------------------

    def test_what_would_not_come_back_is_refused(self, serializer: Serializer[Any]) -> None:
        for value in self.refused:
            with pytest.raises(SerializationError) as caught:
                serializer.serialize(value)
            assert str(caught.value), f"the error that refuses {value!r} says nothing"

    def test_values_of_other_types_are_refused(self, serializer: Serializer[Any]) -> None:
        class Foreign:
            """A type that no serializer takes."""

        with pytest.raises(SerializationError):
            serializer.serialize(Foreign())

    # Bytes that another serializer wrote, or none --------------------------------------------------------------------

    def test_flipped_bits_are_data_or_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        for data in {serializer.serialize(self.fresh(value)) for value in _examples(values)}:
            for broken in _flipped(data):
                _load(serializer.deserialize, broken)

    def test_what_is_cut_off_is_data_or_an_error(self, serializer: Serializer[Any], values: Any) -> None:
        for data in {serializer.serialize(self.fresh(value)) for value in _examples(values)}:
            for broken in _cut_off(data):
                _load(serializer.deserialize, broken)

    @pytest.mark.parametrize("data", _FOREIGN, ids=lambda data: repr(data[:8]))
    def test_bytes_of_others_are_data_or_an_error(self, serializer: Serializer[Any], data: bytes) -> None:
        _load(serializer.deserialize, data)

    def test_loading_imports_nothing(self, serializer: Serializer[Any], values: Any) -> None:
        stored = [serializer.serialize(self.fresh(value)) for value in _examples(values)]
        for data in stored:
            serializer.deserialize(data)
        before = set(sys.modules)
        for data in stored:
            serializer.deserialize(data)
        assert set(sys.modules) == before

    # Names and types --------------------------------------------------------------------------------------------------

    def test_it_is_found_by_its_name(self, serializer: Serializer[Any]) -> None:
        known = serializer.register()
        assert type(known) is type(serializer)
        assert get_serializer_by_name(serializer.name) is known
        assert serializer.register() is known, "registering an equal one again has to change nothing"

    def test_it_is_found_by_its_types(self, serializer: Serializer[Any]) -> None:
        assert isinstance(serializer.types, tuple)
        known = serializer.register()
        for cls in serializer.types:
            assert isinstance(cls, type)
            assert get_serializer_by_type(cls) is known

    def test_its_name_is_its_own(self, serializer: Serializer[Any]) -> None:
        class Other(Serializer[Any]):
            name = serializer.name
            types = ()

            def serialize(self, value: Any) -> bytes:
                raise NotImplementedError

            def deserialize(self, data: bytes) -> Any:
                raise NotImplementedError

        serializer.register()
        with pytest.raises(RegistrationError):
            Other().register()


class RecordingFile(io.BytesIO):
    """A file in memory that records the ranges that were read, as (start, length)."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.ranges: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.ranges.append((start, len(data)))
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(memoryview(buffer).cast("B")))
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    @property
    def fetched(self) -> int:
        """How many bytes were read. Bytes that were read twice count twice."""
        return sum(length for _, length in self.ranges)


class _CorruptFile(RecordingFile):
    """A file whose content turns out to be damaged when it is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        msg = f"these {size} bytes are damaged"
        raise CorruptObjectError(msg)


def _ability(serializer: Serializer[Any], protocol: Any, method: str) -> Callable[..., Any]:
    if not isinstance(serializer, protocol):
        pytest.skip(f"the serializer does not have the ability {protocol.__name__}")
    found: Callable[..., Any] = getattr(serializer, method)
    return found


def _check_json(document: object) -> None:
    """Check that a document can be written as JSON, which has no NaN, in UTF-8, which has no lone surrogates."""
    __tracebackhide__ = True
    try:
        json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        pytest.fail(f"{document!r:.500} is not JSON: {error}")


def _load_columns(restore: Callable[..., Any], names: Sequence[Any], data: bytes) -> Any:
    return restore(RecordingFile(data), names)


def _broken(data: bytes) -> Iterator[bytes]:
    yield from _flipped(data)
    yield from _cut_off(data)


def _flipped(data: bytes) -> Iterator[bytes]:
    chance = random.Random(data)
    for _ in range(_FLIPS if data else 0):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield bytes(broken)


def _cut_off(data: bytes) -> Iterator[bytes]:
    chance = random.Random(data)
    for _ in range(_TRUNCATIONS if data else 0):
        yield data[: chance.randrange(len(data))]


def _load(load: Callable[[bytes], Any], data: bytes) -> None:
    """Deserialize bytes that may be broken. It may return a value or raise `DeserializationError`, and nothing else."""
    __tracebackhide__ = True
    try:
        load(data)
    except DeserializationError as error:
        assert str(error), "the error says nothing"  # noqa: PT017 (any other exception is the failure)
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        pytest.fail(f"{data[:200]!r} makes deserialize raise {error!r} instead of a DeserializationError")


def _for_each(values: Any, check: Callable[[Any], None]) -> None:
    if _is_sequence(values):
        for value in _examples(values):
            check(value)
        return
    from hypothesis import given, settings

    chosen: Any = settings(deadline=None, max_examples=_EXAMPLES, database=None, suppress_health_check=_checks())
    drawn: Any = given(values)
    chosen(drawn(check))()


def _examples(values: Any) -> list[Any]:
    """Return the examples, or some values of the strategy, which are the same each time."""
    found: list[Any] = []
    if _is_sequence(values):
        found.extend(values)
    else:
        from hypothesis import Phase, given, settings

        def keep(value: Any) -> None:
            found.append(value)

        chosen: Any = settings(
            deadline=None,
            derandomize=True,
            max_examples=_EXAMPLES // 5,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=_checks(),
        )
        drawn: Any = given(values)
        chosen(drawn(keep))()
    assert found, "the fixture `values` gives none"
    return found


def _is_sequence(values: object) -> bool:
    return isinstance(values, Sequence)


def _checks() -> Any:
    from hypothesis import HealthCheck

    return list(cast("Any", HealthCheck))
