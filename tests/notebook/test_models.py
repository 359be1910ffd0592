"""Models and the values in them, as notebooks show them."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Lazy, Loaded, artifact_field, select
from artigraph.html import render
from artigraph.model.html import value_view
from artigraph.storage.file import FileSystem
from tests.support.pages import page_of
from tests.support.statements import counted

_pa: Any = pa
HOSTILE = "</details></td><script>alert(1)</script>\u202e\x1b[2K\x00"
VISIBLE = "</details></td><script>alert(1)</script>\\u202e\\x1b[2K\\x00"


@dataclass
class Inner(ArtifactModel, name="notebook.Inner"):
    number: int


@dataclass
class Report(ArtifactModel, name="notebook.Report", version=3):
    title: str
    accuracy: float
    inner: Inner
    secret: str = field(default="hidden", repr=False)


@dataclass
class Holder(ArtifactModel, name="notebook.Holder"):
    value: Any = None


def text_of(value: Any, *, foreign: bool = False) -> str:
    """Return the text of the view of a value in a model, without the head of the model."""
    text = page_of(Holder(value), foreign=foreign).text
    return text.removeprefix("Holder version 1, 1 fieldvalue")


def test_a_model_shows_its_fields() -> None:
    found = Report("first", 0.93, Inner(1))._repr_html_()
    page_of(found)
    assert found.partition("</style>")[2] == (
        '<details open><summary><span><b>Report</b> <span class="ag-m">version 3, 3 fields</span></span></summary>'
        '<div class="ag-in"><table class="ag-t"><tbody>'
        '<tr><th>title</th><td><div><span class="ag-c">&#x27;first&#x27;</span></div></td></tr>'
        '<tr><th>accuracy</th><td><div><span class="ag-c">0.93</span></div></td></tr>'
        "<tr><th>inner</th><td><div><details><summary><span><b>Inner</b> "
        '<span class="ag-m">version 1, 1 field</span></span></summary><div class="ag-in">'
        '<table class="ag-t"><tbody><tr><th>number</th><td><div><span class="ag-c">1</span></div></td></tr>'
        "</tbody></table></div></details></div></td></tr></tbody></table></div></details></div>"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (math.nan, "nan"),
        pytest.param(10**5_000, "<int of 16610 bits>", id="large"),
        pytest.param([10**5_000], "[<int of 16610 bits>] list of 1 item0<int of 16610 bits>", id="large in a list"),
        (b"x" * 100, f"b'{'x' * 26}...{'x' * 28}' 100 bytes"),
        ([1, 2, 3], "[1, 2, 3]"),
        ({"a": 1}, "{'a': 1}"),
        ((), "()"),
        ({1}, "{1}"),
        (Lazy([1]), "[1]"),
        (range(3), "range(0, 3)"),
        (np.float64(0.5), "np.float64(0.5)"),
        (np.datetime64("2026-01-02"), "np.datetime64('2026-01-02')"),
    ],
)
def test_plain_values(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_hostile_text_stays_text() -> None:
    shown = text_of(HOSTILE)
    assert shown == repr(HOSTILE)
    long = text_of(HOSTILE * 50)
    assert f"{len(HOSTILE) * 50:,} characters" in long
    assert VISIBLE * 10 in long
    assert VISIBLE in text_of({HOSTILE: [HOSTILE] * 30})
    named: Any = dataclass(type(HOSTILE[:20], (Holder,), {}))
    assert HOSTILE[:20] in page_of(named(1)).text
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=[HOSTILE])
    assert text_of(frame, foreign=True).count(VISIBLE) == 3
    assert text_of(pl.DataFrame({HOSTILE: [HOSTILE]}), foreign=True).count("<script>alert(1)</script>\\u202e") >= 1
    assert VISIBLE in text_of(_pa.table({HOSTILE: [HOSTILE]}))


def test_long_texts_open_on_a_click() -> None:
    shown = text_of("a\nb\n" + "x" * 1_000_000)
    assert shown.startswith("'a\\nb\\nxxxxx")
    assert " 1,000,004 charactersa\nb\nxxx" in shown
    assert shown.endswith("xxx\nand 998,004 more characters")
    assert len(shown) < 2_500


def test_many_fields_and_huge_texts_stay_small() -> None:
    names = [f"field_{number}" for number in range(10_000)]
    many: Any = dataclass(type("Many", (ArtifactModel,), {"__annotations__": dict.fromkeys(names, "str")}))
    model: Any = many(*["y" * 1_000_000] * 10_000)
    page = page_of(model)
    assert "version 1, 10,000 fields" in page.text
    assert "field_10" in page.text
    short: Any = many(*["y"] * 10_000)
    assert page_of(short).text.endswith("field_99'y'and 9,900 more")
    assert page_of(Holder([Holder({"x" * 200: "é" * 10_000}) for _ in range(10_000)])).text


def test_arrays_show_shape_dtype_and_histogram() -> None:
    shown = page_of(Holder(np.array([[0, 0, 1], [4, 2, 2]], np.int16)))
    assert "ndarray int16, shape (2, 3), 12 bytesmin 0, mean 1.5, max 4Histogram: min 0, mean 1.5, max 4" in shown.text
    assert shown.tags.count("rect") == 4
    assert text_of(np.array([np.nan, np.inf, 1.0])).startswith(
        "ndarray float64, shape (3,), 24 bytesmin 1, mean 1, max 1, 2 not finite"
    )
    assert text_of(np.empty((0, 3))) == "ndarray float64, shape (0, 3), 0 bytes"
    assert text_of(np.array(["a", "<b>"])) == "ndarray <U3, shape (2,), 24 bytes'a', '<b>'"
    assert text_of(np.array(["a"] * 9)).endswith("'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', …")
    assert text_of(np.array([True, False])).endswith("min 0, mean 0.5, max 1")
    assert "min -1.798e+308, mean 0, max 1.798e+308" in text_of(
        np.array([-1.7976931348623157e308, 1.7976931348623157e308])
    )
    assert text_of(np.array(7)).startswith("ndarray int64, shape (), 8 bytesmin 7, mean 7, max 7")
    assert text_of(pd.Series([1, 2, None])).startswith(
        "Series float64, shape (3,), 24 bytesmin 1, mean 1.5, max 2, 1 not"
    )
    assert text_of(pd.Series(["a", None])).startswith("Series ")


def test_a_sample_of_a_large_array_is_read() -> None:
    class Watched(np.ndarray[Any, Any]):
        def __array_finalize__(self, other: object) -> None:
            assert self.size < 5_000 or other is large, "a copy"

    large = np.arange(10_000_000)
    text = text_of(large.view(Watched))
    assert text.startswith("Watched int64, shape (10000000,), 76.3 MiBmin 0, mean 5e+06, max 1e+07 (of 4,096")
    assert "numbers, evenly spread" in text
    columns = np.asfortranarray(np.zeros((3_000, 3_000)))
    assert "(of 4,095 numbers, evenly spread)" in text_of(columns)


def test_frames_are_shown_by_their_own_html_and_cut() -> None:
    frame = pd.DataFrame(np.arange(30_000).reshape(1_000, 30))
    page = page_of(Holder(frame), foreign=True)
    assert "DataFrame, 1,000 rows, 30 columns, of which these are the first" in page.text
    assert page.tags.count("table") == 2
    assert page.tags.count("tr") == 1 + 1 + 10
    assert page.tags.count("style") == 1
    assert "279" in page.text
    assert "300" not in page.text
    with pd.option_context("display.max_colwidth", None):
        wide = pd.DataFrame({f"c{number}": ["w" * 500] * 20 for number in range(20)})
        assert page_of(Holder(wide), foreign=True).text.count("w" * 500) == 9
        huge = pd.DataFrame({"c": ["w" * 50_000]})
        assert "of HTML are left out" in page_of(Holder(huge), foreign=True).text
    shown = page_of(Holder(pl.DataFrame({"a": range(100)})), foreign=True)
    assert "DataFrame, 100 rows, 1 columns" in shown.text
    assert shown.tags.count("style") == 1
    assert ">9<" in Holder(pl.DataFrame({"a": range(100)}))._repr_html_()
    assert ">10<" not in Holder(pl.DataFrame({"a": range(100)}))._repr_html_()
    with pd.option_context("display.notebook_repr_html", False):
        assert "a" in text_of(pd.DataFrame({"a": [1]}))
    table = _pa.table([range(100)] * 2, names=["a", "a"])
    assert text_of(table).startswith("Table, 100 rows, 2 columns, of which these are the firstaa0011")


class Own:
    def __init__(self, html: object) -> None:
        self.html = html

    def _repr_html_(self) -> Any:
        if isinstance(self.html, Exception):
            raise self.html
        return self.html

    def __repr__(self) -> str:
        return "<Own>"


@dataclass
class Styled(ArtifactModel, name="notebook.Styled"):
    value: int

    def _repr_html_(self) -> str:
        return f"<em>{self.value}</em>"


def test_html_of_the_user_wins() -> None:
    assert Styled(1)._repr_html_() == "<em>1</em>"
    assert "<td><div><em>1</em></div></td>" in Holder(Styled(1))._repr_html_()
    assert "<td><div><em>2</em></div></td>" in Holder([Styled(2)])._repr_html_()
    assert "<td><div><p>own</p></div></td>" in Holder(Own("<p>own</p>"))._repr_html_()
    assert text_of(Own(None)) == "<Own>"
    assert text_of(Own("x" * 20_000)) == "19.5 KiB of HTML are left out"
    assert text_of(Own("\u202e")) == "\\u202e"
    assert "<td><div><p>\n\ta</p></div></td>" in Holder(Own("<p>\n\ta</p>"))._repr_html_()


class BadRepr:
    def __repr__(self) -> str:
        msg = "no <repr>"
        raise ValueError(msg)


class BadShape:
    @property
    def shape(self) -> Any:
        msg = "no shape"
        raise RuntimeError(msg)


def test_what_fails_becomes_a_note() -> None:
    assert text_of(BadRepr()) == "This could not be shown (ValueError: no <repr>)"
    assert text_of(BadShape()) == "This could not be shown (RuntimeError: no shape)"
    assert text_of(Own(KeyError("x"))) == "This could not be shown (KeyError: 'x')"
    assert text_of([BadRepr(), 1]) == "list of 2 items0This could not be shown (ValueError: no <repr>)11"
    broken = object.__new__(Report)  # a constructor that failed
    broken.title = "here"
    page = page_of(broken)
    assert "title'here'" in page.text
    assert page.text.count("This could not be shown (AttributeError") == 2
    assert page_of(object.__new__(ArtifactModel)).text == "ArtifactModel()"


class Pair(NamedTuple):
    left: int
    right: int


@dataclass
class Plain:
    x: int
    y: Any


@dataclass
class WithRepr:
    x: int

    def __repr__(self) -> str:
        return f"<x is {self.x}>"


def test_containers_and_dataclasses_open_on_a_click() -> None:
    assert text_of(list(range(1_000))).startswith("[0, 1, 2, 3, ...] list of 1,000 items0011")
    assert text_of(list(range(1_000))).endswith("1919and 980 more")
    assert text_of([Inner(7)]) == "list of 1 item0Inner version 1, 1 fieldnumber7"
    assert text_of(ArtifactMapping(a=Inner(1))) == "ArtifactMapping of 1 itemaInner version 1, 1 fieldnumber1"
    assert text_of(ArtifactSequence([1, 2])) == "ArtifactSequence(1, 2)"
    assert text_of(Pair(1, 2)) == "Pair(left=1, right=2)"
    assert text_of(Plain(1, [None])) == "Plain 2 fieldsx1y[None]"
    assert text_of(WithRepr(1)) == "<x is 1>"
    assert page_of(ArtifactMapping(a=1)).text == "ArtifactMapping(a=1)"
    assert page_of(ArtifactSequence([Inner(1)])).text == "ArtifactSequence of 1 item0Inner version 1, 1 fieldnumber1"
    assert page_of(Lazy(3)).text == "3"


def test_a_stream_is_not_read() -> None:
    def numbers() -> Iterator[int]:
        read.append(1)
        yield 1

    read: list[int] = []
    assert text_of(numbers()).startswith("<generator object")
    assert read == []


def test_depth_and_circles_end() -> None:
    looped: list[Any] = []
    looped.append(looped)
    assert "[[...]]" in text_of(looped)
    deep = Holder(1)
    for _ in range(5_000):
        deep = Holder(deep)
    assert page_of(deep).text.count("version 1") == 4


async def test_showing_loads_nothing(engine: AsyncEngine, tmp_path: Path) -> None:
    storage = FileSystem(str(tmp_path / "objects"), name="shown")

    @dataclass
    class Kept(ArtifactModel):
        small: int
        samples: Lazy[np.ndarray[Any, Any]] = artifact_field(storage=storage)
        more: int = 1

    node_id = await Kept(1, Lazy(np.zeros(100_000))).save("kept")
    loaded: Any = await Kept.load(node_id)
    part: Any = await Kept.load(node_id, fields=["small"])
    found = await select(Kept).all(errors="skip")
    for path in (tmp_path / "objects").rglob("*"):
        if path.is_file():
            path.write_bytes(b"altered")  # reading it shows that
    head = f"Kept version 1, 3 fields …{str(node_id)[-8:]}small1"
    kept = "not loaded: numpy-array, 781.4 KiB in shown"
    with counted() as statements:
        assert page_of(loaded).text == f"{head}samples{kept}more1"
        assert page_of(part).text == f"{head}samplesnot loadedmorenot loaded"
        assert page_of(loaded.samples).text == kept
        assert kept in page_of(found).text
    assert statements == []


def test_results_are_a_table() -> None:
    page = page_of(Loaded([Report(f"<{number}>", 0.5, Inner(number)) for number in range(60)]))
    assert page.text.startswith("titleaccuracyinner0'<0>'0.5Inner(number=0)1") or page.text.startswith(
        "titleaccuracyinner0<0>0.5Inner(number=0)1"
    )
    assert page.text.endswith("and 10 more60 results")
    assert page.tags.count("tr") == 52
    mixed = page_of(Loaded([Inner(1), Report("a", 1.0, Inner(2))]))
    assert mixed.text == "classnumbertitleaccuracyinner0Inner11Reporta1.0Inner(number=2)2 results"
    assert page_of(Loaded([])).text == "0 results"
    assert page_of(Loaded([1, 2])).text == "[1, 2]"
    broken = object.__new__(Inner)
    assert "This could not be shown (AttributeError" in page_of(Loaded([broken])).text


def test_the_code_for_html_is_imported_when_it_is_needed() -> None:
    code = "import sys, artigraph; print('artigraph.html' in sys.modules, 'artigraph.notebook' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "False"]


@pytest.mark.parametrize("depth", range(5))
def test_every_depth_is_within_the_budget(depth: int) -> None:
    value: Any = "x" * 100
    for _ in range(6):
        value = {f"{key}" * 50: [value] * 3 for key in range(20)}
    page_of(render(value_view(value, depth)))
