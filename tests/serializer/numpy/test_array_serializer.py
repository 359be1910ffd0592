"""Arrays come back with their dtype, shape, order and bits, or are refused."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.dtypes import describe
from artigraph.serializer.base import get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.numpy import array_serializer, numpy_serializer

Array = npt.NDArray[Any]


def assert_exact(array: Array, back: Array) -> None:
    assert type(back) is np.ndarray
    assert describe(back.dtype) == describe(array.dtype)
    assert back.shape == array.shape
    assert array_serializer.serialize(back)[-array.nbytes :] == array_serializer.serialize(array)[-array.nbytes :]
    if array.dtype.char not in "gG" and array.dtype.names is None:  # test_every_loss.py covers padding
        assert back.tobytes() == array.tobytes()
    assert back.flags.f_contiguous == array.flags.f_contiguous or not array.flags.forc or not array.nbytes
    assert back.flags.writeable
    assert array_serializer.equal(array, back)


def round_trip(array: Array) -> Array:
    data = array_serializer.serialize(array)
    assert type(data) is bytes
    assert array_serializer.serialize(array) == data
    back = array_serializer.deserialize(data)
    assert_exact(array, back)
    return back


SIMPLE = [*"?bBhHiIlLqQefdgFDG", *(">i8", ">g", ">G", ">f4", ">c16", "S5", "U3", ">U3", "V7", "c")]
TIMES = [
    f"{order}{kind}8{unit}"
    for order in "<>"
    for kind in "Mm"
    for unit in [
        "",
        "[Y]",
        "[M]",
        "[W]",
        "[D]",
        "[h]",
        "[m]",
        "[s]",
        "[ms]",
        "[us]",
        "[ns]",
        "[ps]",
        "[fs]",
        "[as]",
        "[25s]",
    ]
]


@pytest.mark.parametrize("dtype", [*SIMPLE, *TIMES, ">i8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 2, 1, 2)])
def test_every_dtype_in_every_shape(dtype: str, shape: tuple[int, ...]) -> None:
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    pattern = (
        bytes(index % 2 for index in range(size)) if kind.kind in "bU" else bytes(range(1, 256)) * (size // 255 + 1)
    )
    if kind.kind == "U":
        pattern = b"".join(
            struct.pack("<I" if kind.str[0] == "<" else ">I", 0x10FFFF - index) for index in range(size // 4)
        )
    array = np.ndarray(shape, kind, bytearray(pattern[:size] or b"\0"))
    round_trip(array)


STRUCTURED = [
    np.dtype([("a", "i4"), ("b", ">f8"), ("c", "S3")]),
    np.dtype([("a", "i1"), ("b", "i8")], align=True),
    np.dtype([(("a title", "a"), "i4"), ("b", "U2")]),
    np.dtype([("a", [("x", "f4"), ("y", "M8[us]")]), ("b", "i2", (2, 3))]),
    np.dtype([("ä", "i4"), ("日本", "f2")]),
    np.dtype({"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [4, 0], "itemsize": 20}),
    np.dtype({"names": ["a", "b"], "formats": ["i4", "u1"], "offsets": [0, 2]}),
    np.dtype((np.record, [("a", "i4"), ("b", "f8")])),
    np.dtype([("a", "g"), ("b", "q")]),
    np.dtype([("empty", "S0"), ("a", "i4")]),
    np.dtype([]),
]


@pytest.mark.parametrize("dtype", STRUCTURED, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (4,), (2, 2)])
def test_structured_dtypes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, dtype)
    for name in dtype.names or ():
        column = array[name]
        if column.dtype.kind in "iuf":
            column[...] = (np.arange(column.size).reshape(column.shape) + 7) / column.dtype.type(3)
    round_trip(array)


def test_many_fields_need_a_long_header() -> None:
    round_trip(np.zeros(2, np.dtype([(f"field {index}", "i4") for index in range(5000)])))


def test_more_fields_than_a_header_may_name_are_kept_beside_it() -> None:
    array: Array = np.ones(2, np.dtype([(f"field {index}", "i4") for index in range(20_000)]))
    round_trip(array)
    data = array_serializer.serialize(array)
    assert np.load(io.BytesIO(data[: data.rindex(b'{"artigraph"')])).dtype == np.dtype("V80000")


def test_the_field_of_empty_strings_by_itself() -> None:
    array: Array = np.zeros((2, 3), [("a", "S0")])["a"]
    assert array.dtype == np.dtype("S0")
    round_trip(array)


def test_memory_layouts() -> None:
    base = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    assert round_trip(np.asfortranarray(base)).flags.f_contiguous
    round_trip(base[:, ::2])
    round_trip(base[::-1])
    round_trip(base.swapaxes(0, 1))
    round_trip(np.broadcast_to(base[:1], (5, 3, 4)))
    fields = np.zeros(6, [("a", "i4"), ("b", "f8")])
    round_trip(fields[["b"]])
    round_trip(fields[::2])
    round_trip(fields[["b", "a"]])


def test_the_bits_of_floats_are_kept() -> None:
    bits = np.array([0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001, 0x8000000000000000, 1], np.uint64)
    assert round_trip(bits.view(np.float64)).view(np.uint64).tolist() == bits.tolist()


def test_a_result_is_its_own() -> None:
    data = array_serializer.serialize(np.arange(3))
    one, other = array_serializer.deserialize(data), array_serializer.deserialize(data)
    one[:] = 7
    assert other.tolist() == [0, 1, 2]
    assert one.flags.owndata


def test_it_is_an_npy_file() -> None:
    array = np.arange(6.0).reshape(2, 3)
    loaded = np.load(io.BytesIO(array_serializer.serialize(array)), allow_pickle=False)
    assert loaded.tolist() == array.tolist()
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    assert array_serializer.deserialize(buffer.getvalue()).tolist() == array.tolist()


@pytest.mark.parametrize("missing", [{}, {"na_object": None}, {"na_object": np.nan}], ids=str)
def test_strings_of_any_length(missing: dict[str, Any]) -> None:
    values: list[Any] = ["", "a", "ä" * 100, "a\0", "\0", "𝄞"]
    values += list(missing.values())
    dtype = np.dtypes.StringDType(**missing, coerce=False)
    array = np.array([values, values], dtype)
    for each in (array, np.asfortranarray(array), array[:, ::2], array[:0], np.array("x", dtype), array[0, 0:1]):
        back = array_serializer.deserialize(array_serializer.serialize(each))
        assert back.dtype == dtype
        assert repr(back.dtype) == repr(dtype)
        assert back.shape == each.shape
        assert repr(back.tolist()) == repr(each.tolist())
        assert array_serializer.equal(each, back)


class Subclass(np.ndarray[Any, Any]):
    pass


REFUSED: dict[str, tuple[Any, str]] = {
    "objects": (np.array([None, 1], object), "holds Python objects"),
    "objects in a field": (np.zeros(2, [("a", "i4"), ("b", "O")]), "holds Python objects"),
    "metadata": (np.zeros(2, np.dtype("i4", metadata={"unit": "m"})), "metadata"),
    "masked": (np.ma.array([1, 2], mask=[True, False]), "mask"),
    "matrix": (np.zeros((2, 2)).view(np.matrix), "plain array"),
    "records": (np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "plain array"),
    "subclass": (np.zeros(2).view(Subclass), "plain array"),
    "a list": ([1, 2], "numpy.asarray"),
    "strings with a sentinel": (np.array(["a"], np.dtypes.StringDType(na_object="missing")), "missing value"),
    "a surrogate in a name": (np.zeros(2, [("\ud800", "i4")]), "plain text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused(case: str) -> None:
    value, why = REFUSED[case]
    with pytest.raises(SerializationError, match=why):
        array_serializer.serialize(value)


Scalar: Any = type("Scalar", (np.void,), {})


@pytest.mark.parametrize("dtype", [np.dtype((Scalar, [("a", "i4")])), np.dtype((Scalar, "V4"))], ids=str)
def test_a_dtype_that_makes_other_scalars_is_refused(dtype: np.dtype[Any]) -> None:
    with pytest.raises(SerializationError, match="makes scalars of"):
        array_serializer.serialize(np.zeros(2, dtype))


def test_strings_with_lone_surrogates_come_back() -> None:
    round_trip(np.array(["\ud800", "a"]))


@settings(deadline=None, max_examples=200)
@given(hnp.arrays(st.one_of(hnp.scalar_dtypes(), hnp.nested_dtypes()), hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array(array: Array) -> None:
    if array.dtype.subdtype is None:
        round_trip(array)


def test_equality_is_by_content_and_dtype() -> None:
    equal = array_serializer.equal
    nan = np.array([np.nan, 1.0])
    assert equal(nan, nan.copy())
    assert not equal(nan, np.array([np.nan, 2.0]))
    assert not equal(nan, nan.astype(np.float32))
    assert not equal(nan, nan.reshape(2, 1))
    assert equal(np.array([complex(np.nan, 1)]), np.array([complex(np.nan, 1)]))
    assert not equal(np.array([complex(np.nan, 1)]), np.array([complex(np.nan, 2)]))
    assert equal(np.array(["NaT"], "M8[s]"), np.array(["NaT"], "M8[s]"))
    assert not equal(np.array(["NaT"], "M8[s]"), np.array(["NaT"], "M8[ms]"))
    fields = np.array([(1, np.nan)], [("a", "i4"), ("b", "f8")])
    assert equal(fields, fields.copy())
    assert equal(np.array([b"ab"], "V2"), np.array([b"ab"], "V2"))
    objects = np.array([None, float("nan"), "a", np.arange(2)], object)
    assert equal(objects, np.array([None, float("nan"), "a", np.arange(2)], object))
    assert not equal(np.array([1], object), np.array([1.0], object))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + b" " * 100,
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100,
        b"\x93NUMPY\x01\x00\x10\x00" + b"[1, 2, 3]      \n",
        b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(70) + b"x" * 8,
        b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }".ljust(70),
        b"\x93NUMPY\x01\x00\x46\x00"
        + b"{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }".ljust(70)
        + b"x" * 8,
        b"\x93NUMPY\x01\x00\x46\x00"
        + b"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }".ljust(70)
        + b"\xff" * 4,
        b"\x93NUMPY\x01\x00\x46\x00" + b"{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }".ljust(70) + b"\x02",
        array_serializer.serialize(np.arange(3)) + b"more",
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DeserializationError):
        array_serializer.deserialize(data)


def test_a_newer_trailer_is_refused() -> None:
    data = array_serializer.serialize(np.zeros(2, "q"))
    newer = data.replace(b'{"artigraph": 1,', b'{"artigraph": 2,')
    assert newer != data
    with pytest.raises(DeserializationError, match="newer"):
        array_serializer.deserialize(newer)


def test_another_long_double_is_refused() -> None:
    data = array_serializer.serialize(np.ones(2, "g"))
    bits = json.dumps({"longdouble": np.finfo(np.longdouble).nmant})[1:-1].encode()
    if bits not in data:
        pytest.skip("long double is double on this platform")
    with pytest.raises(DeserializationError, match="long double"):
        array_serializer.deserialize(data.replace(bits, b'"longdouble": 10'))


def test_it_is_found() -> None:
    assert numpy_serializer is array_serializer
    assert get_serializer_by_name("numpy-array") is array_serializer
    assert get_serializer_by_type(np.ndarray) is array_serializer


def test_parts_are_small_and_the_bytes() -> None:
    array = np.random.default_rng(0).random((5, 500_000))
    for each in (array, array.T, array[::2], array[:, ::3], np.asfortranarray(array)[1:]):
        parts = list(array_serializer.serialize_parts(each))
        assert max(map(len, parts)) <= 8 * 2**20
        assert b"".join(parts) == array_serializer.serialize(each)
        assert np.array_equal(array_serializer.deserialize(b"".join(parts)), each)


def test_a_bytearray_becomes_the_memory() -> None:
    array = np.arange(1000.0)
    buffer = bytearray(array_serializer.serialize(array))
    back = array_serializer.deserialize(buffer)
    assert np.array_equal(back, array)
    back[0] = 5
    assert np.frombuffer(buffer, offset=128)[0] == 5
    assert array_serializer.deserialize(memoryview(bytes(buffer))).flags.owndata


def test_a_mapped_array_is_a_view() -> None:
    for array in (np.arange(12.0).reshape(3, 4), np.asfortranarray(np.arange(12).reshape(3, 4))):
        data = array_serializer.serialize(array)
        mapped = array_serializer.deserialize_mapped(memoryview(data))
        assert np.shares_memory(mapped, np.frombuffer(data, np.uint8))
        assert (mapped.dtype, mapped.strides, mapped.tolist()) == (array.dtype, array.strides, array.tolist())
        with pytest.raises(ValueError, match="read-only"):
            mapped[0] = 1


def test_strings_of_any_length_are_not_mapped() -> None:
    data = array_serializer.serialize(np.array(["a"], np.dtypes.StringDType()))
    with pytest.raises(DeserializationError, match="memory map"):
        array_serializer.deserialize_mapped(memoryview(data))
