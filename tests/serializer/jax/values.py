"""Arrays of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.frameworks import framework

jax: Any = framework("jax")
jnp: Any = framework("jax.numpy")
_np: Any = np

DTYPES = [
    *("bool_", "uint8", "int8", "uint16", "int16", "uint32", "int32"),
    *("float16", "bfloat16", "float32", "complex64"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
]
SMALL = ["int2", "int4", "uint2", "uint4"]
WIDE = ["int64", "uint64", "float64"]


def every_byte(name: str) -> Any:
    """Return an array with 256 bytes of every value, so with NaNs of many payloads; of bool, with its two values."""
    if name == "bool_":
        return jnp.asarray([True, False, True])
    if name in SMALL:
        numbers = {"int2": range(-2, 2), "int4": range(-8, 8), "uint2": range(4), "uint4": range(16)}[name]
        return jnp.asarray(list(numbers), getattr(jnp, name))
    dtype = _np.dtype(getattr(jnp, name))
    return jnp.asarray(_np.arange(256, dtype=_np.uint8)[::-1].copy().view(dtype))


def arrays() -> list[Any]:
    """Return arrays of all dtypes and shapes."""
    grid = jnp.arange(24.0).reshape(2, 3, 4)
    return [
        *(every_byte(name) for name in (*DTYPES, *SMALL)),
        *(every_byte(name).reshape(-1, 1)[1:3] for name in DTYPES),
        *(jnp.float32(3.5), jnp.int32(7), jnp.empty(0), jnp.empty((2, 0, 3), jnp.bfloat16)),
        *(grid.T, grid[:, ::2], jnp.asarray(1.5), jnp.asarray(3), jnp.asarray(1j), jnp.asarray([[2.5]])[0] * 1),
        *(jnp.broadcast_to(jnp.asarray(0.5), (2, 3)), jnp.asarray(float("nan"))),
        *(jax.random.key(3), jax.random.split(jax.random.key(4, impl="rbg"), (2, 3)), jax.random.PRNGKey(5)),
    ]


def dicts() -> list[Any]:
    """Return dicts of arrays."""
    return [
        {},
        {f"a.{place}": each for place, each in enumerate(arrays())},
        {"b": jnp.asarray([True]), "a": jnp.ones(2), "\xe9": jnp.empty(0), "": jnp.asarray(1)},
    ]


def bits(array: Any) -> bytes:
    """Return the elements in C order."""
    if array.dtype in [getattr(jnp, name) for name in SMALL]:
        return bytes(_np.asarray(array).astype(_np.int8).tobytes())
    return bytes(_np.asarray(array).tobytes())


def assert_same_array(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    assert other.sharding.device_set == {jax.devices()[0]}
    if jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
        assert jax.random.key_impl(one) == jax.random.key_impl(other)
        one, other = jax.random.key_data(one), jax.random.key_data(other)
    assert one.weak_type == other.weak_type
    assert bits(one) == bits(other)


def assert_same_dict(one: Any, other: Any) -> None:
    assert type(one) is type(other) is dict
    assert list(one) == list(other)
    for name, each in one.items():
        assert_same_array(each, other[name])
