"""Checks of a field's values before a save: functions, pandera and pydantic; refused, and recorded on the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired, TypedDict, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typing_extensions import TypeAliasType

from artigraph import (
    ArtifactModel,
    Lazy,
    Run,
    RunManager,
    artifact_class,
    artifact_field,
    check,
    columns,
    save_many,
    select,
)
from artigraph.errors import ArgumentError, CheckFailedError, ModelDefinitionError
from artigraph.storage import MemoryStorage

if TYPE_CHECKING:
    import attrs
    import msgspec
    import pandera.pandas as pandera
    import pydantic
else:  # no declared dependency needs them, so the lowest set of versions lacks them
    pandera = pytest.importorskip("pandera.pandas", reason="pandera is not installed here")
    attrs = pytest.importorskip("attrs", reason="attrs is not installed here")
    msgspec = pytest.importorskip("msgspec", reason="msgspec is not installed here")
    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed here")

pytestmark = pytest.mark.usefixtures("engine")


class Counting(MemoryStorage):
    """Counts the objects that it is given."""

    created = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        self.created += 1
        return await super().create(data, key=key)


memory = Counting("checks")
ran_in: list[str] = []


def positive(value: list[int]) -> Iterator[str]:
    """Yield a finding for each number that is not positive."""
    ran_in.append(threading.current_thread().name)
    for index, item in enumerate(value):
        if item <= 0:
            yield f"item {index} is {item}"


@dataclass
class Numbers(ArtifactModel, name="checks.Numbers"):
    items: Annotated[list[int], check(positive), memory]


@dataclass
class Around(ArtifactModel, name="checks.Around"):
    parts: list[Any]


@dataclass
class Recorded(ArtifactModel, name="checks.Recorded"):
    items: Annotated[list[int], check(positive, on_fail="record", name="sign")] | None


async def test_a_value_that_fails_is_refused_and_nothing_is_saved() -> None:
    ran_in.clear()
    good = Numbers([1, 2])
    node_id = await good.save("good")
    assert ran_in != [threading.current_thread().name]
    assert len(ran_in) == 1
    assert await Numbers.load(node_id) == good
    assert len(ran_in) == 1  # not at a load
    before = memory.created
    message = (
        r"^checks\.Numbers\.items fails the check 'positive' with 7 findings: item 0 is 0; item 1 is -1; "
        r"item 2 is -2; item 3 is -3; item 4 is -4\. Nothing was saved\.$"
    )
    with pytest.raises(CheckFailedError, match=message) as caught:
        await Numbers([0, -1, -2, -3, -4, -5, -6]).save("bad")
    assert isinstance(caught.value, ValueError)
    for model in (Around([Numbers([0])]), Around([[{"a": Numbers([0])}]])):
        with pytest.raises(CheckFailedError, match="1 finding: item 0 is 0"):
            await save_many([("good", good), ("bad", model)])
    async with RunManager(Run()) as manager:
        with pytest.raises(CheckFailedError):
            await manager.save_artifact("bad", Numbers([0]))
    assert await select(Numbers).ids() == [node_id]
    assert await select(Around).count() == 0
    assert memory.created == before == 1


async def test_an_outcome_is_recorded_on_the_run_with_the_save() -> None:
    tag = "check:checks.Recorded.items:sign"
    async with RunManager(Run(tags={"team": "audio"})) as good:
        await good.save_artifact("r", Recorded([1]))
    async with RunManager(Run()) as bad:
        await bad.save_artifacts({"a": Recorded([1]), "b": Recorded([0]), "c": Recorded([2])})
    async with RunManager(Run()) as neither:
        await neither.save_artifact("r", Recorded(None))
    c = columns(Run)
    found = {run.node_id: dict(run.tags) for run in await select(Run).all()}
    assert found == {
        good.run.node_id: {"team": "audio", tag: "passed"},
        bad.run.node_id: {tag: "failed with 1 finding: item 0 is 0"},
        neither.run.node_id: {},
    }
    assert await select(Run).where(c.tags[tag].startswith("failed")).ids() == [bad.run.node_id]
    assert await bad.load_artifact("b", Recorded) == Recorded([0])


async def test_outside_of_a_run_a_finding_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    node_id = await Recorded([0]).save("r")
    assert await Recorded.load(node_id) == Recorded([0])
    assert [each.getMessage() for each in caplog.records] == [
        "check:checks.Recorded.items:sign failed with 1 finding: item 0 is 0"
    ]


unit: Any = vars(pandera)["Check"].between(0, 1)


@dataclass
class Framed(ArtifactModel, name="checks.Framed"):
    frame: Annotated[
        pd.DataFrame,
        check(pandera.DataFrameSchema({"x": pandera.Column(float, unit)}, name="unit")),
    ]


async def test_a_schema_of_pandera_says_which_rows_fail() -> None:
    frame = pd.DataFrame({"x": [0.5, 2.0, -1.0]})
    with pytest.raises(CheckFailedError, match=r"check 'unit' with 2 findings: x: .* fails for 2\.0 at 1; x: .*-1\.0"):
        await Framed(frame).save("f")
    assert list(frame["x"]) == [0.5, 2.0, -1.0]
    assert await Framed.load(await Framed(frame[:1]).save("f")) == Framed(frame[:1])


class Limits(pydantic.BaseModel):
    low: int
    high: int


@dataclass
class Configured(ArtifactModel, name="checks.Configured"):
    limits: Annotated[dict[str, Any], check(pydantic.TypeAdapter(Limits), name="limits")]


async def test_a_type_adapter_of_pydantic_says_which_items_fail() -> None:
    with pytest.raises(CheckFailedError, match=r"'limits' with 2 findings: low: Input should be .*; high: Field requi"):
        await Configured({"low": "x"}).save("c")
    assert await Configured.load(await Configured({"low": 1, "high": 2}).save("c")) == Configured({"low": 1, "high": 2})


def returns(result: Any) -> Any:
    def rule(value: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return rule


@pytest.mark.parametrize(
    ("result", "findings"),
    [
        (None, []),
        (True, []),
        ([], []),
        (False, ["the check returned False"]),
        ("bad", ["bad"]),
        (("a", 2), ["a", "2"]),
        (["a\nb\0\x1b"], ["a\\nb\\x00\\x1b"]),
        (AssertionError("no"), ["AssertionError: no"]),
    ],
)
def test_what_a_function_returns_or_raises_is_its_findings(result: Any, findings: list[str]) -> None:
    assert check(returns(result)).findings(object()) == findings


async def test_a_lazy_value_is_checked_if_it_is_new() -> None:
    @dataclass
    class LazyNumbers(ArtifactModel, name="checks.Lazy"):
        items: Annotated[Lazy[list[int]], check(positive)] = artifact_field(storage=memory)

    with pytest.raises(CheckFailedError):
        await LazyNumbers(Lazy([0])).save("x")
    loaded = await LazyNumbers.load(await LazyNumbers(Lazy([1])).save("x"))
    ran_in.clear()
    await loaded.save("again")
    assert ran_in == []


def test_what_is_no_check_is_refused() -> None:
    wrong: Any = "ignore"
    with pytest.raises(ArgumentError, match="on_fail is 'refuse' or 'record'"):
        check(positive, on_fail=wrong)
    with pytest.raises(ArgumentError, match="takes a pandera schema"):
        check(5)


async def test_a_check_of_a_part_of_a_value_is_refused() -> None:
    @dataclass
    class Misplaced(ArtifactModel):
        items: list[Annotated[int, check(positive)]]

    with pytest.raises(ModelDefinitionError, match="for a part of its value"):
        await Misplaced([1]).save("x")


T = TypeVar("T")
Positive = TypeAliasType("Positive", Annotated[list[int], check(positive)])
Checked = TypeAliasType("Checked", Annotated[T, check(positive)], type_params=(T,))
Outer = TypeAliasType("Outer", Checked[list[int]])
Several = TypeAliasType("Several", list[Checked[list[int]]])
Later = TypeAliasType("Later", Lazy[list[int]])
Kept = TypeAliasType("Kept", Annotated[list[int], memory])
Itself = TypeAliasType("Itself", "list[Itself] | int")
Nested = TypeAliasType("Nested", Annotated[list[Any] | dict[str, Numbers], memory])


async def test_an_alias_of_a_type_is_seen_through() -> None:
    good: list[Any] = [Positive, Positive | None, Checked[list[int]], Outer]
    bad: list[Any] = [list[Positive], Several]
    for annotation in good:

        @dataclass
        class Aliased(ArtifactModel, name="checks.Aliased"):
            items: annotation  # type: ignore[valid-type]

        with pytest.raises(CheckFailedError, match="1 finding: item 0 is 0"):
            await Aliased([0]).save("x")
        assert await Aliased.load(await Aliased([1]).save("x")) == Aliased([1])
    for annotation in bad:

        @dataclass
        class Misplaced(ArtifactModel, name="checks.MisplacedAlias"):
            items: annotation  # type: ignore[valid-type]

        with pytest.raises(ModelDefinitionError, match="for a part of its value"):
            await Misplaced([]).save("x")


async def test_a_lazy_value_and_a_storage_in_an_alias_are_seen() -> None:
    @dataclass
    class Seen(ArtifactModel, name="checks.Seen"):
        later: Later
        many: list[Later]
        kept: Kept
        itself: Itself
        nested: Nested

    before = memory.created
    model = Seen(Lazy([1]), [], [2], [[3]], {"a": Numbers([4])})
    loaded = await Seen.load(await model.save("x"))
    assert loaded == model
    assert isinstance(loaded.later, Lazy)
    assert memory.created == before + 2


def above(value: Any) -> Any:
    """Return whether numbers are above zero, in the type that their library has for it."""
    return (value > 0).all()


def which_above(value: Any) -> Any:
    """Return which numbers are above zero."""
    return value > 0


@pytest.mark.parametrize("function", [above, which_above])
@pytest.mark.parametrize("make", [np.array, pd.Series], ids=["array", "series"])
def test_a_bool_of_another_library_is_a_bool(make: Callable[[Any], Any], function: Callable[[Any], Any]) -> None:
    assert check(function).findings(make([1])) == []
    assert check(function).findings(make([-1])) == ["the check returned False"]


def test_several_values_of_another_library_are_findings() -> None:
    def below(value: Any) -> Any:
        return value[value <= 0]

    assert check(below).findings(np.array([1])) == []
    assert check(below).findings(np.array([0, 1, -1])) == ["0", "-1"]


def test_a_bool_of_arrow_is_a_bool() -> None:
    scalar: Any = vars(pa)["scalar"]
    assert check(scalar, name="as it is").findings(value=True) == []
    assert check(scalar, name="as it is").findings(value=False) == ["the check returned False"]


async def no_check(value: object) -> None:
    """Check nothing."""


class AsyncCall:
    """Is called as an async function is."""

    async def __call__(self, value: object) -> None:
        """Check nothing."""


@pytest.mark.parametrize("schema", [no_check, partial(no_check), AsyncCall()], ids=["function", "partial", "call"])
def test_an_async_check_is_refused_where_it_is_written(schema: Any) -> None:
    with pytest.raises(ArgumentError, match=r"no async function, such as .*: write def instead of async def"):
        check(schema)


def test_a_class_of_pydantic_is_refused_and_one_of_pandera_is_not() -> None:
    with pytest.raises(ArgumentError, match=r"such as Limits: write check\(TypeAdapter\(Limits\)\)"):
        check(Limits)

    class Frame(pandera.DataFrameModel):
        x: float

    assert check(Frame).findings(pd.DataFrame({"x": [1.0]})) == []
    assert len(check(Frame).findings(pd.DataFrame({"y": [1.0]}))) == 1


def no_findings(_: object) -> None:
    """Find nothing."""


@dataclass
class PlainPart:
    low: Annotated[int, check(no_findings)]


class NamedPart(NamedTuple):
    low: list[Annotated[int, check(no_findings)]]


class PydanticPart(pydantic.BaseModel):
    low: Annotated[int, check(no_findings)]


@attrs.define
class AttrsPart:
    low: Annotated[int, check(no_findings)] | None


class MsgspecPart(msgspec.Struct):
    low: Annotated[int, check(no_findings)]


class TypedPart(TypedDict):
    low: NotRequired[Annotated[int, check(no_findings)]]


@dataclass
class OuterPart:
    part: PlainPart


@pytest.mark.parametrize("part", [PlainPart, NamedPart, PydanticPart, AttrsPart, MsgspecPart, TypedPart, OuterPart])
async def test_a_check_in_a_class_that_is_a_value_is_refused(part: Any) -> None:
    @dataclass
    class Whole(ArtifactModel, name="checks.Whole"):
        parts: Annotated[list[Any], part]

    with pytest.raises(ModelDefinitionError, match=r"Part, whose field 'low' names a check .*: make \w+Part a model"):
        await Whole([]).save("x")


async def test_a_check_in_a_class_that_is_a_model_runs() -> None:
    @dataclass
    class Lowest:
        low: Annotated[list[int], check(positive)]

    @dataclass
    class Whole(ArtifactModel, name="checks.WholeOfModels"):
        parts: list[Lowest]

    artifact_class(Lowest)
    assert await Whole.load(await Whole([Lowest([1])]).save("x")) == Whole([Lowest([1])])
    with pytest.raises(CheckFailedError, match="item 0 is 0"):
        await Whole([Lowest([0])]).save("x")
