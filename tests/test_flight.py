"""The bound on bytes in flight is one for the process: kept by loads and saves, in turn, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import artigraph.sync
from artigraph import ArtifactModel, ArtifactSequence, Lazy, artifact_field, save_many
from artigraph.db import _flight, bytes_in_flight, reserve_memory, session_context, set_bytes_in_flight, set_engine
from artigraph.errors import ConfigurationError, DeserializationError, StorageError
from artigraph.serializer import Serializer
from artigraph.storage import MemoryStorage

KIB, MIB = 1024, 1024 * 1024
SIZE = 50 * KIB
"""Stands for 50 MB."""
BOUND = 128 * KIB
"""Stands for 128 MiB."""


class Meter:
    """Knows how many bytes there are at once: from reading to deserialization, and from serialization to storage."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = self.objects = self.most_objects = 0

    def add(self, size: int) -> None:
        with self._lock:
            self.now += size
            self.objects += 1
            self.most = max(self.most, self.now)
            self.most_objects = max(self.most_objects, self.objects)

    def remove(self, size: int) -> None:
        with self._lock:
            self.now -= size
            self.objects -= 1

    def reset(self) -> None:
        self.now = self.most = self.objects = self.most_objects = 0


meter = Meter()


class Metered(MemoryStorage):
    """Takes a while for everything."""

    failing = False

    async def read(self, location: str) -> bytes:
        data = await super().read(location)
        meter.add(len(data))
        try:
            await asyncio.sleep(0.0005)
            if self.failing and random.random() < 0.2:
                raise OSError("the line is bad")
        except BaseException:
            meter.remove(len(data))
            raise
        return data

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        try:
            await asyncio.sleep(0.0005)
            return await super().create(data, key=key)
        finally:
            meter.remove(len(data))


metered = Metered("metered")


class Big:
    """A value whose encoding is `size` bytes long."""

    def __init__(self, number: int, size: int = SIZE, *, known: bool = True) -> None:
        self.number, self.size, self.known = number, size, known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Big) and (other.number, other.size) == (self.number, self.size)

    def __hash__(self) -> int:
        return self.number


class BigSerializer(Serializer[Big]):
    name = "test-flight-big"
    types = (Big,)

    def size_hint(self, value: Big) -> int | None:
        # More than what is serialized at once, in the event loop's thread, before there is any bound.
        return max(value.size, 256 * KIB + 1) if value.known and value.size > 4 * BOUND else None

    def serialize(self, value: Big) -> bytes:
        meter.add(value.size)
        return f"{value.number:10}".encode().ljust(value.size, b"x")

    def deserialize(self, data: bytes) -> Big:
        meter.remove(len(data))
        return Big(int(data[:10]), len(data))


BigSerializer().register()


@dataclass
class Flown(ArtifactModel):
    big: Big = artifact_field(storage=metered)


@dataclass
class FlownPart(ArtifactModel):
    one: Big = artifact_field(storage=metered)
    two: Big = artifact_field(storage=metered)


@dataclass
class FlownNested(ArtifactModel):
    parts: list[FlownPart]
    small: dict[str, int]
    lazy: Lazy[Big] = artifact_field(storage=metered)
    more: list[Any] = field(default_factory=list[Any])


@dataclass
class FlownTexts(ArtifactModel):
    parts: ArtifactSequence[Any] = artifact_field(storage=metered)
    text: str | bytes = artifact_field(storage=metered)


