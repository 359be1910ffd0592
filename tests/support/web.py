"""Pages of the web view, and what holds for each."""

from __future__ import annotations

from html.parser import HTMLParser

import httpx

HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e"
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


class Page(HTMLParser):
    """The elements and the text of a page. It fails on a page whose elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, attribute: str) -> list[str]:
        """Return an attribute of all elements that have it."""
        found = (attributes.get(attribute) for name, attributes in self.tags if name == tag)
        return [value for value in found if value is not None]


async def page_of(client: httpx.AsyncClient, address: str) -> Page:
    """Return a page, after the checks that hold for each: nothing runs, all links are relative, and HEAD works."""
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    head = await client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    page = Page(answer.text)
    for tag, attributes in page.tags:
        assert tag not in ("style", "iframe", "object", "embed", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "./").startswith((".", "#")), (tag, attributes)
    assert [attributes.get("src") for tag, attributes in page.tags if tag == "script"] == page.values("script", "src")
    return page
