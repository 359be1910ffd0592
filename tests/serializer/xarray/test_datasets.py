"""What of datasets and labeled arrays is refused, read in part, shown and compared."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest

from artigraph import ArtifactModel, Lazy
from artigraph.errors import DeserializationError, SerializationError
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.serializer.xarray.values import assert_same, dataarrays, multi, stations, xindexes, xr

its: Any = import_module("artigraph.serializer.xarray")
dataset_serializer: Any = its.dataset_serializer
dataarray_serializer: Any = its.dataarray_serializer
_np: Any = np
_pd: Any = pd


@pytest.mark.parametrize("place", range(len(dataarrays())))
def test_labeled_arrays_come_back_exactly(place: int) -> None:
    value = dataarrays()[place]
    data = dataarray_serializer.serialize(value)
    assert_same(value, dataarray_serializer.deserialize(data))
    assert_same(value, dataarray_serializer.deserialize(memoryview(bytearray(data))))
    assert_same(value, dataarray_serializer.deserialize_mapped(memoryview(data)))
    assert dataarray_serializer.equal(value, dataarray_serializer.deserialize(data))
    if value.dtype.kind in "biufcMmUSV":
        assert value.identical(dataarray_serializer.deserialize(data))


# Refusals -------------------------------------------------------------------------------------------------------------


class Lazily:
    """An array of another library, as far as xarray looks at it."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __array_function__(self, *_: Any) -> Any:
        raise NotImplementedError

    def __array_ufunc__(self, *_: Any) -> Any:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        return self._array[key]


def in_chunks() -> Any:
    pytest.importorskip("dask")
    return stations().chunk({"time": 1})


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "dask": (in_chunks, r"'temperature' is computed by dask.*value.compute\(\)"),
    "another array": (lambda: xr.Dataset({"a": ("x", Lazily(_np.zeros(2)))}), r"'a' is a .*Lazily.*as_numpy\(\)"),
    "objects": (lambda: xr.Dataset({"a": ("x", _np.array([{1}, object()]))}), "'a' cannot be stored exactly.*row 1"),
    "attrs": (lambda: xr.Dataset({"a": xr.Variable((), 1, {"k": object()})}), "attrs of 'a' have 'k', a object"),
    "dataset attrs": (lambda: xr.Dataset(attrs={"k": {"deep": [object()]}}), "attrs of the dataset have 'k'"),
    "encoding": (lambda: encoded(object()), r"encoding of 'a' have 'compressor'.*value.drop_encoding\(\)"),
    "index": (
        lambda: xr.Dataset(coords=xr.Coordinates.from_xindex(xindexes.RangeIndex.arange(3, dim="x"))),
        r"RangeIndex.*value.drop_indexes\(\['x'\]\)",
    ),
    "labels": (
        lambda: xr.Dataset(coords={"x": _pd.Index([{1}, object()], dtype=object)}),
        "index of x.*cannot be stored exactly",
    ),
}


def encoded(compressor: object) -> Any:
    made = xr.Dataset({"a": 1})
    made.a.encoding = {"compressor": compressor}
    return made


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        dataset_serializer.serialize(make())


def test_what_the_advice_says_is_stored() -> None:
    advised = [
        encoded(object()).drop_encoding(),
        xr.Dataset(coords=xr.Coordinates.from_xindex(xindexes.RangeIndex.arange(3, dim="x"))).drop_indexes(["x"]),
    ]
    for value in advised:
        back = dataset_serializer.deserialize(dataset_serializer.serialize(value))
        assert list(back.variables) == list(value.variables)
        assert not back.xindexes


