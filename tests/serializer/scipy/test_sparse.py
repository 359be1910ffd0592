"""Sparse arrays and matrices come back exactly, in every format."""

from __future__ import annotations

import io
import itertools
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer import Serializer
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.scipy import sparse_serializer
from artigraph.testing.serializer import RecordingFile, SerializerConformance

sp: Any = import_module("scipy.sparse")
_np: Any = np
FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
KINDS = [f"{each}_{kind}" for each in FORMATS for kind in ("array", "matrix")]
DENSE = _np.array([[0, 1.5, 0, -0.0], [float("nan"), 0, 0, 2], [0, 0, 0, 0]])


def with_zeros(dtype: Any = float, index: Any = np.int32) -> Any:
    """A matrix with stored zeros, duplicates, and columns out of order."""
    value = sp.csr_array((2, 3), dtype=dtype)
    value.data = _np.array([1, 0, 2, 3]).astype(dtype)
    value.indices, value.indptr = _np.array([2, 0, 0, 1], index), _np.array([0, 3, 4], index)
    return value


def values() -> list[Any]:
    found = [getattr(sp, kind)(DENSE.astype(dtype)) for kind in KINDS for dtype in ("f8", "c8")]
    found += [getattr(sp, kind)((0, 3), dtype="i2") for kind in KINDS]
    found += [with_zeros(), with_zeros(bool), with_zeros(index=np.int64)]
    found += [with_zeros().tocoo(), with_zeros().tolil(), with_zeros().todok(), with_zeros().tocsc()]
    found += [sp.bsr_array(_np.kron(_np.eye(3), _np.ones((2, 2))), blocksize=(2, 2)), sp.dia_array(_np.eye(3, 5, 1))]
    wide = sp.coo_array(DENSE)
    wide.coords = tuple(along.astype(np.int64) for along in wide.coords)
    found += [wide, with_coords(2, "i8", "i4"), with_coords(2, ">i8", "i2")]
    if hasattr(sp, "expand_dims"):  # SciPy 1.15 and newer have arrays of other than two dimensions
        found += [sp.coo_array(_np.arange(8).reshape(2, 2, 2)), sp.csr_array(_np.array([0, 2, 0]))]
        found += [with_coords(n, dtype) for n in (1, 3, 4) for dtype in ("i8", "i4", "i2", ">i8", ">i4")]
        found += [sp.dok_array(_np.array([0, 2, 0])), sp.coo_array(_np.array([0, 2.5]))]
    return found


def with_coords(ndim: int, *dtypes: Any) -> Any:
    """A coo array of so many dimensions, whose indexes have these dtypes in turn."""
    value = sp.coo_array(_np.ones((2,) * ndim))
    turn = itertools.cycle(dtypes)
    value.coords = tuple(along.astype(next(turn)) for along in value.coords)
    return value


def bits(array: Any) -> tuple[Any, ...]:
    return array.dtype, array.shape, array.tobytes()


def parts(value: Any) -> Any:
    """What a value consists of, bit by bit."""
    if value.format == "dok":
        return {key: bits(_np.asarray(each)) for key, each in value.items()}
    if value.format == "lil":
        return value.rows.tolist(), [[bits(_np.asarray(each, value.dtype)) for each in row] for row in value.data]
    names = {"coo": ("coords",), "dia": ("offsets",)}.get(value.format, ("indices", "indptr"))
    arrays = [value.data]
    for name in names:
        found = getattr(value, name)
        arrays += found if name == "coords" else [found]
    return [bits(array) for array in arrays]


class Mine(sp.csr_array):  # type: ignore[misc]
    """A subclass."""


class TestSparseSerializer(SerializerConformance):
    refused = (Mine(DENSE), DENSE, [[0.0]])

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return sparse_serializer

    @pytest.fixture
    def values(self) -> Any:
        return values()

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is type(value)
        assert (back.shape, back.dtype, back.nnz) == (value.shape, value.dtype, value.nnz)
        assert parts(back) == parts(value)


@pytest.mark.skipif(not hasattr(sp, "expand_dims"), reason="SciPy 1.15 and newer have more than two dimensions")
def test_coordinates_of_several_dtypes_are_refused() -> None:
    with pytest.raises(SerializationError, match=r"dtypes int32, int64, .*astype"):
        sparse_serializer.serialize(with_coords(3, "i8", "i4"))


@pytest.mark.parametrize("kind", KINDS)
def test_an_attribute_of_the_user_is_refused(kind: str) -> None:
    value = getattr(sp, kind)(DENSE)
    if kind.startswith(("csr", "csc", "bsr")):
        assert value.has_canonical_format  # SciPy keeps this in the instance
    sparse_serializer.serialize(value)
    value.unit = "mm"
    with pytest.raises(SerializationError, match=r"attribute 'unit' .* would be lost"):
        sparse_serializer.serialize(value)


