"""What of tensors and state dicts is refused, read in part, shown and compared."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from artigraph import ArtifactModel, Lazy
from artigraph.errors import DeserializationError, SerializationError
from artigraph.storage import MemoryStorage
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.long.state_dicts import CHUNK, CountingFiles
from tests.serializer.torch.values import DTYPES, assert_same_state, assert_same_tensor, every_byte, torch
from tests.support.frameworks import framework

safetensors: Any = framework("safetensors.torch")
its: Any = framework("artigraph.serializer.torch")
tensor_serializer: Any = its.tensor_serializer
state_dict_serializer: Any = its.state_dict_serializer


Header = dict[str, Any]


class CountingRanges(MemoryStorage):
    """A storage of ranges that counts what is read of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.fetched: list[int] = []

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        data = await super().read_range(location, start, length)
        self.fetched.append(len(data))
        return data


def tagged() -> Any:
    tensor = torch.zeros(1)
    tensor.mine = 1
    return tensor


REFUSED: dict[str, tuple[Any, str]] = {
    "meta": (lambda: torch.empty(2, device="meta"), "device 'meta'"),
    "sparse": (lambda: torch.eye(2).to_sparse(), r"tensor.to_dense\(\)"),
    "csr": (lambda: torch.eye(2).to_sparse_csr(), r"sparse \(torch.sparse_csr\)"),
    "nested": (lambda: torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]), r"tensor.unbind\(\)"),
    "quantized": (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), r"tensor.int_repr\(\)"),
    "gradient": (lambda: torch.ones(2, requires_grad=True), r"tensor.detach\(\)"),
    "result": (lambda: torch.ones(2, requires_grad=True) * 2, r"tensor.detach\(\)"),
    "parameter": (lambda: torch.nn.Parameter(torch.ones(2)), r"parameter.detach\(\)"),
    "complex128": (lambda: torch.ones(2, dtype=torch.complex128), r"torch.view_as_real\(tensor\)"),
    "small": (lambda: torch.empty(2, dtype=torch.float4_e2m1fn_x2), "is of torch.float4_e2m1fn_x2"),
    "attributes": (tagged, r"tensor.clone\(\)"),
}


@pytest.mark.filterwarnings("ignore")  # sparse, nested and quantized tensors warn when they are made
@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    value = make()
    assert isinstance(tensor_serializer.size_hint(value), int | None)
    assert isinstance(state_dict_serializer.size_hint({"layer.weight": value}), int)
    with pytest.raises(SerializationError, match=rf"This value .*{text}"):
        tensor_serializer.serialize(value)
    with pytest.raises(SerializationError, match=rf"'layer.weight' .*{text}"):
        state_dict_serializer.serialize({"layer.weight": value})


def test_a_module_is_refused_with_what_to_store() -> None:
    with pytest.raises(SerializationError, match=r"module.state_dict\(\)"):
        state_dict_serializer.serialize(torch.nn.Linear(1, 1))


def test_tied_tensors_are_refused_by_name() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.Linear(2, 3, bias=False))
    model[1].weight = model[0].weight
    with pytest.raises(SerializationError, match=r"'0.weight' and '1.weight' share memory.*tie them again"):
        state_dict_serializer.serialize(model.state_dict())
    part = torch.zeros(10)
    with pytest.raises(SerializationError, match="share memory"):
        state_dict_serializer.serialize({"part": part[4:6], "other": torch.ones(1), "whole": part})
    state_dict_serializer.serialize({"one": part[:5], "other": part[5:]})


@pytest.mark.parametrize(
    "state",
    [{1: torch.zeros(1)}, {"__metadata__": torch.zeros(1)}, {"a": [1]}, {"\ud800": torch.zeros(1)}],
    ids=["number", "reserved", "list", "surrogate"],
)
def test_names_and_values_that_the_format_lacks_are_refused(state: Any) -> None:
    with pytest.raises(SerializationError):
        state_dict_serializer.serialize(state)


def test_attributes_of_a_state_dict_are_kept_or_refused() -> None:
    state = torch.nn.BatchNorm1d(2).state_dict()
    back = state_dict_serializer.deserialize(state_dict_serializer.serialize(state))
    assert back._metadata == state._metadata == OrderedDict({"": {"version": 2}})
    torch.nn.BatchNorm1d(2).load_state_dict(back)
    state._metadata[""]["others"] = [1.5]
    with pytest.raises(SerializationError, match=r"dict\(state\)"):
        state_dict_serializer.serialize(state)
    state = torch.nn.BatchNorm1d(2).state_dict()
    state.mine = 1
    with pytest.raises(SerializationError, match="mine"):
        state_dict_serializer.serialize(state)


