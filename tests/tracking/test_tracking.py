"""Tracked functions. integration/test_tracking.py has the servers."""

from __future__ import annotations

import asyncio
import builtins
import functools
import inspect
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from unittest import mock
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactSequence,
    File,
    Lazy,
    Run,
    RunManager,
    TrackedValue,
    TrackingWarning,
    ancestors,
    artifact_field,
    delete,
    descendants,
    load_many,
    run_manager,
    save_many,
    tracked,
)
from artigraph import select as select_runs
from artigraph.db import read
from artigraph.errors import ArtifactInUseError, InvalidLabelError, ModelVersionError, TrackingError
from artigraph.orm import link_table, node_table
from artigraph.serializer import Serializer
from artigraph.storage import MemoryStorage
from artigraph.sync import RunManager as SyncRunManager
from artigraph.sync import run_manager as sync_run_manager
from artigraph.sync import select as select_here
from artigraph.sync.db import engine_context
from tests.support.statements import counted

pa: Any = import_module("pyarrow")

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Samples(ArtifactModel, name="tracked.Samples"):
    values: list[float]
    note: str = ""


@dataclass
class Score(ArtifactModel, name="tracked.Score"):
    accuracy: float


@tracked
async def measure(samples: Samples, rate: float = 0.5, *more: int, quick: bool = False) -> Score:
    return Score(sum(samples.values) * rate + sum(more) + quick)


@tracked
def measure_here(samples: Samples, rate: float) -> Score:
    return Score(sum(samples.values) * rate)


@tracked
async def clean(samples: Samples) -> Samples:
    return Samples([value for value in samples.values if value >= 0], "clean")


async def runs() -> list[Run]:
    return await select_runs(Run).all()


async def edges() -> set[tuple[UUID, UUID, str]]:
    async def work(connection: AsyncConnection) -> set[tuple[UUID, UUID, str]]:
        statement = select(link_table.c.source_id, link_table.c.target_id, link_table.c.kind)
        return {(row.source_id, row.target_id, row.kind) for row in await connection.execute(statement)}

    return await read(work)


async def artifacts(run: Run) -> dict[str, UUID]:
    async def work(connection: AsyncConnection) -> dict[str, UUID]:
        statement = select(node_table.c.label, node_table.c.node_id).where(
            node_table.c.parent_id == run.node_id, node_table.c.node_type == "model"
        )
        return {row.label: row.node_id for row in await connection.execute(statement)}

    return await read(work)


async def test_a_call_is_a_run_with_its_inputs_and_its_result() -> None:
    samples = Samples([1.0, 2.0])
    async with RunManager(Run(name="pipeline")) as manager:
        samples_id = await manager.save_artifact("samples", samples)
        assert await measure(samples, 0.25, 3, quick=True) == Score(4.75)
        (run,) = await manager.load_descendant_runs()
    assert (run.name, run.status, run.node_parent_id) == ("measure", "completed", manager.run.node_id)
    assert run.parameters == {"rate": 0.25, "more": (3,), "quick": True}
    found = await artifacts(run)
    assert list(found) == ["return"]
    assert await Score.load(found["return"]) == Score(4.75)
    assert await edges() == {(samples_id, run.node_id, "used")}


async def test_defaults_are_recorded_and_none_is_no_artifact() -> None:
    @tracked
    async def nothing(a: int, b: str = "b", c: None = None) -> None:
        assert run_manager().run.name == nothing.__qualname__

    await nothing(1)
    (run,) = await runs()
    assert run.parameters == {"a": 1, "b": "b", "c": None}
    assert await artifacts(run) == {}


