"""Load models. The classes of the rows are defined before the objects are fetched, since that registers storages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
import artigraph.graph as graph
from artigraph.db import in_batches, read
from artigraph.graph import Fetch, StoredObject, StoredTree, hashing
from artigraph.model._read import Builder, Waiting, root_class
from artigraph.model.definition import define, is_model
from artigraph.model.failures import LoadFailure, is_skipped, located
from artigraph.model.identity_map import remember
from artigraph.model.partial import build_part
from artigraph.model.values import StoredValue, located_error
from artigraph.orm import node_table
from artigraph.progress import SLICE, Meter, ProgressReporter, ThreadWork, run_in_slices

M = TypeVar("M")


async def load_models(
    expected: type[M],
    node_ids: Sequence[UUID],
    *,
    fields: Collection[str] | None = None,
    report: ProgressReporter | None = None,
) -> list[M]:
    """Load the models of nodes, in their order; see `ArtifactModel.load`. The active run records them as used."""
    return [model for _, model in await load_each(expected, node_ids, fields=fields, report=report)]


async def load_each(
    expected: type[M],
    node_ids: Sequence[UUID],
    *,
    fields: Collection[str] | None = None,
    failures: list[LoadFailure] | None = None,
    report: ProgressReporter | None = None,
) -> list[tuple[UUID, M]]:
    """Load the models of nodes, each with its id, in their order. The active run records them as used.

    With `failures`, models that cannot be loaded are skipped and added to that list. The number of statements is the
    same.
    """
    report = report or ProgressReporter()
    _check_type(expected)
    fields = _checked_fields(expected, fields)
    refused: dict[UUID, errors.ArtigraphError] | None = None if failures is None else {}
    trees = await graph.read_trees(node_ids, fields=fields, refused=refused, report=report)
    if fields is not None and any(_is_older(tree, expected) for tree in trees.values()):
        whole = await load_each(expected, node_ids, failures=failures, report=report)
        for cls in {type(model) for _, model in whole}:  # `expected` may be a base class without these fields
            _checked_fields(cls, fields)
        parts = [(key, build_part(type(one), {name: getattr(one, name) for name in fields})) for key, one in whole]
        remember([part for _, part in parts], [node_id for node_id, _ in parts])
        return parts
    ids = [node_id for node_id in node_ids if node_id in trees]
    items = await _build([trees[node_id] for node_id in ids], expected, fields, report, skip=failures is not None)
    if failures is not None:
        made = iter(items)
        for node_id in node_ids:
            item = next(made) if node_id in trees else None
            error = (refused or {}).get(node_id) if item is None else item.error
            if error is not None:
                label: object = error.label if item is None else item.tree.root.label
                failures.append(LoadFailure(node_id, label if isinstance(label, str) else None, error))
    return await _loaded(items)


async def load_found(expected: type[M], find: graph.FindIds) -> list[tuple[UUID, M]]:
    """Load the models of the artifacts that `find` returns, each with its id. They are read where they are found."""
    trees = await graph.read_trees((), find=find)
    items = await _build(trees.values(), expected, None, ProgressReporter())
    return await _loaded(items)


async def _loaded(items: Iterable[_Item[M]]) -> list[tuple[UUID, M]]:
    """Return the models that were built, each with its id. The active run records them as used."""
    loaded = [(item.tree.root_id, item.builder.model) for item in items if item.error is None]
    await graph.note_uses({node_id for node_id, _ in loaded})
    remember([model for _, model in loaded], [node_id for node_id, _ in loaded])
    return loaded


async def load_artifacts(
    expected: type[M],
    run_id: UUID | None = None,
    *,
    label: str | None = None,
    runs: Select[*tuple[Any, ...]] | None = None,
    model_names: Collection[str] | None = None,
) -> list[tuple[UUID, str, M]]:
    """Load the models of one run or several, or the one with a label, each with its run's id and its label.

    With `model_names`, only models stored under one of these names are loaded. The active run records the models as
    used, unless they are its own.
    """
    _check_type(expected)
    found = await graph.read_artifacts(run_id, label=label, parents=runs, model_names=model_names)
    models = [
        item.builder.model for item in await _build([tree for _, tree in found], expected, None, ProgressReporter())
    ]
    active = graph.current_uses()
    if active is not None:
        await graph.note_uses(tree.root_id for parent_id, tree in found if parent_id != active.run_id)
    remember(models, [tree.root_id for _, tree in found])
    return [(parent_id, tree.root.label, model) for (parent_id, tree), model in zip(found, models, strict=True)]


class _Item(Generic[M]):
    """A tree that is built into a model, or the error that says why it cannot be."""

    def __init__(self, tree: StoredTree, *, skip: bool) -> None:
        self.tree = tree
        self._skip = skip
        self.error: errors.ArtigraphError | None = None
        self.builder: Builder[M]

    def fail(self, error: Exception) -> None:
        """Record the error, or raise it if failures are not skipped; either way the error names the node.

        If a row holds a value that its column cannot hold, the error is replaced by the one that names the row.
        """
        malformed = self.tree.malformed()
        if malformed is not None:
            malformed.__cause__ = error
            error = malformed
        if not isinstance(error, errors.ArtigraphError):
            raise error
        error = located(error, self.tree.root_id, self.tree.root.label)
        if not self._skip or not is_skipped(error):
            raise error
        self.error = self.error or error

    def fail_at(self, stored: StoredValue, error: Exception) -> None:
        """Record or raise the error of a value, with the value's path in the message."""
        path = stored.path()
        if isinstance(error, (errors.CorruptObjectError, errors.ObjectNotFoundError)) and path not in str(error):
            cause = error.__cause__ or error
            error = located_error(error, stored.serializer, path)
            error.__cause__ = cause
        self.fail(error)


