"""What of arrays and dicts of arrays is kept, refused, read in part, shown and compared."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from artigraph import ArtifactModel, Lazy
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.codec import encode
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.serializer.jax.values import (
    DTYPES,
    SMALL,
    WIDE,
    arrays,
    assert_same_array,
    assert_same_dict,
    every_byte,
    jax,
    jnp,
)
from tests.support.frameworks import framework

safetensors: Any = framework("safetensors.numpy")
its: Any = framework("artigraph.serializer.jax")
array_serializer: Any = its.array_serializer
array_dict_serializer: Any = its.array_dict_serializer
_np: Any = np
Header = dict[str, Any]


@contextmanager
def wide() -> Generator[None]:
    """Switch on the types of 64 bits."""
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)


def stored(array: Any) -> Any:
    return array_serializer.deserialize(array_serializer.serialize(array))


def deleted() -> Any:
    array = jnp.zeros(2)
    array.delete()
    return array


def complex128() -> Any:
    with wide():
        return jnp.zeros(2, jnp.complex128)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "deleted": (deleted, "was deleted, or donated"),
    "complex128": (complex128, r"jax.numpy.stack\(\[array.real, array.imag\]\)"),
    "float8": (lambda: jnp.zeros(2, jnp.float8_e4m3b11fnuz), r"array.astype\("),
    "numpy": (lambda: _np.zeros(2), r"jax.numpy.asarray\("),
    "number": (lambda: 1.5, r"is a float, not an array of JAX"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    value = make()
    assert isinstance(array_serializer.size_hint(value), int)
    with pytest.raises(SerializationError, match=rf"This value .*{text}"):
        array_serializer.serialize(value)
    with pytest.raises(SerializationError, match=rf"'layer.weight' .*{text}"):
        array_dict_serializer.serialize({"layer.weight": value})


def test_a_tracer_is_refused_with_what_to_do() -> None:
    seen: list[str] = []

    def traced(value: Any) -> Any:
        assert array_serializer.size_hint(value) == 0
        stores: list[tuple[Any, Any]] = [(array_serializer.serialize, value), (encode, value)]
        for store, held in [*stores, (array_dict_serializer.serialize, {"a": value})]:
            with pytest.raises(SerializationError) as caught:
                store(held)
            seen.append(str(caught.value))
        return value

    jax.jit(traced)(jnp.ones(2))
    jax.grad(lambda value: traced(value).sum())(jnp.ones(2))  # pyright: ignore[reportUnknownLambdaType]
    assert len(seen) == 6
    assert all("store the result" in each for each in seen)


def test_trees_are_refused_with_what_to_do() -> None:
    with pytest.raises(SerializationError, match=r"'dense' is a dict.*names such as 'dense.kernel'"):
        array_dict_serializer.serialize({"dense": {"kernel": jnp.ones(1)}})


def test_arrays_on_several_devices_are_refused() -> None:
    code = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from artigraph.serializer.jax import array_serializer
sharding = NamedSharding(Mesh(np.array(jax.devices()), ("x",)), PartitionSpec("x"))
array = jax.device_put(jnp.arange(4), sharding)
try:
    array_serializer.serialize(array)
except Exception as error:
    print(type(error).__name__, error)
one = jax.device_put(array, jax.devices()[1])
assert array_serializer.equal(array_serializer.deserialize(array_serializer.serialize(one)), one)
"""
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("SerializationError This value is on several devices")
    assert "jax.device_put(array, jax.devices()[0])" in done.stdout


@pytest.mark.parametrize("name", WIDE)
def test_arrays_of_64_bits_are_never_cut(name: str) -> None:
    with wide():
        array = every_byte(name)
        weak = jnp.asarray(2.5)
        assert (array.dtype, weak.dtype) == (name, "float64")
        data, weak_data = array_serializer.serialize(array), array_serializer.serialize(weak)
        many = array_dict_serializer.serialize({"a": array, "b": jnp.ones(1, "float32")})
        assert_same_array(array_serializer.deserialize(data), array)
        assert_same_array(array_serializer.deserialize(weak_data), weak)
    for each in (data, weak_data):
        with pytest.raises(DeserializationError, match=r"jax.config.update\('jax_enable_x64', True\)"):
            array_serializer.deserialize(each)
        assert array_serializer.preview(RecordingFile(each)).dtype in (name, "float64 (weak)")
    with pytest.raises(DeserializationError, match=f"'a' is of {name}"):
        array_dict_serializer.deserialize(many)
    part = array_dict_serializer.deserialize_columns(RecordingFile(many), ["b"])
    assert_same_dict(part, {"b": jnp.ones(1, "float32")})