async def test_what_one_call_returns_the_next_one_uses() -> None:
    cleaned = await clean(Samples([-1.0, 2.0]))
    score = await measure(cleaned)
    first, second = await runs()
    cleaned_id, score_id = (await artifacts(first))["return"], (await artifacts(second))["return"]
    raw_id = (await artifacts(first))["samples"]
    assert await edges() == {(raw_id, first.node_id, "used"), (cleaned_id, second.node_id, "used")}
    assert score == Score(1.0)
    made_of = await ancestors(score_id)
    assert set(made_of.nodes) == {score_id, second.node_id, cleaned_id, first.node_id, raw_id}
    stale = await descendants(raw_id)
    assert score_id in stale.nodes
    assert [edge.kind for edge in stale.edges if raw_id in (edge.source_id, edge.target_id)] == ["used"]


async def test_what_was_loaded_is_used_and_what_changed_is_kept_anew() -> None:
    node_id = await Samples([1.0]).save("samples")
    samples = await Samples.load(node_id)
    await measure(samples)
    samples.values.append(2.0)
    await measure(samples)
    first, second = await runs()
    assert list(await artifacts(first)) == ["return"]
    kept = (await artifacts(second))["samples"]
    assert await Samples.load(kept) == Samples([1.0, 2.0])
    of_both = (node_id, second.node_id, "used")  # an altered object comes from the original one
    assert await edges() == {(node_id, first.node_id, "used"), (kept, second.node_id, "used"), of_both}


