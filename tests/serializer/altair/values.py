"""Charts of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pandas as pd
import polars as pl

from tests.support.frameworks import framework

alt: Any = framework("altair")
_pd: Any = pd


def frame() -> Any:
    """Return a frame with texts, missing numbers, times and large integers."""
    return _pd.DataFrame(
        {
            "a": ["x", "\xe9"],
            "b": [1.5, float("nan")],
            "t": _pd.to_datetime(["2024-01-02", None]),
            "i": [2**60, -1],
            "c": _pd.Categorical(["u", None]),
        }
    )


def bars() -> Any:
    """Return a chart of one mark."""
    return alt.Chart(frame(), title="Bars").mark_bar().encode(x="a", y="mean(b):Q", color=alt.value("red"))


def charts() -> list[Any]:
    """Return charts of all classes, with data of all kinds."""
    base = bars()
    points = alt.Chart("https://example.org/a.csv").mark_point().encode(x="a:Q")
    brush = alt.selection_interval(name="brush")
    faded = alt.condition(brush, alt.value(1), alt.value(0.2))
    repeated = alt.Chart(frame()).mark_bar().encode(x=alt.X(alt.repeat(), type="nominal"))
    polars = pl.DataFrame({"a": [1, None], "t": [datetime(2024, 1, 2), None], "d": [date(2024, 1, 2)] * 2})
    return [
        base,
        points,
        base.interactive(),
        base.add_params(brush).encode(opacity=faded),
        base + base.mark_line(),
        base | points,
        base & points,
        alt.concat(base, points, columns=1),
        base.facet("a"),
        alt.layer(base, base.mark_rule()).facet(row="a", data=frame()),
        repeated.repeat(["a", "b"]),
        (base + base) | (base & points),
        alt.Chart(polars).mark_bar(),
        alt.Chart().mark_point(),
        alt.Chart(alt.Data(values=[{"a": 1}])).mark_bar(),
        alt.Chart(alt.InlineData([{"a": 1}], name="mine")).mark_bar(),
        alt.Chart(alt.NamedData("later")).mark_bar(),
        alt.Chart(alt.sequence(1, 10)).mark_bar().transform_calculate(b="datum.data * 2"),
        alt.Chart(alt.topo_feature("https://example.org/a.json", "c")).mark_geoshape(),
        base.transform_lookup(lookup="a", from_=alt.LookupData(data=frame(), key="a", fields=["i"])),
        base.properties(usermeta={"mine": [1]}, datasets={"more": [{"z": 1}]}).configure_axis(grid=False),
        base.transform_filter((alt.datum.b > 1) & (alt.datum.a == "x")),
        alt.Chart.from_json(base.to_json()),
    ]


def full(chart: Any) -> Any:
    """Return all of a chart as Altair hands it out, with each set of rows in place."""
    found = chart.to_dict()
    return placed({key: value for key, value in found.items() if key != "datasets"}, found.get("datasets", {}))


def placed(value: Any, rows: dict[str, Any]) -> Any:
    held: Any = value
    if isinstance(value, list):
        return [placed(item, rows) for item in held]
    if not isinstance(value, dict):
        return value
    if held.get("name") in rows:
        return {"values": rows[held["name"]]} | {key: item for key, item in held.items() if key != "name"}
    return {key: placed(item, rows) for key, item in held.items()}


def assert_same_chart(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert full(one) == full(other)