def test_weak_types_are_kept_also_where_numbers_have_64_bits() -> None:
    weak = jnp.broadcast_to(jnp.asarray(0.1), (2,))
    data = array_serializer.serialize(weak)
    for back in (array_serializer.deserialize(data), stored(stored(weak))):
        assert (back * jnp.ones(2, jnp.bfloat16)).dtype == jnp.bfloat16
    with wide():
        back = array_serializer.deserialize(data)
        assert (back.dtype, back.weak_type) == ("float32", True)
    assert not array_serializer.equal(weak, jnp.asarray(_np.full(2, 0.1, "f4")))


def test_keys_go_on_where_they_were() -> None:
    for key in (jax.random.key(1), jax.random.key(1, impl="rbg"), jax.random.key(1, impl="unsafe_rbg")):
        back = stored(key)
        assert jax.random.uniform(back) == jax.random.uniform(key)
        assert array_serializer.equal(back, key)
        assert not array_serializer.equal(key, jax.random.key_data(key))


@pytest.mark.parametrize("name", ["bool_", "int8", "uint16", "float16", "float32", "complex64"])
def test_the_library_safetensors_reads_the_files(name: str) -> None:
    state = {"b": every_byte(name), "a": jnp.arange(6.0).reshape(2, 3).T}
    found = safetensors.load(array_dict_serializer.serialize(state))
    assert found.keys() == state.keys()
    assert found["b"].tobytes() == _np.asarray(state["b"]).tobytes()
    assert (found["a"] == _np.asarray(state["a"])).all()


def test_other_programs_read_int4_as_numbers() -> None:
    found = safetensors.load(array_serializer.serialize(every_byte("int4")))
    assert found["array"].tolist() == list(range(-8, 8))


def test_one_array_is_read_without_the_others() -> None:
    state = {"large": jnp.zeros(10**6), "small": jnp.arange(5), "last": jnp.zeros(10**6)}
    file = RecordingFile(array_dict_serializer.serialize(state))
    assert_same_dict(array_dict_serializer.deserialize_columns(file, ["small"]), {"small": state["small"]})
    assert file.fetched < 2000


def test_a_loaded_array_does_not_share_the_memory_of_the_caller() -> None:
    buffer = bytearray(array_serializer.serialize(jnp.arange(64.0)))
    back = array_serializer.deserialize(memoryview(buffer))
    buffer[-256:] = bytes(256)
    assert_same_array(back, jnp.arange(64.0))


def test_parts_are_small() -> None:
    parts = list(array_serializer.serialize_parts(jnp.zeros((3, 10**6)).T))
    assert max(map(len, parts)) <= 8 * 2**20


async def test_a_field_of_a_model_holds_arrays(engine: object, tmp_path: Path) -> None:
    files = FileSystem(tmp_path / "objects")

    from artigraph.serializer.jax import ArrayDict

    @dataclass
    class Trained(ArtifactModel, name="jax.Trained"):
        parameters: ArrayDict
        lazy: Annotated[Lazy[dict[str, Any]], array_dict_serializer, files]
        loss: Any
        key: Any
        each: dict[str, Any]

    state = {"kernel": jnp.ones((2, 3), jnp.bfloat16), "bias": jnp.zeros(3)}
    key = jax.random.key(1)
    node_id = await Trained(state, Lazy(state), jnp.asarray(0.5), key, state).save("trained")
    loaded = await Trained.load(node_id)
    assert_same_dict(loaded.parameters, state)
    assert_same_dict(loaded.each, state)
    assert_same_array(loaded.loss, jnp.asarray(0.5))
    assert_same_array(loaded.key, key)
    assert_same_dict(await loaded.lazy.load(columns=["bias"]), {"bias": state["bias"]})
    assert loaded == Trained(state, Lazy(state), jnp.asarray(0.5), key, state)
    assert loaded != Trained(state, Lazy(state), jnp.asarray(0.25), key, state)


