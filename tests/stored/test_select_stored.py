"""Queries by the stored name of a model, without its class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, LoadFailure, Run, RunManager, artifact_field, columns, select
from artigraph.db import session_context
from artigraph.errors import MalformedRowError, NodeNotFoundError, QueryError
from artigraph.identifiers import new_id
from artigraph.orm import node_table
from artigraph.query import Condition, StoredSelect
from artigraph.storage import MemoryStorage
from artigraph.stored import StoredEnum, StoredModel
from artigraph.stored.read import read_each
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("saved")

memory = MemoryStorage("select-stored")
LONG = "x" * 300
"""A text whose search key is cut."""


class Color(Enum):
    RED = 1
    BLUE = 2


class Level(IntEnum):
    LOW = 1


@dataclass
class Data(ArtifactModel, name="select-stored.Data"):
    name: str
    size: int


@dataclass
class Other(ArtifactModel, name="select-stored.Other"):
    name: str


@dataclass
class Report(ArtifactModel, name="select-stored.Report"):
    accuracy: float | None
    title: str
    color: Color
    level: Level
    data: Data | Other
    note: str = artifact_field(storage=memory, default="")


@dataclass
class Special(Report, name="select-stored.Special"):
    extra: int = 0


NAME = "select-stored.Report"
REPORTS = [
    Report(0.9, LONG + "b", Color.RED, Level.LOW, Data("train", 5), LONG + "1"),
    Report(0.5, LONG + "a", Color.BLUE, Level.LOW, Other("train"), LONG + "2"),
    Report(None, "short", Color.RED, Level.LOW, Data("test", 7)),
]


@pytest.fixture
async def saved(engine: AsyncEngine) -> None:
    async with RunManager(Run(name="all")) as manager:
        for number, report in enumerate(REPORTS):
            await manager.save_artifact(f"report {number}", report)
        await Special(0.9, "special", Color.RED, Level.LOW, Data("train", 5)).save("special")
        await Data("train", 9).save("data")


c = columns(NAME)


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        (c.accuracy > 0.6, [0]),
        (c["accuracy"] <= 0.9, [0, 1]),
        (c.accuracy.is_(None), [2]),
        (c.accuracy == "text", []),
        (c.nothing == 1, []),
        (~(c.nothing == 1), [0, 1, 2]),
        (c.title == LONG + "a", [1]),
        (c.title != LONG + "a", [0, 2]),
        (c.title.startswith(LONG) & c.title.contains("b"), [0]),
        (c.title.in_([LONG + "b", "short"]), [0, 2]),
        (c.note == LONG + "2", [1]),
        (c.color == StoredEnum("Color", "RED"), [0, 2]),
        (c.color.in_([StoredEnum("Color", "BLUE"), StoredEnum("Shade", "RED")]), [1]),
        (c.level == 1, [0, 1, 2]),
        (c.data.name == "train", [0, 1]),
        (c.data["name"].startswith("te"), [2]),
        ((c.data.size > 5) | (c.accuracy < 0.6), [1, 2]),
        (c.data.name.nothing == 1, []),
    ],
)
async def test_conditions_answer_as_with_the_class(condition: Condition, numbers: list[int]) -> None:
    query = select(NAME).where(condition)
    found = await query.all()
    assert [each.label for each in found] == [f"report {number}" for number in numbers]
    assert all(type(each) is StoredModel for each in found)
    assert await query.count() == len(numbers)
    assert await query.ids() == [each.node_id for each in found]


async def test_derived_classes_have_their_own_name() -> None:
    assert await select(NAME).count() == 3
    assert await select(Report).count() == 4
    assert [each.fields["extra"].value for each in await select("select-stored.Special").all()] == [0]
    assert await select("no such name").all() == []


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (select(NAME).order_by(c.accuracy), [2, 1, 0]),
        (select(NAME).order_by(c.title.desc()), [0, 1, 2]),
        (select(NAME).order_by(c.title), [2, 1, 0]),
        (select(NAME).order_by(c.note.desc()).limit(1), [1]),
        (select(NAME).order_by(c.color.desc(), c.data.name), [2, 0, 1]),
        (select(NAME).order_by(c.data.size.desc()).offset(1), [0, 1]),
        (select(NAME).labeled("report 1", "report 2").limit(1), [1]),
        (select(NAME).labeled("special"), []),
    ],
)
async def test_orders_labels_and_pages(query: StoredSelect, numbers: list[int]) -> None:
    assert [each.label for each in await query.all()] == [f"report {number}" for number in numbers]


async def test_in_a_run() -> None:
    run = await select(Run).where(columns(Run).name == "all").one()
    assert await select(NAME).in_run(run).count() == 3
    assert (await select(NAME).in_run(run).where(c.accuracy > 0.6).one()).run_id == run.node_id
    assert await select("select-stored.Data").in_run(run).count() == 0


async def test_runs_by_the_stored_name_of_what_they_used() -> None:
    async with RunManager(Run(name="user")) as manager:
        await manager.use((await select("select-stored.Data").one()).node_id)
    assert [run.node_id for run in await select(Run).used("select-stored.Data").all()] == [manager.run.node_id]
    assert await select(Run).used("select-stored.Other").all() == []


@pytest.mark.parametrize(
    ("condition", "before"),
    [(c.data.name == "train", 2), (c.title.startswith(LONG), 2), (c.note == LONG + "1", 1)],
    ids=["decided by the database", "decided by values in rows", "decided by objects"],
)
async def test_a_constant_number_of_statements(condition: Condition, before: int) -> None:
    with counted() as few:
        assert len(await select(NAME).where(condition).all()) == before
    for number in range(50):
        title = f"{LONG}{number}"
        await Report(0.1, title, Color.RED, Level.LOW, Data("train", number), LONG + "1").save("more")
    with counted() as many:
        assert len(await select(NAME).where(condition).all()) == before + 50
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: select(NAME).where(columns(Report).accuracy > 1), "take those of what is stored"),
        (lambda: select(Report).where(c.accuracy > 1), "take it from columns"),
        (lambda: select(NAME).where(columns("other").accuracy > 1), "a column of other"),
        (lambda: select(NAME).where(columns(Run).name == "x"), "a condition on runs"),
        (lambda: select(NAME).order_by(columns(Report).title), "take those of what is stored"),
        (lambda: columns("\0"), "The name of a model"),
        (lambda: select("x" * 300), "The name of a model"),
        (lambda: columns(NAME)["\0"], "NUL"),
        (lambda: c.accuracy == None, "is_"),  # noqa: E711
        (lambda: c.color > object(), "is not searched by"),
        (lambda: c.color < StoredEnum("Color", "RED"), "members of Color have no order"),
        (lambda: columns(Report).color == StoredEnum("Color", "RED"), "cannot be compared with Color.RED"),
    ],
)
def test_what_cannot_be_asked_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_its_parts_say_what_they_are() -> None:
    assert repr(select(NAME)) == "<select of select-stored.Report>"
    assert repr(c) == "<columns of 'select-stored.Report'>"
    assert repr(c.data.name) == "<column data.name>"
    with pytest.raises(AttributeError):
        c.__wrapped__  # noqa: B018


async def test_what_cannot_be_read_is_raised_or_skipped() -> None:
    damaged = (await select(NAME).labeled("report 1").one()).node_id
    async with session_context() as session:
        change = update(node_table).where(node_table.c.parent_id == damaged, node_table.c.label == "title")
        await session.execute(change.values(position=50))
    with pytest.raises(MalformedRowError):
        await select(NAME).all()
    found = await select(NAME).all(errors="skip")
    assert [each.label for each in found] == ["report 0", "report 2"]
    assert [(each.node_id, each.label, type(each.error)) for each in found.failures] == [
        (damaged, "report 1", MalformedRowError)
    ]


def test_a_query_error_is_raised_for_other_kinds() -> None:
    with pytest.raises(QueryError, match="the stored name of one"):
        select(5)  # type: ignore[call-overload]


async def test_what_is_gone_takes_a_constant_number_of_statements() -> None:
    (there, *_) = await select(NAME).ids()
    gone = [new_id() for _ in range(50)]
    counts: set[int] = set()
    for missing in (gone[:1], gone):
        failures: list[LoadFailure] = []
        with counted() as statements:
            found = await read_each([there, *missing], failures=failures)
        counts.add(len(statements))
        assert [node_id for node_id, _ in found] == [there]
        assert [each.node_id for each in failures] == missing
        assert {type(each.error) for each in failures} == {NodeNotFoundError}
    assert len(counts) == 1
