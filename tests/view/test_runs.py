"""Pages of runs, and everything about one run."""

from __future__ import annotations

import dataclasses
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from artigraph import ArtifactModel, Run, RunManager, columns, delete, select
from artigraph.db import session_context
from artigraph.errors import (
    InvalidCursorError,
    InvalidLabelError,
    InvalidNodeIdError,
    MalformedRowError,
    NodeNotFoundError,
    QueryError,
)
from artigraph.orm import node_table, run_value_table
from artigraph.view import artifacts_page, run_document, runs_page
from artigraph.view.listing import list_run_columns
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")

HOSTILE = "<script>alert('\x1b[31m')</script>\u202e\n"


@dataclass
class Score(ArtifactModel, name="view.Score"):
    value: float


@dataclass
class Notes(ArtifactModel, name="view.Notes"):
    text: str
    inner: Score
    numbers: list[int]


async def made(count: int, parent: Any = None, **fields: Any) -> list[UUID]:
    """Make runs, and return their ids, the newest first."""
    found: list[UUID] = []
    for _ in range(count):
        async with RunManager(Run(parent, **fields)) as manager:
            found.insert(0, manager.run.node_id)
    return found


async def all_pages(limit: int, **asked: Any) -> list[UUID]:
    found: list[UUID] = []
    after: str | None = None
    while True:
        page = await runs_page(limit=limit, after=after, **asked)
        as_json(page)
        found += [item.run_id for item in page.items]
        after = page.next
        if after is None:
            return found
        assert len(page.items) == limit


async def test_pages_have_each_run_once_the_newest_first() -> None:
    ids = await made(7)
    for limit in (1, 2, 3, 7, 8):
        assert await all_pages(limit) == ids
    assert (await runs_page(limit=7)).next is None
    assert (await runs_page(limit=6)).next is not None


async def test_an_empty_store_has_an_empty_page() -> None:
    assert as_json(await runs_page()) == {"schema": "artigraph.runs/1", "data": [], "next": None}


async def test_runs_that_are_made_or_deleted_meanwhile_move_no_other() -> None:
    ids = await made(6)
    page = await runs_page(limit=2)
    await made(2)
    await delete([ids[1], ids[2]])
    following = await runs_page(limit=2, after=page.next)
    assert [item.run_id for item in following.items] == ids[3:5]


async def test_a_tree_is_read_level_by_level() -> None:
    async with RunManager(Run(name="outer")) as outer:
        await Score(1).save("score", outer.run)
        inner = await made(3)
        below = await made(2, inner[0])
    alone = await made(1)
    assert await all_pages(2, top_only=True) == [*alone, outer.run.node_id]
    assert await all_pages(2, under=outer) == inner
    assert await all_pages(1, under=inner[0]) == below
    assert await all_pages(2, query=select(Run).in_run(outer, descendants=True)) == [*below, *inner]
    assert await all_pages(2) == [*alone, *below, *inner, outer.run.node_id]
    counts = {item.run_id: item.child_runs for item in (await runs_page()).items}
    assert counts == {outer.run.node_id: 3, inner[0]: 2, **dict.fromkeys([*inner[1:], *below, *alone], 0)}


async def test_a_query_says_which_runs_and_its_order_and_limit_have_no_effect() -> None:
    c = columns(Run)
    ids = await made(3, name="a")
    await made(3, name="b")
    asked = select(Run).where(c.name == "a").order_by(c.started_at).limit(1).offset(2)
    assert await all_pages(2, query=asked) == ids
    assert await all_pages(2, query=asked, top_only=True) == ids
    assert await all_pages(2, query=select(Run).where(c.status == "failed")) == []


async def test_runs_that_used_an_artifact() -> None:
    score_id = await Score(1).save("score")
    users: list[UUID] = []
    for _ in range(3):
        async with RunManager(Run()) as manager:
            await manager.use(score_id)
        users.insert(0, manager.run.node_id)
        await made(1)
    assert await all_pages(2, used=score_id) == users
    assert await all_pages(2, used=uuid4()) == []
    others: list[dict[str, Any]] = [{"query": select(Run)}, {"under": users[0]}, {"top_only": True}]
    for other in others:
        with pytest.raises(QueryError, match="used excludes"):
            await runs_page(used=score_id, **other)


async def test_chosen_columns_are_cells() -> None:
    parameters = {"rate": 0.5, "nan": float("nan"), "big": 2**60, "list": [1, "a"], "a.b": None, "long": "x" * 20_000}
    await made(1, parameters=parameters, tags={"team": HOSTILE}, environment={"python": "3.12"})
    await made(1)
    names = [f"parameters.{name}" for name in parameters]
    page = await runs_page(columns=["tags.team", *names, "environment.python", "tags.none"])
    [without, found] = as_json(page)["data"]
    assert without["columns"] == {}
    assert found["columns"] == {
        "tags.team": HOSTILE,
        "parameters.rate": 0.5,
        "parameters.nan": "NaN",
        "parameters.big": str(2**60),
        "parameters.list": "[1, 'a']",
        "parameters.a.b": None,
        "parameters.long": '"' + "x" * 198 + "…",
        "environment.python": "3.12",
    }
    assert next(iter(found["columns"])) == "tags.team"
    assert found["problems"] == {}