@dataclass
class FlownSync(artigraph.sync.ArtifactModel):
    big: Big = artifact_field(storage=metered)


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets bounds for a test, after which nobody holds bytes or waits for them. Nobody loses their patience."""
    monkeypatch.setattr(_flight, "_PATIENCE", math.inf)
    meter.reset()
    metered.failing = False
    with ExitStack() as stack:

        def set_bound(limit: int) -> None:
            stack.callback(set_bytes_in_flight(limit))

        set_bound(BOUND)
        yield set_bound
    assert _flight._ledger.state == (0, 0, 0, 0)


async def saved(count: int, size: int = SIZE) -> list[UUID]:
    ids = await save_many([(f"big{number}", Flown(Big(number, size))) for number in range(count)])
    meter.reset()
    return ids


async def settled(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (what it waits for is in another thread, or a private attribute)
        await asyncio.sleep(0.001)


def waiting() -> int:
    return _flight._ledger.state[2]


def state() -> tuple[int, int, int, int]:
    return _flight._ledger.state


@pytest.fixture(autouse=True)
def process_engine(tmp_path: Path) -> Iterator[None]:
    """A database for all threads."""
    put_back = set_engine(f"sqlite:///{tmp_path}/process.db", create_tables=True)
    yield
    put_back()


# What is counted


@pytest.mark.parametrize("count", [60, 1000])
async def test_loads_at_once_stay_within_the_bound(count: int) -> None:
    ids = await saved(10)
    async with asyncio.timeout(120):
        loaded = await asyncio.gather(*(Flown.load(ids[number % 10]) for number in range(count)))
    assert [model.big.number for model in loaded] == [number % 10 for number in range(count)]
    assert meter.most == 2 * SIZE  # within the bound, and as many as fit
    assert meter.now == 0


async def test_lazy_values_and_values_of_one_model_stay_within_the_bound() -> None:
    parts = [FlownPart(Big(2 * number), Big(2 * number + 1)) for number in range(10)]
    model = FlownNested(parts, {}, Lazy(Big(1000)))
    node_id = await model.save("nested")
    meter.reset()
    async with asyncio.timeout(60):
        models = await asyncio.gather(*(FlownNested.load(node_id) for _ in range(10)))
        lazy = await asyncio.gather(*(one.lazy.load() for one in models))
    assert [one.parts for one in models] == 10 * [parts]
    assert lazy == 10 * [Big(1000)]
    assert meter.most == 2 * SIZE


async def test_large_texts_and_bytes_are_encoded_when_there_is_room(
    ledger: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from artigraph.model import _encode as module

    encode: Callable[..., bytes] = vars(module)["encode"]

    def metered_encode(*arguments: Any, **options: Any) -> bytes:
        data = encode(*arguments, **options)
        meter.add(len(data))
        return data

    monkeypatch.setattr(module, "encode", metered_encode)
    ledger(2 * MIB)
    texts: list[str | bytes] = [chr(ord("a") + number) * (500 * KIB) for number in range(12)]
    texts += [bytes([number]) * (400 * KIB) for number in range(12)]
    async with asyncio.timeout(60):
        models = [
            FlownTexts(ArtifactSequence(texts[:8]), texts[8]),
            *(FlownTexts(ArtifactSequence(), text) for text in texts[9:]),
        ]
        ids = await asyncio.gather(*(model.save("texts") for model in models))
    assert MIB < meter.most <= 2 * MIB
    monkeypatch.setattr(module, "encode", encode)
    assert [await FlownTexts.load(node_id) for node_id in ids] == models


def test_loads_of_two_threads_with_a_loop_each_stay_within_the_bound() -> None:
    ids = asyncio.run(saved(10))
    barrier = threading.Barrier(2)

    async def load() -> int:
        barrier.wait(30)
        async with asyncio.timeout(60):
            return len(await asyncio.gather(*(Flown.load(ids[number % 10]) for number in range(100))))

    with ThreadPoolExecutor(2) as threads:
        assert [one.result() for one in [threads.submit(asyncio.run, load()) for _ in range(2)]] == [100, 100]
    assert meter.most == 2 * SIZE


def test_sync_loads_of_threads_stay_within_the_bound_beside_a_loop() -> None:
    ids = [FlownSync(Big(number)).save("big") for number in range(5)]
    meter.reset()
    flown = asyncio.run(saved(5))

    async def load() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(Flown.load(node_id) for node_id in 10 * flown))

    with ThreadPoolExecutor(9) as threads:
        others = threads.submit(asyncio.run, load())
        loaded = list(threads.map(FlownSync.load, 8 * ids))
        others.result()
    assert [one.big.number for one in loaded] == 8 * list(range(5))
    assert meter.most == 2 * SIZE


async def test_a_larger_value_goes_alone() -> None:
    small, (large,) = await saved(20, 30 * KIB), await saved(1, 2 * BOUND)
    ids = [*small[:10], large, *small[10:]]
    most: list[int] = []
    original = Metered.read

    async def read(self: Metered, location: str) -> bytes:
        data = await original(self, location)
        if len(data) > BOUND:
            most.append(meter.objects)
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Metered, "read", read)
        await asyncio.gather(*(Flown.load(node_id) for node_id in ids))
    assert most == [1]
    assert meter.most == 2 * BOUND
    assert meter.most_objects == 4


@pytest.mark.parametrize("size", [SIZE // 2, BOUND // 4, 5 * BOUND])
async def test_saves_at_once_stay_within_the_bound(size: int) -> None:
    """Where the size is not known before, a quarter of the bound is held until it is; the largest tell theirs."""
    async with asyncio.timeout(120):
        ids = await asyncio.gather(*(Flown(Big(number, size)).save("big") for number in range(60)))
    assert meter.most <= max(BOUND, size)
    assert meter.most_objects > 1 or size > BOUND
    assert meter.now == 0
    assert (await Flown.load(ids[7])).big == Big(7, size)


async def test_one_save_of_many_values_of_unknown_size_stays_near_the_bound() -> None:
    """Until the first of them are encoded nobody knows; then the others wait."""
    models = [(f"big{number}", Flown(Big(number, BOUND // 4))) for number in range(100)]
    await save_many(models)
    assert meter.most <= 2 * BOUND
    assert meter.now == 0
    assert len(metered._objects) >= 100


async def test_values_in_rows_do_not_wait() -> None:
    @dataclass
    class InRow(ArtifactModel):
        text: str

    async with reserve_memory(BOUND), asyncio.timeout(30):
        node_id = await asyncio.create_task(_alone(InRow("x" * 300_000).save("row")))
        assert (await asyncio.create_task(_alone(InRow.load(node_id)))).text == "x" * 300_000


async def _alone(work: Coroutine[Any, Any, Any]) -> Any:
    """Do work as somebody who holds nothing."""
    _flight._held.set(None)
    return await work


# Whose turn it is


async def test_who_came_first_goes_first() -> None:
    order: list[int] = []

    async def hold(number: int, size: int) -> None:
        async with reserve_memory(size):
            order.append(number)
            await asyncio.sleep(0)

    sizes = [BOUND, 1, BOUND // 2, 3 * BOUND, 1, 1, BOUND, 7] * 5
    await asyncio.gather(*(hold(number, size) for number, size in enumerate(sizes)))
    assert order == list(range(len(sizes)))


async def test_a_higher_bound_lets_those_who_wait_go_on(ledger: Callable[[int], None]) -> None:
    async with reserve_memory(BOUND):
        other = asyncio.create_task(_alone(reserve_memory(BOUND).__aenter__()))
        await settled(lambda: waiting() == 1)
        ledger(2 * BOUND)
        async with asyncio.timeout(30):
            place = await other
        _flight._ledger.leave(place)


def test_the_bound_is_set_and_put_back_in_any_order() -> None:
    one, two = set_bytes_in_flight(1), set_bytes_in_flight(2)
    assert bytes_in_flight() == 2
    one()
    assert bytes_in_flight() == 2
    two()
    two()
    assert bytes_in_flight() == BOUND


def test_two_equal_bounds_are_put_back_one_by_one() -> None:
    one, two = set_bytes_in_flight(7), set_bytes_in_flight(7)
    one()
    assert bytes_in_flight() == 7
    two()
    assert bytes_in_flight() == BOUND


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None, "128 MiB"])
def test_a_bound_that_is_none_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"positive number of bytes, not .*128 \* 1024"):
        set_bytes_in_flight(limit)
    assert bytes_in_flight() == BOUND


def test_the_default_is_128_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_flight, "_limits", [])
    assert bytes_in_flight() == 128 * 1024 * 1024


# Cancellation and failure


@pytest.mark.parametrize("seed", range(10))
async def test_whoever_is_cancelled_gives_back_what_they_held(seed: int) -> None:
    ids = await saved(5)
    rng = random.Random(seed)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(Flown.load(rng.choice(ids))) for _ in range(30)]
    tasks += [asyncio.create_task(Flown(Big(100 + number)).save("big")) for number in range(30)]
    rng.shuffle(tasks)
    for task in tasks[:40]:
        await asyncio.sleep(rng.random() * 0.002)
        task.cancel()
    async with asyncio.timeout(60):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(one, Exception) for one in results)
    assert state() == (0, 0, 0, 0)


async def test_whoever_is_cancelled_while_they_wait_leaves_the_queue() -> None:
    async with reserve_memory(BOUND):
        tasks = [asyncio.create_task(_alone(reserve_memory(BOUND).__aenter__())) for _ in range(3)]
        await settled(lambda: waiting() == 3)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert state() == (BOUND, 0, 0, 1)


async def test_whoever_is_cancelled_as_their_turn_comes_gives_it_on() -> None:
    first = reserve_memory(BOUND)
    await first.__aenter__()
    second = asyncio.create_task(_alone(reserve_memory(BOUND).__aenter__()))
    third = asyncio.create_task(_alone(reserve_memory(BOUND).__aenter__()))
    await settled(lambda: waiting() == 2)
    await first.__aexit__(None, None, None)  # the second one is about to get its turn
    second.cancel()
    async with asyncio.timeout(30):
        place = await third
    assert second.cancelled()
    _flight._ledger.leave(place)


async def test_failures_give_back_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await saved(5)
    metered.failing = True
    results = await asyncio.gather(*(Flown.load(node_id) for node_id in 20 * ids), return_exceptions=True)
    assert {StorageError, Flown} == {type(one) for one in results}
    assert state() == (0, 0, 0, 0)
    metered.failing = False

    def refuse(self: BigSerializer, data: bytes) -> Big:
        raise ValueError("no")

    monkeypatch.setattr(BigSerializer, "deserialize", refuse)
    with pytest.raises(DeserializationError):
        await Flown.load(ids[0])


# Nobody waits for ever


async def test_a_hammer_of_loads_and_saves_ends() -> None:
    def nested(number: int, parts: int) -> FlownNested:
        bigs = [FlownPart(Big(100 * number + part), Big(part, 2 * BOUND)) for part in range(parts)]
        return FlownNested(bigs, {"x": number}, Lazy(Big(number)), [Big(number, 5 * BOUND)] * (number % 2))

    ids = [await nested(number, 3).save("nested") for number in range(4)]

    async def work(number: int) -> None:
        rng = random.Random(number)
        for _ in range(3):
            match rng.randrange(4):
                case 0:
                    model = await FlownNested.load(rng.choice(ids))
                    assert await model.lazy.load() == Big(model.small["x"])
                case 1:
                    await nested(number, 2).save("more")
                case 2:
                    async with session_context():
                        model = await FlownNested.load(rng.choice(ids))
                        await nested(number, 1).save("in a session")
                case _:
                    await artigraph_sync_load()

    flown = await saved(1)

    async def artigraph_sync_load() -> None:
        loaded = await asyncio.to_thread(artigraph.sync.wait_for, Flown.load(flown[0]))
        assert loaded.big == Big(0)

    async with asyncio.timeout(240):
        await asyncio.gather(*(work(number) for number in range(12)))


async def test_what_a_storage_loads_itself_does_not_wait_for_its_own_caller() -> None:
    inner = (await saved(1))[0]

    class Nesting(Metered):
        async def read(self, location: str) -> bytes:
            await Flown.load(inner)
            await asyncio.to_thread(artigraph.sync.wait_for, _alone_in_thread())
            return await super().read(location)

    async def _alone_in_thread() -> None:
        async with reserve_memory(BOUND):
            pass

    nesting = Nesting("nesting")

    @dataclass
    class Outer(ArtifactModel):
        big: Big = artifact_field(storage=nesting)

    outer = await Outer(Big(1, BOUND)).save("outer")
    async with asyncio.timeout(30):
        assert (await Outer.load(outer)).big == Big(1, BOUND)


async def test_a_sync_call_does_not_wait_for_the_loop_that_it_holds_up() -> None:
    """What is held on this loop cannot be given back before the call ends."""

    async def take() -> None:
        async with reserve_memory(BOUND):
            pass

    done = asyncio.get_running_loop().create_future()

    def call() -> None:
        _flight._held.set(None)
        artigraph.sync.wait_for(take())
        done.set_result(None)  # unless that raised, which a callback does in silence

    async with reserve_memory(BOUND):
        waiter = asyncio.create_task(_alone(take()))
        await settled(lambda: waiting() == 1)
        # In a context of its own, in this thread: somebody else's task that makes a sync call.
        asyncio.get_running_loop().call_soon(call)
        async with asyncio.timeout(30):
            await done
    await waiter


async def test_sessions_that_hold_all_connections_do_not_wait_for_saves_that_want_one() -> None:
    """A save that asks the database holds its bytes meanwhile; those in sessions may proceed meanwhile."""
    asking, inside, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def save() -> None:
        async with reserve_memory(BOUND) as place:
            await inside.wait()
            with place.asking_database():
                asking.set()
                await done.wait()

    async def in_session() -> None:
        async with session_context():
            inside.set()
            async with reserve_memory(SIZE):
                done.set()

    async with asyncio.timeout(30):
        saving = asyncio.create_task(save())
        await settled(lambda: state()[0] == BOUND)
        before = asyncio.create_task(_alone(reserve_memory(1).__aenter__()))  # is in no session, and first in the queue
        await settled(lambda: waiting() == 1)
        session = asyncio.create_task(in_session())
        await asking.wait()
        await asyncio.gather(saving, session)
        _flight._ledger.leave(await before)


async def test_saves_and_sessions_share_few_connections(tmp_path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    from artigraph.db import engine_context

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/small.db", pool_size=2, max_overflow=0)
    async with engine_context(engine, create_tables=True):
        (node_id,) = await saved(1)

        async def work(number: int) -> None:
            if number % 2:
                await Flown(Big(number, BOUND)).save("big")
            else:
                async with session_context():
                    await Flown.load(node_id)
                    await asyncio.sleep(0.001)
                    await Flown.load(node_id)

        async with asyncio.timeout(60):
            await asyncio.gather(*(work(number) for number in range(20)))
    await engine.dispose()


async def test_threads_that_wait_for_bytes_do_not_keep_them_from_being_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All threads of a loop wait in sync calls, and the call that holds the bytes needs one: one call proceeds."""
    monkeypatch.setattr(_flight, "_PATIENCE", 0.2)
    monkeypatch.setattr(_flight, "_LOOK", 0.05)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))

    async def take() -> None:
        async with reserve_memory(BOUND):
            pass

    async with asyncio.timeout(60):
        async with reserve_memory(BOUND):
            calls = [loop.run_in_executor(None, artigraph.sync.wait_for, take()) for _ in range(4)]
            await settled(lambda: waiting() >= 2)
            await asyncio.to_thread(int)  # waits behind the calls
        await asyncio.gather(*calls)


