"""NumPy's scalars come back of exactly their type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.base import get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.numpy import array_serializer, scalar_serializer

SCALARS: list[Any] = [
    *(
        cls(1)
        for cls in sorted(set(np.sctypeDict.values()), key=lambda cls: cls.__name__)
        if np.dtype(cls).kind in "biufc" and cls.__module__ == "numpy"  # ml_dtypes adds its own
    ),
    *(np.float64(text) for text in ("nan", "inf", "-inf", "-0.0", "1e-320")),
    np.str_(""),
    np.str_("a\0"),
    np.str_("ä\ud800𝄞"),
    np.bytes_(b""),
    np.bytes_(b"a\0\0"),
    np.datetime64("2020-01-01"),
    np.datetime64("NaT"),
    np.datetime64("2020-01-01T00:00:00.000000001"),
    np.timedelta64(3, ("s", 25)),
    np.timedelta64(3),
    np.void(b"ab\0"),
    np.array((1, 2.5), [("a", "i4"), ("b", "f8")])[()],
    np.rec.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])[0],
]


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_a_scalar_comes_back(value: np.generic) -> None:
    data = scalar_serializer.serialize(value)
    back = scalar_serializer.deserialize(data)
    assert type(data) is bytes
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert repr(back) == repr(value)
    assert scalar_serializer.serialize(back) == data
    assert scalar_serializer.equal(value, back)


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_each_type_is_claimed(value: Any) -> None:
    assert get_serializer_by_type(value.__class__) is scalar_serializer
    assert get_serializer_by_name("numpy-scalar") is scalar_serializer


def test_equality() -> None:
    equal = scalar_serializer.equal
    assert not equal(np.float64(1), np.float32(1))
    assert not equal(np.int64(1), np.longlong(1)) or np.int64 is np.longlong
    assert not equal(np.str_("a"), np.str_("a\0"))
    assert equal(np.float64("nan"), np.float64("nan"))


class Subclass(np.float64):
    pass


@pytest.mark.parametrize("value", [1.0, Subclass(1), np.array((None,), [("a", "O")])[()], np.zeros(1)], ids=repr)
def test_what_is_no_scalar_is_refused(value: Any) -> None:
    with pytest.raises(SerializationError):
        scalar_serializer.serialize(value)


def test_an_array_is_no_scalar() -> None:
    with pytest.raises(DeserializationError, match="not a scalar"):
        scalar_serializer.deserialize(array_serializer.serialize(np.zeros(1)))
