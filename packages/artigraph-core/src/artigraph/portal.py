"""An event loop in a background thread that runs async work for sync callers."""

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

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PATIENCE = 5.0
"""Seconds that the process waits at its end for connections to be closed."""
_TICK = 0.2
"""Seconds between two checks for a signal. On Windows a signal does not interrupt a wait."""
_NESTED = (
    "A sync call was made from what another one is doing: a serializer, a storage, a callback or a coroutine. There, "
    "await the async function of the same name, which is in artigraph itself."
)

_ENDING = "The interpreter is ending: there is no thread any more that could do what sync calls want done."

_inside: ContextVar[bool] = ContextVar("artigraph_background", default=False)
"""Set in the context of all work for sync calls, including the threads that the work uses."""


class _Caller:
    """The caller of a sync call: the event loop that runs in its thread, which is blocked while the caller waits."""

    __slots__ = ("loop",)

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = asyncio._get_running_loop()  # None outside a loop


sync_caller: ContextVar[_Caller | None] = ContextVar("artigraph_caller", default=None)
"""The sync call for which the current work is done, or None."""


def background_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs the work of sync calls, or None if it was not started yet."""
    background = _background
    return None if background is None else background.loop


def finish(coroutine: Coroutine[Any, Any, None], /) -> None:
    """Run work on the background loop without waiting for it. The end of the process waits for it."""
    background = _background
    if background is None:
        coroutine.close()
        return
    try:
        background.loop.call_soon_threadsafe(background.last, coroutine)
    except RuntimeError:  # the loop has just ended
        coroutine.close()


def wait_for(
    coroutine: Coroutine[Any, Any, T], /, *, undo: Callable[..., Coroutine[Any, Any, object]] | None = None
) -> T:
    """Run a coroutine on the background loop and return its result. Exceptions of the coroutine propagate.

        total = wait_for(session.scalar(statement))

    The coroutine sees this thread's context variables, such as the active run, and those that it sets are then set
    here. There is one loop for the process, in a daemon thread that starts on first use. A forked child has its own.
    If an event loop is running in this thread, as in a notebook, it is blocked meanwhile. Ctrl-C cancels the coroutine
    and waits for its end. A second Ctrl-C does not wait.

    Args:
        coroutine: the work.
        undo: called with the class, the value and the traceback of the exception that interrupts the wait (Ctrl-C), if
            the work was already done by then. It must undo the work, as `__aexit__` does for `__aenter__`.

    Raises:
        SyncCallError: the call comes from inside another sync call, on the loop or in one of its threads; or the
            interpreter is ending; or the work would write to a SQLite database to which the event loop that is running
            in this thread is writing.
        TypeError: the argument is not a coroutine.
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
    """Yield the items of an async iterable, each on request. Closing this generator closes the iterable."""
    background = _started()
    iterator = aiter(source)
    try:
        while (found := wait_for(_next(iterator))) is not _END:
            yield found
    finally:
        if isinstance(iterator, AsyncGenerator) and background is _background:
            closing = _close(cast("AsyncGenerator[T]", iterator))
            if _is_inside():  # the garbage collector may close it in any thread
                background.loop.call_soon_threadsafe(background.loop.create_task, closing)
            else:
                wait_for(closing)


class entered(AbstractContextManager[T_co], Generic[T_co]):  # noqa: N801 (used like a function)
    """A context manager that enters and leaves an async context manager."""

    def __init__(self, manager: AbstractAsyncContextManager[T_co, Any], /) -> None:
        self._manager = manager

    def __enter__(self) -> T_co:
        return enter(self._manager)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return cast("bool | None", leave(self._manager, kind, error, trace))


_entered: dict[int, Context] = {}
"""The contexts in which managers were entered, by the managers' `id()`."""


def enter(manager: AbstractAsyncContextManager[T, Any], /) -> T:
    """Enter an async context manager; see `wait_for`."""
    found = wait_for(manager.__aenter__(), undo=manager.__aexit__)
    _entered[id(manager)] = copy_context()
    return found


def leave(
    manager: AbstractAsyncContextManager[Any, Any],
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
    /,
) -> Any:
    """Leave an async context manager that was entered by `enter`; see `wait_for`.

    The garbage collector may close a suspended generator in any thread, and its block is left in that thread. In a
    thread that must not wait, this function only schedules the exit, in the context in which the block was entered.
    """
    context = _entered.pop(id(manager), None)
    background = _background
    leaving: Any = manager.__aexit__(kind, error, trace)
    if context is None or background is None or not _is_inside():
        return wait_for(leaving)
    context.run(_inside.set, True)  # noqa: FBT003
    try:
        background.loop.call_soon_threadsafe(background.last, leaving, context=context)
    except RuntimeError as closed:
        leaving.close()
        raise SyncCallError(_ENDING) from closed
    return None


class _Background:
    """The background loop and its thread."""

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
        """Start work that the end of the process does not cancel. Called on the loop."""
        task = self.loop.create_task(coroutine)
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)

    def stop(self) -> None:
        """Cancel the tasks, close what is open on the loop, and close the loop. It waits for that, but not for ever."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_PATIENCE)

    def _work(self) -> None:
        while True:
            try:
                self.loop.run_forever()
            except (KeyboardInterrupt, SystemExit):  # raised by a task: its caller gets it, other tasks continue
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
        # Async generators hold engines and clients of storages, and close them here.
        await self.loop.shutdown_asyncgens()


class _Call(Generic[T]):
    """A coroutine on the background loop, and the thread that waits for it."""

    def __init__(self, background: _Background, coroutine: Coroutine[Any, Any, T]) -> None:
        self._background = background
        self._loop = background.loop
        self._coroutine = coroutine
        self._context = copy_context()
        self._context.run(_inside.set, True)  # noqa: FBT003
        self._caller = _Caller()
        self._context.run(sync_caller.set, self._caller)
        self._task: asyncio.Task[T] | None = None
        self._done = threading.Event()

    def wait(self, undo: Callable[..., Coroutine[Any, Any, object]] | None = None) -> T:
        """Run the coroutine and return its result."""
        try:
            self._loop.call_soon_threadsafe(self._start)
            self._wait()
        except BaseException as error:  # Ctrl-C, or another exception of a signal handler
            try:
                if self._loop.is_closed():  # the process is ending
                    self._coroutine.close()
                else:
                    self._loop.call_soon_threadsafe(self._cancel)
                    self._wait()
            finally:  # a second interrupt does not wait
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
            self._task = None  # an error refers to this frame, and would form a cycle through the task

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
        else:  # the interrupt came before the task was created
            self._coroutine.close()
            self._done.set()

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # mark it as retrieved, in case nobody waits for it
        if not self._background.ending:  # else only daemon threads wait, and they end with the process
            self._done.set()


def _carry_back(context: Context) -> None:
    """Set in this context the variables that were set in another one."""
    current = copy_context()
    for variable, value in context.items():
        if variable not in (_inside, sync_caller) and current.get(variable, _END) is not value:
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
"""Loops of parent processes. They are kept: closing or collecting them here would disturb those processes."""


def _started() -> _Background:
    """Return the background loop, started on first use, for a caller that may wait for it."""
    global _background  # noqa: PLW0603
    if _is_inside():
        raise SyncCallError(_NESTED)
    if sys.is_finalizing():  # a new thread would never run
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