def test_a_waiter_whose_loop_is_closed_does_not_block_the_others() -> None:
    loop = asyncio.new_event_loop()
    holder, waiter = reserve_memory(BOUND), reserve_memory(BOUND)

    async def hold() -> None:
        await holder.__aenter__()
        task = asyncio.create_task(_alone(waiter.__aenter__()))
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        await settled(lambda: waiting() == 1)

    loop.run_until_complete(hold())
    stopped = state()
    loop.close()

    async def release_and_take() -> None:
        await holder.__aexit__(None, None, None)
        async with asyncio.timeout(30), reserve_memory(BOUND):
            pass

    asyncio.run(release_and_take())
    assert stopped == (BOUND, 0, 1, 2)


def test_a_waiter_whose_loop_stands_still_is_passed_over() -> None:
    loop = asyncio.new_event_loop()
    holder = reserve_memory(BOUND)

    async def hold() -> asyncio.Task[Any]:
        await holder.__aenter__()
        task = asyncio.create_task(_alone(reserve_memory(BOUND).__aenter__()))
        await settled(lambda: waiting() == 1)
        return task

    async def release_and_take() -> None:
        await holder.__aexit__(None, None, None)
        async with asyncio.timeout(10), reserve_memory(BOUND):
            pass

    async def look_again(task: asyncio.Task[Any]) -> None:
        _flight._ledger.look()
        async with asyncio.timeout(10):
            _flight._ledger.leave(await task)

    waiter = loop.run_until_complete(hold())
    asyncio.run(release_and_take())
    assert waiting() == 1
    loop.run_until_complete(look_again(waiter))
    loop.close()


