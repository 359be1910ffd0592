"""Values of libraries that are not part of the workspace's environment, for the golden bytes; see `golden`."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
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


def _xarray() -> dict[str, Mapping[str, Any]]:
    xr: Any = import_module("xarray")
    pd: Any = import_module("pandas")
    weather = xr.Dataset(
        {
            "temperature": (("time", "station"), _np.array([[1.5, _np.nan], [2, 3]], ">f4"), {"units": "K"}),
            "names": ("station", _np.array(["a", None], object)),
            "kind": ("station", pd.Categorical(["u", "v"], ["v", "u"])),
            "count": 5,
        },
        coords={
            "time": pd.date_range("2020", periods=2, freq="D"),
            "station": ["north", "s\xfcd"],
            "code": ("station", [7, 8]),
        },
        attrs={"factor": _np.float32(0.1), "nested": {"a": (1, None), "b": _np.arange(2, dtype="i1")}},
    )
    weather.temperature.encoding = {"dtype": _np.dtype(">i2"), "scale_factor": 0.1}
    levels = pd.MultiIndex.from_arrays([["a", "a", "b"], [1, 2, 2]], names=["letter", "number"])
    coords = xr.Coordinates.from_pandas_multiindex(levels, "z")
    return {
        "xarray-dataset": {
            "weather": weather,
            "empty": xr.Dataset(),
            "no-index": xr.Dataset({"x": ("x", [1])}).drop_indexes("x"),
        },
        "xarray-dataarray": {
            "multi": xr.DataArray([0.5, 1, 2], coords, "z", "v"),
            "scalar": xr.DataArray(_np.datetime64("2020-01-01", "s"), name=("a", 1)),
        },
    }


def _geopandas() -> dict[str, Mapping[str, Any]]:
    gpd: Any = import_module("geopandas")
    shapely: Any = import_module("shapely")
    texts = ["POINT (1 2)", "POINT EMPTY", "POINT ZM (1 2 3 4)", "MULTIPOLYGON Z (((0 0 1, 1 0 1, 1 1 1, 0 0 1)))"]
    geometries = [*map(shapely.from_wkt, texts), None]
    frame = gpd.GeoDataFrame(
        {"a": range(5), "where": gpd.GeoSeries(geometries, crs=4326).array, "area": gpd.GeoSeries(geometries).array},
        geometry="where",
        index=list("vwxyz"),
    )
    rings = [shapely.LinearRing([(0, 0), (1, 0), (1, 1)]), None]
    return {
        "geopandas-geodataframe": {"frame": frame, "empty": gpd.GeoDataFrame()},
        "geopandas-geoseries": {
            "series": gpd.GeoSeries(shapely.set_srid(geometries, 25832), crs="EPSG:25832", name="where"),
            "rings": gpd.GeoSeries(rings, crs="+proj=laea +lat_0=45 +ellps=GRS80"),
        },
    }


def _xgboost() -> dict[str, Mapping[str, Any]]:
    """Return boosters that are made of their models, because a training may give others elsewhere."""
    xgboost: Any = import_module("xgboost")
    tree = {
        "base_weights": [0.0, -0.5, 0.25],
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": [1, 0, 0],
        "id": 0,
        "left_children": [1, -1, -1],
        "loss_changes": [1.5, 0.0, 0.0],
        "parents": [2**31 - 1, 0, 0],
        "right_children": [2, -1, -1],
        "split_conditions": [0.75, -0.5, 0.25],
        "split_indices": [1, 0, 0],
        "split_type": [0, 0, 0],
        "sum_hessian": [4.0, 1.0, 3.0],
        "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "3", "size_leaf_vector": "1"},
    }
    trees = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"},
        "iteration_indptr": [0, 1],
        "tree_info": [0],
        "trees": [tree],
    }
    weights = {"boosted_rounds": 2, "weights": [0.5, -1.5, 0.25]}
    found = {
        "trees": _booster(xgboost, {"name": "gbtree", "model": trees}),
        "linear": _booster(xgboost, {"name": "gblinear", "model": weights}),
    }
    found["trees"].set_param({"eta": 0.125, "max_depth": 3, "eval_metric": "auc"})
    found["trees"].set_attr(best_iteration="0")
    return {"xgboost-booster": found}


def _booster(xgboost: Any, gradient_booster: dict[str, Any]) -> Any:
    learner = {
        "attributes": {},
        "feature_names": ["a", "\xfc"],
        "feature_types": ["float", "int"],
        "gradient_booster": gradient_booster,
        "learner_model_param": {
            "base_score": "5E-1",
            "boost_from_average": "1",
            "num_class": "0",
            "num_feature": "2",
            "num_target": "1",
        },
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    booster = xgboost.Booster()
    booster.load_model(bytearray(json.dumps({"learner": learner, "version": [2, 1, 4]}).encode()))
    return booster


_LIGHTGBM = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a \xfc
feature_infos=[-1.5:2] -1:0:1:2
tree_sizes=SIZE

Tree=0
num_leaves=2
num_cat=1
split_feature=1
split_gain=1.5
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=0.10000000000000001 -0.25
leaf_weight=1 2
leaf_count=4 8
internal_value=0
internal_weight=3
internal_count=12
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


end of trees

feature_importances:
\xfc=1

parameters:
[boosting: gbdt]
[num_leaves: 2]

end of parameters

pandas_categorical:[["x", "y", "z"]]
"""


def _lightgbm() -> dict[str, Mapping[str, Any]]:
    lightgbm: Any = import_module("lightgbm")
    size = _LIGHTGBM.index("end of trees") - _LIGHTGBM.index("Tree=0")
    booster = lightgbm.Booster(model_str=_LIGHTGBM.replace("SIZE", str(size)))
    booster.best_iteration = 1
    booster.best_score = defaultdict(OrderedDict, {"valid": OrderedDict({"auc": 0.75})})
    booster.params = {"num_leaves": 2, "metric": ["auc"]}
    return {"lightgbm-booster": {"categories": booster}}


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
    "geopandas": _geopandas,
    "jax": _jax,
    "plotly": _plotly,
    "torch": _torch,
    "xarray": _xarray,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}


def golden_frameworks() -> dict[str, Mapping[str, Any]]:
    """Return values by serializer and by the name of the file, of the libraries that are installed."""
    found: dict[str, Mapping[str, Any]] = {}
    for library, make in _MAKERS.items():
        if is_here(library):
            found |= make()
    return found
