"""One event loop in a thread, on which sync code has async work done."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import Context, ContextVar, copy_context
from inspect import iscoroutine
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from artigraph.errors import SyncCallError

__all__ = ["background_loop", "entered", "finish", "iterate", "standing_loop", "wait_for"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PATIENCE = 5.0
"""Seconds for which the end of the process waits for connections to be closed."""
_TICK = 0.2
"""Seconds between two looks for a signal, which on Windows does not end a wait."""
_NESTED = (
    "A sync call was made from what another one is doing: a serializer, a storage, a callback or a coroutine. There, "
    "await the async function of the same name, which is in artigraph itself."
)

_ENDING = "The interpreter is ending: there is no thread any more that could do what sync calls want done."

_inside: ContextVar[bool] = ContextVar("artigraph_background", default=False)
"""Set in whatever is done for a sync call, in the threads that it uses too."""


class _Caller:
    """Who waits for a sync call: the event loop that runs in that thread, and stands still as long as it waits."""

    __slots__ = ("loop",)

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = asyncio._get_running_loop()  # noqa: SLF001 (or None)


_caller: ContextVar[_Caller | None] = ContextVar("artigraph_caller", default=None)


def standing_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that stands still until what is done here, for a sync call, has been done."""
    caller = _caller.get()
    return None if caller is None else caller.loop


