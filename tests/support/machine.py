"""A state machine that saves, loads, deletes and cancels, compared with a plain dictionary."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, delete, load_many, run_manager, save_many
from artigraph.db import current_database, engine_context, get_engine, read, session_context
from artigraph.errors import (
    CorruptObjectError,
    FieldNotLoadedError,
    LabelConflictError,
    NodeNotFoundError,
    ObjectNotFoundError,
    StorageUnavailableError,
    WrongModelTypeError,
)
from artigraph.maintenance import gc
from artigraph.orm import node_table
from artigraph.storage import MemoryStorage, Storage
from artigraph.testing.faults import CorruptingStorage, Corruption, Fault, FlakyStorage
from tests.support.identical import assert_identical
from tests.support.racing import INLINE_LIMIT, content
from tests.support.sound import look

T = TypeVar("T")


@dataclass
class Leaf(ArtifactModel, name="machine.Leaf"):
    value: Any


@dataclass
class Branch(ArtifactModel, name="machine.Branch"):
    number: int
    text: str
    items: list[Any] = field(default_factory=list[Any])
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping)
    nested: Any = None


def shared(leaf: Leaf) -> Branch:
    """Make a model that holds one object in three places."""
    return Branch(3, "shared", [leaf, leaf], nested=leaf)


def text(name: str) -> str:
    """Return the long text that a name means, or the name. Strategies draw names, so failing examples stay short."""
    return content(name) if name in ("one", "two", "three") else name


LABELS = st.sampled_from(["a", "A", "a "])


TEXTS = st.sampled_from(["", "short", "one", "two", "three"]).map(text)


PLAIN = st.one_of(TEXTS, st.none(), st.integers(-1, 1), st.lists(TEXTS, max_size=2))


LEAVES = st.builds(Leaf, PLAIN)


def branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Branch]:
    parts = st.one_of(inner, TEXTS)
    mappings = st.dictionaries(LABELS, parts, max_size=2).map(ArtifactMapping)
    return st.builds(Branch, st.integers(0, 2), TEXTS, st.lists(parts, max_size=3), mappings, st.none() | parts)


MODELS: st.SearchStrategy[Any] = st.one_of(
    LEAVES, LEAVES.map(shared), branches(LEAVES), branches(st.one_of(LEAVES, branches(LEAVES)))
)


FAULTS = st.lists(st.sampled_from(["none", "before", "after"]), max_size=6)


WHICH = st.integers(0, 1000)
"""A number that picks one of the existing items, however many there are."""


def nodes_of(value: Any) -> Iterator[Any]:
    """Yield the value of each row of a stored value, and None for a container or a model."""
    parts = parts_of(value)
    yield value if parts is None else None
    for part in parts or ():
        yield from nodes_of(part)


def parts_of(value: Any) -> list[Any] | None:
    """Return the values that are nodes below a value's own, or None if it is one node."""
    if isinstance(value, ArtifactModel):
        return [getattr(value, part.name) for part in dataclasses.fields(cast("Any", value))]
    if isinstance(value, ArtifactMapping):
        return list(cast("ArtifactMapping[str, Any]", value).values())
    items: list[Any] = value if issubclass(type(value), list) else []
    return items if any(isinstance(item, ArtifactModel) for item in items) else None


def objects_of(*models: Any) -> set[str]:
    """Return the values of models that are kept in objects."""
    found = (repr(value) for model in models for value in nodes_of(model))
    return {shown for shown in found if len(shown) > INLINE_LIMIT}


@dataclass(frozen=True)
class Saved:
    label: str
    parent: UUID | None
    model: Any


@dataclass
class Expected:
    """The expected content of the database."""

    artifacts: dict[UUID, Saved] = field(default_factory=dict[UUID, Saved])
    runs: dict[UUID, tuple[UUID | None, str]] = field(default_factory=dict[UUID, tuple[UUID | None, str]])

    def copy(self) -> Expected:
        return Expected(dict(self.artifacts), dict(self.runs))

    def under(self, parent: UUID) -> dict[str, Any]:
        return {saved.label: saved.model for saved in self.artifacts.values() if saved.parent == parent}