@pytest.mark.parametrize("name", [*DTYPES, *SMALL])
def test_a_preview_shows_the_numbers(name: str) -> None:
    array = every_byte(name)
    found = array_serializer.preview(RecordingFile(array_serializer.serialize(array)))
    assert (found.shape, found.dtype, found.elements_read) == (array.shape, str(array.dtype), array.size)
    assert len(found.items) == min(50, array.size)
    assert (found.statistics is not None) == (name != "complex64")


def test_a_preview_reads_only_leading_elements() -> None:
    array = jnp.arange(10**6, dtype=jnp.bfloat16).reshape(1000, 1000)
    file = RecordingFile(array_serializer.serialize(array))
    found = array_serializer.preview(file, rows=3, max_bytes=10_000)
    assert found.items == (0.0, 1.0, 2.0)
    assert 4_000 < found.elements_read < 5_000
    assert (found.statistics.complete, len(found.thumbnail), file.fetched <= 10_000) == (False, 4, True)
    assert array_serializer.preview(RecordingFile(array_serializer.serialize(jax.random.key(1)))).dtype == (
        "key data of threefry2x32"
    )


def test_a_preview_lists_the_arrays_of_a_dict() -> None:
    state = {"b": jnp.zeros((2, 3), jnp.int4), "a": jnp.zeros(10**6), "weak": jnp.asarray(1)}
    file = RecordingFile(array_dict_serializer.serialize(state))
    found = array_dict_serializer.preview(file)
    assert found.rows == (
        ("b", "int4", "2 x 3", 6),
        ("a", "float32", "1,000,000 elements", 4 * 10**6),
        ("weak", "int32 (weak)", "scalar", 4),
    )
    assert [column.name for column in found.columns] == ["array", "dtype", "shape", "bytes"]
    assert file.fetched < 2000


def test_a_difference_is_told() -> None:
    one, other = jnp.zeros(3, jnp.bfloat16), jnp.asarray([0, 0.5, 0], jnp.bfloat16)
    assert array_serializer.describe_change(one, other) == "elements differ (1 of 3, by at most 0.5)"
    assert array_serializer.describe_change(one, one.astype("float32")) == "bfloat16 → float32"
    assert array_serializer.describe_change(one, one[:2]) == "3 → 2"
    assert array_serializer.describe_change(jnp.float32(1), jnp.asarray(1.0)) == "float32 → float32 (weak)"
    assert array_serializer.describe_change(jax.random.key(1), jax.random.key(2)).startswith("keys differ (1 of 2")
    small = every_byte("int4")
    assert array_serializer.describe_change(small, small[::-1]) == "elements differ (16 of 16, by at most 15)"
    before, after = {"a": one, "b": one}, {"a": other, "c": one}
    assert array_dict_serializer.describe_change(before, after) == (
        "new arrays: 'c'; without arrays: 'b'; arrays differ: 'a' elements differ (1 of 3, by at most 0.5)"
    )
    assert all(array_serializer.equal(each, stored(each)) for each in arrays())
    assert not array_serializer.equal(one, other)


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
    "huge": {"a": {"shape": [10**15, 0]}},
    "dtype": {"a": {"dtype": "F9"}},
    "type": {"a": {"dtype": "BOOL", "shape": [16]}},
    "version": noted(version=2),
    "order": noted(order=["b"]),
    "small": noted(small={"a": "int4"}),
    "no small": noted(small={"a": "float64"}),
    "generator": noted(keys={"a": "os.system"}),
    "generators": noted(keys={"a": ["threefry2x32"]}),
    "keys": noted(keys={"a": "threefry2x32"}),
}
"""What replaces parts of the header."""


@pytest.mark.parametrize("case", BROKEN)
def test_a_header_that_lies_is_an_error(case: str) -> None:
    data = array_dict_serializer.serialize({"a": jnp.full((2, 2), 3.0)})
    assert_same_dict(array_dict_serializer.deserialize(changed(data, {})), {"a": jnp.full((2, 2), 3.0)})
    with pytest.raises(DeserializationError):
        array_dict_serializer.deserialize(changed(data, BROKEN[case]))


def test_numbers_that_do_not_fit_a_small_dtype_are_an_error() -> None:
    data = bytearray(array_serializer.serialize(every_byte("int4")))
    data[-1] = 8
    with pytest.raises(DeserializationError, match="not one of int4"):
        array_serializer.deserialize(bytes(data))
