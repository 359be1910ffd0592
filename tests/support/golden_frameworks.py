"""Values of libraries that are too large for the workspace's environment, for the golden bytes; see `golden`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tests.support.frameworks import is_here

__all__ = ["golden_frameworks"]


def _torch() -> dict[str, Mapping[str, Any]]:
    torch: Any = import_module("torch")
    nan = torch.tensor([0x7FC1, 0x3F80, -1], dtype=torch.int16)
    state: Any = OrderedDict(
        {
            "layer.bias": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
            "steps": torch.tensor(3),
            "\xe9": torch.empty(0),
        }
    )
    state._metadata = OrderedDict({"": {"version": 1}, "layer": {"version": 2}})
    return {
        "torch-tensor": {
            "bfloat16": nan.view(torch.bfloat16),
            "float8": torch.tensor([0x7F, 0x38, 0x80 - 256], dtype=torch.int8).view(torch.float8_e4m3fn),
            "bool": torch.tensor([[True], [False]]),
            "scalar": torch.tensor(2**60),
            "complex": torch.tensor([1 + 2j]),
            "channels-last": torch.arange(12.0).reshape(1, 2, 2, 3).to(memory_format=torch.channels_last),
            "empty": torch.empty(0, 3, dtype=torch.uint16),
        },
        "torch-state-dict": {"module": state, "plain": {"b": torch.arange(3), "a": torch.tensor([[0.5]])}},
    }


_MAKERS: dict[str, Callable[[], dict[str, Mapping[str, Any]]]] = {"torch": _torch}


def golden_frameworks() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file, of the libraries that are installed."""
    found: dict[str, Mapping[str, Any]] = {}
    for library, make in _MAKERS.items():
        if is_here(library):
            found |= make()
    return found