def test_data_of_a_file_that_is_opened_lazily_is_read(tmp_path: Path) -> None:
    made = xr.Dataset({"a": ("x", _np.arange(4.0))}, coords={"x": _pd.date_range("2020", periods=4)}, attrs={"k": 1.5})
    made.to_netcdf(tmp_path / "made.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "made.nc", engine="scipy") as lazy:
        assert "4 values with dtype=float64" in repr(lazy.a)
        data = dataset_serializer.serialize(lazy)
        assert_same(dataset_serializer.deserialize(data), lazy.load())
    back = dataset_serializer.deserialize(data)
    assert back.a.data.tolist() == [0, 1, 2, 3]
    assert back.encoding["source"].endswith("made.nc")
    assert xr.open_dataset(io.BytesIO(back.to_netcdf(engine="scipy")), engine="scipy").load().equals(made)


# The format -----------------------------------------------------------------------------------------------------------


def test_numpy_reads_the_arrays() -> None:
    value = stations()
    found = _np.load(io.BytesIO(dataset_serializer.serialize(value)))
    assert found["temperature"].tobytes() == value.temperature.data.tobytes()
    assert found["height"].dtype == _np.dtype(">i2")
    assert json.loads(found["artigraph.json"])["kind"] == "dataset"


def test_members_are_aligned_and_used_in_place() -> None:
    value = xr.Dataset({name: ("x", _np.arange(5.0)) for name in ("a", "bc", "def")})
    buffer = bytearray(dataset_serializer.serialize(value))
    back = dataset_serializer.deserialize(memoryview(buffer))
    owned = _np.frombuffer(buffer, "u1")
    for name in value:
        assert back[name].data.flags.aligned
        assert _np.shares_memory(back[name].data, owned)
        back[name].data[0] = 7
    mapped = dataset_serializer.deserialize_mapped(memoryview(buffer))
    assert mapped.a.data[0] == 7
    with pytest.raises(ValueError, match="read-only"):
        mapped.a.data[0] = 8


def test_parts_are_views_and_small() -> None:
    value = xr.Dataset({"a": (("x", "y"), _np.arange(3 * 10**6, dtype="f8").reshape(3, -1))})
    parts = list(dataset_serializer.serialize_parts(value))
    assert max(map(len, parts)) <= 8 * 2**20
    assert sum(_np.shares_memory(_np.frombuffer(part, "u1"), value.a.data) for part in parts if len(part)) >= 3


# Parts of a dataset ---------------------------------------------------------------------------------------------------


def test_one_variable_is_read_without_the_others() -> None:
    value = xr.Dataset(
        {"large": ("x", _np.zeros(10**6)), "small": ("y", _np.arange(5)), "last": ("x", _np.zeros(10**6))},
        coords={"x": range(10**6), "y": list("abcde"), "scalar": 3},
        attrs={"a": 1},
    )
    file = RecordingFile(dataset_serializer.serialize(value))
    assert_same(dataset_serializer.deserialize_columns(file, ["small"]), value[["small"]])
    assert file.fetched < 20_000
    with pytest.raises(DeserializationError, match="no variable has the name 'none'"):
        dataset_serializer.deserialize_columns(file, ["small", "none"])


async def test_fields_of_a_model_hold_datasets(engine: object, tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects")

    @dataclass
    class Weather(ArtifactModel, name="xarray.Weather"):
        all: Any
        lazy: Annotated[Lazy[Any], files]
        part: Any
        several: dict[str, Any]

    value = stations()
    several = {"a": value.temperature, "b": value.height}
    node_id = await Weather(value, Lazy(value), value.temperature, several).save("weather")
    loaded = await Weather.load(node_id)
    assert_same(loaded.all, value)
    assert_same(loaded.part, value.temperature)
    assert_same(loaded.several["b"], value.height)
    assert_same(await loaded.lazy.load(columns=["height"]), value[["height"]])
    mapped = await loaded.lazy.load(memory_map=True)
    assert_same(mapped, value)
    assert not mapped.temperature.data.flags.writeable
    assert loaded == Weather(value, Lazy(value), value.temperature, several)
    assert loaded != Weather(value, Lazy(value), value.temperature + 1, several)


# Previews and differences ---------------------------------------------------------------------------------------------


def test_a_preview_lists_the_variables() -> None:
    value = xr.Dataset(
        {"a": (("t", "x"), _np.zeros((1000, 1000)))}, coords={"x": range(1000), "k": ("t", ["b"] * 1000)}
    )
    file = RecordingFile(dataset_serializer.serialize(value))
    found = dataset_serializer.preview(file)
    assert [column.name for column in found.columns] == ["variable", "role", "dims", "dtype", "shape"]
    assert found.rows == (
        ("a", "data", "t, x", "float64", "1,000 x 1,000"),
        ("x", "coordinate, indexed", "x", "int64", "1,000 elements"),
        ("k", "coordinate", "t", "<U1", "1,000 elements"),
    )
    assert found.summary.startswith("dataset, 3 rows x 5 columns")
    assert file.fetched < 10_000
    assert dataset_serializer.preview(file, rows=1, columns=1).rows == (("a",),)
    one = dataarray_serializer.preview(RecordingFile(dataarray_serializer.serialize(value.a)))
    assert one.rows[0] == ("a", "array", "t, x", "float64", "1,000 x 1,000")
    many = xr.Dataset({f"variable {number}": number for number in range(1000)})
    assert dataset_serializer.preview(RecordingFile(dataset_serializer.serialize(many)), max_bytes=2**18).cut


def test_equality_counts_dtypes_attrs_indexes_and_nan() -> None:
    def differs(change: Callable[[Any], Any]) -> bool:
        return not dataset_serializer.equal(stations(), change(stations()))

    assert not differs(lambda value: value)
    assert not differs(lambda value: value.drop_encoding())
    assert not differs(lambda value: value[list(value.variables)[::-1]])
    assert differs(lambda value: value.assign(count=6))
    assert differs(lambda value: value.assign(height=value.height.astype("i2")))
    assert differs(lambda value: value.assign_attrs(title="other"))
    assert differs(lambda value: value.drop_indexes("code"))
    assert differs(lambda value: value.reset_coords("place"))
    assert differs(lambda value: value.isel(time=[0, 1]))
    assert differs(lambda value: value.temperature)
    nan = xr.DataArray([float("nan")])
    assert dataarray_serializer.equal(nan, nan.copy())
    assert not dataarray_serializer.equal(nan, nan.rename("b"))
    assert not dataset_serializer.equal(multi(), multi().isel(z=[0, 2, 1]))


def test_a_difference_is_told() -> None:
    one = xr.Dataset({"a": ("x", [1.0, 2, 3]), "b": 1}, coords={"x": [1, 2, 3]})
    tell = dataset_serializer.describe_change
    assert tell(one, one.assign(a=("x", [1.0, 2, 3.5]))) == ("variables differ: 'a' elements (1 of 3, by at most 0.5)")
    assert tell(one, one.drop_vars("b").assign(c=2).isel(x=[0])) == (
        "sizes: 'x' 3 → 1; new variables: 'c'; without variables: 'b'"
    )
    assert tell(one, one.assign(a=one.a.astype("f4")).assign_attrs(k=1)) == (
        "variables differ: 'a' float64 → float32; attrs differ"
    )
    assert tell(one, one.drop_indexes("x")) == "alike in variables and attrs, not in roles or indexes"
    name = dataarray_serializer.describe_change
    assert name(one.a, (one.a + 1).rename("z")) == "name: 'a' → 'z'; elements (3 of 3, by at most 1)"
    assert name(one.a, one.a.assign_coords(x=[1, 2, 4])) == "variables differ: 'x' elements (1 of 3, by at most 1)"


# Hostile bytes --------------------------------------------------------------------------------------------------------


def changed(data: bytes, change: Callable[[dict[str, Any]], None], more: dict[str, bytes] | None = None) -> bytes:
    """Return an archive with another head, and with more members."""
    target = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as archive, ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "artigraph.json":
                head = json.loads(content)
                change(head)
                content = json.dumps(head).encode()
            copy.writestr(name, content)
        for name, content in (more or {}).items():
            copy.writestr(name, content)
    return target.getvalue()


def entry(head: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in head["variables"] if each["name"] == name)


BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "version": lambda head: head.update(artigraph=2),
    "kind": lambda head: head.update(kind="dataarray"),
    "shape": lambda head: entry(head, "temperature").update(shape=[2, 3]),
    "dims": lambda head: entry(head, "temperature").update(dims=["time"]),
    "dims twice": lambda head: entry(head, "temperature").update(dims=["time", "time"]),
    "other dims": lambda head: entry(head, "height").update(dims=["time"]),
    "twice": lambda head: head["variables"].append(entry(head, "height")),
    "missing": lambda head: head["variables"].remove(entry(head, "height")),
    "member": lambda head: entry(head, "height").update(member="temperature.npy"),
    "no member": lambda head: entry(head, "height").update(member="nothing.npy"),
    "head as a member": lambda head: entry(head, "height").update(member="artigraph.json"),
    "role": lambda head: entry(head, "height").update(role="own"),
    "store": lambda head: entry(head, "height").update(store="index"),
    "objects": lambda head: entry(head, "height").update(store="values"),
    "index of another": lambda head: head["indexes"][0].update(coords=["height"]),
    "index twice": lambda head: head["indexes"].append(head["indexes"][0]),
    "no index": lambda head: head.update(indexes=[]),
    "multi": lambda head: head["indexes"][0].update(multi=True),
    "dtype": lambda head: head["indexes"][1].update(dtypes=["<i8"]),
    "attrs": lambda head: head.update(attrs=[["a", "[" * 100_000]]),
    "attrs twice": lambda head: head.update(attrs=[["a", "1"], ["a", "2"]]),
    "kind of an attribute": lambda head: head.update(attrs=[["a", {"code": "1"}]]),
    "name": lambda head: entry(head, "height").update(name={"name": "[1]"}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_head_that_lies_is_an_error(case: str) -> None:
    data = dataset_serializer.serialize(stations())
    assert_same(dataset_serializer.deserialize(changed(data, lambda _: None)), stations())
    with pytest.raises(DeserializationError):
        dataset_serializer.deserialize(changed(data, BROKEN[case]))


def test_more_members_and_compressed_ones_are_an_error() -> None:
    data = dataset_serializer.serialize(stations())
    with pytest.raises(DeserializationError, match="other members"):
        dataset_serializer.deserialize(changed(data, lambda _: None, {"more.npy": b""}))
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        archive.writestr("artigraph.json", b" " * 10**6)
    with pytest.raises(DeserializationError, match="compressed"):
        dataset_serializer.deserialize(target.getvalue())


def test_members_that_overlap_are_an_error() -> None:
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        archive.writestr("a", b"x" * 10_000)
        info = archive.getinfo("a")
        for number in range(100):
            copy = type(info)(f"b{number}")
            copy.header_offset, copy.CRC = info.header_offset, info.CRC
            copy.file_size = copy.compress_size = info.file_size
            archive.filelist.append(copy)
    with pytest.raises(DeserializationError, match="more bytes than all"):
        dataset_serializer.deserialize(target.getvalue())


def test_an_array_of_python_objects_is_an_error() -> None:
    target = io.BytesIO()
    _np.save(target, _np.array([{}]), allow_pickle=True)
    data = dataset_serializer.serialize(xr.Dataset({"a": ("x", [1])}))
    pickled = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as archive, ZipFile(pickled, "w") as copy:
        copy.writestr("artigraph.json", archive.read("artigraph.json"))
        copy.writestr("a.npy", target.getvalue())
    with pytest.raises(DeserializationError):
        dataset_serializer.deserialize(pickled.getvalue())