@pytest.mark.parametrize("name", [name for name in DTYPES if name != "float8_e8m0fnu"])
def test_the_library_safetensors_reads_the_files(name: str) -> None:
    state = {"b": every_byte(name), "a": torch.arange(6.0).reshape(2, 3).T}
    found = safetensors.load(state_dict_serializer.serialize(state))
    assert found.keys() == state.keys()
    assert_same_tensor(found["b"], state["b"])
    assert torch.equal(found["a"], state["a"])


def test_a_writable_buffer_becomes_the_memory() -> None:
    state = {"a": torch.arange(4.0), "b": torch.zeros(3, dtype=torch.int8)}
    buffer = bytearray(state_dict_serializer.serialize(state))
    back = state_dict_serializer.deserialize(memoryview(buffer))
    back["b"][2] = 7
    assert buffer[-1] == 7
    assert back["b"].untyped_storage().nbytes() == 3  # its own storage, not one that all share
    assert_same_state(back, state_dict_serializer.deserialize(state_dict_serializer.serialize(back)))
    moved = memoryview(bytearray(1) + buffer)[1:]
    assert_same_tensor(state_dict_serializer.deserialize(moved)["a"], state["a"])


def test_one_tensor_is_read_without_the_others() -> None:
    state = {"large": torch.zeros(10**6), "small": torch.arange(5), "last": torch.zeros(10**6)}
    file = RecordingFile(state_dict_serializer.serialize(state))
    part = state_dict_serializer.deserialize_columns(file, ["small"])
    assert_same_state(part, {"small": state["small"]})
    assert file.fetched < 2000


@pytest.mark.parametrize("place", ["files", "ranges"])
async def test_one_tensor_of_a_stored_state_dict_fetches_its_chunks_alone(
    place: str, engine: object, tmp_path: Path
) -> None:
    files, ranges = CountingFiles(tmp_path / "objects"), CountingRanges(f"torch-{tmp_path.name}")
    storage: CountingFiles | CountingRanges = files if place == "files" else ranges

    @dataclass
    class Large(ArtifactModel, name="torch.Large"):
        state: Annotated[Lazy[dict[str, Any]], state_dict_serializer, storage]

    state = {f"layer.{number}": torch.full((3 * 2**20,), float(number)) for number in range(5)}  # 12 MiB each
    loaded = (await Large.load(await Large(Lazy(state)).save("large"))).state
    assert loaded.size is not None
    assert loaded.size > 60 * 2**20
    storage.fetched.clear()
    assert_same_state(await loaded.load(columns=["layer.2"]), {"layer.2": state["layer.2"]})
    # The tensor lies in the fourth and fifth chunk of 8 MiB, and the header in the first.
    assert sum(storage.fetched) == 3 * CHUNK


