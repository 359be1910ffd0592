"""Tensors of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from tests.support.frameworks import framework

torch: Any = framework("torch")

DTYPES = [
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "bfloat16", "float32", "float64", "complex64"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
]


def every_byte(name: str) -> Any:
    """Return a tensor with 256 bytes of every value, so with NaNs of many payloads; of bool, with its two values."""
    dtype = getattr(torch, name)
    if dtype is torch.bool:
        return torch.tensor([True, False, True])
    return torch.arange(256, dtype=torch.int64).to(torch.uint8).flip(0).view(dtype)


def tensors() -> list[Any]:
    """Return tensors of all dtypes and layouts."""
    grid = torch.arange(24.0).reshape(2, 3, 4)
    return [
        *(every_byte(name) for name in DTYPES),
        *(every_byte(name).reshape(-1, 1)[1:3] for name in DTYPES),
        *(torch.tensor(3.5), torch.tensor(7), torch.empty(0), torch.empty(2, 0, 3, dtype=torch.bfloat16)),
        *(grid.transpose(0, 2), grid[:, ::2], grid[:1].expand(5, 3, 4), grid.permute(1, 0, 2)),
        torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.zeros(2, 1, 4, 5).to(memory_format=torch.channels_last),
        torch.view_as_complex(torch.tensor([[1.0, float("nan")], [-0.0, 2.0]])).conj(),
        torch.view_as_complex(torch.tensor([[1.0, 5.0], [-0.0, 2.0]])).conj().imag,
    ]


def states() -> list[Any]:
    """Return dicts of tensors."""
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    grid = torch.arange(24.0).reshape(2, 3, 4)
    return [
        {},
        OrderedDict(),
        module.state_dict(),
        {f"t.{place}": each.clone() for place, each in enumerate(tensors())},
        {"b": torch.tensor([True]), "a": torch.tensor(1.0, dtype=torch.float64), "\xe9": torch.empty(0)},
        {"whole": grid.transpose(0, 1), "": torch.tensor(1)},
        {"rows": grid[0], "others": grid[1]},
    ]


def is_dense(tensor: Any) -> bool:
    """Say whether a tensor has no gaps, by asking PyTorch to keep its layout."""
    return bool(torch.empty_like(tensor, memory_format=torch.preserve_format).stride() == tensor.stride())


def bits(tensor: Any) -> bytes:
    """Return the elements in C order."""
    return bytes(tensor.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).tolist())


def assert_same_tensor(one: Any, other: Any) -> None:
    assert type(one) is type(other) is torch.Tensor
    assert (one.dtype, one.shape, one.device, one.layout) == (other.dtype, other.shape, other.device, other.layout)
    assert (other.requires_grad, other.is_conj(), other.is_neg()) == (False, False, False)
    assert bits(one) == bits(other)
    if one.numel() and is_dense(one):
        assert one.stride() == other.stride()
    else:
        assert other.is_contiguous()


def assert_same_state(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert list(one) == list(other)
    assert getattr(one, "_metadata", None) == getattr(other, "_metadata", None)
    for name, each in one.items():
        assert_same_tensor(each, other[name])