async def test_the_columns_of_some_runs_can_be_listed() -> None:
    [first] = await made(1, parameters={"rate": 1, "b": 2}, tags={"team": "a"})
    [second] = await made(1, parameters={"rate": 3}, tags={HOSTILE: "b"})
    [third] = await made(1)
    assert await list_run_columns([first]) == ["parameters.b", "parameters.rate", "tags.team"]
    with counted() as seen:
        both = await list_run_columns([first, second, third])
    assert (both, len(seen)) == (["parameters.b", "parameters.rate", f"tags.{HOSTILE}", "tags.team"], 1)
    assert await list_run_columns([third, uuid4()]) == await list_run_columns([]) == []
    page = await runs_page(columns=both)
    assert page.items[1].columns == {"parameters.rate": 3, f"tags.{HOSTILE}": "b"}
    with pytest.raises(InvalidNodeIdError):
        await list_run_columns(["x"])


async def test_results_are_columns() -> None:
    async with RunManager(Run()) as first:
        await first.save_artifact("score", Score(0.5))
        await first.save_artifact("a.b", Score(0.25))
        await first.save_artifact("notes", Notes("x" * 2_000, Score(0.125), [1]))
    async with RunManager(Run()) as second:
        await second.use(await Score(7).save("score"))
    offered = ["results.notes.numbers", "results.score.value"]
    assert await list_run_columns([first, second]) == offered
    chosen = ["results.notes.inner.value", "results.notes.text", *offered, "results.score.none", "results.none.value"]
    page = await runs_page(columns=chosen)
    as_json(page)
    assert [dict(item.columns) for item in page.items] == [
        {},
        {
            "results.notes.inner.value": 0.125,
            "results.notes.text": "<json, 2.0 KiB>",
            "results.notes.numbers": "[1]",
            "results.score.value": 0.5,
        },
    ]
    counts: set[int] = set()
    for _ in range(2):
        with counted() as seen:
            await runs_page(columns=["results.notes.inner.value", "results.score.value"])
        counts.add(len(seen))
        async with RunManager(Run()) as other:
            await other.save_artifact("score", Score(1))
    assert counts == {4}


async def test_a_value_that_cannot_be_read_hides_no_other() -> None:
    [run_id] = await made(1, parameters={"bad": 1, "good": 2})
    await _damage(run_id, "bad")
    [found] = as_json(await runs_page(columns=["parameters.bad", "parameters.good"]))["data"]
    assert (found["columns"], list(found["problems"])) == (
        {"parameters.bad": None, "parameters.good": 2},
        ["parameters.bad"],
    )
    data = as_json(await run_document(run_id))["data"]
    assert (data["parameters"], list(data["problems"])) == ({"bad": None, "good": 2}, ["parameters.bad"])


async def _damage(run_id: UUID, name: str) -> None:
    async with session_context() as session:
        await session.execute(
            update(run_value_table)
            .where(run_value_table.c.run_id == run_id, run_value_table.c.name == name)
            .values(value=b'{"$nothing":1}')
        )


async def test_an_outcome_is_complete() -> None:
    with pytest.raises(ValueError, match="broken"):
        async with RunManager(Run(name=HOSTILE)):
            raise ValueError(f"broken {HOSTILE}")
    async with RunManager(Run(name="running")):
        [running, failed] = as_json(await runs_page())["data"]
    assert (failed["name"], failed["status"], failed["error_type"]) == (HOSTILE, "failed", "ValueError")
    assert failed["error_message"] == f"broken {HOSTILE}"
    assert failed["duration"] >= 0
    assert failed["started_at"] <= failed["ended_at"]
    assert (running["status"], running["ended_at"], running["duration"]) == ("running", None, None)


CURSOR = urlsafe_b64encode(b"1r" + bytes(16)).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        CURSOR[:-1],
        CURSOR + "A",
        CURSOR + "\n",
        "\0" * 24,
        "é" * 24,
        "A" * 24,
        "A" * 100_000,
        urlsafe_b64encode(b"2r" + bytes(16)).decode(),
        b"bytes",
        5,
        [CURSOR],
        f"{UUID(int=0)}",
    ],
)
async def test_a_hostile_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(InvalidCursorError, match="is no cursor of runs") as caught:
        await runs_page(after=cursor)
    assert len(str(caught.value)) < 300
    with pytest.raises(InvalidCursorError):
        await artifacts_page(after=cursor)


async def test_a_cursor_of_other_pages_is_refused() -> None:
    assert (await runs_page(after=CURSOR)).items == ()
    with pytest.raises(InvalidCursorError, match="a cursor of other pages, not of artifacts"):
        await artifacts_page(after=CURSOR)