async def test_a_field_of_a_model_holds_a_state_dict_as_one_object(engine: object, tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects")

    from artigraph.serializer.torch import StateDict

    @dataclass
    class Trained(ArtifactModel, name="torch.Trained"):
        weights: StateDict
        lazy: Annotated[Lazy[dict[str, Any]], state_dict_serializer, files]
        loss: Any
        each: dict[str, Any]

    state = torch.nn.Linear(3, 2).state_dict()
    plain = {name: each.clone() for name, each in state.items()}
    node_id = await Trained(state, Lazy(state), torch.tensor(0.5), plain).save("trained")
    loaded = await Trained.load(node_id)
    assert_same_state(loaded.weights, state)
    assert_same_state(loaded.each, plain)
    assert_same_state(await loaded.lazy.load(columns=["bias"]), {"bias": state["bias"]})
    assert loaded == Trained(state, Lazy(state), torch.tensor(0.5), plain)
    assert loaded != Trained(state, Lazy(state), torch.tensor(0.25), plain)


@pytest.mark.parametrize("name", DTYPES)
def test_a_preview_shows_the_numbers(name: str) -> None:
    tensor = every_byte(name)
    found = tensor_serializer.preview(RecordingFile(tensor_serializer.serialize(tensor)))
    assert (found.shape, found.dtype, found.elements_read) == (tuple(tensor.shape), f"torch.{name}", tensor.numel())
    assert len(found.items) == min(50, tensor.numel())
    assert (found.statistics is not None) == (name != "complex64")


def test_a_preview_reads_only_leading_elements() -> None:
    tensor = torch.arange(10**6, dtype=torch.bfloat16).reshape(1000, 1000)
    file = RecordingFile(tensor_serializer.serialize(tensor))
    found = tensor_serializer.preview(file, rows=3, max_bytes=10_000)
    assert found.items == (0.0, 1.0, 2.0)
    assert 4_000 < found.elements_read < 5_000
    assert (found.statistics.complete, len(found.thumbnail), file.fetched <= 10_000) == (False, 4, True)


def test_a_preview_lists_the_tensors_of_a_state_dict() -> None:
    state = {"b": torch.zeros(2, 3, dtype=torch.bfloat16), "a": torch.zeros(10**6)}
    file = RecordingFile(state_dict_serializer.serialize(state))
    found = state_dict_serializer.preview(file)
    assert found.rows == (("b", "torch.bfloat16", "2 x 3", 12), ("a", "torch.float32", "1,000,000 elements", 4 * 10**6))
    assert [column.name for column in found.columns] == ["tensor", "dtype", "shape", "bytes"]
    assert file.fetched < 2000
    assert state_dict_serializer.preview(file, rows=1, columns=1).rows == (("b",),)
    many = {f"layer.{number}.weight": torch.zeros(1) for number in range(1000)}
    assert state_dict_serializer.preview(RecordingFile(state_dict_serializer.serialize(many)), max_bytes=2**19).cut


def test_a_difference_is_told() -> None:
    one, other = torch.zeros(3, dtype=torch.bfloat16), torch.tensor([0, 0.5, 0], dtype=torch.bfloat16)
    assert tensor_serializer.describe_change(one, other) == "elements differ (1 of 3, by at most 0.5)"
    assert tensor_serializer.describe_change(one, one.float()) == "torch.bfloat16 → torch.float32"
    assert tensor_serializer.describe_change(one, one[:2]) == "3 → 2"
    before, after = {"a": one, "b": one}, {"a": other, "c": one}
    assert state_dict_serializer.describe_change(before, after) == (
        "new tensors: 'c'; without tensors: 'b'; tensors differ: 'a' elements differ (1 of 3, by at most 0.5)"
    )
    nan = torch.tensor([float("nan")], dtype=torch.float8_e4m3fn)
    assert tensor_serializer.equal(nan, nan.clone())
    assert not tensor_serializer.equal(one, other)
    assert not state_dict_serializer.equal({"a": one}, OrderedDict(a=one))
    assert not state_dict_serializer.equal({"a": one}, {"a": other})


def changed(data: bytes, change: Header) -> bytes:
    """Return a file with another header."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header |= {name: {**header[name], **parts} for name, parts in change.items()}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def noted(**note: Any) -> Header:
    return {"__metadata__": {"artigraph": json.dumps({"version": 1, **note})}}


BROKEN: dict[str, Header] = {
    "shape": {"a": {"shape": [3]}},
    "negative": {"a": {"shape": [-2, -2]}},
    "truth": {"a": {"shape": [True, 4]}},
    "dtype": {"a": {"dtype": "F9"}},
    "type": {"a": {"dtype": "BOOL", "shape": [16]}},
    "gap": {"a": {"data_offsets": [1, 17]}},
    "more": {"a": {"more": 1}},
    "version": noted(version=2),
    "foreign": {"__metadata__": {"artigraph": "[]"}},
    "strides": noted(strides={"a": [9, 1]}),
    "order": noted(order=["b"]),
    "metadata": noted(ordered=True, metadata={"": [1]}),
}
"""What replaces parts of the header."""


@pytest.mark.parametrize("case", BROKEN)
def test_a_header_that_lies_is_an_error(case: str) -> None:
    data = state_dict_serializer.serialize({"a": torch.full((2, 2), 3.0)})
    assert_same_state(state_dict_serializer.deserialize(changed(data, {})), {"a": torch.full((2, 2), 3.0)})
    with pytest.raises(DeserializationError):
        state_dict_serializer.deserialize(changed(data, BROKEN[case]))


def test_a_name_twice_is_an_error() -> None:
    data = state_dict_serializer.serialize({"a": torch.zeros(2), "b": torch.zeros(2)})
    with pytest.raises(DeserializationError, match="a name twice"):
        state_dict_serializer.deserialize(data.replace(b'"b"', b'"a"'))


def test_parts_of_a_tensor_with_gaps_are_copied_in_pieces() -> None:
    wide = torch.arange(6 * 10**6, dtype=torch.float32).reshape(3, -1)
    for tensor in (wide[:, ::2], wide.T[::2], wide[:, None, :].expand(3, 2, 2 * 10**6)[:, :, ::2]):
        parts = list(tensor_serializer.serialize_parts(tensor))
        assert max(map(len, parts)) <= 8 * 2**20
        back = tensor_serializer.deserialize(b"".join(parts))
        assert torch.equal(back, tensor)
