"""The background loop: contexts, errors, interruptions, threads, forks, and its end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import artigraph.db as async_db
from artigraph import tracked
from artigraph.errors import SyncCallError
from artigraph.portal import entered, iterate, wait_for
from artigraph.serializer import Serializer
from artigraph.sync import ArtifactModel, Run, RunManager, artifact_field, run_manager, select
from artigraph.sync.db import engine_context, session_context
from artigraph.sync.maintenance import fsck


@dataclass
class Number(ArtifactModel, name="SyncBackgroundNumber"):
    value: int


variable: ContextVar[str] = ContextVar("variable", default="unset")


async def thread_of() -> threading.Thread:
    return threading.current_thread()


def test_all_is_done_on_one_loop_in_one_thread() -> None:
    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(wait_for(loop()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {wait_for(loop())}
    assert wait_for(thread_of()).daemon


def test_what_is_set_there_is_set_here_and_nowhere_else() -> None:
    async def change(value: str) -> str:
        before = variable.get()
        variable.set(value)
        return before

    async def fail() -> None:
        variable.set("failed")
        raise ValueError

    variable.set("one")
    assert wait_for(change("two")) == "one"
    assert variable.get() == "two"
    with pytest.raises(ValueError):
        wait_for(fail())
    assert variable.get() == "failed"
    others: list[str] = []
    thread = threading.Thread(target=lambda: others.append(wait_for(change("three"))))
    thread.start()
    thread.join()
    assert (others, variable.get()) == (["unset"], "failed")


def test_errors_come_through_as_they_are() -> None:
    error = ValueError("as it is")

    async def fail() -> None:
        raise error

    with pytest.raises(ValueError) as raised:
        wait_for(fail())
    assert raised.value is error
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "fail"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_programs_ends_no_loop(kind: type[BaseException]) -> None:
    async def fail() -> None:
        raise kind

    before = wait_for(thread_of())
    with pytest.raises(kind):
        wait_for(fail())
    with pytest.raises(kind):
        wait_for(asyncio.wait_for(fail(), 10))
    assert wait_for(thread_of()) is before


def test_it_takes_coroutines_only() -> None:
    with pytest.raises(TypeError, match="calling an async function"):
        wait_for(thread_of)  # type: ignore[arg-type]


def test_it_is_refused_in_what_it_does() -> None:
    async def nested() -> object:
        return wait_for(thread_of())

    async def in_a_thread() -> object:
        return await asyncio.to_thread(lambda: wait_for(thread_of()))

    async def in_a_callback() -> object:
        done = asyncio.get_running_loop().create_future()

        def call() -> None:
            try:
                wait_for(thread_of())
            except SyncCallError as error:
                done.set_exception(error)

        asyncio.get_running_loop().call_soon(call, context=Context())
        return await done

    for work in (nested, in_a_thread, in_a_callback):
        with pytest.raises(SyncCallError, match="await the async function"):
            wait_for(work())


class Own(complex):
    """A type that only this module stores."""


class Nosy(Serializer[Own]):
    """Asks the store while it is asked by it: on the loop for a short value, in a thread for a long one."""

    name = "sync-nosy"
    types = (Own,)

    def serialize(self, value: Own) -> bytes:
        select(Run).count()
        return str(value).encode()

    def deserialize(self, data: bytes) -> Own:
        return Own(data.decode())


@dataclass
class Nosed(ArtifactModel, name="SyncNosed"):
    value: Own = artifact_field(serializer=Nosy())


def test_it_is_refused_in_a_serializer_and_in_a_callback(database_url: str) -> None:
    with engine_context(database_url, create_tables=True):
        with pytest.raises(Exception, match="A sync call was made") as raised:
            Nosed(Own(1j)).save("x")
        assert isinstance(raised.value.__cause__ or raised.value, SyncCallError)
        with pytest.raises(SyncCallError):
            fsck(progress=lambda _: select(Run).count())
        assert select(Nosed).count() == 0


def test_iteration_is_closed_where_it_ends() -> None:
    events: list[str] = []

    async def numbers() -> AsyncGenerator[int]:
        try:
            for number in range(3):
                yield number
        finally:
            await asyncio.sleep(0)
            events.append(threading.current_thread().name)

    assert list(iterate(numbers())) == [0, 1, 2]
    assert len(events) == 1
    for number in iterate(numbers()):
        assert number == 0
        break
    assert len(events) == 2
    closing = iterate(numbers())
    assert next(closing) == 0
    closing.close()
    assert events == ["artigraph-sync"] * 3


def test_iteration_that_is_collected_on_the_loop_is_closed_too() -> None:
    closed = threading.Event()

    async def numbers() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            closed.set()

    class Holder:
        pass

    holder: Any = Holder()
    holder.itself, holder.iterator = holder, iterate(numbers())
    assert next(holder.iterator) == 1
    gc.disable()
    try:
        del holder

        async def collect() -> None:
            gc.collect()

        wait_for(collect())
    finally:
        gc.enable()
    assert closed.wait(10)


def test_context_managers_see_the_error_of_the_block() -> None:
    seen: list[BaseException] = []

    @asynccontextmanager
    async def catching() -> AsyncGenerator[str]:
        try:
            yield "value"
        except KeyError as error:
            seen.append(error)

    with entered(catching()) as value:
        assert value == "value"
        raise KeyError(1)
    assert [type(error) for error in seen] == [KeyError]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have Ctrl-C raise, whatever this process was started with."""
    if sys.platform == "win32":
        pytest.skip("signals are sent otherwise there")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_when(*started: threading.Event) -> None:
    """Interrupt this process as each of some events happens."""

    def interrupt() -> None:
        for event in started:
            assert event.wait(10)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()


