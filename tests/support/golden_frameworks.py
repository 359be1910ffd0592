"""Values of libraries that are too large for the workspace's environment, for the golden bytes; see `golden`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, datetime
from importlib import import_module
from typing import Any

import numpy as np

from tests.support.frameworks import is_here

__all__ = ["golden_frameworks"]

_np: Any = np


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


def _jax() -> dict[str, Mapping[str, Any]]:
    jax: Any = import_module("jax")
    jnp: Any = import_module("jax.numpy")
    nan = jnp.asarray(_np.array([0x7FC1, 0x3F80, 0xFFFF], _np.uint16).view(jnp.bfloat16))
    return {
        "jax-array": {
            "bfloat16": nan,
            "float8": jnp.asarray(_np.array([0x7F, 0x38, 0x80], _np.uint8).view(jnp.float8_e4m3fn)),
            "int4": jnp.asarray([-8, 7, 0], jnp.int4),
            "bool": jnp.asarray([[True], [False]]),
            "weak": jnp.asarray(1.5),
            "keys": jax.random.split(jax.random.key(7), 2),
            "complex": jnp.asarray([1 + 2j]),
            "empty": jnp.empty((0, 3), jnp.uint16),
        },
        "jax-array-dict": {
            "parameters": {"bias": nan, "\xe9": jnp.arange(3), "key": jax.random.key(1), "weak": jnp.asarray([1.5])}
        },
    }


def _plotly() -> dict[str, Mapping[str, Any]]:
    go: Any = import_module("plotly.graph_objects")
    make_subplots: Any = import_module("plotly.subplots").make_subplots
    rich = make_subplots(1, 2, specs=[[{"type": "xy"}, {"type": "domain"}]])
    rich.layout.template = None
    rich.add_scatter(
        x=_np.arange(3), y=[1.5, float("nan"), None], text=_np.array(["a", "b"]), name="\xe9", row=1, col=1
    )
    rich.add_scatter(x=[datetime(2024, 1, 2, 3), date(2024, 1, 2)], y=_np.array([2**60, 1]), row=1, col=1)
    rich.add_pie(values=_np.array([0.5, 1.5], "f4"), labels=_np.array(["x", None], object), row=1, col=2)
    rich.add_heatmap(z=_np.arange(6.0).reshape(2, 3), meta={"range": (1, float("inf"))})
    rich.frames = [go.Frame(data=[go.Scatter(y=_np.array([1], "u1"))], name="1")]
    empty = go.Figure(layout={"title": "none"})
    empty.layout.template = None
    return {"plotly-figure": {"rich": rich, "empty": empty}}


def _altair() -> dict[str, Mapping[str, Any]]:
    alt: Any = import_module("altair")
    rows = [{"a": "x", "b": 1.5}, {"a": "y", "b": None}]
    bars = alt.Chart({"values": rows}, title="\xe9").mark_bar().encode(x="a:N", y="mean(b):Q")
    return {
        "altair-chart": {
            "bars": bars,
            "layers": bars + bars.mark_rule(),
            "joined": bars | alt.Chart("https://example.org/a.csv").mark_point().encode(x="c:Q"),
        }
    }


_MAKERS: dict[str, Callable[[], dict[str, Mapping[str, Any]]]] = {
    "altair": _altair,
    "jax": _jax,
    "plotly": _plotly,
    "torch": _torch,
}


def golden_frameworks() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file, of the libraries that are installed."""
    found: dict[str, Mapping[str, Any]] = {}
    for library, make in _MAKERS.items():
        if is_here(library):
            found |= make()
    return found
