"""Values of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from artigraph.testing.strategies import (
    Access,
    Box,
    Colour,
    Level,
    Point,
    Unit,
)

_pd: Any = pd


_np: Any = np


Known = Access | Box | Colour | Level | Point | Unit


def frame() -> Any:
    index = _pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("c", 3)], names=["letter", None])
    return _pd.DataFrame(
        {
            "number": [1.5, float("nan"), -0.0],
            "small": _np.array([1, 2, 3], "i1"),
            "category": _pd.Categorical(["x", None, "y"], categories=["y", "x", "z"], ordered=True),
            "when": _pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("Europe/Berlin"),
            "nullable": _pd.array([1, None, 3], dtype="Int64"),
            5: ["a", None, "é"],
        },
        index=index,
    )
