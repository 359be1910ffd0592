"""Libraries that are not part of the workspace's environment; `just frameworks` tests with them."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

__all__ = ["SERIALIZERS", "framework", "is_here"]

SERIALIZERS = {
    "geopandas-geodataframe": "geopandas",
    "geopandas-geoseries": "geopandas",
    "altair-chart": "altair",
    "jax-array": "jax",
    "jax-array-dict": "jax",
    "plotly-figure": "plotly",
    "torch-state-dict": "torch",
    "torch-tensor": "torch",
    "xarray-dataarray": "xarray",
    "xarray-dataset": "xarray",
    "lightgbm-booster": "lightgbm",
    "xgboost-booster": "xgboost",
}
"""The serializers of values of such libraries, each with its library."""


def is_here(library: str) -> bool:
    """Say whether a library is installed."""
    return find_spec(library.partition(".")[0]) is not None


def framework(library: str) -> Any:
    """Return a library, or skip the test module without it. Fail if it has to be installed."""
    if is_here(library):
        return import_module(library)
    if os.environ.get("ARTIGRAPH_TEST_REQUIRE_FRAMEWORKS"):
        pytest.fail(f"{library} is not installed, and ARTIGRAPH_TEST_REQUIRE_FRAMEWORKS asks for it", pytrace=False)
    pytest.skip(f"{library} is not installed; `just frameworks` tests with it", allow_module_level=True)
