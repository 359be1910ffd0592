"""Rows of tables: all that is stored is text in them, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from markupsafe import Markup
from starlette.requests import Request

from artigraph.ui._app import ROUTES
from artigraph.ui._links import Links
from artigraph.ui._table import RunLine, RunLines, artifact_lines, inner_runs, run_lines
from artigraph.view import ArtifactItem, RunItem
from artigraph.view.listing import InputItem
from tests.ui.conftest import Page

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(8)]
TAGS = {"tr", "th", "td", "div", "input", "a", "span", "time", "code"}
ATTRIBUTES = {
    *("scope", "class", "type", "name", "value", "aria-label", "aria-hidden", "href", "title", "colspan"),
    *("datetime", "data-ago"),
}


@pytest.fixture
def links() -> Links:
    scope: dict[str, Any] = {"type": "http", "path": "/runs", "query_string": b"w=a%26b", "headers": []}
    return Links(Request(scope), {name: path for path, name, _ in ROUTES})


def hostile(given: Iterator[int]) -> str:
    """Return a text that ends any tag, attribute or entity, with a number to find it by."""
    return f"\"'><img src=x onerror=y>&\u202e{next(given)}."


def runs(given: Iterator[int], *, name: bool = True) -> RunItem:
    status: Any = '"><img>'  # reading refuses it
    return RunItem(
        run_id=IDS[0],
        name=hostile(given) if name else None,
        status=status,
        started_at=NOW,
        ended_at=NOW,
        duration=1.0,
        error_type=hostile(given)[:-1],  # what is before its last period is not shown
        error_message=hostile(given),
        parent_id=None,
        cached_from=IDS[1],
        child_runs=3,
        columns={"tags.a": hostile(given), "tags.b": 0.5},
        problems={"tags.c": hostile(given)},
    )


def artifacts(given: Iterator[int]) -> ArtifactItem:
    return ArtifactItem(
        artifact_id=IDS[2],
        model_name=hostile(given),
        class_version=1,
        label=hostile(given),
        created_at=NOW,
        run_id=IDS[0],
        aliases=(hostile(given),),
        columns={"a": hostile(given)},
        problems={"c": hostile(given)},
    )


def check(made: Markup, shown: Iterable[int]) -> None:
    """Check that texts made no tag, attribute or entity of their own, and that some of them are shown."""
    page = Page(f"<table>{made}</table>")
    assert set(page.tags) - {"table"} <= TAGS
    assert {name for _, name, _ in page.attributes} <= ATTRIBUTES
    assert not re.search(r"&(?!(amp|lt|gt|#\d+);)", made)
    assert "\u202e" not in made
    texts = page.text + "".join(str(value) for _, name, value in page.attributes if name == "title")
    assert [number for number in shown if f"\\u202e{number}" not in texts] == []


@pytest.mark.parametrize("is_open", [False, True])
def test_texts_in_the_list_of_runs_are_texts(links: Links, *, is_open: bool) -> None:
    given = count()
    inputs = (InputItem(IDS[3], "Model", hostile(given)), InputItem(IDS[4], "Model", hostile(given)))
    lines = [
        RunLine(runs(given), 0, is_open=is_open),
        RunLine(runs(given, name=False), 1, is_open=False),
    ]
    left = RunLine(runs(given), 1, is_open=False, more=True)
    chosen = ["tags.a", "tags.b", "tags.c", "tags.d"]
    opened = [str(IDS[0]), str(IDS[5])]
    made = run_lines(links, [RunLines(inputs, lines), RunLines(None, [left])], chosen, opened)
    check(made, range(12))  # of the last run, the name alone


def test_texts_in_runs_inside_of_runs_are_texts(links: Links) -> None:
    given = count()
    made = inner_runs(links, [runs(given)])
    check(made, [0])


def test_texts_in_lists_of_artifacts_are_texts(links: Links) -> None:
    given = count()
    made = artifact_lines(links, [artifacts(given)], ["a", "b", "c"], model=True, served={IDS[2]})
    check(made, range(5))
