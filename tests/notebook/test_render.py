"""The elements of views: escaped, limited in size, and well-formed even if a part fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import artigraph.html as html
from artigraph.html import BUDGET, Markup, Part
from tests.support.pages import page_of

STYLE = html.render().partition("</style>")[0] + "</style>"


def shown(*parts: Part) -> str:
    """Return the HTML of parts without what is around all of them."""
    found = html.render(*parts)
    page_of(found)
    return found.removeprefix(STYLE).removesuffix("</div>")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("</details></table>", "&lt;/details&gt;&lt;/table&gt;"),
        ("a & \"b\" 'c'", "a &amp; &quot;b&quot; &#x27;c&#x27;"),
        ("\u202egnp.exe\x00\x1b[2K\r\n\ud800", "\\u202egnp.exe\\x00\\x1b[2K\\r\\n\\ud800"),
        ("é 東京 👩‍💻", "é 東京 👩‍💻"),
        ("x" * 5_000, "x" * 1_999 + "…"),
    ],
)
def test_text_is_escaped(text: str, written: str) -> None:
    assert shown(text) == written
    assert shown(html.code("", title=text)) == (
        f'<span class="ag-c" title="{written}"></span>' if text else '<span class="ag-c"></span>'
    )


def test_elements() -> None:
    assert shown(html.pairs([("a", "1"), ("b", html.muted("2"))])) == (
        '<table class="ag-t"><tbody><tr><th>a</th><td>1</td></tr>'
        '<tr><th>b</th><td><span class="ag-m">2</span></td></tr></tbody></table>'
    )
    assert shown(html.table([["1", "2"]], head=["a", "b"], wraps=False)) == (
        '<table class="ag-t ag-r"><thead><tr><th>a</th><th>b</th></tr></thead>'
        "<tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    )
    # A heading without text would be one that says nothing.
    assert "<thead><tr><td></td><th>b</th></tr></thead>" in shown(html.table([["1", "2"]], head=["", "b"]))
    assert shown(html.details("name", "body", opened=True)) == (
        '<details open><summary>name</summary><div class="ag-in">body</div></details>'
    )
    assert shown(html.bars([0, 2, 1], "three")) == (
        '<svg width="160" height="28" viewBox="0 0 160 28" fill="currentColor" role="img" class="ag-b">'
        '<title>three</title><rect x="53.3" y="1.0" width="52.3" height="27.0"/>'
        '<rect x="106.7" y="14.5" width="52.3" height="13.5"/></svg>'
    )


def test_rows_that_are_left_out_are_counted() -> None:
    rows = ((str(number), "") for number in range(10**9))
    assert shown(html.pairs(html.first_of(rows, 1, 1_234))).endswith(
        '<tr><th>0</th><td></td></tr><tr><td colspan="99"><span class="ag-m">and 1,233 more</span></td></tr>'
        "</tbody></table>"
    )
    assert "more" not in shown(html.pairs(html.first_of([("a", "1")], 1, 1)))


def test_a_view_is_cut_at_its_budget() -> None:
    made: list[int] = []

    def rows() -> Iterator[tuple[str, Part]]:
        for number in range(10**9):
            made.append(number)
            yield str(number), "x" * 1_000

    found = html.render(html.details("all", html.pairs(rows()), opened=True), "after")
    page = page_of(found)
    assert BUDGET - 1_200 < len(found) <= BUDGET
    assert len(made) < 50  # what does not fit is not made
    assert page.text.endswith("The rest is left out, because it is too long.")
    assert "after" not in page.text


@pytest.mark.parametrize("letter", ["x", "é", "東", "👩", "<", "\x00"])
@pytest.mark.parametrize("length", range(1, 80, 13))
def test_no_length_is_over_the_budget(letter: str, length: int) -> None:
    rows = ((letter * length, letter * length * 3) for _ in range(10_000))
    found = html.render(html.pairs(rows))
    page_of(found)
    assert len(found.encode()) > BUDGET - 2_000


def test_a_part_with_a_budget_leaves_room_for_the_next() -> None:
    long = (html.element("div", "x" * 100) for _ in range(10_000))
    parts = html.within(5_000, html.Element("div", long)), html.element("b", "after")
    found = shown(html.Element("div", parts))
    assert 4_500 < len(found) < 5_200
    assert found.endswith('<div class="ag-m">The rest is left out, because it is too long.</div><b>after</b></div>')
    assert shown(html.within(5_000, "short"), "after") == "<div>short</div>after"


def test_many_parts_with_budgets_stay_in_the_whole() -> None:
    def long() -> html.Element:
        return html.within(9_000, html.Element("div", (html.element("div", "é" * 200) for _ in range(10_000))))

    found = html.render(html.pairs((str(number), long()) for number in range(100)))
    page_of(found)
    assert found.count("The rest is left out") == 7  # five in full, a part of one, and the whole
    # Content that fits leaves no room for a note, because none is needed.
    page = page_of(html.render(*(html.within(100, "x") for _ in range(3_000))))
    assert page.text == "x" * 3_000


def test_markup_is_shown_as_a_whole_or_not_at_all() -> None:
    assert shown(Markup("<b>1</b>")) == "<b>1</b>"
    large = Markup("<b>" + 6_000 * "é" + "</b>")
    assert shown(html.within(5_000, large, "after")) == (
        '<div><span class="ag-m">11.7 KiB of HTML are left out</span>after</div>'
    )


class HostileError(Exception):
    def __str__(self) -> str:
        raise ValueError


class PanicError(BaseException):
    """As Rust's libraries raise it."""


def failing(error: BaseException, first: list[Part]) -> Iterator[Part]:
    yield from first
    raise error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("</b>no"), "(ValueError: &lt;/b&gt;no)"),
        (HostileError(), "(tests.notebook.test_render.HostileError)"),
        (PanicError("lost"), "(tests.notebook.test_render.PanicError: lost)"),
        (RecursionError("x" * 1_000), f"(RecursionError: {'x' * 200})"),
    ],
)
def test_a_failure_becomes_a_note(error: BaseException, text: str) -> None:
    note = f'<i class="ag-m">This could not be shown {text}</i>'

    def make() -> Part:
        raise error

    assert shown(html.attempt(make)) == note.replace("tests.notebook.test_render", HostileError.__module__)
    note = note.replace("tests.notebook.test_render", HostileError.__module__)
    assert shown(html.Element("div", failing(error, ["a"])), "after") == f"<div>a{note}</div>after"
    assert shown(html.Element("tr", failing(error, []))) == f"<tr><td>{note}</td></tr>"
    assert shown(html.Element("tbody", failing(error, []))) == f"<tbody><tr><td>{note}</td></tr></tbody>"


def test_an_iterator_that_always_fails_is_left() -> None:
    class Always:
        def __iter__(self) -> Iterator[Part]:
            return self

        def __next__(self) -> Part:
            raise ValueError

    assert shown(html.Element("div", Always())) == '<div><i class="ag-m">This could not be shown (ValueError)</i></div>'


def test_what_stops_the_process_passes() -> None:
    def make() -> Part:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        html.attempt(make)
    with pytest.raises(KeyboardInterrupt):
        html.render(html.Element("div", failing(KeyboardInterrupt(), [])))


def test_depth_has_no_limit_but_the_budget() -> None:
    part: Part = "inside"
    for _ in range(2_000):
        part = html.joined(part)
    assert "inside" in html.render(part)