def test_a_holder_whose_loop_is_gone_gives_back_what_it_held() -> None:
    loop = asyncio.new_event_loop()

    async def hold() -> None:
        async with reserve_memory(BOUND):
            await asyncio.Event().wait()

    async def begin() -> None:
        task = loop.create_task(hold())
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        gone.append(weakref.ref(task))
        await asyncio.sleep(0)

    gone: list[weakref.ref[Any]] = []
    loop.run_until_complete(begin())
    assert state()[0] == BOUND
    loop.close()
    gc.collect()
    assert gone[0]() is None
    assert state() == (0, 0, 0, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_begins_anew() -> None:
    async def hold_and_fork() -> int:
        async with reserve_memory(BOUND):
            pid = os.fork()
            if not pid:
                code = 1
                try:
                    ends: list[bool] = []

                    async def take() -> None:
                        async with asyncio.timeout(20), reserve_memory(BOUND):
                            ends.append(_flight._ledger.state[0] == BOUND)

                    thread = threading.Thread(target=asyncio.run, args=(take(),))
                    thread.start()
                    thread.join()
                    code = 0 if ends == [True] and _flight._ledger.state == (0, 0, 0, 0) else 1
                finally:
                    os._exit(code)
            return os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, pid, 0))[1])

    assert asyncio.run(hold_and_fork()) == 0


def test_threads_and_loops_that_hammer_the_ledger_leave_it_empty() -> None:
    now = [0]
    most = [0]
    lock = threading.Lock()

    def change(size: int) -> None:
        with lock:
            now[0] += size
            most[0] = max(most[0], now[0])

    async def hammer(seed: int) -> None:
        rng = random.Random(seed)

        async def one() -> None:
            size = rng.randrange(1, 60)
            async with reserve_memory(size):
                change(size)
                try:
                    await asyncio.sleep(rng.random() * 0.001)
                finally:
                    change(-size)

        tasks = [asyncio.create_task(one()) for _ in range(300)]
        for _ in range(100):
            await asyncio.sleep(0)
            rng.choice(tasks).cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)

    put_back = set_bytes_in_flight(100)
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(asyncio.run, hammer(seed)) for seed in range(8)]:
            done.result()
    put_back()
    assert 60 < most[0] <= 100
    assert now == [0]
