"""What of charts is kept, refused, shown and compared, and what hostile bytes do."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from artigraph import ArtifactModel, artifact_field
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.codec import encode
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.serializer.altair.values import alt, assert_same_chart, bars, charts
from tests.support.frameworks import framework

chart_serializer: Any = framework("artigraph.serializer.altair").chart_serializer
_pd: Any = pd
Document = dict[str, Any]


def stored(chart: Any) -> Any:
    return chart_serializer.deserialize(chart_serializer.serialize(chart))


def rows_of(number: int) -> Any:
    return alt.Chart(_pd.DataFrame({"a": range(number)})).mark_bar().encode(x="a")


def test_the_json_is_vega_lite_that_altair_reads() -> None:
    for chart in charts()[:8]:
        document = json.loads(chart_serializer.serialize(chart))
        assert document["$schema"] == alt.SCHEMA_URL
        read = getattr(alt, type(chart).__name__).from_dict(document)
        read.usermeta = alt.Undefined
        assert_same_chart(read, chart)


def test_charts_of_all_kinds_come_back_and_have_the_same_bytes_again() -> None:
    for chart in charts():
        data = chart_serializer.serialize(chart)
        back = chart_serializer.deserialize(data)
        assert_same_chart(back, chart)
        assert chart_serializer.serialize(back) == data


def test_rows_are_stored_once_and_come_back_as_data() -> None:
    chart = rows_of(5000)
    data = chart_serializer.serialize(chart | chart.mark_line())
    assert len(data) < len(chart_serializer.serialize(chart)) + 1000
    back = chart_serializer.deserialize(data)
    assert back.data == {"values": [{"a": number} for number in range(5000)]}
    assert back.datasets is alt.Undefined


def test_the_theme_is_not_part_of_a_chart() -> None:
    chart = bars()
    data = chart_serializer.serialize(chart)
    assert b"continuousWidth" not in data
    with alt.theme.enable("dark"):
        assert chart_serializer.serialize(chart) == data
        back = chart_serializer.deserialize(data)
        assert chart_serializer.equal(chart, back)
        assert back.to_dict()["usermeta"] == {"embedOptions": {"theme": "dark"}}
    assert back.to_dict() == chart.to_dict()


def test_options_of_the_default_transformer_are_followed() -> None:
    data = chart_serializer.serialize(bars())
    with alt.data_transformers.enable("default", consolidate_datasets=False, max_rows=None):
        assert chart_serializer.serialize(bars()) == data
        assert_same_chart(stored(rows_of(6000)), rows_of(6000))


@pytest.mark.parametrize("name", ["json", "csv", "vegafusion"])
def test_other_transformers_are_refused_and_write_no_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in alt.data_transformers.names():
        pytest.skip(f"this Altair has no transformer {name}")
    monkeypatch.chdir(tmp_path)
    chart = bars()
    with _transformer(name), pytest.raises(SerializationError, match=r"enable\('default'\)"):
        chart_serializer.serialize(chart)
    assert not list(tmp_path.iterdir())


def _transformer(name: str) -> Any:
    try:
        return alt.data_transformers.enable(name)
    except Exception as error:
        pytest.skip(f"the transformer {name} needs more: {error}")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "subclass": (lambda: type("Mine", (alt.Chart,), {})("a").mark_bar(), "no chart of Altair itself"),
    "part": (lambda: alt.X("a"), "no chart of Altair itself"),
    "rows": (lambda: rows_of(5001), r"5000.*disable_max_rows\(\)"),
    "incomplete": (lambda: alt.Chart("a.csv"), "makes no specification of this chart: .*'mark' is a required"),
    "time": (lambda: alt.Chart({"values": [{"a": datetime(2024, 1, 2)}]}).mark_bar(), "a value that JSON lacks.*frame"),
    "nan": (lambda: alt.Chart({"values": [{"a": float("nan")}]}).mark_bar(), "a value that JSON lacks"),
    "surrogate": (lambda: alt.Chart("a.csv", title="\ud800").mark_bar(), "a value that JSON lacks"),
    "reserved": (lambda: bars().properties(usermeta={"artigraph": 1}), "reserved; rename it"),
    "large": (
        lambda: alt.Chart("a.csv", transform=[{"filter": nested(5)}] * 100).mark_bar(),
        r"Altair takes minutes; store chart.to_json\(\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        chart_serializer.serialize(make())


def test_parts_of_charts_are_refused_with_what_to_do() -> None:
    with pytest.raises(SerializationError, match=r"value.to_dict\(\)"):
        encode(alt.X("a"))


async def test_a_field_of_a_model_holds_a_chart(engine: object, tmp_path: Path) -> None:
    @dataclass
    class Report(ArtifactModel, name="altair.Report"):
        chart: Any
        kept: Any = artifact_field(storage=FileSystem(tmp_path / "objects"))

    joined = bars() | bars()
    loaded = await Report.load(await Report(bars(), joined).save("report"))
    assert_same_chart(loaded.chart, bars())
    assert_same_chart(loaded.kept, joined)
    assert loaded == Report(bars(), joined)
    assert loaded != Report(bars().mark_line(), joined)


def test_a_preview_shows_marks_encodings_and_rows() -> None:
    file = RecordingFile(chart_serializer.serialize(bars() + bars().mark_rule()))
    assert chart_serializer.preview(file).text.splitlines() == [
        "LayerChart",
        "  layer:",
        "    bar: color=red, x=a (nominal), y=mean(b) (quantitative)",
        "    rule: color=red, x=a (nominal), y=mean(b) (quantitative)",
        "data: 2 rows of a, b, t, i, c",
    ]
    assert chart_serializer.preview(file, rows=1).text == "LayerChart"
    titled = chart_serializer.preview(RecordingFile(chart_serializer.serialize(bars())))
    assert titled.summary.startswith("Chart 'Bars', ")
    large = RecordingFile(chart_serializer.serialize(rows_of(5000)))
    assert chart_serializer.preview(large, max_bytes=2**14).text.startswith('{"$schema"')
    assert "data: 5,000 rows of a" in chart_serializer.preview(large).text


def test_a_difference_is_told() -> None:
    one, other = bars(), bars().mark_line().encode(x="b:Q")
    assert chart_serializer.describe_change(one, other) == (
        "differ: mark.type 'bar' → 'line', encoding.x.field 'a' → 'b', encoding.x.type 'nominal' → 'quantitative'"
    )
    assert chart_serializer.describe_change(rows_of(2), rows_of(3)) == "differ: data.values 2 items → 3 items"
    assert not chart_serializer.equal(one, other)
    assert not chart_serializer.equal(rows_of(2), rows_of(3))
    assert not chart_serializer.equal(one, one + one)
    assert chart_serializer.equal(one, bars())


def document() -> Document:
    found: Document = json.loads(chart_serializer.serialize(bars() | bars().mark_line()))
    return found


def nested(depth: int) -> Any:
    found: Any = {"field": "a", "equal": 1}
    for _ in range(depth):
        found = {"not": {"and": [found]}}
    return found


def note(**parts: Any) -> Callable[[Document], None]:
    return lambda document: document["usermeta"]["artigraph"].update(parts)


HOSTILE: dict[str, Callable[[Document], object]] = {
    "version": note(version=2),
    "no note": lambda document: document.pop("usermeta"),
    "note": lambda document: document.update(usermeta={"artigraph": []}),
    "class": note(**{"class": "LayerChart"}),
    "no class": note(**{"class": "JupyterChart"}),
    "attribute": note(**{"class": "__class__"}),
    "rows": note(rows=["nothing"]),
    "no rows": lambda document: document.pop("datasets"),
    "added": note(added=["hconcat"]),
    "mark": lambda document: document["hconcat"][0].update(mark="anything"),
    "property": lambda document: document.update(nothing=1),
    "data": lambda document: document.update(data={"values": 3}),
    "filters": lambda document: document["hconcat"][0].update(transform=[{"filter": nested(100)}]),
    "many filters": lambda document: document["hconcat"][0].update(transform=[{"filter": nested(5)}] * 300),
    "deep": lambda document: document.update(usermeta=nested(150)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_json_that_lies_is_an_error(case: str) -> None:
    found = document()
    assert_same_chart(chart_serializer.deserialize(json.dumps(found).encode()), bars() | bars().mark_line())
    HOSTILE[case](found)
    with pytest.raises(DeserializationError) as caught:
        chart_serializer.deserialize(json.dumps(found).encode())
    assert len(str(caught.value)) < 1000
