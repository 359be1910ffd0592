"""Columns whose names contain commas, quotes and spaces are chosen like all others."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from artigraph import Run, RunManager
from artigraph.db import engine_context
from artigraph.printable import quote_item, split_items
from artigraph.ui import create_app
from tests.ui.conftest import Page, client_of, document

NAMES = ("a,b", 'say "a", b', "plain", " spaced ", '"', ",", 'a"b', "x]'y")


async def test_a_run_has_columns_with_commas(url: str) -> None:
    async with (
        engine_context(url, create_tables=True),
        RunManager(Run(name="one", parameters=dict.fromkeys(NAMES, 1), tags={"t,u": "v"})),
    ):
        pass
    async with client_of(create_app(url)) as client:
        page = Page((await client.get("/runs")).text)
        inputs = [(name, value) for tag, name, value in page.attributes if tag == "input"]
        values = [str(inputs[at + 1][1]) for at, pair in enumerate(inputs) if pair == ("name", "cols")]
        assert len(values) == len(NAMES) + 1
        address = "/runs?" + "&".join(f"cols={quote(value)}" for value in values)
        [run] = await document(client, address)
        assert run["columns"] == {**{f"parameters.{name}": 1 for name in NAMES}, "tags.t,u": "v"}
        again = await client.get(address)
        assert again.status_code == 200
        together = f"/runs?cols={quote(','.join(values))}"
        assert await document(client, together) == [run]
        found = await client.get("/search?q=t,u")
        [link] = [link.address for link in Page(found.text).links if "cols=" in link.address]
        assert (await client.get(f"/{link.removeprefix('./')}")).status_code == 200


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (" , ,", []),
        ("a,b", ["a", "b"]),
        (' a , "b,c" ,d', ["a", "b,c", "d"]),
        ('"a""b"', ['a"b']),
        ('"a,b', ['"a', "b"]),
        ('"a"b,c', ['"a"b', "c"]),
        ('"",a', ["a"]),
        ('a"b,c', ['a"b', "c"]),
    ],
)
def test_items_are_separated_by_commas(text: str, items: list[str]) -> None:
    assert split_items(text) == items


def test_a_quoted_item_is_read_as_it_was() -> None:
    assert split_items(",".join(map(quote_item, NAMES))) == list(NAMES)