async def _build(
    trees: Iterable[StoredTree],
    expected: type[M],
    fields: Collection[str] | None,
    report: ProgressReporter,
    *,
    skip: bool = False,
) -> list[_Item[M]]:
    items: list[_Item[M]] = [_Item(tree, skip=skip) for tree in trees]  # `_Item[M](...)` takes three times as long
    for item in items:
        try:
            item.builder = Builder(item.tree, root_class(item.tree, expected), fields=fields)
        except Exception as error:  # raised again, or recorded
            item.fail(error)
    await run_in_slices(_advance(items, lambda builder: builder.take(SLICE), "decode values", report))
    await _supply([(item, value) for item in items if item.error is None for value in item.builder.waiting], report)
    await run_in_slices(_advance(items, lambda builder: builder.build(SLICE), "build models", report))
    return items


def _advance(
    items: Sequence[_Item[Any]], step: Callable[[Builder[Any]], int], stage: str, report: ProgressReporter
) -> Generator[ThreadWork | None, Any, None]:
    """Let the builders do all their steps of one kind, in slices. `step` returns how many it did: 0 at the end."""
    steps = 0
    for done, item in enumerate(items, 1):
        try:
            while item.error is None and (count := step(item.builder)):
                steps += count
                if steps >= SLICE:
                    steps = 0
                    yield None
        except Exception as error:  # raised again, or recorded
            item.fail(error)
        report.paced(stage, done, len(items), "models")


async def _supply(waiting: Sequence[tuple[_Item[Any], Waiting]], report: ProgressReporter) -> None:
    """Fetch and decode the values for which the builders wait."""
    sources = {(source.storage.name, source.location): source for source in _objects(waiting)}
    if not sources:
        await _fetch_all(waiting, None)
        return
    async with report.metered("read objects", sum(source.size for source in sources.values())) as meter:
        await _fetch_all(waiting, meter)


def _objects(waiting: Iterable[tuple[_Item[Any], Waiting]]) -> Iterator[StoredObject]:
    for _, value in waiting:
        if isinstance(value.stored.source, StoredObject):
            yield value.stored.source