@dataclass
class OpenSession:
    block: AbstractAsyncContextManager[AsyncSession]
    own: AsyncSession | None
    before: Expected
    objects: int = 0
    """The most objects that its end can leave unused."""


@dataclass(frozen=True)
class Place:
    """A storage of objects, and a side channel to check it."""

    storage: Storage
    stored: Callable[[], Mapping[str, bytes]]


def in_memory() -> Place:
    storage = MemoryStorage()
    return Place(storage, lambda: storage._objects)


class Machine(RuleBasedStateMachine):
    """Calls in one task, as a program would make them: sessions and runs stay open from one step to the next.

    The possible steps do not depend on the result of a cancellation, because Hypothesis would report that as flaky.
    """

    steps = 0

    def __init__(self, fresh: Callable[[], AbstractContextManager[str]], place: Callable[[], Place]) -> None:
        super().__init__()
        self.held = ExitStack()
        self.url = self.held.enter_context(fresh())
        found = place()
        name = f"machine-{uuid4().hex}"
        self.stored = found.stored
        self.flaky = FlakyStorage(found.storage, rate=0, name=name)
        self.corrupting = CorruptingStorage(self.flaky, rate=0, name=name)
        self.expected = Expected()
        self.managers: list[RunManager] = []
        self.session: OpenSession | None = None
        self.orphans: frozenset[str] = frozenset()
        self.unused: frozenset[str] = frozenset()
        self.excused = 0
        """How many objects, or rows of objects, that nothing refers to the step may leave behind."""
        self.runner = asyncio.Runner()
        self.context = copy_context()
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work, context=self.context)

    async def _open(self) -> None:
        self.engine = engine_context(
            self.url, create_tables=True, large_value_storage=self.corrupting, inline_limit=INLINE_LIMIT
        )
        await self.engine.__aenter__()
        self.store = (await current_database()).store_id.hex

    def teardown(self) -> None:
        async def end() -> None:
            if self.session is not None:
                await self._close(self.session, commit=False)
            await self.engine.__aexit__(None, None, None)

        try:
            self.run(end())
        finally:
            self.runner.close()
            self.held.close()

    def _parent(self, which: int) -> UUID | None:
        return [*reversed(self.expected.runs), None][which % (1 + len(self.expected.runs))]

    def _one(self, which: int) -> tuple[UUID, Saved] | None:
        found = list(self.expected.artifacts.items())
        return found[which % len(found)] if found else None

    def _may_leave(self, *models: Any) -> None:
        self.excused += len(objects_of(*models))

    def _conflicts(self, pairs: Sequence[tuple[str, Any]], parent: UUID | None) -> bool:
        labels = [label for label, _ in pairs]
        return parent is not None and (
            len(set(labels)) < len(labels) or not self.expected.under(parent).keys().isdisjoint(labels)
        )

    def _note_saved(self, pairs: Sequence[tuple[str, Any]], parent: UUID | None, ids: Sequence[UUID]) -> None:
        for node_id, (label, model) in zip(ids, pairs, strict=True):
            self.expected.artifacts[node_id] = Saved(label, parent, model)

    async def _save(
        self, pairs: Sequence[tuple[str, Any]], parent: UUID | None, call: Callable[[], Coroutine[Any, Any, list[UUID]]]
    ) -> None:
        models = [model for _, model in pairs]
        if self.session is not None:
            self.session.objects += len(objects_of(*models))
        if self._conflicts(pairs, parent):
            if self.session is not None:  # where the rows of objects are committed first, and stay
                self._may_leave(*models)
            with pytest.raises(LabelConflictError):
                await call()
        else:
            self._note_saved(pairs, parent, await call())

    @initialize(models=st.lists(MODELS, min_size=3, max_size=3))
    def begin(self, models: list[Any]) -> None:
        self.enter_a_run()
        self.save_several(list(zip(["a", "", "é"], models, strict=True)), 0)

    # Saving -------------------------------------------------------------------------------------------------------

    @rule(label=LABELS, model=MODELS, which=WHICH)
    def save(self, label: str, model: Any, which: int) -> None:
        parent = self._parent(which)

        async def call() -> list[UUID]:
            return [await model.save(label, parent_id=parent)]

        self.run(self._save([(label, model)], parent, call))

    @rule(pairs=st.lists(st.tuples(LABELS, MODELS), max_size=3), which=WHICH)
    def save_several(self, pairs: list[tuple[str, Any]], which: int) -> None:
        parent = self._parent(which)
        self.run(self._save(pairs, parent, lambda: save_many(pairs, parent)))

    @rule(label=LABELS, model=MODELS)
    def save_in_the_active_run(self, label: str, model: Any) -> None:
        if self.managers and self.managers[-1].run.node_id in self.expected.runs:

            async def call() -> list[UUID]:
                return [await run_manager().save_artifact(label, model)]

            self.run(self._save([(label, model)], self.managers[-1].run.node_id, call))

    @rule(
        pairs=st.lists(st.tuples(LABELS, MODELS), min_size=1, max_size=2),
        script=FAULTS,
    )
    def save_while_the_storage_fails(self, pairs: list[tuple[str, Any]], script: list[Fault]) -> None:
        async def call() -> list[UUID]:
            return await save_many(pairs)

        self._may_leave(*(model for _, model in pairs))
        faults, self.flaky._script = self.flaky.faults, iter(script)
        try:
            self.run(self._save(pairs, None, call))
        except StorageUnavailableError:
            assert self.flaky.faults > faults
        finally:
            self.flaky._script = iter(())

    @rule(label=LABELS, model=MODELS, which=WHICH, turns=st.integers(0, 400))
    def save_and_cancel(self, label: str, model: Any, which: int, turns: int) -> None:
        parent = self._parent(which)
        conflict = self._conflicts([(label, model)], parent)
        if self.session is not None:
            self.session.objects += len(objects_of(model))
        self._may_leave(model)

        async def cancelled() -> None:
            task: asyncio.Future[UUID] = asyncio.ensure_future(model.save(label, parent_id=parent))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            [outcome] = await asyncio.gather(task, return_exceptions=True)
            new = [node_id for node_id, _ in await roots() if node_id not in self.expected.artifacts]
            assert len(new) <= (not conflict)
            if isinstance(outcome, UUID):
                assert new == [outcome]
            else:
                assert isinstance(outcome, (asyncio.CancelledError, LabelConflictError))
                assert conflict or isinstance(outcome, asyncio.CancelledError)
            self._note_saved([(label, model)] * len(new), parent, new)

        self.run(cancelled())

    # Deleting -----------------------------------------------------------------------------------------------------

    def _gone(self, ids: Collection[UUID]) -> Expected:
        """Return what a deletion of these takes along: runs, with everything below them."""
        gone = Expected()
        for run_id, run in self.expected.runs.items():
            if run_id in ids or not gone.runs.keys().isdisjoint(self._above(run_id)):
                gone.runs[run_id] = run
        for node_id, saved in self.expected.artifacts.items():
            if node_id in ids or saved.parent in gone.runs:
                gone.artifacts[node_id] = saved
        return gone

    @rule(
        which=st.lists(WHICH, min_size=1, max_size=3),
        faults=st.lists(st.sampled_from(["none", "before", "after"]), max_size=2),
    )
    def delete_some(self, which: list[int], faults: list[Fault]) -> None:
        known = [*self.expected.artifacts, *self.expected.runs]
        absent = uuid4()
        ids = {known[number % len(known)] for number in which} if known else set[UUID]()
        gone = self._gone(ids)
        models = [saved.model for saved in gone.artifacts.values()]
        if faults or self.session is not None:
            self._may_leave(*models)
        preview = self.run(delete([*ids, absent], dry_run=True))
        self.run(self._check())
        if faults or self.session is not None:
            self._may_leave(*models)
        self.flaky._script = iter(faults)
        try:
            report = self.run(delete([*ids, absent]))
        finally:
            self.flaky._script = iter(())
        assert report == dataclasses.replace(preview, dry_run=False, left_objects=report.left_objects)
        assert (report.artifacts, report.runs, report.not_found) == (len(models), len(gone.runs), (absent,))
        assert report.rows == sum(len(list(nodes_of(model))) for model in models) + len(gone.runs)
        for node_id in gone.artifacts:
            del self.expected.artifacts[node_id]
            with pytest.raises(NodeNotFoundError):
                self.run(ArtifactModel.load(node_id))
        for run_id in gone.runs:
            del self.expected.runs[run_id]

    @precondition(lambda self: self.session is None)
    @rule()
    def collect_garbage(self) -> None:
        preview = self.run(gc(grace=timedelta()))
        assert (preview.unused.count, preview.unregistered.count) == (len(self.unused), len(self.orphans))
        self.run(self._check())
        report = self.run(gc(dry_run=False, grace=timedelta()))
        # Several are removed at once, so which of them are the first examples is not the same each time.
        expected = dataclasses.replace(
            preview,
            dry_run=False,
            unused_examples=report.unused_examples,
            unregistered_examples=report.unregistered_examples,
        )
        assert report == expected
        self.run(self._check())
        assert not self.orphans | self.unused

    # Loading ------------------------------------------------------------------------------------------------------

    @rule(which=WHICH)
    def load(self, which: int) -> None:
        async def load(node_id: UUID, model: ArtifactModel) -> None:
            assert_identical(await load_many(type(model), [node_id]), [model])
            with pytest.raises(WrongModelTypeError):
                await (Leaf if isinstance(model, Branch) else Branch).load(node_id)

        if (found := self._one(which)) is not None:
            self.run(load(found[0], found[1].model))

    @rule(which=WHICH, fields=st.sets(st.sampled_from([part.name for part in dataclasses.fields(Branch)])))
    def load_fields(self, which: int, fields: set[str]) -> None:
        found = self._one(which)
        if found is None or not isinstance(found[1].model, Branch):
            return
        part = self.run(Branch.load(found[0], fields=fields))
        for each in dataclasses.fields(Branch):
            if each.name in fields:
                assert_identical(getattr(part, each.name), getattr(found[1].model, each.name))
            else:
                with pytest.raises(FieldNotLoadedError):
                    getattr(part, each.name)

    @rule(which=WHICH, kind=st.sampled_from(["flip", "truncate", "extend", "missing"]))
    def load_what_is_spoilt(self, which: int, kind: Corruption) -> None:
        found = self._one(which)
        if found is None:
            return
        self.corrupting._kind, self.corrupting._rate = kind, 1
        try:
            if objects_of(found[1].model):
                with pytest.raises((CorruptObjectError, ObjectNotFoundError)):
                    self.run(ArtifactModel.load(found[0]))
            else:
                assert_identical(self.run(ArtifactModel.load(found[0])), found[1].model)
        finally:
            self.corrupting._rate = 0

    # Runs ---------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.session is None)
    @rule()
    def enter_a_run(self) -> None:
        if len(self.managers) == 3:
            return
        manager = RunManager(Run(), record_use=False)  # else what is loaded could not be deleted
        parent = self.managers[-1].run.node_id if self.managers else None
        if parent is not None and parent not in self.expected.runs:
            with pytest.raises(NodeNotFoundError):
                self.run(manager.__aenter__())
            return
        self.run(manager.__aenter__())
        self.managers.append(manager)
        self.expected.runs[manager.run.node_id] = (parent, "running")

    @rule(
        end=st.sampled_from(
            [(None, "completed"), (ZeroDivisionError("x"), "failed"), (asyncio.CancelledError(), "cancelled")]
        )
    )
    def leave_the_run(self, end: tuple[BaseException | None, str]) -> None:
        error, status = end
        if not self.managers:
            return
        run = self.managers.pop().run
        manager = self.run(self._leave(error))
        assert manager.run is run
        if run.node_id in self.expected.runs:
            self.expected.runs[run.node_id] = (self.expected.runs[run.node_id][0], status)

    async def _leave(self, error: BaseException | None) -> RunManager:
        manager = run_manager()
        await manager.__aexit__(type(error) if error else None, error, None)
        return manager

    @rule()
    def load_the_active_run(self) -> None:
        if not self.managers or self.managers[-1].run.node_id not in self.expected.runs:
            return
        run_id = self.managers[-1].run.node_id
        artifacts = self.run(self.managers[-1].load_artifacts())
        assert_identical(list(artifacts.items()), list(self.expected.under(run_id).items()))
        below = [run.node_id for run in self.run(self.managers[-1].load_descendant_runs())]
        assert below == [node_id for node_id in self.expected.runs if run_id in self._above(node_id)]

    def _above(self, run_id: UUID) -> list[UUID]:
        found: list[UUID] = []
        parent = self.expected.runs[run_id][0]
        while parent is not None:
            found.append(parent)
            parent = self.expected.runs[parent][0]
        return found

    # Sessions and engines -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.session is None)
    @rule(own=st.booleans())
    def open_a_session(self, own: bool) -> None:
        async def begin() -> OpenSession:
            session = AsyncSession(get_engine()) if own else None
            block = session_context(session)
            await block.__aenter__()
            return OpenSession(block, session, self.expected.copy())

        self.session = self.run(begin())

    @precondition(lambda self: self.session is not None)
    @rule(commit=st.booleans())
    def close_the_session(self, commit: bool) -> None:
        assert self.session is not None
        self.run(self._close(self.session, commit=commit))
        if not commit:
            self.expected = self.session.before
            self.excused += self.session.objects
        self.session = None

    async def _close(self, session: OpenSession, *, commit: bool) -> None:
        error = None if commit or session.own else ZeroDivisionError("rolled back")
        await session.block.__aexit__(type(error) if error else None, error, None)
        if session.own is not None:
            await (session.own.commit() if commit else session.own.rollback())
            await session.own.close()

    @precondition(lambda self: self.session is None)
    @rule()
    def open_the_database_again(self) -> None:
        async def again() -> None:
            await self.engine.__aexit__(None, None, None)
            await self._open()

        self.run(again())

    # What is to hold at any time ----------------------------------------------------------------------------------

    @invariant()
    def what_is_stored_is_what_was_saved(self) -> None:
        type(self).steps += 1
        self.run(self._check())

    async def _check(self) -> None:
        artifacts = self.expected.artifacts
        rows = (await read(lambda connection: connection.execute(select(node_table)))).all()
        assert {row.node_id: (row.parent_id, row.run_status) for row in rows if row.node_type == "run"} == (
            self.expected.runs
        )
        assert {row.node_id: (row.label, row.parent_id) for row in rows if row.tree_root_id == row.node_id} == {
            node_id: (saved.label, saved.parent) for node_id, saved in artifacts.items()
        }
        assert Counter(row.tree_root_id for row in rows if row.node_type != "run") == {
            node_id: len(list(nodes_of(saved.model))) for node_id, saved in artifacts.items()
        }
        loaded = await load_many(ArtifactModel, list(artifacts))
        assert_identical(loaded, [saved.model for saved in artifacts.values()])
        await self._check_objects()

    async def _check_objects(self) -> None:
        found = await look(self.stored())
        assert found.dangling == ()
        # Equal content is one object.
        kept = objects_of(*(saved.model for saved in self.expected.artifacts.values()))
        assert found.blobs - len(found.unused) == len(kept)
        orphans, unused = frozenset(found.orphans), frozenset(found.unused)
        assert len((orphans | unused) - self.orphans - self.unused) <= self.excused
        assert all(location.startswith(f"{self.store}/") for location in orphans)
        self.orphans, self.unused, self.excused = orphans, unused, 0


async def roots() -> Sequence[tuple[UUID, str]]:
    statement = select(node_table.c.node_id, node_table.c.label).where(
        node_table.c.node_id == node_table.c.tree_root_id
    )
    return [(row.node_id, row.label) for row in await read(lambda connection: connection.execute(statement))]


def check(machine: Any, *, examples: int, derandomize: bool) -> None:
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            derandomize=derandomize,
            database=None,
            deadline=None,
            suppress_health_check=health,
            print_blob=True,
        ),
    )
