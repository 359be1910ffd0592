"""Equality of tensors, and how two tensors or state dicts differ."""

from __future__ import annotations

from typing import Any

from artigraph.serializer._support.difference import named, told
from artigraph.serializer.numpy.compare import differing_array
from artigraph.serializer.torch._tensors import torch

_WIDE = {
    *(torch.bfloat16, torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz),
    torch.float8_e8m0fnu,
}
"""Dtypes that NumPy lacks, whose every value is a float32."""


def as_array(tensor: Any) -> Any:
    """Return the elements as a NumPy array, as float32 if NumPy lacks the dtype."""
    wide = tensor.detach().resolve_conj().resolve_neg()
    return (wide.float() if tensor.dtype in _WIDE else wide).numpy()


def same_tensor(one: Any, other: Any) -> bool:
    """Say whether two tensors have one class, dtype and shape, and equal elements. NaN equals NaN."""
    if type(one) is not type(other) or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return not differing_array(as_array(one), as_array(other)).number


def describe_tensors(before: Any, after: Any) -> str:
    """Return one line on how two tensors differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{_shape(before)} → {_shape(after)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype} → {after.dtype}")
    if parts:
        return "; ".join(parts)
    return f"elements differ {told(differing_array(as_array(before), as_array(after)), before.numel())}"


def describe_states(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return one line on how two dicts of tensors differ."""
    parts = named("new tensors", [repr(name) for name in after if name not in before])
    parts += named("without tensors", [repr(name) for name in before if name not in after])
    common = [name for name in before if name in after]
    changed = [name for name in common if not same_tensor(before[name], after[name])]
    parts += named("tensors differ", [f"{name!r} {describe_tensors(before[name], after[name])}" for name in changed])
    return "; ".join(parts) or "alike in names and tensors, not in class, order or metadata"


def _shape(tensor: Any) -> str:
    return "x".join(f"{length:,}" for length in tensor.shape) or "scalar"