@pytest.mark.parametrize("kind", KINDS)
def test_scipy_reads_the_files(kind: str) -> None:
    value = getattr(sp, kind)(DENSE)
    found = sp.load_npz(io.BytesIO(sparse_serializer.serialize(value)))
    assert isinstance(found, sp.sparray) == kind.endswith("array")
    np.testing.assert_array_equal(found.toarray(), value.toarray())


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_value_can_be_used_and_changed(kind: str) -> None:
    back = sparse_serializer.deserialize(sparse_serializer.serialize(getattr(sp, kind)(DENSE)))
    np.testing.assert_array_equal(back.toarray(), DENSE)
    back = back.tolil()
    back[2, 2] = 7
    assert back.tocsr()[2, 2] == 7


def test_a_preview_says_what_is_stored_and_reads_no_elements() -> None:
    value = sp.diags_array(_np.ones(100_000)).tocsr()
    file = RecordingFile(sparse_serializer.serialize(value))
    found = sparse_serializer.preview(file)
    assert found.text.splitlines() == [
        "csr_array",
        "shape: 100,000 x 100,000",
        "dtype: float64",
        "100,000 stored elements, 1e-05 of all",
    ]
    assert file.fetched < 20_000
    assert sparse_serializer.preview(RecordingFile(sparse_serializer.serialize(sp.dok_matrix((2, 2))))).text == (
        "dok_matrix\nshape: 2 x 2\ndtype: float64\n0 stored elements, 0 of all"
    )


def test_values_at_the_same_place_are_still_added() -> None:
    one = sp.coo_array(([1.0, 2.0, 3.0], ([0, 0, 1], [0, 0, 1])), shape=(2, 2))
    back = sparse_serializer.deserialize(sparse_serializer.serialize(one))
    assert back.tocsr().data.tolist() == [3.0, 3.0]
    assert back.todia().toarray().tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert back.argmax() == one.argmax()
    back.sum_duplicates()
    assert back.nnz == 2


def test_equality_and_differences() -> None:
    one, other = sp.csr_array(DENSE), sp.csr_array(DENSE)
    assert sparse_serializer.equal(one, other)
    other.data[0] = 2
    assert not sparse_serializer.equal(one, other)
    assert sparse_serializer.describe_change(one, other) == "elements differ (1 of 3, by at most 0.5)"
    assert not sparse_serializer.equal(one, sp.csr_matrix(DENSE))
    assert not sparse_serializer.equal(one, sp.csr_array(DENSE[:2]))
    assert sparse_serializer.describe_change(one, sp.csr_array(DENSE[:2, :2], dtype="f4")) == (
        "3 x 4 → 2 x 2; float64 → float32; 3 → 2 stored elements"
    )
    moved = sp.csr_array(_np.roll(DENSE, 1, axis=1))
    assert sparse_serializer.describe_change(one, moved) == "elements are stored at other places"
    twice = with_zeros()
    twice.sum_duplicates()
    assert sparse_serializer.equal(with_zeros(), twice)


def test_parts_that_do_not_fit_are_refused_when_they_are_stored() -> None:
    value = sp.csr_array(DENSE)
    value.indices = value.indices + 100
    with pytest.raises(SerializationError):
        sparse_serializer.serialize(value)


def stored(**arrays: Any) -> bytes:
    """An npz file of these arrays."""
    target = io.BytesIO()
    _np.savez(target, **arrays)
    return target.getvalue()


CSR = {"format": b"csr", "shape": (2, 2), "_is_array": True, "data": _np.ones(1), "indices": _np.array([1])}
COO = {"format": b"coo", "shape": (2, 2), "data": _np.ones(1), "row": _np.array([1]), "col": _np.array([0])}
DIA = {"format": b"dia", "shape": (2, 2), "data": _np.ones((1, 2)), "offsets": _np.array([0])}
HOSTILE = {
    "index": {**CSR, "indices": _np.array([2]), "indptr": _np.array([0, 1, 1])},
    "negative": {**CSR, "indices": _np.array([-1]), "indptr": _np.array([0, 1, 1])},
    "pointer": {**CSR, "indptr": _np.array([0, 5, 1])},
    "floats": {**CSR, "indptr": _np.array([0.0, 1, 1])},
    "coordinate": {**COO, "row": _np.array([2])},
    "coordinates": {**COO, "row": _np.array([0, 1])},
    "dok": {**COO, "artigraph_format": b"dok", "col": _np.array([-1])},
    "format": {**COO, "format": b"abc"},
    "other": {**COO, "artigraph_format": b"csr"},
    "diagonals": {**DIA, "offsets": _np.array([0, 1])},
    "twice": {**DIA, "data": _np.ones((2, 2)), "offsets": _np.array([1, 1])},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_parts_that_lie_are_an_error(case: str) -> None:
    with pytest.raises(DeserializationError):
        sparse_serializer.deserialize(stored(**HOSTILE[case]))


def test_files_of_scipy_are_read() -> None:
    for case in ({**CSR, "indptr": _np.array([0, 1, 1])}, COO, DIA):
        assert sparse_serializer.deserialize(stored(**case)).shape == (2, 2)


def test_objects_and_compression_are_an_error() -> None:
    target = io.BytesIO()
    _np.savez_compressed(target, **COO)
    with pytest.raises(DeserializationError, match="compressed"):
        sparse_serializer.deserialize(target.getvalue())
    with pytest.raises(DeserializationError):
        sparse_serializer.deserialize(stored(**{**COO, "data": _np.array([{}])}))
    assert array_serializer.name == "numpy-array"