async def test_values_that_are_no_models() -> None:
    @tracked
    async def double(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array * 2

    @tracked
    async def total(arrays: list[np.ndarray[Any, Any]], named: dict[str, Samples]) -> float:
        return float(sum(array.sum() for array in arrays))

    one = await double(np.arange(3.0))
    two = await double(one)
    assert await total([one, two], {"a": Samples([1.0])}) == 18.0
    first, second, third = await runs()
    one_id, two_id = (await artifacts(first))["return"], (await artifacts(second))["return"]
    loaded = await TrackedValue.load(two_id)
    assert loaded == TrackedValue(two)
    assert loaded.value.dtype == two.dtype
    kept = await artifacts(third)
    assert sorted(kept) == ["named", "return"]
    assert await TrackedValue.load(kept["named"]) == TrackedValue({"a": Samples([1.0])})
    assert {(one_id, third.node_id, "used"), (two_id, third.node_id, "used")} < await edges()


async def test_calls_nest_also_across_async_and_sync() -> None:
    @tracked
    def inner(samples: Samples) -> Score:
        return measure_here(samples, 1.0)

    @tracked
    async def outer(samples: Samples) -> Score:
        first, second = await asyncio.gather(measure(samples), asyncio.to_thread(inner, samples))
        return Score(first.accuracy + second.accuracy)

    assert await outer(Samples([2.0])) == Score(3.0)
    found = {run.name: run for run in await runs()}
    outer_run, inner_run = found[outer.__qualname__], found[inner.__qualname__]
    assert outer_run.node_parent_id is None
    assert found["measure"].node_parent_id == inner_run.node_parent_id == outer_run.node_id
    assert found["measure_here"].node_parent_id == inner_run.node_id
    assert run_manager(allow_none=True) is None
    samples_id = (await artifacts(outer_run))["samples"]
    assert {run_id for source, run_id, _ in await edges() if source == samples_id} == {
        run.node_id for run in found.values()
    }


async def test_a_sync_function_in_async_code_belongs_to_the_active_run() -> None:
    async with RunManager(Run()) as manager:
        measure_here(Samples([1.0]), 2.0)
        assert run_manager() is manager
        (run,) = await manager.load_descendant_runs()
    assert (run.name, run.status) == ("measure_here", "completed")


def test_a_sync_function_in_sync_code_and_in_threads(database_url: str) -> None:
    barrier = threading.Barrier(4)

    @tracked
    def work(number: int) -> Score:
        barrier.wait(20)
        return Score(number)

    with engine_context(database_url, create_tables=True):
        threads = [threading.Thread(target=copy_context().run, args=(work, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = select_here(Run).all()
    assert sorted(run.parameters["number"] for run in found) == [0, 1, 2, 3]
    assert {run.status for run in found} == {"completed"}


async def test_an_exception_goes_on_and_is_recorded() -> None:
    @tracked
    async def fail(samples: Samples) -> None:
        raise ZeroDivisionError(samples.note)

    @tracked
    def fail_here(samples: Samples) -> None:
        raise ZeroDivisionError(samples.note)

    with pytest.raises(ZeroDivisionError, match="told"):
        await fail(Samples([], "told"))
    with pytest.raises(ZeroDivisionError, match="told"):
        fail_here(Samples([], "told"))
    for run in await runs():
        assert (run.status, run.error_type, run.error_message) == ("failed", "ZeroDivisionError", "told")
        assert list(await artifacts(run)) == ["samples"]


async def test_a_cancelled_call_is_recorded_so() -> None:
    started = asyncio.Event()

    @tracked
    async def wait() -> None:
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [run.status for run in await runs()] == ["cancelled"]


async def test_what_is_included_and_excluded() -> None:
    @tracked(exclude=["secret", "return"], name="named", tags={"step": "1"})
    async def excluding(a: int, secret: object) -> Score:
        return Score(a)

    @tracked(include=["b"])
    async def including(a: object, b: int) -> Score:
        return Score(b)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await excluding(1, object())
        await including(object(), 2)
    first, second = await runs()
    assert (first.name, first.tags, first.parameters) == ("named", {"step": "1"}, {"a": 1})
    assert second.parameters == {"b": 2}
    assert await artifacts(first) == await artifacts(second) == {}


async def test_what_is_returned_of_a_class_that_no_field_names_is_told_with_what_can_be_done() -> None:
    @dataclass
    class Plain:
        number: int

    @tracked(exclude=["value"])
    async def classify(value: Any) -> Any:
        return value

    for value in (Plain(1), object()):
        with pytest.warns(TrackingWarning, match="What it returned .*convert the value: to a model"):
            await classify(value)
    for value in (Samples([1.0]), [Samples([2.0])], {"number": 1}):
        await classify(value)
    assert len(await select_runs(TrackedValue).ids()) == 2


async def test_what_cannot_be_stored_is_left_out_with_a_warning_or_refused() -> None:
    calls: list[object] = []

    @tracked
    async def lenient(first: object, samples: Samples, second: object) -> object:
        calls.append(first)
        return object()

    @tracked(unsupported="refuse")
    async def strict(connection: object) -> object:
        calls.append(connection)
        return object()

    with pytest.warns(TrackingWarning) as caught:
        await lenient(object(), Samples([1.0]), {object()})
    told = [str(warning.message) for warning in caught]
    assert [text.split(" of a call of ")[0] for text in told] == [
        "Argument 'first' cannot be recorded",
        "Argument 'second' cannot be recorded",
        "What it returned cannot be recorded",
    ]
    assert all("exclude=[" in text and "object" in text for text in told)
    assert {warning.filename for warning in caught} == {__file__}
    (run,) = await runs()
    assert list(await artifacts(run)) == ["samples"]
    with pytest.raises(TrackingError, match=r"Argument 'connection' .*strict.*exclude=\['connection'\]"):
        await strict(object())
    assert len(calls) == 1
    with pytest.raises(TrackingError, match="What it returned"):
        await strict(1)
    assert len(calls) == 2
    assert [run.status for run in await runs()] == ["completed", "failed", "failed"]


@dataclass
class Branch:
    name: str
    parent: Branch | None = None
    children: list[Branch] = field(default_factory=list["Branch"])


@dataclass
class Unset:
    a: int
    b: int = field(init=False)


class Untouchable:
    @property  # type: ignore[misc]
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise ZeroDivisionError


class Uncounted(list[int]):
    def __len__(self) -> int:
        raise ZeroDivisionError


async def test_what_cannot_even_be_looked_at_is_left_out_or_refused() -> None:
    @tracked
    async def lenient(value: object, rate: float) -> None:
        return None

    @tracked(unsupported="refuse")
    def strict(value: object) -> None:
        return None

    root = Branch("root")
    root.children.append(Branch("child", root))
    endless: list[object] = []
    endless.append(endless)
    values = [root, endless, Unset(1), Untouchable(), Uncounted([1])]
    for value in values:
        with pytest.warns(TrackingWarning, match="Argument 'value' cannot be recorded") as caught:
            await lenient(value, 0.5)
        assert len(caught) == 1
        with pytest.raises(TrackingError, match="Argument 'value' cannot be recorded"):
            strict(value)
    found = await runs()
    assert [run.status for run in found] == ["completed", "failed"] * len(values)
    assert all(run.parameters == {"rate": 0.5} for run in found[::2])
    assert [await artifacts(run) for run in found] == [{}] * len(found)


async def test_what_is_very_deep_is_kept() -> None:
    @tracked
    async def lenient(value: object) -> None:
        return None

    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await lenient(deep)
    (run,) = await runs()
    assert list(await artifacts(run)) == ["value"]


async def test_what_can_be_loaded_no_more_is_kept_anew() -> None:
    @tracked
    async def use(scores: list[object]) -> None:
        return None

    @dataclass
    class Fading(ArtifactModel, name="tracked.Fading"):
        value: int

    good, fading = Score(1.0), Fading(1)
    good_id, fading_id = await save_many([("good", good), ("fading", fading)])

    @dataclass
    class Faded(ArtifactModel, name="tracked.Fading", version=2):
        other: int

    assert Faded(1) != fading
    with pytest.raises(ModelVersionError):
        await Faded.load(fading_id)
    await use([good, fading])
    await use([good])
    first, second = await runs()
    assert list(await artifacts(first)) == ["scores"]
    assert (good_id, second.node_id, "used") in await edges()


P = ParamSpec("P")
R = TypeVar("R")


def connected(function: Callable[Concatenate[str, P], R]) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return function("connection", *args, **kwargs)

    return call


def retried(function: Callable[[int], int]) -> Callable[..., int]:
    @functools.wraps(function)
    def call(*args: Any, retries: int) -> int:
        return function(args[-1]) + retries

    return call


async def test_what_a_decorator_below_gives_is_not_recorded() -> None:
    @tracked
    @mock.patch("os.getcwd")
    def patched(number: int, getcwd: object, *, factor: int = 2) -> int:
        assert isinstance(getcwd, mock.Mock)
        return number * factor

    @tracked(exclude=["connection"])
    @connected
    def silent(connection: str, *, number: int) -> int:
        assert connection == "connection"
        return number

    @tracked
    @retried
    def again(number: int) -> int:
        return number

    @tracked(unsupported="refuse")
    @connected
    def strict(connection: str, *, number: int) -> int:
        raise AssertionError

    with pytest.warns(TrackingWarning, match="Argument 'getcwd' cannot .*missing .*'getcwd'.*exclude=") as caught:
        assert patched(3) == 6  # pyright: ignore[reportCallIssue]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert silent(number=3) == 3
    with pytest.warns(TrackingWarning) as more:
        assert again(None, 3, retries=1) == 4
    told = [str(warning.message).partition(" cannot")[0] for warning in [*caught, *more]]
    names = ["getcwd", "number", "retries", "args[0]", "args[1]"]
    assert told == [f"Argument {name!r}" for name in names]
    with pytest.raises(TrackingError, match="'connection'"):
        strict(number=3)
    with pytest.warns(TrackingWarning), pytest.raises(TypeError, match="retries"):
        again(3, 4)
    recorded = [{"number": 3, "factor": 2}, {"number": 3}, {}, {}, {}]
    found = await runs()
    assert [run.parameters for run in found[:3]] == recorded[:3]
    assert [run.status for run in found] == ["completed"] * 3 + ["failed"] * 2


async def test_self_and_cls_are_recorded_of_what_is_no_method() -> None:
    @tracked
    async def local(cls: str, rate: float) -> None:
        return None

    await local("tree", 0.5)
    (run,) = await runs()
    assert run.parameters == {"cls": "tree", "rate": 0.5}


async def test_methods() -> None:
    class Trainer:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        @tracked
        async def train(self, samples: Samples) -> Score:
            return Score(self.rate * samples.values[0])

        @classmethod
        @tracked
        def make(cls, rate: float) -> None:
            assert (cls, rate) == (Trainer, 1.0)

        @staticmethod
        @tracked
        def helper(a: int) -> int:
            return a + 1

    @dataclass
    class Model(ArtifactModel, name="tracked.Model"):
        weight: float

        @tracked(include=["self", "by", "return"])
        async def scaled(self, by: float) -> Model:
            return Model(self.weight * by)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await Trainer(2.0).train(Samples([3.0])) == Score(6.0)
        Trainer.make(1.0)
        assert Trainer.helper(1) == 2
        assert await Model(2.0).scaled(3.0) == Model(6.0)
    train, make, helper, scaled = await runs()
    assert train.name is not None
    assert train.name.endswith("Trainer.train")
    assert (make.parameters, helper.parameters, scaled.parameters) == ({"rate": 1.0}, {"a": 1}, {"by": 3.0})
    assert set(await artifacts(train)) == {"samples", "return"}
    assert set(await artifacts(scaled)) == {"self", "return"}


def test_what_is_wrong_is_told_when_it_is_decorated() -> None:
    def numbers() -> Generator[int]:
        yield 1

    async def numbers_later() -> AsyncGenerator[int]:
        yield 1

    def plain(a: int) -> int:
        return a

    for generator in (numbers, numbers_later):
        with pytest.raises(TrackingError, match="generator"):
            tracked(generator)
    for kind in ("classmethod", "staticmethod"):
        with pytest.raises(TrackingError, match=f"below @{kind}"):
            tracked(getattr(builtins, kind)(plain))
    for wrong in (functools.partial(plain, 1), print, Samples, 3):
        with pytest.raises(TrackingError, match="takes a function"):
            tracked(wrong)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(TrackingError, match="'b'"):
        tracked(exclude=["b"])(plain)
    with pytest.raises(TrackingError, match=r"include=\['a'\]"):
        tracked(include="a")(plain)
    with pytest.raises(TrackingError, match="label 'a'"):
        tracked(label="a")(plain)
    with pytest.raises(TrackingError, match="unsupported"):
        tracked(unsupported="ignore")(plain)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    with pytest.raises(InvalidLabelError):
        tracked(name="a\0")(plain)
    with pytest.raises(InvalidLabelError, match="tag 'a'"):
        tracked(tags={"a": 1})(plain)  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


async def test_a_call_that_is_wrong_is_the_functions_own_error() -> None:
    with pytest.raises(TypeError, match=r"^measure\(\): missing .*'samples'"):
        await measure()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert await runs() == []


def test_what_is_known_of_the_function_stays_known() -> None:
    assert inspect.iscoroutinefunction(measure)
    assert not inspect.iscoroutinefunction(measure_here)
    assert inspect.signature(measure).parameters.keys() == {"samples", "rate", "more", "quick"}
    assert (measure.__name__, measure.__module__) == ("measure", __name__)


async def test_recursion_and_equal_labels() -> None:
    @tracked
    async def down(n: int) -> Score:
        return Score(0) if n == 0 else await down(n - 1)

    assert await down(3) == Score(0)
    found = await runs()
    assert [run.parameters["n"] for run in found] == [3, 2, 1, 0]
    assert [run.node_parent_id for run in found] == [None, *(run.node_id for run in found[:-1])]
    assert [list(await artifacts(run)) for run in found] == [["return"]] * 4


async def test_an_argument_may_be_called_as_anything() -> None:
    @tracked
    async def odd(label: Samples, run: Samples, value: Samples, **kwargs: Any) -> None:
        return None

    await odd(Samples([1.0]), Samples([2.0]), Samples([3.0]), name=Samples([4.0]))
    (run,) = await runs()
    assert sorted(await artifacts(run)) == ["kwargs", "label", "run", "value"]


@dataclass(slots=True)
class Slotted(ArtifactModel, name="tracked.Slotted"):
    value: int
    items: list[int] = field(default_factory=list[int])


async def test_what_cannot_be_referred_to_weakly_is_kept_anew() -> None:
    @tracked
    async def made() -> Slotted:
        return Slotted(1)

    @tracked
    async def taken(slotted: Slotted) -> None:
        return None

    await taken(await made())
    _, second = await runs()
    assert list(await artifacts(second)) == ["slotted"]


async def test_what_is_kept_with_a_call_goes_with_it() -> None:
    await measure(await clean(Samples([1.0])))
    first, second = await runs()
    kept = (await artifacts(first))["samples"]
    with pytest.raises(ArtifactInUseError):
        await delete(kept)
    with pytest.raises(ArtifactInUseError):  # the second call used what it returned
        await delete(first.node_id)
    report = await delete([first.node_id, second.node_id])
    assert (report.runs, report.artifacts, report.links) == (2, 3, 2)
    assert await runs() == []


class Stage(Enum):
    TRAIN = 1


@dataclass
class Settings:
    rate: float
    stage: Stage


@dataclass
class Weighted(ArtifactModel, name="tracked.Weighted"):
    weights: np.ndarray[Any, Any] = field(compare=False)
    best: Score | None = None


async def test_parts_of_what_was_returned_or_loaded_are_known() -> None:
    @tracked
    async def split() -> tuple[np.ndarray[Any, Any], Score]:
        return np.arange(3.0), Score(1.0)

    @tracked
    async def use(*values: object) -> None:
        return None

    array, score = await split()
    await use(array)
    await use(score, None, 3)
    await use(Weighted(np.zeros(2), score))
    loaded = await Weighted.load(await Weighted(np.ones(2)).save("weighted"))
    await use(loaded.weights)
    made, *users = await runs()
    source = (await artifacts(made))["return"]
    assert {(source, run.node_id, "used") for run in users[:3]} <= await edges()
    assert [run.run_name for run in (await ancestors(users[3])).runs] == [users[3].name]
    assert len((await ancestors(users[3])).artifacts) == 1


async def test_what_a_run_saves_of_another_one_was_used() -> None:
    @tracked
    async def make() -> Score:
        return Score(1.0)

    @tracked
    async def pipeline() -> Score:
        return await make()

    score = await pipeline()
    async with RunManager(Run(name="outer")) as manager:
        score_id = await manager.save_artifact("score", score)
    assert {run.run_name for run in (await ancestors(score_id)).runs} == {
        "outer",
        pipeline.__qualname__,
        make.__qualname__,
    }


async def test_what_is_not_compared_is_noticed_too() -> None:
    @tracked
    async def use(weighted: Weighted) -> None:
        return None

    weighted = Weighted(np.zeros(2))
    await weighted.save("weighted")
    weighted.weights[0] = 9
    await use(weighted)
    (run,) = await runs()
    kept = await Weighted.load((await artifacts(run))["weighted"])
    assert kept.weights.tolist() == [9.0, 0.0]


async def test_settings_are_parameters() -> None:
    @tracked
    async def fit(settings: Settings, stage: Stage, rate: np.float64) -> None:
        return None

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await fit(Settings(0.5, Stage.TRAIN), Stage.TRAIN, np.float64(0.25))
    (run,) = await runs()
    assert run.parameters == {"settings": {"rate": 0.5, "stage": "TRAIN"}, "stage": "TRAIN", "rate": 0.25}
    assert type(run.parameters["rate"]) is float


async def test_what_has_endless_parts_is_not_looked_through_for_parameters() -> None:
    @tracked
    async def count(parts: list[Any]) -> int:
        return len(parts)

    shared: list[Any] = [1]
    for _ in range(100):
        shared = [shared, shared]
    with pytest.warns(TrackingWarning, match="object"):
        assert await count([object(), shared]) == 2


async def test_what_would_be_used_up_is_left_alone() -> None:
    @tracked
    def total(numbers: Iterator[int]) -> int:
        return sum(numbers)

    with pytest.warns(TrackingWarning, match="gone once it was read"):
        assert total(iter([1, 2])) == 3


storage = MemoryStorage("tracked")


@dataclass
class Export(ArtifactModel, name="tracked.Export"):
    rows: Any = artifact_field(storage=storage)
    more: Any = None
    note: str = ""


@dataclass
class Chunks:
    numbers: Iterator[int]


class ChunksSerializer(Serializer[Chunks]):
    """Reads what is in a dataclass, and what it is compared with."""

    name = "tracked-chunks"
    types = (Chunks,)

    def serialize(self, value: Chunks) -> bytes:
        return bytes(value.numbers)

    def deserialize(self, data: bytes) -> Chunks:
        return Chunks(iter(data))

    def equal(self, one: Chunks, other: Chunks) -> bool:
        return self.serialize(one) == self.serialize(other)


@dataclass
class Chunked(ArtifactModel, name="tracked.Chunked"):
    chunks: Chunks = artifact_field(serializer=ChunksSerializer().register())


@dataclass
class LaterExport(ArtifactModel, name="tracked.LaterExport"):
    rows: Lazy[Any] = artifact_field(storage=storage)


def rows() -> Any:
    """Return a stream of 15 rows."""
    batches = [pa.record_batch({"number": [number] * 5}) for number in range(3)]
    return pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))


def total(reader: Any) -> int:
    return sum(batch.num_rows for batch in reader)


def nested(depth: int, value: object) -> list[Any]:
    around: list[Any] = [value]
    for _ in range(depth):
        around = [around]
    return around


def innermost(depth: int, value: Any) -> Any:
    for _ in range(depth + 1):
        (value,) = value
    return value


def shared(depth: int) -> list[object]:
    around: list[object] = [1.0]
    for _ in range(depth):
        around = [around, around]
    return around


HOLDERS: dict[str, tuple[Callable[[], Any], Callable[[Any], int]]] = {
    "bare": (rows, total),
    "model": (lambda: Export(rows()), lambda it: total(it.rows)),
    "model in model": (lambda: Export(None, Export(rows())), lambda it: total(it.more.rows)),
    "list": (lambda: [1, rows()], lambda it: total(it[1])),
    "tuple": (lambda: (rows(), 1), lambda it: total(it[0])),
    "dict": (lambda: {"a": {"b": rows()}}, lambda it: total(it["a"]["b"])),
    "mapping": (lambda: ArtifactMapping(a=Export(rows())), lambda it: total(it["a"].rows)),
    "sequence": (lambda: ArtifactSequence([rows()]), lambda it: total(it[0])),
    "list in model": (lambda: Export(None, [Score(1.0), rows()]), lambda it: total(it.more[1])),
    "lazy": (lambda: LaterExport(Lazy(rows())), lambda it: total(it.rows._value)),
    "dataclass": (lambda: Chunked(Chunks(iter([5, 10]))), lambda it: sum(it.chunks.numbers)),
    "deep": (lambda: nested(5_000, rows()), lambda it: total(innermost(5_000, it))),
    "beside what is shared": (lambda: [shared(200), rows()], lambda it: total(it[1])),
}


@pytest.mark.parametrize("holder", HOLDERS)
async def test_streams_are_left_to_who_reads_them_at_any_depth(holder: str) -> None:
    make, count = HOLDERS[holder]

    @tracked
    async def use(value: object) -> int:
        return count(value)

    @tracked
    def give() -> object:
        return make()

    @tracked(unsupported="refuse")
    def strict(value: object) -> None:
        raise AssertionError

    with pytest.warns(TrackingWarning, match=r"Argument 'value' .* gone once it was read.*exclude=") as caught:
        assert await use(make()) == 15
    with pytest.warns(TrackingWarning, match=r"What it returned .* gone once it was read") as more:
        assert count(give()) == 15
    assert len(caught) == len(more) == 1
    refused = make()
    with pytest.raises(TrackingError, match="gone once it was read"):
        strict(refused)
    assert count(refused) == 15
    assert [list(await artifacts(run)) for run in await runs()] == [["return"], [], []]


async def test_a_loaded_stream_is_that_artifact_and_is_not_read() -> None:
    @tracked(unsupported="refuse")
    def use(value: Any) -> None:
        return None

    first_id, second_id = await save_many([("first", Export(rows(), [1.0] * 2_000)), ("second", Export(rows()))])
    first, second = await load_many(Export, [first_id, second_id])
    part = await Export.load(first_id, fields=["rows"])
    for value in (first, [first, second], {"a": second}, first.rows, (second.rows,), part):
        use(value)
    assert (total(first.rows), total(second.rows), total(part.rows)) == (15, 15, 15)
    use(second)  # the part that was read still belongs to it
    used = [{source for source, target, _ in await edges() if target == run.node_id} for run in await runs()]
    both, one, two = {first_id, second_id}, {first_id}, {second_id}
    assert used == [one, both, two, one, two, one, two]
    assert [await artifacts(run) for run in await runs()] == [{}] * len(used)


async def test_a_stream_that_was_put_into_a_loaded_model_is_not_that_artifact() -> None:
    @tracked
    def use(value: Any) -> int:
        return total(value.rows)

    export = await Export.load(await Export(rows()).save("export"))
    export.rows = rows()
    with pytest.warns(TrackingWarning, match="gone once it was read"):
        assert use(export) == 15
    altered = await Export.load(await Export(rows()).save("export"))
    altered.note = "altered"
    with pytest.warns(TrackingWarning, match="gone once it was read"):
        assert use(altered) == 15
    assert {kind for _, _, kind in await edges()} == set()


async def test_a_comparison_does_not_read_what_is_in_a_dataclass() -> None:
    @tracked
    def use(value: Chunked) -> int:
        return sum(value.chunks.numbers)

    chunked = await Chunked.load(await Chunked(Chunks(iter([5, 10]))).save("chunked"))
    with pytest.warns(TrackingWarning, match="gone once it was read"):
        assert use(chunked) == 15


async def test_files_are_kept_because_they_can_be_read_again(tmp_path: Path) -> None:
    @tracked(unsupported="refuse")
    async def copied(export: Export) -> Export:
        return Export(export.rows)

    (tmp_path / "file").write_bytes(b"content")
    first = await copied(Export(File(tmp_path / "file")))
    second = await copied(await Export.load(await first.save("export")))
    assert (await first.rows.read(), await second.rows.read()) == (b"content", b"content")
    for run in await runs():
        kept = await Export.load((await artifacts(run))["return"])
        assert await kept.rows.read() == b"content"


async def test_a_label_that_the_body_took() -> None:
    @tracked
    async def greedy() -> Score:
        await run_manager().save_artifact("return", Score(0.0))
        return Score(1.0)

    with pytest.warns(TrackingWarning, match="label"):
        assert await greedy() == Score(1.0)


async def test_many_known_arguments_take_as_many_statements_as_few() -> None:
    @tracked
    async def use(scores: list[Score]) -> None:
        return None

    ids = await save_many([("score", Score(number)) for number in range(50)])
    scores = await load_many(Score, ids)
    await use(scores[:2])  # the first start of a run looks for lost ones
    with counted() as few:
        await use(scores[:2])
    with counted() as many:
        await use(scores)
    assert len(few) == len(many)


def test_a_program_that_ends_right_after_a_sync_call_is_silent(tmp_path: Path) -> None:
    program = f"""
import asyncio
from artigraph import tracked
from artigraph.db import engine_context
@tracked
def one(): return 1
async def main():
    async with engine_context("sqlite:///{tmp_path}/exit.db", create_tables=True):
        one()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_run_of_the_environment_has_a_sync_manager(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_context(database_url, create_tables=True):
        with SyncRunManager(Run()) as manager:
            monkeypatch.setenv("ARTIGRAPH_RUN", manager.token())
        assert type(sync_run_manager()) is SyncRunManager
        node_id = sync_run_manager().save_artifact("score", Score(1.0))
        assert select_here(Score).ids() == [node_id]