def test_an_interruption_cancels_the_work_and_waits_for_its_end(interruptible: None) -> None:
    started = threading.Event()
    events: list[str] = []

    async def long() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            events.append("cancelled")
            raise

    interrupt_when(started)
    with pytest.raises(KeyboardInterrupt):
        wait_for(long())
    assert events == ["cancelled"]


def test_another_interruption_does_not_wait(interruptible: None) -> None:
    started, cancelled, ended = threading.Event(), threading.Event(), threading.Event()
    go_on: list[asyncio.Event] = []

    async def stubborn() -> None:
        variable.set("by the stubborn one")
        go_on.append(asyncio.Event())
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            await go_on[0].wait()
        ended.set()

    async def let_it_end() -> None:
        go_on[0].set()

    interrupt_when(started, cancelled)
    with pytest.raises(KeyboardInterrupt):
        wait_for(stubborn())
    assert not ended.is_set()
    assert variable.get() == "by the stubborn one"
    variable.set("unset")
    wait_for(let_it_end())
    assert ended.wait(10)


def test_an_interrupted_run_is_cancelled(interruptible: None, database_url: str) -> None:
    started = threading.Event()

    async def long() -> None:
        started.set()
        await asyncio.sleep(60)

    with engine_context(database_url, create_tables=True):
        manager = RunManager(Run())
        interrupt_when(started)
        with pytest.raises(KeyboardInterrupt), manager:
            wait_for(long())
        assert manager.run.status == "cancelled"
        assert [run.status for run in select(Run)] == ["cancelled"]
        assert run_manager(allow_none=True) is None


class Interrupted:
    """Interrupts this thread where a function is called, or returns, for the first time."""

    def __init__(self, event: str, function: str) -> None:
        self._at = event, function

    def __enter__(self) -> None:
        sys.setprofile(self._look)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: object) -> None:
        if (event, frame.f_code.co_name) == self._at:
            sys.setprofile(None)
            raise KeyboardInterrupt


def test_an_interruption_before_the_work_is_begun_is_no_wait_for_ever() -> None:
    coroutine: Any = thread_of()
    with pytest.raises(KeyboardInterrupt), Interrupted("call", "call_soon_threadsafe"):
        wait_for(coroutine)
    assert coroutine.cr_frame is None  # it was closed
    assert wait_for(thread_of()).name == "artigraph-sync"


def test_what_was_entered_when_the_interruption_came_is_left(database_url: str) -> None:
    with engine_context(database_url, create_tables=True):
        manager = RunManager(Run(name="first"))
        with pytest.raises(KeyboardInterrupt), Interrupted("return", "_wait"), manager:
            pytest.fail("the block was begun")
        assert run_manager(allow_none=True) is None
        assert manager.run.status == "cancelled"
        with RunManager(Run()) as second:
            assert second.run.node_parent_id is None
        with pytest.raises(KeyboardInterrupt), Interrupted("return", "_wait"), session_context():
            pytest.fail("the block was begun")
        Number(1).save("after")
    with engine_context(database_url):
        assert select(Number).all() == [Number(1)]
        assert [run.status for run in select(Run)] == ["cancelled", "completed"]


