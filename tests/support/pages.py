"""HTML as a browser reads it: its elements, and whether it is harmless."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from artigraph.html import BUDGET

ALLOWED = {
    *("b", "details", "div", "i", "pre", "rect", "span", "style", "summary", "svg", "title"),
    *("table", "tbody", "td", "th", "thead", "tr"),
}
"""The elements that our own views consist of."""


@dataclass
class Page(HTMLParser):
    """The elements of a view. It fails on an end tag that does not close the innermost element."""

    tags: list[str] = field(default_factory=list[str])
    attributes: set[str] = field(default_factory=set[str])
    text: str = ""
    styles: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] == ["style"]:
            self.styles += data
        else:
            self.text += data

    def close(self) -> None:
        super().close()
        assert self._inside == []


def page_of(shown: Any, *, foreign: bool = False) -> Page:
    """Return the page of an object or of its HTML, after checking that it is well-formed, small and harmless.

    With `foreign`, it holds HTML of other libraries, so it may have other elements.
    """
    html = shown if isinstance(shown, str) else shown._repr_html_()
    assert isinstance(html, str)
    assert len(html.encode("utf-8")) <= BUDGET
    page = Page()
    page.feed(html)
    page.close()
    assert foreign or set(page.tags) <= ALLOWED, set(page.tags) - ALLOWED
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name in ("href", "src")]
    assert "http" not in html
    assert not re.search(r"url\(|@import|expression\(", page.styles)
    for rule in page.styles.split("}")[:-1]:
        assert rule.startswith(".artigraph-view"), rule
    assert not [mark for mark in html if mark < " " and mark != "\n"]
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200b\x7f") & set(html)
    return page
