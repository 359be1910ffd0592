"""Every call accepts the same values as an id of a node, and refuses all others with the same error."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    Node,
    Run,
    RunManager,
    columns,
    delete,
    diff,
    load_many,
    origin_of,
    save_many,
    select,
    series,
    sync,
)
from artigraph.errors import (
    ArgumentError,
    InvalidLabelError,
    InvalidNodeIdError,
    NestedNodeError,
    NodeNotFoundError,
    QueryError,
    VersionNotFoundError,
)
from artigraph.sync.db import engine_context
from scripts.sync_names import CHOSEN, MIRRORED
from tests.support.identifiers import CASES, OPTIONAL, PARENTS, Score, spellings


@dataclass
class Box(ArtifactModel, name="ids Box"):
    score: Score
    by_name: ArtifactMapping[str, Score] = field(default_factory=ArtifactMapping)


@dataclass(slots=True)
class Slotted(ArtifactModel, name="ids Slotted"):
    value: int


ELSEWHERE = {"Run.__init__(node_id)"}


def public_parameters() -> Iterator[tuple[str, str]]:
    """Yield each parameter of a public function or method, and what it is annotated with."""
    seen: set[int] = set()
    classes: list[type[Any]] = [type(select(Run)), type(select(Node)), type(select(Score))]
    for name in ("artigraph", *MIRRORED):
        module = importlib.import_module(name)
        for item in CHOSEN.get(name) or module.__all__:
            value = getattr(module, item)
            if inspect.isfunction(value):
                yield from _parameters(item, value, seen)
            elif inspect.isclass(value):
                classes.append(value)
    for base in dict.fromkeys(base for cls in classes for base in cls.__mro__):
        for member, held in vars(base).items():
            function = getattr(held, "__func__", held)
            made_by_hand = member == "__init__" and base in (Run, RunManager)
            if inspect.isfunction(function) and (made_by_hand or not member.startswith("_")):
                yield from _parameters(f"{base.__name__}.{member}", function, seen)


def _parameters(name: str, function: Any, seen: set[int]) -> Iterator[tuple[str, str]]:
    if id(function) not in seen and (function.__module__ or "").startswith("artigraph"):
        seen.add(id(function))
        for parameter in inspect.signature(function).parameters.values():
            yield f"{name}({parameter.name})", str(parameter.annotation)


def test_each_parameter_that_takes_a_node_is_tried_here() -> None:
    """A new public function with an id takes a `NodeId`, and gets its line in CASES."""
    found = dict(public_parameters())
    takes = {name for name, annotation in found.items() if re.search(r"\b(NodeId|Which)\b", annotation)}
    assert takes == set(CASES) | ELSEWHERE
    assert {name for name, annotation in found.items() if "UUID" in annotation} == set()


@pytest.mark.parametrize("name", CASES)
async def test_whatever_stands_for_a_node_is_taken(engine: AsyncEngine, name: str) -> None:
    kind, call = CASES[name]
    for node_id, others in await spellings(kind):
        for other in others:
            answer = await call(node_id)
            assert await call(other) == answer, other
            assert name not in PARENTS or answer == node_id


NO_IDS: list[Any] = [
    5,
    b"x" * 16,
    None,
    object(),
    [],
    Run,
    Score,
    Score(1),
    "",
    "train",
    "018f3c5e-0000-7000-8000-00000000000",
    "018f3c5e-0000-7000-8000-0000000000000",
    "{018f3c5e-0000-7000-8000-000000000000}",
    "018f3c5e-0000-7000-8000-000000000000\n",
    " 018f3c5e-0000-7000-8000-000000000000",
    "018f3c5e0000-7000-8000-0000-00000000",
    "018f3c5e_0000_7000_8000_00000000",
    "\u0661" * 32,
    "uuid:018f3c5e-0000-7000-8000-000000000000",
]


@pytest.mark.parametrize("name", CASES)
async def test_what_stands_for_no_node_is_refused_with_what_to_pass(engine: AsyncEngine, name: str) -> None:
    await Score(0.5).save("score")
    for wrong in NO_IDS:
        if (
            (wrong is None and name in OPTIONAL)  # no parent, or no condition
            or (wrong == [] and name == "delete(ids)")  # nothing to delete
            or (type(wrong) is int and name.startswith("Series"))  # the number of a version
        ):
            continue
        is_alias = isinstance(wrong, str) and name.startswith("Series")
        with pytest.raises(VersionNotFoundError if is_alias else InvalidNodeIdError) as caught:
            await CASES[name][1](wrong)
        shown = wrong.__qualname__ if isinstance(wrong, type) else "Score" if isinstance(wrong, Score) else repr(wrong)
        assert shown[:20] in str(caught.value)


@pytest.mark.parametrize(
    "column", [columns(Run).node_id, columns(Run).node_parent_id, columns(Node).parent_id], ids=repr
)
async def test_columns_of_ids_are_compared_with_what_stands_for_a_node(engine: AsyncEngine, column: Any) -> None:
    async with RunManager(Run()) as manager, RunManager(Run()) as inner:
        await inner.save_artifact("score", Score(1))
        asked: Any = select(Node) if "nodes" in repr(column) else select(Run)
        expected = await asked.where(column == manager.run.node_id).ids()
        assert expected
        for other in (manager, manager.run, str(manager.run.node_id).upper()):
            assert await asked.where(column == other).ids() == expected
            assert await asked.where(column.in_([other, uuid4()])).ids() == expected
    for wrong in NO_IDS:
        with pytest.raises(QueryError):
            _ = column == wrong


def test_a_manager_of_the_sync_twin_stands_for_its_run(database_url: str) -> None:
    with engine_context(database_url, create_tables=True):
        with sync.RunManager(Run()) as manager:
            node_id = manager.save_artifact("score", Score(1))
        assert sync.select(Score).in_run(manager).ids() == [node_id]
        assert sync.delete([manager], dry_run=True).runs == 1
        (score,) = sync.load_many(Score, [str(node_id)])
        assert score == Score(1)
        assert sync.origin_of(score).parent_id == manager.run.node_id


def test_a_name_in_the_place_of_the_parent_is_told() -> None:
    with pytest.raises(InvalidNodeIdError, match=r"first argument of Run is its parent.*Run\(name='train'\)"):
        Run("train")
    parent = Run()
    assert Run(parent).node_parent_id == parent.node_id
    run = Run(node_id=str(parent.node_id))
    assert (type(run.node_id), run.node_id) == (type(parent.node_id), parent.node_id)
    run.node_parent_id = str(parent.node_id)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    assert run.node_parent_id == parent.node_id


async def test_an_alias_goes_before_the_text_of_an_id(engine: AsyncEngine) -> None:
    scores = series(Score, "score")
    first, second = await Score(1).save("score"), await Score(2).save("score")
    await scores.set_alias(str(first), second)
    await scores.set_alias("text", str(first))
    assert await scores.alias_id("text") == second
    await scores.set_alias("other", str(second))
    assert await scores.alias_id("other") == second


async def test_swapped_arguments_are_told(engine: AsyncEngine) -> None:
    score: Any = Score(1)
    label: Any = "label"
    anything: Any = Score
    many: Any = load_many
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("score", score)
        runs: Any = manager
        calls: list[tuple[Callable[[], Any], type[Exception], str]] = [
            (lambda: runs.save_artifact(score, label), InvalidLabelError, r"swapped.*save_artifact\('label'"),
            (lambda: runs.load_artifact(Score, label), InvalidLabelError, r"swapped.*load_artifact\('label'"),
            (lambda: save_many([(score, label)]), InvalidLabelError, "swapped"),
            (lambda: score.save(manager, label), InvalidLabelError, r"swapped.*save\('label'"),
            (lambda: many([node_id], Score), ArgumentError, r"swapped.*load_many\(Score"),
            (
                lambda: series(Score, "score").set_alias(anything, label),
                InvalidLabelError,
                r"swapped.*set_alias\('label'",
            ),
            (lambda: runs.use(label), InvalidNodeIdError, "'label' is not the text of an id"),
            (lambda: runs.use([node_id]), InvalidNodeIdError, "one at a time"),
            (lambda: many(Score, node_id), InvalidNodeIdError, r"load_many takes several ids"),
            (lambda: many(Score, score), InvalidNodeIdError, r"load_many takes several ids"),
            (lambda: runs.load_artifact("score", score), ArgumentError, "model class"),
        ]
        for call, error, words in calls:
            with pytest.raises(error, match=words):
                await call()
        assert await select(Score).count() == 1
    with pytest.raises(QueryError, match=r"swapped: write series\(Score, 'label'\)"):
        series(label, anything)
    with pytest.raises(ArgumentError, match=r"Model\.load"):
        await diff(node_id, score)
    with pytest.raises(ArgumentError, match=r"resume\(token\)"):
        RunManager(node_id)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_from_a_model_to_its_id_and_its_run(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("box", Box(Score(1)))
    box = await manager.load_artifact("box", Box)
    origin = await origin_of(box)
    assert (origin.label, origin.parent_id, origin.is_artifact) == ("box", manager.run.node_id, True)
    box.score = Score(2)
    assert await origin_of(box) == origin
    again = await box.save("again")
    assert (await origin_of(box)).node_id == again
    assert (await origin_of(await select(Box).labeled("again").one())).node_id == again
    await delete(box)
    with pytest.raises(NodeNotFoundError, match=f"{again} any more"):
        await origin_of(box)
    assert await Box.load(origin) == Box(Score(1))


async def test_a_part_stands_for_no_artifact(engine: AsyncEngine) -> None:
    """A part of a model that was loaded is never taken for the whole."""
    box_id = await Box(Score(1), ArtifactMapping(a=Score(2))).save("box")
    box = await Box.load(box_id)
    for part in (box.score, box.by_name["a"]):
        with pytest.raises(InvalidNodeIdError, match="stands for no node"):
            await delete(part)
    found = await select(Node).labeled("score").one()
    part = await Score.load(found)
    assert (await origin_of(part)).node_id == found.node_id
    with pytest.raises(NestedNodeError, match=str(box_id)):
        await delete(part)
    with pytest.raises(InvalidNodeIdError, match="weakref_slot"):
        await origin_of(await Slotted.load(await Slotted(1).save("slotted")))