def test_a_sync_call_where_the_loop_is_writing_is_refused_at_once(database_url: str) -> None:
    @tracked
    def train(number: int) -> int:
        return number + 1

    async def main() -> None:
        async with async_db.engine_context(database_url, create_tables=True):
            assert train(1) == 2
            entered, go_on = asyncio.Event(), asyncio.Event()

            async def write() -> None:
                async with async_db.session_context():
                    entered.set()
                    await go_on.wait()

            writing = asyncio.create_task(write())
            await entered.wait()
            with pytest.raises(SyncCallError, match=r"await asyncio\.to_thread"):
                Number(1).save("x")
            with pytest.raises(SyncCallError, match=r"await asyncio\.to_thread"):
                train(1)
            assert select(Number).all() == []  # reading is harmless
            in_thread = asyncio.create_task(asyncio.to_thread(train, 2))
            await asyncio.sleep(0.1)
            go_on.set()
            await writing
            assert await in_thread == 3
            assert train(3) == 4
            Number(2).save("x")
            assert select(Number).all() == [Number(2)]

    asyncio.run(main())


def test_a_generator_that_is_collected_in_the_thread_of_the_loop_leaves_its_blocks(tmp_path: Path) -> None:
    async def collect() -> None:
        gc.collect()

    async def settle() -> None:
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    def steps() -> Iterator[int]:
        with RunManager(Run(name="left")), session_context():
            Number(1).save("inside")
            yield 1

    with engine_context(f"sqlite:///{tmp_path}/data.db", create_tables=True):
        with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
            kept: list[Any] = [steps()]
            next(kept[0])
            kept.append(kept)  # so that the garbage collector closes it
            del kept
        wait_for(collect())
        wait_for(settle())
        assert run_manager(allow_none=True) is None
        assert select(Run).ids() == []
        with engine_context(f"sqlite:///{tmp_path}/other.db"):
            assert [(run.name, run.status) for run in select(Run).all()] == [("left", "cancelled")]
            assert select(Number).ids() == []
            with RunManager(Run(name="later")) as manager:
                manager.save_artifact("later", Number(2))
                assert manager.run.node_parent_id is None


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


USE = """
    import logging, os, sys, threading
    from dataclasses import dataclass
    from artigraph.sync import ArtifactModel, Run, RunManager, select, wait_for
    from artigraph.sync.db import set_engine

    @dataclass
    class Number(ArtifactModel):
        value: int

    logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev has it say which steps were slow
    set_engine("sqlite:///" + sys.argv[1], create_tables=True)
"""


def test_what_is_left_at_the_very_end_of_a_process_is_told_and_no_wait_for_ever(tmp_path: Path) -> None:
    code = (
        USE
        + """
    def steps():
        with RunManager(Run()):
            yield 1

    steps = steps()
    next(steps)
    """
    )
    done = python(code, str(tmp_path / "data.db"))
    assert done.returncode == 0
    assert "SyncCallError: The interpreter is ending" in done.stderr


def test_a_script_ends_without_a_word(tmp_path: Path) -> None:
    code = (
        USE
        + """
    import asyncio
    with RunManager(Run()) as manager:
        manager.save_artifact("one", Number(1))
    numbers = iter(select(Number))
    print(next(numbers).value)
    threading.Thread(target=lambda: wait_for(asyncio.sleep(60)), daemon=True).start()
    """
    )
    result = python(code, str(tmp_path / "a.db"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


def test_a_process_that_used_nothing_starts_nothing() -> None:
    result = python("import threading, artigraph.sync; print(threading.active_count())")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_a_loop_of_its_own(tmp_path: Path) -> None:
    code = (
        USE
        + """
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: that is what is tried here
    first = Number(1).save("parent")
    child = os.fork()
    if not child:
        assert Number.load(first) == Number(1)
        with RunManager(Run()) as manager:
            manager.save_artifact("child", Number(2))
        sys.exit(7)  # as a program ends: with all that is done at its end
    assert Number.load(first) == Number(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print(sorted(number.value for number in select(Number)))
    """
    )
    result = python(code, str(tmp_path / "a.db"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "[1, 2]\n", "")
