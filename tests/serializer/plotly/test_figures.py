"""What of figures is kept, refused, shown and compared, and what hostile bytes do."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artigraph import ArtifactModel
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.codec import encode
from artigraph.storage.file import FileSystem
from artigraph.testing.serializer import RecordingFile
from tests.serializer.plotly.values import arrays, assert_same_figure, figures, go, subplots, templates
from tests.support.frameworks import framework

pytestmark = pytest.mark.filterwarnings("ignore:.*mapbox.*:DeprecationWarning")
"""The templates of Plotly 6 have a trace that it advises against."""
plotly_io: Any = framework("plotly.io")
figure_serializer: Any = framework("artigraph.serializer.plotly").figure_serializer
_np: Any = np
Document = dict[str, Any]


def stored(figure: Any) -> Any:
    return figure_serializer.deserialize(figure_serializer.serialize(figure))


def test_plotly_reads_the_json() -> None:
    for figure in (
        go.Figure(),
        go.Figure(go.Scatter(x=_np.arange(3), y=_np.array([1.5, 2.5, 3.5])), layout={"title": "a"}),
    ):
        assert plotly_io.from_json(figure_serializer.serialize(figure).decode()) == figure


def test_the_json_is_what_plotly_writes() -> None:
    for figure in (go.Figure(go.Heatmap(z=_np.arange(600).reshape(2, 300), x=["a", None])), figures()[4]):
        document = json.loads(figure_serializer.serialize(figure))
        del document["artigraph"]
        assert document == {"frames": [], **json.loads(plotly_io.to_json(figure, engine="json"))}


def test_subplots_are_found_by_row_and_column_after_a_load() -> None:
    figure = subplots.make_subplots(1, 2, specs=[[{}, {"type": "domain"}]])
    back = stored(figure)
    assert back == figure
    back.add_pie(values=[1], row=1, col=2)
    assert back.data[0].domain.x == figure.add_pie(values=[1], row=1, col=2).data[0].domain.x
    assert not figure_serializer.equal(figure, go.Figure(figure.to_dict()))  # it has no grid


def test_the_default_template_of_a_process_changes_nothing() -> None:
    data = [figure_serializer.serialize(each) for each in figures()]
    before = templates.default
    try:
        for default in ("plotly_dark", None):
            templates.default = default
            for each, found in zip(figures()[5:6], data[5:6], strict=True):
                assert_same_figure(figure_serializer.deserialize(found), each)
    finally:
        templates.default = before


def test_templates_of_releases_with_other_traces_are_read() -> None:
    found = json.loads(figure_serializer.serialize(go.Figure()))
    found["layout"]["template"]["data"]["scatterformer"] = [{"type": "scatterformer"}]
    found["layout"]["template"]["layout"]["former"] = {"style": "light"}
    assert_same_figure(figure_serializer.deserialize(json.dumps(found).encode()), go.Figure())
    found["layout"]["template"]["data"]["bar"] = [{"former": 1}]
    with pytest.raises(DeserializationError, match="'former'"):
        figure_serializer.deserialize(json.dumps(found).encode())


def test_a_figure_of_a_large_array_stores_it_once() -> None:
    figure = go.Figure(go.Scatter(y=_np.random.default_rng(1).random(10**5)))
    assert len(figure_serializer.serialize(figure)) < 8 * 10**5 * 4 // 3 + 10_000


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "subclass": (type("Mine", (go.Figure,), {}), r"plotly.graph_objects.Figure\(value\)"),
    "trace": (go.Scatter, "plotly.graph_objects.Figure"),
    "object": (lambda: go.Figure(layout={"meta": {"a": [object()]}}), r"layout.meta.a\[0\] is a .*object"),
    "function": (lambda: go.Figure(go.Scatter(meta=len)), r"data\[0\].meta is a .*Store the name of the function"),
    "key": (lambda: go.Figure(layout={"meta": {1: 2}}), r"layout.meta has the key 1"),
    "objects": (lambda: go.Figure(go.Scatter(x=_np.array([object()]))), r"data\[0\].x\[0\] is a "),
    "surrogate": (lambda: go.Figure(layout={"title": "\ud800"}), "surrogates not allowed"),
    "invalid": (
        lambda: go.Figure({"data": [{"type": "scatter", "mode": "no"}]}, _validate=False),
        "Plotly does not take",
    ),
    "deep": (lambda: go.Figure(layout={"meta": nested(120)}), "nested deeper than 100 levels"),
}


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_not_come_back_is_refused_with_what_to_do(case: str) -> None:
    make, text = REFUSED[case]
    with pytest.raises(SerializationError, match=text):
        figure_serializer.serialize(make())


def test_parts_of_figures_are_refused_with_what_to_do() -> None:
    with pytest.raises(SerializationError, match=r"graph_objects.Figure\(data=\[value\]\)"):
        encode(go.Scatter(y=[1]))


async def test_a_field_of_a_model_holds_a_figure(engine: object, tmp_path: Path) -> None:
    from artigraph import artifact_field

    @dataclass
    class Report(ArtifactModel, name="plotly.Report"):
        figure: Any
        kept: Any = artifact_field(storage=FileSystem(tmp_path / "objects"))

    figure = arrays()
    loaded = await Report.load(await Report(figure, figure).save("report"))
    assert_same_figure(loaded.figure, figure)
    assert_same_figure(loaded.kept, figure)
    assert loaded == Report(figure, figure)
    assert loaded != Report(go.Figure(), figure)


def test_a_preview_lists_the_traces() -> None:
    figure = go.Figure(layout={"title": "Loss"}, frames=[go.Frame(name="1")])
    figure.add_scatter(x=_np.arange(300), y=[1, 2], name="a", text=["t"] * 500)
    figure.add_heatmap(z=[[1, 2, 3], [4, 5, 6]])
    figure.add_pie()
    file = RecordingFile(figure_serializer.serialize(figure))
    found = figure_serializer.preview(file)
    assert found.rows == (("scatter", "a", 300), ("heatmap", None, 6), ("pie", None, 0))
    assert found.summary.startswith("figure 'Loss', 1 frame, 3 traces, ")
    assert figure_serializer.preview(file, rows=1, columns=1).rows == (("scatter",),)


def test_a_preview_of_a_large_figure_is_its_first_text() -> None:
    file = RecordingFile(figure_serializer.serialize(go.Figure(go.Scatter(y=list(range(10**5))))))
    found = figure_serializer.preview(file, max_bytes=2**18)
    assert (found.kind, found.cut, found.text[:8]) == ("text", True, '{"data":')
    compact = RecordingFile(
        figure_serializer.serialize(go.Figure(go.Scatter(y=_np.random.default_rng(1).random(10**5))))
    )
    assert figure_serializer.preview(compact).rows == (("scatter", None, 10**5),)


def test_a_difference_is_told() -> None:
    one = go.Figure(go.Scatter(x=_np.arange(3), y=[1, 2, 3]))
    other = go.Figure(go.Scatter(x=_np.array([0, 1, 4]), y=[1, 2, 4]), layout={"title": "a"})
    assert (
        figure_serializer.describe_change(one, other)
        == "differ: data[0].x (1 of 3, by at most 2), data[0].y, layout.title"
    )
    other.add_bar(y=[1])
    assert figure_serializer.describe_change(one, other).startswith("1 → 2 traces; differ: data[0].x")
    assert not figure_serializer.equal(one, other)
    assert not figure_serializer.equal(one, go.Figure(go.Scatter(x=_np.arange(3, dtype="i4"), y=[1, 2, 3])))
    nan = go.Figure(go.Scatter(x=[float("nan")], y=_np.array([float("nan")])))
    assert figure_serializer.equal(nan, stored(nan))


def document() -> Document:
    found: Document = json.loads(
        figure_serializer.serialize(go.Figure(go.Scatter(x=_np.arange(6), y=_np.array([None, 1]), meta=(1,))))
    )
    return found


def with_note(note: Any) -> Callable[[Document], None]:
    return lambda document: document["artigraph"]["notes"].append(note)


def with_array(**parts: Any) -> Callable[[Document], None]:
    return lambda document: document["data"][0]["x"].update(parts)


HOSTILE: dict[str, Callable[[Document], object]] = {
    "version": lambda document: document["artigraph"].update(version=2),
    "no note": lambda document: document.pop("artigraph"),
    "no data": lambda document: document.pop("data"),
    "more": lambda document: document.update(more=1),
    "list": lambda document: document.update(layout=[]),
    "huge shape": with_array(shape="1000000000000, 6"),
    "negative shape": with_array(shape="-2, -3"),
    "other shape": with_array(shape="2, 2"),
    "no dtype": with_array(dtype="O"),
    "wide dtype": with_array(dtype="f8", bdata=b64encode(bytes(8)).decode()),
    "bdata": with_array(bdata="\xe9"),
    "odd bdata": with_array(bdata="AAA"),
    "path": with_note([["data", 9, "x"], "plain", 1]),
    "path of attributes": with_note([["data", 0, "x", "dtype"], "plain", 1]),
    "path of a truth value": with_note([["data", False], "plain", 1]),
    "empty path": with_note([[], "plain", 1]),
    "kind": with_note([["data"], "eval", "1"]),
    "objects": with_note([["data", 0, "meta"], "objects", [10**12]]),
    "many objects": with_note([["layout"], "objects", [0, 10**15]]),
    "npy": with_note([["data", 0, "meta"], "npy", "k05VTVBZ"]),
    "scalar": with_note([["data", 0, "meta"], "scalar", ""]),
    "pandas": with_note([["data", 0, "meta"], "pandas", "{}"]),
    "class": with_note([["data", 0, "meta"], "plain", {"$enum": ["a", "b"]}]),
    "grid": lambda document: document["artigraph"].update(grid=["", [[[["a", 1, {}]]]]]),
    "trace": lambda document: document["data"][0].update(type="os.system"),
    "property": lambda document: document["data"][0].update(nothing=1),
    "value": lambda document: document["data"][0].update(mode="anything"),
    "changed": lambda document: document["data"][0].update(name=3),
    "template": lambda document: document["layout"].update(template="plotly"),
    "deep": lambda document: document["layout"].update(meta=nested(900)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_json_that_lies_is_an_error(case: str) -> None:
    found = document()
    assert figure_serializer.deserialize(json.dumps(found).encode()).data[0].meta == (1,)
    HOSTILE[case](found)
    with pytest.raises(DeserializationError) as caught:
        figure_serializer.deserialize(json.dumps(found).encode())
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "data",
    [
        *(b"[" * 10**5, b'{"a":' * 10**5, b'{"data":[],"data":[]}', b"1" * 5000, b'{"layout":NaN}'),
        *(b"[" + b"9" * 4000 + b"]", b'"' + b"a" * 10**6 + b'"', b"{}\0"),
    ],
    ids=["arrays", "objects", "twice", "digits", "nan", "number", "text", "more"],
)
def test_other_json_is_an_error(data: bytes) -> None:
    with pytest.raises(DeserializationError):
        figure_serializer.deserialize(data)
