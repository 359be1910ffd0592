"""Figures of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tests.support.frameworks import framework

go: Any = framework("plotly.graph_objects")
subplots: Any = framework("plotly.subplots")
templates: Any = framework("plotly.io").templates
_np: Any = np
_pd: Any = pd


def arrays() -> Any:
    """Return a figure with arrays of every dtype that Plotly keeps."""
    figure = go.Figure()
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8"):
        figure.add_scatter(x=_np.array([0, 1, 100], dtype), name=dtype)
    figure.add_scatter(x=_np.array([2**62, -1]), y=_np.array([2**63], "u8"), text=_np.array(["a", "\xe9"]))
    figure.add_scatter(x=_np.array(["2024-01-02", "NaT"], "M8[ns]"), y=_np.array([], "f4"))
    nan = _np.array([0x7FF8000000000123, 0xFFF0000000000000], "u8").view("f8")
    figure.add_scatter(x=nan, y=_np.array([None, 1, "a", float("nan")], object))
    figure.add_heatmap(z=_np.asfortranarray(_np.arange(6.0).reshape(2, 3)), customdata=_np.zeros((2, 0, 3)))
    figure.add_heatmap(z=_np.array([[1, "a"], [None, [1]]], object), x=_np.arange(3)[::-1])
    figure.layout.template = None
    figure.add_scatter(y=[1], marker={"color": _np.array([1.5, 2.5]), "size": _np.array([3, 4], "u1")})
    return figure


def python_values() -> Any:
    """Return a figure with values of Python and pandas that JSON lacks."""
    zone = _pd.Timestamp("2024-01-02", tz="Europe/Berlin")
    figure = go.Figure(go.Scatter(x=[1, float("nan"), float("inf"), None, -0.0, 2**70, 2**2000, True]))
    figure.add_scatter(x=[datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 2, tzinfo=UTC), date(2024, 1, 2)])
    figure.add_scatter(x=_pd.Series([zone, zone]), y=_pd.Series(["a", None]), text=_pd.Categorical(["a", "b"]))
    figure.add_scatter(x=[zone, _pd.NaT, _pd.NA, _pd.Period("2024-01", "M")])
    figure.add_scatter(
        meta={"tuple": (1, [2, (3,)]), "decimal": Decimal("1.50"), "numpy": _np.float32(1.5), "none": {}}
    )
    figure.add_scatter(customdata=[[1, "a"], ("b", None), {"c": float("-inf")}], y=[[1, 2], [3, float("nan")]])
    figure.add_vline(x=_pd.Timestamp("2024-01-02"))
    figure.layout.template = None
    figure.update_layout(title="\xe9 <b>\u2028</b> </script>", xaxis={"range": [datetime(2024, 1, 1), None]})
    return figure


def figures() -> list[Any]:
    """Return figures of all kinds."""
    grid = subplots.make_subplots(
        2, 2, specs=[[{"secondary_y": True}, {"type": "polar"}], [{"type": "domain", "colspan": 2}, None]]
    )
    grid.add_scatter(y=[1], row=1, col=1, secondary_y=True)
    frames = go.Figure(
        go.Scatter(y=[1]), frames=[go.Frame(data=[go.Scatter(y=_np.arange(3))], name="1", layout={"title": "x"})]
    )
    bare = go.Figure(go.Bar(y=[1, 2]))
    bare.layout.template = None
    emptied = go.Figure(layout={"annotations": [{"font": {"size": 3}}], "legend": {"title": {"text": "b"}}})
    emptied.layout.annotations[0].font.size = None
    emptied.layout.legend.title.text = None
    dark = go.Figure(go.Pie(values=[1], labels=["a"]), layout={"template": "plotly_dark+presentation"})
    spec = go.Figure(go.Scatter(y={"dtype": "i1", "bdata": "AQID"}))
    for figure in (grid, frames, emptied, spec):
        figure.layout.template = None  # Plotly takes most of its time for a template
    return [go.Figure(), arrays(), python_values(), grid, frames, bare, emptied, dark, spec]


def parts(figure: Any) -> list[Any]:
    """Return all properties of a figure as Plotly hands them out."""
    return [
        [trace.to_plotly_json() for trace in figure.data],
        figure.layout.to_plotly_json(),
        [frame.to_plotly_json() for frame in figure.frames],
        figure.__reduce__()[1][0].get("_grid_ref"),
        figure.__reduce__()[1][0].get("_grid_str"),
    ]


def assert_same_figure(one: Any, other: Any) -> None:
    assert type(one) is type(other) is go.Figure
    assert [type(trace) for trace in one.data] == [type(trace) for trace in other.data]
    assert_same(parts(one), parts(other))


def assert_same(one: Any, other: Any) -> None:
    """Assert that two values are equal in types and bits at every depth."""
    assert type(one) is type(other)
    mine: Any = one
    if isinstance(one, dict):
        assert mine.keys() == other.keys()
        for key in mine:
            assert_same(mine[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(mine) == len(other)
        for pair in zip(mine, other, strict=True):
            assert_same(*pair)
    elif isinstance(one, np.ndarray):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        if mine.dtype == object:
            assert_same(mine.tolist(), other.tolist())
        else:
            assert mine.tobytes() == other.tobytes()
    elif isinstance(one, float):
        assert math.isnan(one) == math.isnan(other)
        assert math.isnan(one) or (one, math.copysign(1, one)) == (other, math.copysign(1, other))
    else:
        assert one is other or one == other
