"""Every dtype, byte order, memory layout and container, with values of which each byte shows a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from artigraph.serializer._support.dtypes import describe
from artigraph.serializer.numpy import array_serializer, scalar_serializer
from artigraph.serializer.pandas import dataframe_serializer, series_serializer

Array = npt.NDArray[Any]

UNITS = ["", *(f"[{unit}]" for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s"))]
SIMPLE = [
    *"?bBhHiIlLqQefdgFDGc",
    "S1",
    "S7",
    "U1",
    "U5",
    "V1",
    "V9",
    *(f"{kind}8{unit}" for kind in "Mm" for unit in UNITS),
]
ORDERS: tuple[Any, ...] = ("<", ">")
FLAT = list(
    {
        str(describe(dtype)): dtype
        for text in SIMPLE
        for order in ORDERS
        for dtype in [np.dtype(text).newbyteorder(order)]
    }.values()
)

LITTLE, BIG = np.dtype("g").newbyteorder("<"), np.dtype("g").newbyteorder(">")
STRUCTURED = [
    *(np.dtype([("first", "i1"), ("value", dtype), ("last", ">i2")]) for dtype in FLAT),
    *(np.dtype([("first", "i1"), ("value", dtype), ("last", "i1")], align=True) for dtype in FLAT),
    np.dtype([("a", "i1"), ("b", [("x", "i2"), ("y", "g"), ("z", "?")])], align=True),
    np.dtype([("a", "i1"), ("b", [("x", BIG, (2, 3)), ("y", "f4")], 2), ("c", "u1")], align=True),
    np.dtype([("a", LITTLE), ("b", BIG), ("c", np.dtype("G").newbyteorder(">"), (2,)), ("d", "G")]),
    np.dtype([(("a title", "a"), "i1"), (("another", "b"), ">f8")], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["i4", ">i2"], "offsets": [9, 3], "itemsize": 23}),
    np.dtype({"names": ["a", "b"], "formats": ["i4", "u1"], "offsets": [2, 3], "itemsize": 9}),
    np.dtype({"names": ["a", "b"], "formats": ["f8", "g"], "offsets": [0, 0], "itemsize": 32}),
    np.dtype((np.record, [("a", "i1"), ("pad", "V3"), ("b", BIG)])),
]


def unaligned(array: Array) -> Array:
    memory = bytearray(array.nbytes + 1)
    memory[1:] = array.tobytes()
    return np.ndarray(array.shape, array.dtype, memory, 1)


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "c": lambda array: array.reshape(4, 6),
    "fortran": lambda array: array.reshape(6, 4).T,
    "strided": lambda array: array.reshape(4, 6)[::2, 1::2],
    "reversed": lambda array: array[::-1],
    "one": lambda array: array[1:2],
    "0-d": lambda array: array[1:2].reshape(()),
    "empty": lambda array: array[:0].reshape(2, 0, 3),
    "broadcast": lambda array: np.broadcast_to(array[2:4], (3, 2)),
    "unaligned": unaligned,
}


def mask_of(dtype: np.dtype[Any]) -> list[bool]:
    """Say which bytes belong to the value, written apart from the code under test."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return mask_of(base) * int(np.prod(shape))
    if dtype.names is not None:
        found = [False] * dtype.itemsize
        for name in dtype.names:
            field: Any = dtype.fields
            kind, offset = field[name][:2]
            for index, meant in enumerate(mask_of(kind)):
                found[offset + index] |= meant
        return found
    if dtype.char not in "gG" or np.finfo(np.longdouble).nmant != 63:
        return [True] * dtype.itemsize
    # x87: a native number has 10 bytes in front, and another byte order reverses all bytes of a number.
    width = np.dtype("g").itemsize
    number = [True] * 10 + [False] * (width - 10)
    return (number if dtype.isnative else number[::-1]) * (dtype.itemsize // width)


def filled(dtype: np.dtype[Any], padding: int, count: int = 24) -> Array:
    """Return values all of whose bytes differ from each other, from 0 and from 1, and padding of one byte."""
    memory = np.zeros((count, dtype.itemsize), np.uint8)
    _fill(memory, dtype, count)
    memory[:, ~np.array(mask_of(dtype), bool)] = padding
    return np.frombuffer(bytearray(memory.tobytes()), dtype)


def _fill(memory: npt.NDArray[np.uint8], dtype: np.dtype[Any], count: int) -> None:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        for index in range(int(np.prod(shape))):
            _fill(memory[:, index * base.itemsize : (index + 1) * base.itemsize], base, count)
    elif dtype.names is not None:
        for name in dtype.names:
            fields: Any = dtype.fields
            kind, offset = fields[name][:2]
            _fill(memory[:, offset : offset + kind.itemsize], kind, count)
    elif dtype.kind == "b":
        memory[:, 0] = [row % 2 for row in range(count)]
    elif dtype.kind == "U":
        points = [0x10234 + 7 * index + 0x101 * row for row in range(count) for index in range(dtype.itemsize // 4)]
        memory[:] = np.array(points, np.dtype("u4").newbyteorder(dtype.byteorder)).view(np.uint8).reshape(memory.shape)
    elif dtype.char in "gG" and np.finfo(np.longdouble).nmant == 63:
        _fill_x87(memory, dtype, count)
    else:
        for row in range(count):
            memory[row] = [(3 + 11 * index + 37 * row) % 250 + 2 for index in range(dtype.itemsize)]


def _fill_x87(memory: npt.NDArray[np.uint8], dtype: np.dtype[Any], count: int) -> None:
    """Write numbers with a mantissa of eight different bytes, and the sign and exponent of a usual number."""
    width = np.dtype("g").itemsize
    numbers = memory.reshape(count, -1, width)
    for row in range(count):
        for part in range(numbers.shape[1]):
            digits = bytes((3 + 11 * index + 29 * row + 5 * part) % 250 + 2 for index in range(7))
            number = digits + bytes([0x80 | (row + 2), 0x10 + part, 0x40]) + bytes(width - 10)
            numbers[row, part] = list(number if dtype.isnative else number[::-1])


def meaning(array: Array) -> bytes:
    """Return the bytes of the elements that belong to their values, in C order."""
    if not array.nbytes:
        return b""
    raw = np.array(array.view(f"V{array.itemsize}"), order="C").reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    return raw[:, np.array(mask_of(array.dtype), bool)].tobytes()


def assert_same(back: Array, array: Array) -> None:
    assert describe(back.dtype) == describe(array.dtype)
    assert back.shape == array.shape
    assert meaning(back) == meaning(array)


@pytest.mark.parametrize("dtype", [*FLAT, *STRUCTURED], ids=str)
def test_an_array_loses_no_byte_and_stores_no_padding(dtype: np.dtype[Any]) -> None:
    for layout in LAYOUTS.values():
        check_array(*(layout(filled(dtype, padding)) for padding in (0xA5, 0x5A)))


def check_array(one: Array, other: Array) -> None:
    data = array_serializer.serialize(one)
    assert array_serializer.serialize(other) == data
    assert b"".join(array_serializer.serialize_parts(other)) == data
    back = array_serializer.deserialize(data)
    assert_same(back, one)
    assert back.flags.f_contiguous == one.flags.f_contiguous or not one.flags.forc or not one.nbytes
    assert_same(array_serializer.deserialize(bytearray(data)), one)
    assert_same(array_serializer.deserialize_mapped(memoryview(data)), one)
    assert array_serializer.serialize(back) == data


@pytest.mark.parametrize("dtype", [*FLAT, *STRUCTURED], ids=str)
def test_a_scalar_loses_no_byte_and_stores_no_padding(dtype: np.dtype[Any]) -> None:
    for index in range(4):
        one, other = (filled(dtype, padding)[index] for padding in (0xA5, 0x5A))
        data = scalar_serializer.serialize(one)
        assert scalar_serializer.serialize(other) == data
        back = scalar_serializer.deserialize(data)
        assert type(back) is type(one)
        assert_same(np.asarray(back), np.asarray(one))
        assert scalar_serializer.serialize(back) == data


@pytest.mark.parametrize("dtype", [*FLAT, *STRUCTURED], ids=str)
def test_the_cells_of_a_frame_lose_no_byte_and_store_no_padding(dtype: np.dtype[Any]) -> None:
    def frame(padding: int) -> pd.DataFrame:
        array = filled(dtype, padding)
        column = np.empty(6, object)
        for place, name in enumerate(("c", "fortran", "strided", "0-d", "empty")):
            column[place] = LAYOUTS[name](array)
        column[5] = array[3]
        return pd.DataFrame({"cells": column})

    one, other = frame(0xA5), frame(0x5A)
    data = dataframe_serializer.serialize(one)
    assert dataframe_serializer.serialize(other) == data
    back = dataframe_serializer.deserialize(data)
    for mine, theirs in zip(one["cells"], back["cells"], strict=True):
        assert type(theirs) is type(mine)
        assert_same(np.asarray(theirs), np.asarray(mine))


@pytest.mark.parametrize("dtype", [dtype for dtype in FLAT if dtype.kind in "biufc"], ids=str)
def test_a_column_of_a_frame_loses_no_byte_and_stores_no_padding(dtype: np.dtype[Any]) -> None:
    one, other = (pd.Series(filled(dtype, padding)) for padding in (0xA5, 0x5A))
    assert one.dtype == dtype
    data = series_serializer.serialize(one)
    assert series_serializer.serialize(other) == data
    back = series_serializer.deserialize(data)
    assert_same(back.to_numpy(), one.to_numpy())


@pytest.mark.parametrize("text", ["<f16", ">f16", "<c32", ">c32"])
def test_the_digits_of_long_doubles_come_back(text: str) -> None:
    if np.dtype("g").itemsize != 16:
        text = np.dtype("g" if "f" in text else "G").newbyteorder(cast("Any", text[0])).str
    third = np.longdouble(1) / 3
    array = np.array([[third, -third * 7], [third * 10**300, np.longdouble("1.1")]]).astype(text)
    for each in (array, np.asfortranarray(array), array[:, ::-1], array[:1, :1].reshape(())):
        back = array_serializer.deserialize(array_serializer.serialize(each))
        assert back.tolist() == each.tolist()
        assert (back == each).all()
