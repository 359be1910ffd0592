"""Values of libraries beside NumPy, pandas, Polars and Arrow, for the golden bytes; see `golden`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["golden_libraries"]

_np: Any = np


def _scipy() -> dict[str, Mapping[str, Any]]:
    sp: Any = import_module("scipy.sparse")
    dense = _np.array([[0, 1.5, 0], [-2, 0, 0]])
    return {
        "scipy-sparse": {
            "csr-array": sp.csr_array(dense),
            "csc-matrix": sp.csc_matrix(dense.astype("f4")),
            "coo-array": sp.coo_array(dense.astype("i2")),
            "bsr-array": sp.bsr_array(dense, blocksize=(1, 3)),
            "dia-matrix": sp.dia_matrix(dense),
            "dok-array": sp.dok_array(dense),
            "lil-matrix": sp.lil_matrix(dense),
        }
    }


def _networkx() -> dict[str, Mapping[str, Any]]:
    nx: Any = import_module("networkx")
    plain = nx.Graph([("b", "a", {"weight": 0.5}), ("a", "c")], name="plain")
    rich = nx.MultiDiGraph()
    rich.add_node((1, "x"), tags={"a"})
    rich.add_edge((1, "x"), 2, key="k", weight=float("inf"))
    rich.add_edge((1, "x"), 2, key=b"other")
    return {"networkx-graph": {"graph": plain, "multidigraph": rich, "digraph": nx.path_graph(3, nx.DiGraph)}}


def _pillow() -> dict[str, Mapping[str, Any]]:
    image: Any = import_module("PIL.Image")
    colors = image.frombytes("RGB", (2, 2), bytes(range(12)))
    colors.info = {"dpi": (72, 72.5), "comment": "\xe4"}
    palette = image.frombytes("P", (2, 2), bytes(range(4)))
    palette.putpalette(bytes(range(12)))
    palette.info["transparency"] = 1
    gray = image.frombytes("I;16", (2, 1), bytes((1, 2, 3, 255)))
    return {"pillow-image": {"rgb": colors, "palette": palette, "16-bit": gray}}


def golden_libraries() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file."""
    return {**_networkx(), **_pillow(), **_scipy()}