@pytest.mark.parametrize("limit", [0, -1, 1_001, 1.5, True, "5", None])
async def test_a_limit_is_a_number_of_items(limit: Any) -> None:
    for call in (runs_page(limit=limit), artifacts_page(limit=limit), run_document(uuid4(), limit=limit)):
        with pytest.raises(QueryError, match="limit is the number"):
            await call


@pytest.mark.parametrize("names", ["tags.a", 5, [5], ["rate"], ["parameter.rate"], ["tags"], [None], None])
async def test_a_column_of_runs_is_a_named_value(names: Any) -> None:
    with pytest.raises(QueryError, match="olumn"):
        await runs_page(columns=names)


async def test_what_is_no_query_of_runs_is_refused() -> None:
    with pytest.raises(QueryError, match="made by select"):
        await runs_page(select(Score))  # type: ignore[arg-type]
    with pytest.raises(InvalidNodeIdError):
        await runs_page(under="name")
    with pytest.raises(InvalidLabelError):
        await runs_page(columns=["tags.\0"])


async def test_a_run_in_full() -> None:
    first_id = await Score(0.1).save("first")
    before = await made(1, name="train")
    async with RunManager(Run(name="outer")) as outer:
        run = Run(name="train", tags={"team": "vision"}, parameters={"rate": 0.5, "layers": [1, 2]})
        async with RunManager(run) as manager:
            await manager.use(first_id)
            score_id = await manager.save_artifact("score", Score(float("nan")))
            children = await made(3)
    behind = await made(1, name="train")
    await made(2, name="train")
    document = await run_document(manager, limit=2)
    data = as_json(document)["data"]
    assert {name: data[name] for name in ("run_id", "name", "status", "parent_id", "parent_name")} == {
        "run_id": str(run.node_id),
        "name": "train",
        "status": "completed",
        "parent_id": str(outer.run.node_id),
        "parent_name": "outer",
    }
    assert (document.previous_id, document.following_id) == (before[0], behind[0])
    assert data["parameters"] == {"layers": [1, 2], "rate": 0.5}
    assert (data["tags"], data["environment"], data["problems"], data["cut"]) == ({"team": "vision"}, {}, {}, [])
    assert data["duration"] == (document.ended_at - document.started_at).total_seconds()  # type: ignore[operator]
    assert (document.child_runs, [item.run_id for item in document.children]) == (3, children[:2])
    rest = await runs_page(under=run, after=document.children_next)
    assert [item.run_id for item in rest.items] == children[2:]
    assert [(item["artifact_id"], item["columns"]) for item in data["produced"]] == [(str(score_id), {"value": "NaN"})]
    assert [(item["artifact_id"], item["columns"]) for item in data["used"]] == [(str(first_id), {"value": 0.1})]
    assert (data["produced_next"], data["used_next"]) == (None, None)


async def test_a_large_value_is_cut() -> None:
    [run_id] = await made(1, parameters={"large": "é" * 10_000, "small": "é" * 5_000})
    data = as_json(await run_document(run_id))["data"]
    assert data["cut"] == ["parameters.large"]
    assert data["parameters"]["large"].startswith('"ééé')
    assert data["parameters"]["large"].endswith("…")
    assert len(data["parameters"]["large"]) < 600
    assert data["parameters"]["small"] == "é" * 5_000


async def test_long_names_have_their_own_neighbors() -> None:
    start = "x" * 254
    [first] = await made(1, name=start + "a")
    await made(1, name=start + "b")
    [last] = await made(1, name=start + "a")
    assert (await run_document(first)).following_id == last
    assert (await run_document(last)).previous_id == first


async def test_what_is_no_run_is_refused() -> None:
    score_id = await Score(1).save("score")
    with pytest.raises(NodeNotFoundError, match="No run but a model"):
        await run_document(score_id)
    with pytest.raises(NodeNotFoundError, match="There is no node"):
        await run_document(uuid4())
    [run_id] = await made(1)
    async with session_context() as session:
        await session.execute(update(node_table).where(node_table.c.node_id == run_id).values(run_status="odd"))
    with pytest.raises(MalformedRowError, match="'odd'"):
        await run_document(run_id)
    with pytest.raises(MalformedRowError, match="'odd'"):
        await runs_page()


async def test_a_constant_number_of_statements() -> None:
    used_id = await Score(1).save("used")
    async with RunManager(Run()):
        await made(2, name="train")
    counts: set[tuple[int, int, int]] = set()
    for _ in range(3):
        async with RunManager(Run(name="train", parameters={"x": 1})) as manager:
            await manager.use(used_id)
            await made(5, parameters={"x": 1})
            for number in range(5):
                await manager.save_artifact(f"score {number}", Score(number))
        with counted() as pages:
            await runs_page(columns=["parameters.x"])
        with counted() as tops:
            await runs_page(top_only=True)
        with counted() as documents:
            await run_document(manager)
        counts.add((len(pages), len(tops), len(documents)))
    assert counts == {(2, 1, 8)}


async def test_items_cannot_be_written_to() -> None:
    await made(1)
    page = await runs_page()
    with pytest.raises(dataclasses.FrozenInstanceError):
        page.items[0].name = "x"  # type: ignore[misc]