async def _fetch_all(waiting: Sequence[tuple[_Item[Any], Waiting]], meter: Meter | None) -> None:
    wanted: list[Fetch] = []
    for item, value in waiting:
        source, fail = value.stored.source, partial(item.fail_at, value.stored)
        if isinstance(source, bytes) or not value.stored.streamed:
            wanted.append(Fetch(source, partial(_place, value), value.stored.needs_bytes, fail))
            continue
        try:
            file = await graph.open_object(source, meter)
            value.parts[value.label] = await asyncio.to_thread(value.stored.decode_file, file)
        except Exception as error:  # raised again, or recorded
            fail(error)
    if wanted:
        await graph.fetch(wanted, meter)


def _place(item: Waiting, data: hashing.Buffer) -> None:
    item.parts[item.label] = item.stored.decode(data)


def _check_type(expected: object) -> None:
    if not isinstance(expected, type):
        msg = f"A model class says what is loaded, load_artifact(label, Report) say, not {expected!r:.100}"
        raise errors.ArgumentError(msg)


def _checked_fields(expected: type[Any], fields: Collection[str] | None) -> list[str] | None:
    if fields is None:
        return None
    if isinstance(fields, str):
        msg = f"fields is a collection of names, not the text {fields!r}: fields=[{fields!r}]"
        raise errors.ArgumentError(msg)
    names = list(dict.fromkeys(fields))
    if not is_model(expected):
        return names
    definition = define(expected)
    accepts = definition.kind.accepts
    if unknown := [name for name in names if name not in definition.fields and not accepts(expected, name)]:
        msg = (
            f"Model {expected.__qualname__} stores no field {', '.join(map(repr, unknown))}; it stores "
            f"{definition.stored}"
        )
        raise errors.FieldNotLoadedError(msg)
    return names


def _is_older(tree: StoredTree, expected: type[Any]) -> bool:
    """Return whether a model was stored by an older version of its class, so that all of it must be migrated."""
    try:
        return tree.root.model_version != define(root_class(tree, expected)).version
    except Exception:  # building it fails again, and reports the error
        return False


class LoadEach(Protocol[M]):
    """Loads the nodes of some ids, in their order. With `failures`, it adds those that fail to that list."""

    async def __call__(
        self, ids: Sequence[UUID], /, *, failures: list[LoadFailure] | None = None
    ) -> list[tuple[UUID, M]]: ...


async def load_existing(
    load: LoadEach[M], ids: Sequence[UUID], failures: list[LoadFailure] | None = None
) -> list[tuple[UUID, M]]:
    """Load the artifacts that still exist, with their ids, in the order of `ids`.

    With `failures`, artifacts that cannot be loaded are left out and added to that list.
    """
    if failures is not None:
        failed: list[LoadFailure] = []
        loaded = await load(ids, failures=failed)
        unsure = [
            each.node_id
            for each in failed
            if isinstance(each.error, (errors.NodeNotFoundError, errors.ObjectNotFoundError))
        ]
        gone = set(unsure) - await existing_ids(unsure) if unsure else set[UUID]()
        failures += [each for each in failed if each.node_id not in gone]
        return loaded
    while True:
        try:
            return await load(ids)
        except (errors.NodeNotFoundError, errors.ObjectNotFoundError):  # objects are deleted just after their rows
            remaining = await existing_ids(ids)
            if remaining.issuperset(ids):
                raise
            ids = [node_id for node_id in ids if node_id in remaining]


async def existing_ids(ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids of the nodes that exist, according to the primary: a replica may still have deleted ones."""

    async def work(connection: AsyncConnection) -> set[UUID]:
        found: set[UUID] = set()
        for some in in_batches(ids):
            statement = select(node_table.c.node_id).where(node_table.c.node_id.in_(some))
            found.update((await connection.execute(statement)).scalars())
        return found

    return await read(work)