def background_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop on which the work of sync calls is done, if there was one already."""
    background = _background
    return None if background is None else background.loop


def finish(coroutine: Coroutine[Any, Any, None], /) -> None:
    """Have work done on the background loop that nobody waits for; the end of the process does."""
    background = _background
    if background is None:
        coroutine.close()
        return
    try:
        background.loop.call_soon_threadsafe(background.last, coroutine)
    except RuntimeError:  # it has ended just now
        coroutine.close()


def wait_for(
    coroutine: Coroutine[Any, Any, T], /, *, undo: Callable[..., Coroutine[Any, Any, object]] | None = None
) -> T:
    """Do async work on the background loop and return its result; what it raises is raised here.

        total = wait_for(session.scalar(statement))

    It sees this thread's context variables, such as the active run, and what it sets is set here afterwards. The loop
    is one for the process, in a daemon thread that is started when it is first needed; a forked child has one of its
    own. Where an event loop is running here, as in a notebook, that one stands still meanwhile. Ctrl-C cancels the work
    and waits for its end; another one does not wait.

    Args:
        coroutine: the work.
        undo: is called with the class, the value and the traceback of what interrupts the wait (Ctrl-C) if the work was
            done by then, and does what takes it back, as `__aexit__` does for `__aenter__`.

    Raises:
        SyncCallError: this is called from what another such call is doing, on the loop or in one of its threads; or
            when the interpreter is ending; or it would write to a SQLite database to which the event loop that is
            running here is writing.
        TypeError: it is no coroutine.
    """
    if not iscoroutine(cast("object", coroutine)):
        msg = f"wait_for takes a coroutine, the result of calling an async function, not {coroutine!r:.100}"
        raise TypeError(msg)
    try:
        background = _started()
    except BaseException:
        coroutine.close()
        raise
    return _Call(background, coroutine).wait(undo)


def iterate(source: AsyncIterable[T], /) -> Generator[T]:
    """Yield what an async iterable yields, each when it is asked for; to close this closes that."""
    background = _started()
    iterator = aiter(source)
    try:
        while (found := wait_for(_next(iterator))) is not _END:
            yield found
    finally:
        if isinstance(iterator, AsyncGenerator) and background is _background:
            closing = _close(cast("AsyncGenerator[T]", iterator))
            if _is_inside():  # the garbage collector may close this in any thread
                background.loop.call_soon_threadsafe(background.loop.create_task, closing)
            else:
                wait_for(closing)


class entered(AbstractContextManager[T_co], Generic[T_co]):  # noqa: N801 (used like a function)
    """Enters and leaves an async context manager, in a `with` block."""

    def __init__(self, manager: AbstractAsyncContextManager[T_co, Any], /) -> None:
        self._manager = manager

    def __enter__(self) -> T_co:
        return wait_for(self._manager.__aenter__(), undo=self._manager.__aexit__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return cast("bool | None", wait_for(self._manager.__aexit__(kind, error, trace)))


class _Background:
    """A loop and its thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._lasting: set[asyncio.Task[None]] = set()
        self.ending = False
        self.thread = threading.Thread(target=self._work, name="artigraph-sync", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # the interpreter is ending
            self.loop.close()
            raise

    def last(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do work that is not cancelled when the process ends; this is called on the loop."""
        task = self.loop.create_task(coroutine)
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)

    def stop(self) -> None:
        """End what is going on, close what is open on the loop, and the loop; wait for that, but not for ever."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_PATIENCE)

    def _work(self) -> None:
        while True:
            try:
                self.loop.run_forever()
            except (KeyboardInterrupt, SystemExit):  # raised by a task, whose caller hears of it; others go on
                continue
            break
        self.loop.run_until_complete(self._close())
        self.loop.close()

    async def _close(self) -> None:
        self.ending = True
        if self._lasting:
            await asyncio.wait(tuple(self._lasting), timeout=_PATIENCE / 2)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Engines, and clients of storages, are held by async generators, which close them here.
        await self.loop.shutdown_asyncgens()


class _Call(Generic[T]):
    """Async work that a thread waits for."""

    def __init__(self, background: _Background, coroutine: Coroutine[Any, Any, T]) -> None:
        self._background = background
        self._loop = background.loop
        self._coroutine = coroutine
        self._context = copy_context()
        self._context.run(_inside.set, True)  # noqa: FBT003
        self._caller = _Caller()
        self._context.run(_caller.set, self._caller)
        self._task: asyncio.Task[T] | None = None
        self._done = threading.Event()

    def wait(self, undo: Callable[..., Coroutine[Any, Any, object]] | None = None) -> T:
        """Have the work done and return its result."""
        try:
            self._loop.call_soon_threadsafe(self._start)
            self._wait()
        except BaseException as error:  # Ctrl-C, or what else a signal handler raises
            try:
                if self._loop.is_closed():  # the process is ending
                    self._coroutine.close()
                else:
                    self._loop.call_soon_threadsafe(self._cancel)
                    self._wait()
            finally:  # another one does not wait
                _carry_back(self._context)
            if undo is not None and self._has_result():
                _Call(self._background, undo(type(error), error, error.__traceback__)).wait()
            raise
        finally:
            self._caller.loop = None
        _carry_back(self._context)
        try:
            return cast("asyncio.Task[T]", self._task).result()
        finally:
            self._task = None  # an error holds this frame, and would hold itself by it

    def _has_result(self) -> bool:
        task = self._task
        return task is not None and not task.cancelled() and task.exception() is None

    def _wait(self) -> None:
        while not self._done.wait(_TICK):
            pass

    def _start(self) -> None:
        self._task = self._loop.create_task(self._coroutine, context=self._context)
        self._task.add_done_callback(self._end)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:  # the interrupt came before it was begun
            self._coroutine.close()
            self._done.set()

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # seen, if nobody waits for it any more
        if not self._background.ending:  # then only daemon threads wait, which end with the process where they are
            self._done.set()


def _carry_back(context: Context) -> None:
    """Set here what was set there."""
    current = copy_context()
    for variable, value in context.items():
        if variable not in (_inside, _caller) and current.get(variable, _END) is not value:
            variable.set(value)


_END: Any = object()


async def _close(source: AsyncGenerator[T]) -> None:
    await source.aclose()


async def _next(source: AsyncIterator[T]) -> T:
    try:
        return await anext(source)
    except StopAsyncIteration:
        return cast("T", _END)


def _is_inside() -> bool:
    background = _background
    return _inside.get() or (background is not None and background.thread is threading.current_thread())


_lock = threading.Lock()
_background: _Background | None = None
_inherited: list[_Background | None] = []
"""Those of the processes that this one was forked from: closed, or collected, they would take from those."""


def _started() -> _Background:
    """Return the background, started if need be, to one who may wait for it."""
    global _background  # noqa: PLW0603
    if _is_inside():
        raise SyncCallError(_NESTED)
    if sys.is_finalizing():  # a thread would never be run
        raise SyncCallError(_ENDING)
    with _lock:
        if _background is None:
            _background = _Background()
        return _background


def _stop() -> None:
    global _background
    with _lock:
        background, _background = _background, None
    if background is not None:
        background.stop()


def _forget() -> None:
    global _background  # noqa: PLW0603
    _inherited.append(_background)
    _background = None
    _lock.release()


atexit.register(_stop)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget)
